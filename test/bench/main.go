// Command bench measures how fast Holdfast repairs and what it costs, beside the
// floor: the least that can repair. It starts a control plane of its own, has
// both engines take turns on it, and prints a report in Markdown.
//
//	go run ./test/bench -short
//
// It is run from the root of the repository, and needs Linux (/proc) and what
// "make controlplane" builds.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures, and writes the report.
func run(ctx context.Context, arguments []string) (err error) {
	options, err := parseOptions(arguments)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{options: options, dir: dir, began: time.Now()}
	made, err := b.run(ctx)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	made.write(&text)
	if options.write != "" {
		return save(options.write, text.Bytes(), options.merge)
	}
	_, err = text.WriteTo(os.Stdout)
	return err
}

// save writes the report, and keeps the notes under the one before, or with
// merging all that was not measured again.
func save(path string, text []byte, merging bool) error {
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if merging && len(before) > 0 {
		return os.WriteFile(path, merge(text, before), 0o644)
	}
	return os.WriteFile(path, keepNotes(text, before), 0o644)
}

// run measures everything.
func (b *bench) run(ctx context.Context) (*report, error) {
	made := &report{options: b.options}
	var err error
	if made.facts, err = gatherFacts(ctx, b.dir); err != nil {
		return nil, err
	}
	b.say("building the engines")
	if b.engines, err = buildEngines(ctx, b.dir); err != nil {
		return nil, err
	}
	b.say("starting a control plane")
	if err := b.versions(ctx, &made.facts); err != nil {
		return nil, err
	}
	for _, measure := range []func(context.Context, *report) error{b.measureSizes, b.measureRelabels, b.measureAllPods, b.measureRecords, b.measureCollections, b.measureEncryption, b.measureBackups} {
		if err := measure(ctx, made); err != nil {
			return nil, err
		}
	}
	made.took = time.Since(b.began)
	return made, nil
}

// versions starts a cluster, to see that one starts, and asks for its versions.
func (b *bench) versions(ctx context.Context, f *facts) (err error) {
	c, err := startCluster(ctx, b, setup{policy: policyManifest})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	return f.versions(ctx, c)
}
