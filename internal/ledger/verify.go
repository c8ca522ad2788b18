package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// VerifyOptions are what somebody outside the cluster knows of a ledger.
type VerifyOptions struct {
	// Keys are note verifier keys, one for each key that signed a ledger of the
	// chain. The key that a ledger names itself proves nothing.
	Keys []string
	// Held are checkpoints (signed notes) that somebody kept.
	Held [][]byte
	// Receipts verifies that somebody the reader trusts gave a receipt, and
	// returns when, by their clock. A receipt that it accepts is worth a held
	// checkpoint. Nil: no receipt counts.
	Receipts func(Receipt) (at time.Time, err error)
	// Copy is set for an export, which has no more than a reader needs: neither
	// the writer's own files (lock, alive file, journal, snapshots, Tessera's
	// state) nor what came after its checkpoint.
	Copy bool
	// Omitted reports whether an export leaves out an object, of the class
	// objects or actors, by intention. May be nil.
	Omitted func(class, digest string) bool
	// Progress is told how many entries of the ledger have been verified, and how
	// many it has. May be nil.
	Progress func(done, total uint64)
}

// VerifyStatus is the result of a verification: Invalid beats Incomplete beats Valid.
type VerifyStatus string

// The results of a verification.
const (
	VerifyValid      VerifyStatus = "Valid"
	VerifyInvalid    VerifyStatus = "Invalid"
	VerifyIncomplete VerifyStatus = "Incomplete"
)

// Problem is something on the volume that is not as it was written.
type Problem struct {
	// File is relative to the volume, with slashes.
	File string
	// Entry is the sequence number of the first entry concerned; nil if none is.
	Entry *uint64
	What  string
}

// String names the file, the entry and the problem.
func (p Problem) String() string {
	if p.Entry == nil {
		return p.File + ": " + p.What
	}
	return fmt.Sprintf("%s: entry %d: %s", p.File, *p.Entry, p.What)
}

// maxProblems bounds each list of a report.
const maxProblems = 1000

// VerifyReport is what a verification found.
type VerifyReport struct {
	Status VerifyStatus
	// Problems make the ledger invalid. At most 1000 are kept.
	Problems []Problem
	// Declared are problems of a ledger that could not go on for that reason,
	// as its successor declares.
	Declared []Problem
	// Missing says, one sentence each, what more it takes.
	Missing []string
	// Notes are harmless: what an interrupted write left, say.
	Notes []string
	// Ledgers are the ledgers of the chain, oldest first.
	Ledgers []VerifiedLedger
	// Files is the number of files that were compared.
	Files int
}

// VerifiedLedger counts what was verified of one ledger.
type VerifiedLedger struct {
	LedgerInfo
	Segments, Entries, Objects, Snapshots uint64
	// First is the sequence number of the first entry that was not pruned.
	First uint64
	// Manifests, Receipts count what was verified of evidence; Trusted are the
	// receipts that VerifyOptions.Receipts accepted.
	Manifests, Receipts, Trusted uint64
	// Anchored is the number of entries that a trusted receipt covers, AnchoredAt
	// when that was given.
	Anchored   uint64
	AnchoredAt time.Time
	// Erased is the number of objects that were erased, as entries say; Omitted
	// the number of those that the export leaves out.
	Erased, Omitted uint64
	// Published is the number of entries that the ledger's own checkpoint
	// covers; Held the number that a held checkpoint covers.
	Published, Held uint64
	// Pending is the number of entries in the journal that are not in the log.
	Pending uint64
	// UnknownKinds counts entries of kinds that this version does not know.
	UnknownKinds map[Kind]int
}

// Verify checks every byte on a ledger's volume against what the entries
// imply, and the entries against the checkpoints. It writes nothing. The error
// says why the volume could not be read.
func Verify(ctx context.Context, dir string, opts VerifyOptions) (*VerifyReport, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	v := &verifier{
		dir: dir, codec: c, report: &VerifyReport{}, files: map[string]bool{}, partials: map[string][]string{},
		copied: opts.Copy, omitted: opts.Omitted, receipts: opts.Receipts, progress: opts.Progress,
	}
	if err := v.walk(); err != nil {
		return nil, err
	}
	if err := v.prepare(opts); err != nil {
		return nil, err
	}
	for i := range v.ledgers {
		if err := v.ledger(ctx, v.ledgers[i]); err != nil {
			return nil, err
		}
	}
	v.checkVolumeFiles()
	v.checkHeld()
	v.findMissing(opts)
	v.checkUnknown()
	v.conclude()
	return v.report, nil
}

type verifier struct {
	dir    string
	codec  *codec
	report *VerifyReport

	files    map[string]bool     // by relative path: whether it was compared
	partials map[string][]string // the names in a directory of partial files
	ledgers  []LedgerInfo
	keys     []ed25519.PublicKey
	held     []*heldCheckpoint
	declared bool // what is found now belongs to a declared break

	copied   bool
	omitted  func(class, digest string) bool
	receipts func(Receipt) (time.Time, error)
	progress func(done, total uint64)
}

// heldCheckpoint is a checkpoint whose root is compared with the log's. It was
// kept by somebody, or a later ledger names it.
type heldCheckpoint struct {
	*tlog.Checkpoint
	ledgerID string
	segment  uint64
	// of is empty for one that was kept; else the ledger that names it.
	of   string
	root []byte // what the log has at that size
	// pruned is set where the log has nothing to compare it with any more.
	pruned bool
}

func (v *verifier) walk() error {
	return filepath.WalkDir(v.dir, func(full string, d os.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && full != v.dir {
			return nil // the ledger is in use
		}
		if err != nil {
			return err
		}
		rel := v.rel(full)
		if d.IsDir() {
			if isObjectDir(rel) {
				return fs.SkipDir // checked with the ledger
			}
			return nil
		}
		v.files[rel] = false
		if dir := path.Dir(rel); strings.HasSuffix(dir, ".p") {
			v.partials[dir] = append(v.partials[dir], path.Base(rel))
		}
		return nil
	})
}

// isObjectDir reports whether a directory holds a ledger's objects.
func isObjectDir(rel string) bool {
	parts := strings.Split(rel, "/")
	return len(parts) == 3 && parts[0] == ledgersDir && (parts[2] == objectsDir || parts[2] == actorsDir) && validID(parts[1])
}

// prepare reads what is needed to know beforehand: the chain, the keys and the
// checkpoints to compare with.
func (v *verifier) prepare(opts VerifyOptions) error {
	var err error
	if v.ledgers, err = Ledgers(v.dir); err != nil {
		return err
	}
	for _, vkey := range opts.Keys {
		key, err := tlog.PublicKey(vkey)
		if err != nil {
			return err
		}
		v.keys = append(v.keys, key)
	}
	for _, raw := range opts.Held {
		cp, err := v.openHeld(raw)
		if err != nil {
			return fmt.Errorf("held %w", err)
		}
		v.held = append(v.held, cp)
	}
	for _, info := range v.ledgers {
		if info.Predecessor == nil || info.Predecessor.Checkpoint == "" {
			continue
		}
		if cp, err := v.openHeld([]byte(info.Predecessor.Checkpoint)); err == nil {
			cp.of = info.LedgerID
			v.held = append(v.held, cp)
		}
	}
	return nil
}

// openHeld verifies a checkpoint with a given key, or, for want of one, with
// the key that its ledger names.
func (v *verifier) openHeld(raw []byte) (*heldCheckpoint, error) {
	origin, err := tlog.ParseOriginOf(raw)
	if err != nil {
		return nil, err
	}
	id, segment, err := tlog.ParseOrigin(origin)
	if err != nil {
		return nil, err
	}
	keys := slices.Clone(v.keys)
	if len(keys) == 0 {
		for _, info := range v.ledgers {
			if key, err := tlog.PublicKey(info.VerifierKey); err == nil {
				keys = append(keys, key)
			}
		}
	}
	err = errors.New("checkpoint: there is no key to verify it with")
	for _, key := range keys {
		var cp *tlog.Checkpoint
		if cp, err = tlog.OpenCheckpoint(raw, origin, key); err == nil {
			return &heldCheckpoint{Checkpoint: cp, ledgerID: id, segment: segment}, nil
		}
	}
	return nil, err
}

func (v *verifier) findMissing(opts VerifyOptions) {
	if len(opts.Keys) == 0 {
		v.missing("No verifier key was given: the ledger names one itself, which proves nothing.")
	}
	heldCurrent, anchored := false, false
	for _, l := range v.report.Ledgers {
		for _, h := range v.held {
			heldCurrent = heldCurrent || (l.Current && h.of == "" && h.ledgerID == l.LedgerID)
		}
		anchored = anchored || (l.Current && l.Trusted > 0)
	}
	switch {
	case heldCurrent, anchored:
	case len(opts.Held) == 0:
		v.missing("No held checkpoint was given, and no receipt of a trusted anchor counts: whoever has the signing key could have written another ledger.")
	default:
		v.missing("No held checkpoint of the current ledger was given.")
	}
}

func (v *verifier) missing(sentence string) { v.report.Missing = append(v.report.Missing, sentence) }

func (v *verifier) note(format string, args ...any) {
	if len(v.report.Notes) < maxProblems {
		v.report.Notes = append(v.report.Notes, fmt.Sprintf(format, args...))
	}
}

func (v *verifier) problem(file, format string, args ...any) {
	v.add(Problem{File: file, What: fmt.Sprintf(format, args...)})
}

func (v *verifier) problemAt(file string, seq uint64, format string, args ...any) {
	v.add(Problem{File: file, Entry: &seq, What: fmt.Sprintf(format, args...)})
}

func (v *verifier) add(p Problem) {
	list := &v.report.Problems
	if v.declared {
		list = &v.report.Declared
	}
	if len(*list) < maxProblems {
		*list = append(*list, p)
	}
}

// rel is a path relative to the volume.
func (v *verifier) rel(full string) string {
	return filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(full, v.dir), string(filepath.Separator)))
}

// read reads a file and takes note that it is compared.
func (v *verifier) read(full string) (rel string, data []byte, err error) {
	rel = v.rel(full)
	data, err = os.ReadFile(full)
	if err == nil {
		v.claim(rel)
	}
	return rel, data, err
}

func (v *verifier) claim(rel string) {
	if done, there := v.files[rel]; there && !done {
		v.files[rel] = true
		v.report.Files++
	}
}

// same compares a whole file with what it must be.
func (v *verifier) same(full string, want []byte) {
	rel, data, err := v.read(full)
	switch {
	case err != nil:
		v.problem(rel, "cannot be read: %v", err)
	case !bytes.Equal(data, want):
		v.problem(rel, "it has %d bytes that are not the %d bytes that it must have", len(data), len(want))
	}
}

func (v *verifier) checkVolumeFiles() {
	v.declared = false
	if lock := filepath.Join(v.dir, lockFile); !v.copied || volume.Exists(lock) {
		v.same(lock, nil)
	}
	full := filepath.Join(v.dir, aliveFile)
	if !volume.Exists(full) {
		return
	}
	rel, data, err := v.read(full)
	var a Alive
	if err == nil {
		err = volume.DecodeChecked(data, &a)
	}
	known := slices.ContainsFunc(v.ledgers, func(info LedgerInfo) bool { return info.LedgerID == a.LedgerID })
	switch {
	case err != nil:
		v.problem(rel, "%v", err)
	case a.Schema != aliveSchema || !known:
		v.problem(rel, "schema %q, of ledger %q", a.Schema, a.LedgerID)
	}
}

// checkUnknown names every file that nothing accounts for.
func (v *verifier) checkUnknown() {
	for _, rel := range sortedKeys(v.files) {
		if !v.files[rel] {
			v.unaccounted(rel)
		}
	}
}

func (v *verifier) unaccounted(rel string) {
	switch base := path.Base(rel); {
	case strings.HasSuffix(base, volume.TempSuffix), strings.Contains(rel, newSuffix+"/"),
		strings.Contains(rel, "/"+logDir+"/") && isTesseraTemp(base):
		v.note("%s is what an interrupted write left.", rel)
	case v.beyond(rel):
		v.note("%s came meanwhile.", rel)
	case !volume.Exists(filepath.Join(v.dir, rel)):
		v.note("%s was removed meanwhile.", rel)
	default:
		v.problem(rel, "nothing accounts for this file")
	}
}

// beyond reports whether a file belongs to a ledger that grew since it was verified.
func (v *verifier) beyond(rel string) bool {
	for _, l := range v.report.Ledgers {
		if !l.Current || l.id == nil {
			continue
		}
		p := placeOf(v.dir, l.LedgerID, l.id.SegmentSize)
		total, err := p.total()
		if err == nil && total > l.Entries && strings.HasPrefix(rel, v.rel(p.dir)+"/") {
			return true
		}
	}
	return false
}

func (v *verifier) conclude() {
	if len(v.ledgers) == 0 {
		v.problem(ledgersDir, "the volume holds no ledger")
	}
	tips := 0
	for _, info := range v.ledgers {
		if info.Current {
			tips++
		}
	}
	if tips == 0 && len(v.ledgers) > 0 {
		v.problem(ledgersDir, "the volume holds ledgers of which none continues all others")
	}
	switch {
	case len(v.report.Problems) > 0:
		v.report.Status = VerifyInvalid
	case len(v.report.Missing) > 0:
		v.report.Status = VerifyIncomplete
	default:
		v.report.Status = VerifyValid
	}
}
