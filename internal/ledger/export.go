package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/ledger/journal"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// ExportOptions say what to export.
type ExportOptions struct {
	// Policies, where there are any, leaves out objects that concern other
	// policies only. Entries, manifests, chunks and specs are never left out.
	Policies []string
	// Progress is told how many files were exported. May be nil.
	Progress func(files int)
}

// Exported is what an export holds.
type Exported struct {
	// Ledgers are those of the chain, oldest first.
	Ledgers []ExportedLedger `json:"ledgers"`
	// LeftOut are the objects that entries name and that are not in the export,
	// as class/digest, sorted.
	LeftOut []string `json:"leftOut"`
}

// ExportedLedger is one ledger of an export.
type ExportedLedger struct {
	LedgerID string     `json:"ledgerID"`
	Reason   OpenReason `json:"reason"`
	// First and Entries bound the entries: [First, Entries).
	First   uint64 `json:"first"`
	Entries uint64 `json:"entries"`
	// Checkpoint covers them all, a signed note.
	Checkpoint string `json:"checkpoint"`
	// VerifierKey is the key that the ledger names: a hint, never a proof.
	VerifierKey string `json:"verifierKey"`
}

// Export calls fn for each file that a reader needs of the whole chain, up to
// the newest checkpoint of each ledger: what is in the journal, or not signed
// yet, is left out, and so are the writer's own files, snapshots, and objects
// that say who acted. The ledger may be in use. Paths are relative to the
// volume, with slashes; the same ledger gives the same files in the same order.
func (r *Reader) Export(ctx context.Context, opts ExportOptions, fn func(path string, data []byte) error) (*Exported, error) {
	x := &exporter{ctx: ctx, dir: r.dir, codec: r.codec, opts: opts, fn: fn, done: &Exported{Ledgers: []ExportedLedger{}, LeftOut: []string{}}}
	if len(opts.Policies) > 0 {
		x.wanted = policies{}
		for _, name := range opts.Policies {
			x.wanted[name] = true
		}
	}
	for _, info := range r.chain {
		if info.Err != nil {
			return nil, fmt.Errorf("ledger %s: %w", info.LedgerID, info.Err)
		}
		x.place = placeOf(r.dir, info.LedgerID, info.id.SegmentSize)
		if err := x.ledger(info); err != nil {
			return nil, fmt.Errorf("export ledger %s: %w", info.LedgerID, err)
		}
	}
	slices.Sort(x.done.LeftOut)
	return x.done, nil
}

type exporter struct {
	ctx    context.Context //nolint:containedctx // lives as long as one call
	dir    string
	codec  *codec
	opts   ExportOptions
	wanted policies
	fn     func(path string, data []byte) error
	done   *Exported
	files  int

	place place
	sum   ExportedLedger
}

// put hands over a file.
func (x *exporter) put(full string, data []byte) error {
	rel, err := filepath.Rel(x.dir, full)
	if err != nil {
		return err
	}
	x.files++
	if x.opts.Progress != nil {
		x.opts.Progress(x.files)
	}
	return errors.Join(x.fn(filepath.ToSlash(rel), data), x.ctx.Err())
}

// copy hands over a file as it is.
func (x *exporter) copy(full string) ([]byte, error) {
	data, err := os.ReadFile(full)
	if err != nil {
		return nil, err
	}
	return data, x.put(full, data)
}

func (x *exporter) ledger(info LedgerInfo) error {
	x.sum = ExportedLedger{LedgerID: info.LedgerID, Reason: info.Reason, VerifierKey: info.VerifierKey}
	if _, err := x.copy(x.place.file()); err != nil {
		return err
	}
	count, err := x.place.segmentCount()
	if err != nil {
		return err
	}
	first, _, err := x.place.first()
	if err != nil {
		return err
	}
	x.sum.First = x.place.base(first)
	for n := range count {
		if err := x.segment(n, n < first); err != nil {
			return err
		}
	}
	x.done.Ledgers = append(x.done.Ledgers, x.sum)
	return x.objects()
}

// segment exports a segment as its checkpoint has it.
func (x *exporter) segment(n uint64, pruned bool) error {
	if pruned {
		if _, err := x.copy(x.place.pruned(n)); err != nil {
			return err
		}
	}
	note, err := x.copy(filepath.Join(x.place.log(n), tlog.CheckpointFile))
	if err != nil || pruned {
		return err
	}
	size, _, err := tlog.Unverified(note)
	if err != nil {
		return err
	}
	if size > x.place.segmentSize {
		return fmt.Errorf("segment %d has a checkpoint of %d entries, segments have %d", n, size, x.place.segmentSize)
	}
	x.sum.Checkpoint, x.sum.Entries = string(note), x.place.base(n)+size
	index, err := os.ReadFile(x.place.index(n))
	if err != nil {
		return err
	}
	if err := x.put(x.place.index(n), index[:min(uint64(len(index)), size/tlog.MaxBatch*indexRecord)]); err != nil {
		return err
	}
	view := tlog.View{Dir: x.place.log(n), Size: size}
	for file := range tlog.Files(size) {
		data, err := view.File(file)
		if err != nil {
			return err
		}
		if err := x.put(filepath.Join(x.place.log(n), filepath.FromSlash(file.Path)), data); err != nil {
			return err
		}
	}
	return nil
}

// objects exports what the exported entries name, directly or not.
func (x *exporter) objects() error {
	named, err := x.marked(nil)
	if err != nil {
		return err
	}
	wanted := named
	if x.wanted != nil {
		if wanted, err = x.marked(x.wanted); err != nil {
			return err
		}
	}
	refs := make([]objectRef, 0, len(named))
	for ref := range named {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(a, b objectRef) int {
		if c := strings.Compare(a.class, b.class); c != 0 {
			return c
		}
		return slices.Compare(a.digest[:], b.digest[:])
	})
	for _, ref := range refs {
		_, want := wanted[ref]
		if err := x.object(ref, want && ref.class == objectsDir); err != nil {
			return err
		}
	}
	return nil
}

// marked are the objects that the exported entries name, of the wanted policies.
func (x *exporter) marked(wanted policies) (map[objectRef]struct{}, error) {
	m := &marker{place: x.place, codec: x.codec, keep: map[objectRef]struct{}{}, wanted: wanted}
	known, err := x.place.origin(x.codec)
	if err != nil {
		return nil, err
	}
	known.eachObject(func(digest string) { m.add(objectsDir, digest) })
	return m.keep, m.entries(x.ctx, x.sum.First, x.sum.Entries)
}

// object exports an object, or says that it is left out. One that does not exist
// is neither: it was erased, or is missing, which verify tells.
func (x *exporter) object(ref objectRef, wanted bool) error {
	digest := hex.EncodeToString(ref.digest[:])
	full := x.place.object(ref.class, digest)
	if !wanted {
		x.done.LeftOut = append(x.done.LeftOut, ref.class+"/"+digest)
		return nil
	}
	_, err := x.copy(full)
	if errors.Is(err, fs.ErrNotExist) {
		return x.fromJournal(ref, full)
	}
	return err
}

// fromJournal exports an object that has no file of its own yet.
func (x *exporter) fromJournal(ref objectRef, full string) error {
	var found []byte
	_, err := journal.Scan(x.place.journal(), x.place.id, func(_ string, f *journal.Frame) error {
		for i := range f.Records {
			if r := &f.Records[i]; r.IsObject() && refOf(r) == ref {
				found = x.codec.pack(r.Data)
			}
		}
		return nil
	})
	switch {
	case found != nil:
		return x.put(full, found)
	case err == nil || errors.Is(err, fs.ErrNotExist):
		if _, err = x.copy(full); errors.Is(err, fs.ErrNotExist) { // it may have come out of the journal meanwhile
			return nil
		}
	}
	return err
}
