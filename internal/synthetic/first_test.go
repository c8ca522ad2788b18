package synthetic

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/reevaluate"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render"
	"github.com/holdfast-dev/holdfast/internal/sampling"
)

var (
	update = flag.Bool("update", os.Getenv("UPDATE_GOLDEN") != "", "write the golden records anew")
	// A ledger in testdata/first is never written again.
	begin = flag.Bool("begin", false, "write the ledgers that testdata/first does not have")
)

// firstLedger is a ledger that an earlier version kept for later ones to read.
type firstLedger struct {
	start    time.Time
	lasts    time.Duration
	generate func(t *testing.T) (dir string, known kept)
}

// first are all of them. What is added to the format of entries belongs into another one.
func first() map[string]firstLedger {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return map[string]firstLedger{
		"eventful": generated(Options{Seed: 1, Start: start, Duration: 6 * day, Namespaces: 14, Entries: 900, Heartbeat: 2 * time.Hour, Collections: 6 * time.Hour,
			Anchored: true, Broken: true, SegmentSize: 400}),
		"calm":      generated(Options{Seed: 2, Start: start, Duration: 3 * day, Namespaces: 12, Entries: 300, Heartbeat: time.Hour, Collections: 12 * time.Hour, Calm: true}),
		"chronicle": {chronicleStart(), chronicleLasts, writeChronicle},
		"pruned":    {prunedOptions().Start, prunedLasts, writePruned},
	}
}

// generated is a past that chance makes.
func generated(opts Options) firstLedger {
	return firstLedger{opts.Start, opts.Duration, func(t *testing.T) (string, kept) {
		t.Helper()
		dir, history := write(t, opts)
		return dir, keptOf(history)
	}}
}

// kept is what an auditor kept of a ledger.
type kept struct {
	VerifierKeys []string
	Held         []string
}

func keptOf(history *History) kept {
	known := kept{VerifierKeys: history.VerifierKeys}
	for _, note := range history.Held {
		known.Held = append(known.Held, string(note))
	}
	return known
}

// TestE44FirstLedgersAreReadForEver: a ledger that an earlier version wrote verifies,
// gives the same record, and the same verdicts; samples of it can be drawn.
func TestE44FirstLedgersAreReadForEver(t *testing.T) {
	for name, of := range first() {
		t.Run(name, func(t *testing.T) {
			base := filepath.Join("testdata", "first", name)
			if _, err := os.Stat(base + ".tar.zst"); *begin && errors.Is(err, fs.ErrNotExist) {
				keepFirst(t, base, of)
			}
			dir := t.TempDir()
			unpack(t, base+".tar.zst", dir)
			var known kept
			decode(t, readFile(t, base+".kept.json"), &known)
			verifies(t, dir, known)
			from, to := ledger.At(of.start), ledger.At(of.start.Add(of.lasts))
			record, err := report.Fold(context.Background(), open(t, dir), report.Query{From: &from, To: &to})
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := render.JSON(&got, record); err != nil {
				t.Fatal(err)
			}
			golden(t, base+".golden.json.zst", got.Bytes())
			judgedAgain(t, dir)
			sampled(t, dir, record)
		})
	}
}

// judgedAgain: no evaluator of a version that is here finds anything else in what was
// recorded, and nothing that was recorded cannot be read.
func judgedAgain(t *testing.T, dir string) {
	t.Helper()
	r, err := reevaluate.Ledger(context.Background(), open(t, dir), reevaluate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Units == 0 || r.Different > 0 || r.Unread > 0 {
		t.Errorf("of %d statements %d are not made again, %d cannot be read: %v %v", r.Units, r.Different, r.Unread, r.Differences, r.Reasons)
	}
}

// sampled: the populations of each control are as large as the record says.
func sampled(t *testing.T, dir string, record *report.Record) {
	t.Helper()
	for i := range record.Controls {
		c := &record.Controls[i]
		q := sampling.Question{Kind: sampling.Episodes, Control: c.Policy + "/" + c.ID, From: record.Query.From, To: record.Query.To}
		p, err := sampling.Of(context.Background(), open(t, dir), q)
		if err != nil {
			t.Fatal(err)
		}
		if p.Size != len(c.Episodes) {
			t.Errorf("%s has %d episodes, a sample is drawn of %d", q.Control, len(c.Episodes), p.Size)
		}
	}
}

func verifies(t *testing.T, dir string, known kept) {
	t.Helper()
	var held [][]byte
	for _, note := range known.Held {
		held = append(held, []byte(note))
	}
	found, err := ledger.Verify(context.Background(), dir, ledger.VerifyOptions{Keys: known.VerifierKeys, Held: held})
	if err != nil {
		t.Fatal(err)
	}
	if found.Status != ledger.VerifyValid {
		t.Errorf("%s: %.2000v %v", found.Status, found.Problems, found.Missing)
	}
}

// golden compares a record with the one that is kept.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update || *begin {
		writeFile(t, path, compressed(t, got))
	}
	want := decompressed(t, path)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%.3000s", path, diff)
	}
}

// keepFirst writes a ledger for later versions.
func keepFirst(t *testing.T, base string, of firstLedger) {
	t.Helper()
	dir, known := of.generate(t)
	data, err := json.MarshalIndent(known, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, base+".kept.json", append(data, '\n'))
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, base+".tar.zst", compressed(t, packed.Bytes()))
}

func unpack(t *testing.T, path, dir string) {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(decompressed(t, path)))
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.FromSlash(header.Name))
		if header.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(to, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, to, data)
	}
}

func compressed(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

func decompressed(t *testing.T, path string) []byte {
	t.Helper()
	r, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := r.DecodeAll(readFile(t, path), nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
