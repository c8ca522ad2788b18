package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/holdfast-dev/holdfast/internal/ledger/journal"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// snapshotCheck is a state snapshot that is compared when the fold gets there.
type snapshotCheck struct {
	file   string
	header *snapshotHeader
	body   []byte
	folded bool
}

func leafHash(data []byte) []byte { return rfc6962.DefaultHasher.HashLeaf(data) }

func (l *ledgerCheck) readSnapshots() error {
	seqs, err := l.place.snapshotSeqs()
	if err != nil {
		return err
	}
	for _, seq := range seqs {
		rel, data, err := l.read(filepath.Join(l.place.snapshots(), snapshotName(seq)))
		if os.IsNotExist(err) {
			continue // replaced by a newer one meanwhile
		}
		var h *snapshotHeader
		var body []byte
		if err == nil {
			h, body, err = decodeSnapshot(l.codec, data)
		}
		if err != nil {
			l.problem(rel, "%v", err)
			continue
		}
		if h.Seq != seq || h.LedgerID != l.place.id {
			l.problem(rel, "it is of ledger %s with %d entries", h.LedgerID, h.Seq)
			continue
		}
		l.snapshots[seq] = &snapshotCheck{file: rel, header: h, body: body}
		l.sum.Snapshots++
	}
	return nil
}

// names takes note of the objects that an entry names.
func (l *ledgerCheck) names(e *Entry) {
	for _, in := range e.Inputs {
		l.name(objectsDir, in.Digest, e.Seq)
	}
	if e.ActorRef != "" {
		l.name(actorsDir, e.ActorRef, e.Seq)
	}
	if e.Operator != nil {
		l.nameIf(e.Operator.Arguments, e.Seq)
		l.nameIf(e.Operator.Permissions, e.Seq)
	}
	if e.Change != nil {
		l.nameIf(e.Change.To, e.Seq)
	}
}

// nameIf is name for a field that may be empty.
func (l *ledgerCheck) nameIf(digest string, seq uint64) {
	if digest != "" {
		l.name(objectsDir, digest, seq)
	}
}

// entryNames is names for an entry that is not in the log yet.
func (l *ledgerCheck) entryNames(data []byte, seq uint64) {
	var e Entry
	if json.Unmarshal(data, &e) == nil {
		e.Seq = seq
		l.names(&e)
	}
}

// objectRef names an object by class and digest.
type objectRef struct {
	class  string
	digest [sha256.Size]byte
}

// naming is the first entry that names an object, and whether the object was found.
type naming struct {
	seq   uint64
	found bool
}

func (l *ledgerCheck) name(class, digest string, seq uint64) {
	if !validDigest(digest) {
		l.problemAt(l.rel(l.place.dir), seq, "it names an object %q, which is no digest", digest)
		return
	}
	ref := refTo(class, digest)
	if _, there := l.named[ref]; !there {
		l.named[ref] = &naming{seq: seq}
	}
}

// refTo names an object by a valid digest.
func refTo(class, digest string) objectRef {
	ref := objectRef{class: class}
	_, _ = hex.Decode(ref.digest[:], []byte(digest)) // valid
	return ref
}

func validDigest(digest string) bool {
	return len(digest) == 64 && strings.Trim(digest, "0123456789abcdef") == ""
}

// checkObjects checks that each object on the volume is right and named, and
// that each named object is there.
func (l *ledgerCheck) checkObjects() error {
	for _, class := range []string{objectsDir, actorsDir} {
		err := filepath.WalkDir(filepath.Join(l.place.dir, class), func(full string, d os.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && !d.IsDir() {
				l.checkObject(class, full)
			}
			return errors.Join(err, l.ctx.Err())
		})
		if err != nil {
			return err
		}
	}
	for ref, n := range l.named {
		full := l.place.object(ref.class, hex.EncodeToString(ref.digest[:]))
		if !n.found && !l.objects[ref] && !l.arrived(ref, full) {
			l.problemAt(l.rel(full), n.seq, "the object is missing")
		}
	}
	return nil
}

// arrived looks again for an object that was not there: the ledger may be in
// use, and an object comes out of the journal after the entry that names it.
func (l *ledgerCheck) arrived(ref objectRef, full string) bool {
	found := false
	_, err := journal.Scan(l.place.journal(), l.place.id, func(_ string, f *journal.Frame) error {
		for i := range f.Records {
			r := &f.Records[i]
			found = found || (r.IsObject() && refOf(r) == ref)
		}
		return nil
	})
	return (err == nil && found) || volume.Exists(full)
}

// refOf names the object of a record.
func refOf(r *journal.Record) objectRef { return objectRef{classOf(r), r.Digest} }

// checkObject checks one file. The walk of the volume has left it out: there
// may be very many.
func (l *ledgerCheck) checkObject(class, full string) {
	rel := l.rel(full)
	digest := strings.TrimSuffix(filepath.Base(full), objectSuffix)
	if !validDigest(digest) || full != l.place.object(class, digest) {
		l.unaccounted(rel)
		return
	}
	l.report.Files++
	l.sum.Objects++
	n := l.named[refTo(class, digest)]
	_, err := readObject(l.codec, full, digest)
	switch {
	case n != nil && err != nil:
		l.problemAt(rel, n.seq, "%v", err)
	case err != nil:
		l.problem(rel, "%v", err)
	case n == nil && l.known != nil && !l.grown():
		l.problem(rel, "no entry names this object")
	}
	if n != nil {
		n.found = true
	}
}

// grown reports whether entries were added since the segments were verified.
func (l *ledgerCheck) grown() bool {
	total, err := l.place.total()
	return err == nil && total > l.sum.Entries
}

// checkHeld compares the checkpoints that somebody kept, or that a later
// ledger names, with the log.
func (v *verifier) checkHeld() {
	for _, h := range v.held {
		file := path.Join(ledgersDir, h.ledgerID)
		v.declared = false
		_, there := v.files[path.Join(file, ledgerFile)]
		switch {
		case h.of != "":
			v.checkNamed(h)
		case !there:
			v.problem(file, "the volume does not hold the ledger of the held checkpoint")
		case h.root == nil:
			v.problem(file, "the held checkpoint covers %d entries of segment %d, the log has fewer", h.Size, h.segment)
		case !bytes.Equal(h.root, h.Root):
			v.problem(file, "the held checkpoint of %d entries of segment %d names root %x, the entries give %x", h.Size, h.segment, h.Root, h.root)
		}
	}
}

// checkNamed compares a checkpoint that a ledger names as its predecessor's
// last with the predecessor, where that lies on the volume.
func (v *verifier) checkNamed(h *heldCheckpoint) {
	file := path.Join(ledgersDir, h.of, ledgerFile)
	_, there := v.files[path.Join(ledgersDir, h.ledgerID, ledgerFile)]
	switch {
	case !there:
		v.note("The volume does not hold ledger %s, which ledger %s follows.", h.ledgerID, h.of)
	case bytes.Equal(h.root, h.Root):
	case v.endedAsInconsistent(h.ledgerID), v.reasonOf(h.of) == OpenVolumeRegressed:
		v.note("Ledger %s does not have what the checkpoint covers that ledger %s names, as that declares.", h.ledgerID, h.of)
	default:
		v.problem(file, "the checkpoint it names of ledger %s is not what that has", h.ledgerID)
	}
}

func (v *verifier) reasonOf(id string) OpenReason {
	for _, info := range v.ledgers {
		if info.LedgerID == id {
			return info.Reason
		}
	}
	return ""
}
