package bundle

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// Verify verifies the ledger in a bundle as ledger.Verify does, the index, in
// both directions, and the record: it is made again, and compared byte by byte.
func (b *Bundle) Verify(ctx context.Context, opts ledger.VerifyOptions) (*ledger.VerifyReport, error) {
	opts.Copy, opts.Omitted = true, b.Omits
	if _, err := os.Stat(b.Volume()); err != nil {
		return nil, fmt.Errorf("the bundle holds no ledger: %w", err)
	}
	result, err := ledger.Verify(ctx, b.Volume(), opts)
	if err != nil {
		return nil, err
	}
	c := &check{Bundle: b, ctx: ctx, report: result}
	c.files()
	c.ledgers()
	if err := c.record(); err != nil {
		return nil, err
	}
	if len(result.Problems) > 0 {
		result.Status = ledger.VerifyInvalid
	}
	return result, nil
}

type check struct {
	*Bundle
	ctx    context.Context //nolint:containedctx // lives as long as one call
	report *ledger.VerifyReport
}

func (c *check) problem(file, format string, args ...any) {
	c.report.Problems = append(c.report.Problems, ledger.Problem{File: file, What: fmt.Sprintf(format, args...)})
}

// files compares the files with those that the index lists.
func (c *check) files() {
	listed := map[string]File{}
	for _, f := range c.Index.Files {
		listed[f.Path] = f
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		switch got, there := c.Files[name]; {
		case !there:
			c.problem(name, "the index lists this file, and the bundle does not have it")
		case got != listed[name]:
			c.problem(name, "the index lists it with %d bytes and SHA-256 %s, it has %d bytes and %s",
				listed[name].Size, listed[name].SHA256, got.Size, got.SHA256)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		if _, there := listed[name]; !there {
			c.problem(name, "the index does not list this file")
		}
	}
	if len(listed) != len(c.Index.Files) {
		c.problem(indexFile, "it lists a file twice")
	}
}

// ledgers compares what the index says of the ledgers with what they are.
func (c *check) ledgers() {
	volume, err := ledger.NewReader(c.Volume())
	if err != nil {
		c.problem(volumeDir, "%v", err)
		return
	}
	var got []ledger.ExportedLedger
	for _, info := range volume.Chain() {
		l := ledger.ExportedLedger{LedgerID: info.LedgerID, Reason: info.Reason, VerifierKey: info.VerifierKey}
		note, entries, err := volume.Checkpoint(info.LedgerID)
		if err == nil {
			l.Checkpoint, l.Entries = string(note), entries
			l.First, _, err = volume.First(info.LedgerID)
		}
		if err != nil {
			c.problem(volumeDir, "ledger %s: %v", info.LedgerID, err)
			return
		}
		got = append(got, l)
	}
	if !slices.Equal(got, c.Index.Ledgers) {
		c.problem(indexFile, "what it says of the ledgers is not what they are")
		return
	}
	listed, err := receipts(c.ctx, volume, got)
	if err != nil {
		c.problem(volumeDir, "%v", err)
		return
	}
	if !reflect.DeepEqual(listed, c.Index.Receipts) {
		c.problem(indexFile, "the receipts that it lists are not those that the entries name")
	}
}

// record makes the record again.
func (c *check) record() error {
	r := c.Index.Record
	if r == nil {
		return nil
	}
	volume, err := ledger.NewReader(c.Volume())
	if err != nil {
		return nil //nolint:nilerr // said before
	}
	made, err := report.Fold(c.ctx, volume, r.Query)
	if err != nil {
		c.problem(r.JSON, "the record cannot be made again: %v", err)
		return c.ctx.Err()
	}
	if made.Status != r.Status {
		c.problem(indexFile, "it calls the record %s, it is %s", r.Status, made.Status)
	}
	for _, form := range []struct {
		file string
		html bool
	}{{r.JSON, false}, {r.HTML, true}} {
		if form.file == "" {
			continue
		}
		want, err := rendered(made, form.html)
		if err != nil {
			return err
		}
		c.same(form.file, want)
	}
	return nil
}

// same compares a form of the record with what it must be.
func (c *check) same(file string, want []byte) {
	if !plain(file) {
		c.problem(indexFile, "%.200q is not a name that a bundle has", file)
		return
	}
	got, err := os.ReadFile(filepath.Join(c.Dir, filepath.FromSlash(file)))
	if err != nil {
		c.problem(file, "it cannot be read: %v", err)
		return
	}
	if bytes.Equal(got, want) {
		return
	}
	line := 1
	for i := 0; i < len(got) && i < len(want) && got[i] == want[i]; i++ {
		if got[i] == '\n' {
			line++
		}
	}
	c.problem(file, "it is not the record that the entries give: the first difference is in line %d", line)
}
