package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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
	packed []byte
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
		var packed []byte
		if err == nil {
			h, packed, err = decodeSnapshot(data)
		}
		if err != nil {
			l.problem(rel, "%v", err)
			continue
		}
		if h.Seq != seq || h.LedgerID != l.place.id {
			l.problem(rel, "it is of ledger %s with %d entries", h.LedgerID, h.Seq)
			continue
		}
		l.snapshots[seq] = &snapshotCheck{file: rel, header: h, packed: packed}
		l.sum.Snapshots++
	}
	return nil
}

// names takes note of the objects that an entry names.
func (l *ledgerCheck) names(e *Entry) {
	e.eachObject(func(class, digest string) { l.name(class, digest, e.Seq) })
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

// naming is the first entry that names an object, the last one, and whether the
// object was found.
type naming struct {
	seq, last uint64
	found     bool
}

func (l *ledgerCheck) name(class, digest string, seq uint64) {
	if !validDigest(digest) {
		l.problemAt(l.rel(l.place.dir), seq, "it names an object %q, which is no digest", digest)
		return
	}
	ref := refTo(class, digest)
	if n, there := l.named[ref]; there {
		n.last = seq
		return
	}
	l.named[ref] = &naming{seq: seq, last: seq}
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
	if l.unnamed > 0 {
		l.note("%d objects of ledger %s are named by no entry: an interrupted collection leaves some.", l.unnamed, l.place.id)
	}
	for ref, n := range l.named {
		l.checkNamedObject(ref, n)
	}
	switch l.sum.Omitted {
	case 0:
	case l.leftActors:
		l.note("%d objects that say who acted are not in this export.", l.leftActors)
	default:
		l.missing(fmt.Sprintf("%d objects of ledger %s are not in this export: what they say cannot be verified.", l.sum.Omitted, l.place.id))
	}
	l.noteDistrusted()
	return nil
}

// content is the content of an object that an entry names. One that is missing
// or altered is named with the other objects.
func (l *ledgerCheck) content(digest string) ([]byte, bool) {
	if !validDigest(digest) {
		return nil, false
	}
	o, err := readObject(l.codec, l.place.object(objectsDir, digest), digest)
	return o.Data, err == nil
}

// checkNamedObject checks that an object which entries name is there, or why not.
func (l *ledgerCheck) checkNamedObject(ref objectRef, n *naming) {
	digest := hex.EncodeToString(ref.digest[:])
	full := l.place.object(ref.class, digest)
	erased, was := l.erased[ref]
	was = was && erased > n.last
	switch {
	case was:
		l.sum.Erased++
		if n.found {
			l.note("%s is there, and entry %d says that it was erased.", l.rel(full), erased)
		}
	case n.found, l.objects[ref]:
	case l.omitted != nil && l.omitted(ref.class, digest):
		l.sum.Omitted++
		if ref.class == actorsDir {
			l.leftActors++
		}
	case !l.arrived(ref, full):
		l.problemAt(l.rel(full), n.seq, "the object is missing")
	}
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
		if _, inherited := l.inherited[refTo(class, digest)]; !inherited {
			l.unnamed++
		}
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
		case h.pruned:
			v.missing(fmt.Sprintf("The held checkpoint of %d entries of segment %d cannot be compared: the segment was pruned.", h.Size, h.segment))
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
