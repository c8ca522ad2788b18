package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/synthetic"
)

// recordsOptions are those of the suite records.
type recordsOptions struct {
	entries, namespaces int
}

const (
	// recordsLast is how long the generated ledger lasts.
	recordsLast = 365 * 24 * time.Hour
	// opens is how often the ledger is opened as at a start.
	ledgerOpens = 5
)

// recordsResult is what was measured on a generated ledger.
type recordsResult struct {
	entries            uint64
	namespaces         int
	episodes, controls int
	// written is how long it took to generate it.
	written time.Duration
	// json and html are the command report, in its forms, verify is the
	// command verify.
	json, html, verify toolRun
	// opened is how long it takes to open it, as at a start.
	opened sample
	// day and read are how long it takes to read a day of it, and all of it.
	day, read sample
	// sizes are what lies on the disk, in bytes.
	sizes map[string]uint64
}

// toolRun is one run of a program.
type toolRun struct {
	// cpu says more than took where the machine has other work.
	took, cpu time.Duration
	peak      uint64 // resident, in bytes
}

// measureRecords measures what is made of a large ledger. It takes no cluster.
func (b *bench) measureRecords(ctx context.Context, made *report) error {
	if !b.options.has(suiteRecords) {
		return nil
	}
	run := &recordsRun{bench: b, dir: filepath.Join(b.dir, "records"), result: &recordsResult{namespaces: b.options.records.namespaces}}
	for _, step := range []func(context.Context) error{run.build, run.generate, run.report, run.check, run.open, run.scan, run.weigh} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("with a ledger of %d entries: %w", b.options.records.entries, err)
		}
	}
	made.records = run.result
	return os.RemoveAll(run.dir)
}

// recordsRun is a ledger, and what is done with it.
type recordsRun struct {
	*bench
	dir     string
	tool    string
	history *synthetic.History
	result  *recordsResult
}

func (r *recordsRun) volume() string { return filepath.Join(r.dir, "volume") }

func (r *recordsRun) generate(ctx context.Context) (err error) {
	klog.SetLogger(logr.Discard()) // Tessera's
	r.say("generating a ledger of %d entries over twelve months", r.options.records.entries)
	begin := time.Now()
	r.history, err = synthetic.Write(ctx, r.volume(), synthetic.Options{
		Seed: 1, Duration: recordsLast, Namespaces: r.options.records.namespaces, Entries: r.options.records.entries, Collections: 24 * time.Hour,
	})
	r.result.written = time.Since(begin)
	if err == nil {
		r.result.entries = r.history.Entries
		r.say("%d entries written in %s", r.history.Entries, r.result.written.Round(time.Second))
	}
	return err
}

func (r *recordsRun) build(ctx context.Context) error {
	r.tool = filepath.Join(r.dir, "kubectl-holdfast")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", r.tool, "./cmd/kubectl-holdfast")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the command line: %w: %s", err, output)
	}
	return nil
}

// run runs the command line once.
func (r *recordsRun) run(ctx context.Context, args ...string) (toolRun, error) {
	cmd := exec.CommandContext(ctx, r.tool, args...)
	begin := time.Now()
	output, err := cmd.CombinedOutput()
	done := toolRun{took: time.Since(begin)}
	if err != nil {
		return done, fmt.Errorf("%s: %w: %.500s", args[0], err, output)
	}
	done.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		done.peak = uint64(max(0, used.Maxrss)) << 10 // in kilobytes on Linux
	}
	r.say("%s took %s (CPU %s) and %s", args[0], readable(done.took), readable(done.cpu), mebibytes(done.peak))
	return done, nil
}

// report makes the record of all twelve months, in two forms.
func (r *recordsRun) report(ctx context.Context) (err error) {
	period := []string{"--from", r.history.Start.Format(time.RFC3339), "--to", r.history.End.Format(time.RFC3339)}
	path := filepath.Join(r.dir, "record.json")
	of := func(form, to string) (toolRun, error) {
		return r.run(ctx, append([]string{"report", r.volume(), "-o", form, "--out", to}, period...)...)
	}
	if r.result.json, err = of("json", path); err != nil {
		return err
	}
	if r.result.html, err = of("html", filepath.Join(r.dir, "record.html")); err != nil {
		return err
	}
	return r.count(path)
}

// count reads from the record how much is in it.
func (r *recordsRun) count(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var record struct {
		Controls []struct {
			Counts struct{ Episodes int }
		}
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return fmt.Errorf("read the record: %w", err)
	}
	r.result.controls = len(record.Controls)
	for _, c := range record.Controls {
		r.result.episodes += c.Counts.Episodes
	}
	return nil
}

// check verifies the ledger with its key and a checkpoint that was kept.
func (r *recordsRun) check(ctx context.Context) (err error) {
	held := filepath.Join(r.dir, "held.checkpoint")
	if err := os.WriteFile(held, r.history.Held[0], 0o600); err != nil {
		return err
	}
	r.result.verify, err = r.run(ctx, "verify", r.volume(), "--key", r.history.VerifierKeys[0], "--held", held)
	return err
}

// open opens the ledger as the operator does when it starts.
func (r *recordsRun) open(ctx context.Context) error {
	for range ledgerOpens {
		begin := time.Now()
		log, opened, err := ledger.Open(ctx, r.history.Reopen(r.volume()))
		if err != nil {
			return err
		}
		r.result.opened = append(r.result.opened, time.Since(begin))
		if err := log.Close(ctx); err != nil {
			return err
		}
		if opened.NextSeq != r.result.entries {
			return fmt.Errorf("%d entries were found, want %d", opened.NextSeq, r.result.entries)
		}
	}
	return nil
}

// scan reads single days of it, and all of it.
func (r *recordsRun) scan(ctx context.Context) error {
	read := func(into *sample, opts ledger.ReadOptions) error {
		begin := time.Now()
		err := ledger.Read(ctx, r.volume(), opts, func(uint64, []byte) error { return nil })
		*into = append(*into, time.Since(begin))
		return err
	}
	for day := r.history.Start; day.Before(r.history.End); day = day.Add(30 * 24 * time.Hour) {
		if err := read(&r.result.day, ledger.ReadOptions{Since: day, Until: day.Add(24 * time.Hour)}); err != nil {
			return err
		}
	}
	return read(&r.result.read, ledger.ReadOptions{})
}

// weigh adds up what lies on the disk.
func (r *recordsRun) weigh(context.Context) error {
	r.result.sizes = map[string]uint64{}
	ledgers := os.DirFS(filepath.Join(r.volume(), "ledgers"))
	return fs.WalkDir(ledgers, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		parts := splitPath(path)
		if len(parts) > 1 {
			r.result.sizes[parts[1]] += uint64(max(0, info.Size()))
		}
		return nil
	})
}
