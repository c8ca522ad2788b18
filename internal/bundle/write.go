package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render"
)

// Options say what a bundle is to hold.
type Options struct {
	// Query asks for a record; nil for none. A query that names policies leaves
	// out objects that concern other policies only.
	Query *report.Query
	// HTML adds the record as a page.
	HTML bool
	// Version is that of the program.
	Version string
	// Progress is told what is done, in a few words. May be nil.
	Progress func(what string)
}

// Write writes a bundle of a ledger, which may be in use. It needs room for all
// of it in dir, a directory for temporary files.
func Write(ctx context.Context, w io.Writer, reader *ledger.Reader, dir string, opts Options) (*Index, error) {
	stage, err := os.MkdirTemp(dir, "holdfast-bundle-")
	if err != nil {
		return nil, fmt.Errorf("write a bundle: %w", err)
	}
	b := &writer{ctx: ctx, stage: stage, opts: opts, sums: map[string]File{}}
	err = errors.Join(b.build(reader), err)
	if err == nil {
		err = b.pack(w)
	}
	if err = errors.Join(err, os.RemoveAll(stage)); err != nil {
		return nil, fmt.Errorf("write a bundle: %w", err)
	}
	return &b.index, nil
}

type writer struct {
	ctx   context.Context //nolint:containedctx // lives as long as one call
	stage string
	opts  Options
	index Index
	sums  map[string]File
}

func (b *writer) at(format string, args ...any) {
	if b.opts.Progress != nil {
		b.opts.Progress(fmt.Sprintf(format, args...))
	}
}

// put adds a file.
func (b *writer) put(name string, data []byte) error {
	full := filepath.Join(b.stage, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		return err
	}
	b.sums[name] = File{Path: name, Size: int64(len(data)), SHA256: ledger.Digest(data)}
	return os.WriteFile(full, data, 0o600)
}

func (b *writer) build(reader *ledger.Reader) error {
	b.index = Index{Schema: Schema, Version: b.opts.Version, Why: []string{}, Receipts: []Receipt{}, Files: []File{}}
	export := ledger.ExportOptions{Progress: func(files int) { b.at("Copying the ledger: %d files", files) }}
	if b.opts.Query != nil {
		export.Policies = b.opts.Query.Policies
	}
	done, err := reader.Export(b.ctx, export, func(name string, data []byte) error { return b.put(path.Join(volumeDir, name), data) })
	if err != nil {
		return err
	}
	b.index.Ledgers, b.index.LeftOut = done.Ledgers, done.LeftOut
	b.explain(export.Policies)
	volume, err := ledger.NewReader(filepath.Join(b.stage, volumeDir))
	if err != nil {
		return err
	}
	if b.index.Receipts, err = receipts(b.ctx, volume, done.Ledgers); err != nil {
		return err
	}
	if err := b.record(volume); err != nil {
		return err
	}
	if err := b.put(readmeFile, []byte(readme)); err != nil {
		return err
	}
	for _, f := range b.sums {
		b.index.Files = append(b.index.Files, f)
	}
	slices.SortFunc(b.index.Files, func(x, y File) int { return strings.Compare(x.Path, y.Path) })
	data, err := encodeIndex(&b.index)
	if err != nil {
		return err
	}
	return b.put(indexFile, data)
}

func encodeIndex(index *Index) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(index)
	return out.Bytes(), err
}

// explain says why objects are left out.
func (b *writer) explain(policies []string) {
	actors := slices.ContainsFunc(b.index.LeftOut, func(name string) bool { return strings.HasPrefix(name, "actors/") })
	objects := slices.ContainsFunc(b.index.LeftOut, func(name string) bool { return strings.HasPrefix(name, "objects/") })
	if actors {
		b.index.Why = append(b.index.Why, "Objects that say who acted hold names of people, and stay in the cluster.")
	}
	if objects {
		b.index.Why = append(b.index.Why, fmt.Sprintf("Only objects that concern %s were asked for. No entry is left out.", strings.Join(policies, ", ")))
	}
}

// receipts lists the receipts that a ledger's entries name.
func receipts(ctx context.Context, volume *ledger.Reader, ledgers []ledger.ExportedLedger) ([]Receipt, error) {
	list := []Receipt{}
	for _, l := range ledgers {
		err := volume.Read(ctx, ledger.ReadOptions{LedgerID: l.LedgerID}, func(seq uint64, data []byte) error {
			if !bytes.Contains(data, []byte(`"kind":"Anchored"`)) {
				return nil
			}
			e, err := ledger.Decode(data)
			if err == nil && e.Kind == ledger.KindAnchored {
				list = append(list, Receipt{LedgerID: l.LedgerID, Seq: seq, AnchorBody: *e.Anchor})
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// record adds the record, made of the bundle's own entries.
func (b *writer) record(volume *ledger.Reader) error {
	if b.opts.Query == nil {
		return nil
	}
	b.at("Making the record")
	made, err := report.Fold(b.ctx, volume, *b.opts.Query)
	if err != nil {
		return fmt.Errorf("make the record: %w", err)
	}
	r := &Record{Query: *b.opts.Query, Status: made.Status, JSON: path.Join(recordDir, render.FileName(made, "json"))}
	data, err := rendered(made, false)
	if err == nil {
		err = b.put(r.JSON, data)
	}
	if err == nil && b.opts.HTML {
		r.HTML = path.Join(recordDir, render.FileName(made, "html"))
		if data, err = rendered(made, true); err == nil {
			err = b.put(r.HTML, data)
		}
	}
	b.index.Record = r
	return err
}

// rendered is a record as JSON, or as a page.
func rendered(r *report.Record, html bool) ([]byte, error) {
	var out bytes.Buffer
	if html {
		err := render.HTML(&out, r, render.Options{})
		return out.Bytes(), err
	}
	err := render.JSON(&out, r)
	return out.Bytes(), err
}

// pack writes the staged files: the readme and the index first, so that whoever
// looks into the bundle sees them at once.
func (b *writer) pack(w io.Writer) error {
	packed, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowSize))
	if err != nil {
		return err
	}
	archive := tar.NewWriter(packed)
	names := []string{readmeFile, indexFile}
	for _, f := range b.index.Files {
		if f.Path != readmeFile {
			names = append(names, f.Path)
		}
	}
	for i, name := range names {
		b.at("Packing: %d of %d files", i, len(names))
		if err := errors.Join(b.ctx.Err(), b.add(archive, name)); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), packed.Close())
}

func (b *writer) add(archive *tar.Writer, name string) error {
	data, err := os.ReadFile(filepath.Join(b.stage, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	err = archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: 0o444, Format: tar.FormatUSTAR})
	if err != nil {
		return err
	}
	_, err = archive.Write(data)
	return err
}

// windowSize is what a reader needs of memory to decompress a bundle.
const windowSize = 4 << 20

const readme = `A ledger of Holdfast, and what was made of it.

  bundle.json   what this holds: every file with its SHA-256. Nobody signs it.
  record/       the record of the period, if one was asked for: management's own
                monitoring, prepared by management's software, for use in an
                examination. It states what was observed, and no conclusion.
  volume/       the ledger: append-only logs in the format of C2SP tlog-tiles
                (https://c2sp.org/tlog-tiles), with signed checkpoints, and the
                objects that their entries name.

To verify it, without a cluster and without a network:

  kubectl holdfast verify BUNDLE --key VERIFIER_KEY --held CHECKPOINT

VERIFIER_KEY and CHECKPOINT have to come from elsewhere than this file: the key
that bundle.json names is a hint only, as whoever forges a ledger as a whole
brings a key of their own. CHECKPOINT is one that you, or somebody you trust,
kept when the ledger was shorter ("kubectl holdfast checkpoint --save"). Instead
of it, the key of a witness (--witness-key) or the root certificate of a time
stamping authority (--timestamp-root) will do, where receipts are listed in
bundle.json.

The exit status is 0 where everything is as it was written, 1 where something is
not, and 2 where nothing is wrong but something is missing to say more.

The record is made again from the entries and compared byte by byte. Make others:

  kubectl holdfast report BUNDLE --from 2026-01-01 --to 2026-04-01 -o html

docs/ledger.md of the software describes every file, exactly enough to write a
verifier in another language.
`
