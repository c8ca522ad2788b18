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
		return save(options.write, text.Bytes())
	}
	_, err = text.WriteTo(os.Stdout)
	return err
}

// notesHeading begins what people wrote under a report, about why its figures
// are what they are.
const notesHeading = "\n## Notes\n"

// save writes the report, and keeps the notes under the one before.
func save(path string, text []byte) error {
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if at := bytes.Index(before, []byte(notesHeading)); at >= 0 {
		text = append(bytes.TrimRight(text, "\n"), '\n')
		text = append(text, before[at:]...)
	}
	return os.WriteFile(path, text, 0o644)
}

// run measures everything.
func (b *bench) run(ctx context.Context) (*report, error) {
	made := &report{options: b.options}
	var err error
	if made.facts, err = gatherFacts(ctx, b.dir); err != nil {
		return nil, err
	}
	b.say("building %v", b.options.engines)
	if b.engines, err = buildEngines(ctx, b.dir, b.options.engines); err != nil {
		return nil, err
	}
	b.say("starting a control plane")
	if err := b.versions(ctx, &made.facts); err != nil {
		return nil, err
	}
	for _, namespaces := range b.options.namespaces {
		result, err := b.measureSize(ctx, namespaces)
		if err != nil {
			return nil, fmt.Errorf("with %d namespaces: %w", namespaces, err)
		}
		made.sizes = append(made.sizes, result)
	}
	made.took = time.Since(b.began)
	return made, nil
}

// versions starts a cluster, to see that one starts, and asks for its versions.
func (b *bench) versions(ctx context.Context, f *facts) (err error) {
	c, err := startCluster(ctx, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	return f.versions(ctx, c)
}
