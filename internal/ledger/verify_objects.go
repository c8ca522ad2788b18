package ledger

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/merkle/rfc6962"
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

func (l *ledgerCheck) name(class, digest string, seq uint64) {
	if !validDigest(digest) {
		l.problemAt(l.rel(l.place.dir), seq, "it names an object %q, which is no digest", digest)
		return
	}
	rel := l.rel(l.place.object(class, digest))
	if _, there := l.named[rel]; !there {
		l.named[rel] = seq
	}
}

func validDigest(digest string) bool {
	return len(digest) == 64 && strings.Trim(digest, "0123456789abcdef") == ""
}

// checkObjects checks that each named object is there, and that each object
// that is there is right and named.
func (l *ledgerCheck) checkObjects() error {
	for rel := range l.files {
		class, digest, ok := l.objectAt(rel)
		if !ok {
			continue
		}
		l.claim(rel)
		o, err := readObject(l.codec, filepath.Join(l.dir, rel), digest)
		if err != nil {
			l.problemOfObject(rel, err.Error())
			continue
		}
		l.sum.Objects++
		if class == objectsDir {
			l.nameNested(o)
		}
	}
	for rel := range l.named {
		if _, there := l.files[rel]; !there && !l.objects[rel] {
			l.problemOfObject(rel, "the object is missing")
		}
	}
	for rel := range l.files {
		if _, _, ok := l.objectAt(rel); !ok {
			continue
		}
		if _, named := l.named[rel]; !named && l.known != nil {
			l.problem(rel, "no entry names this object")
		}
	}
	return nil
}

func (l *ledgerCheck) problemOfObject(rel, what string) {
	if seq, named := l.named[rel]; named {
		l.problemAt(rel, seq, "%s", what)
		return
	}
	l.problem(rel, "%s", what)
}

// objectAt is the class and digest of the object that a file of this ledger holds.
func (l *ledgerCheck) objectAt(rel string) (class, digest string, ok bool) {
	inside, ok := strings.CutPrefix(rel, l.rel(l.place.dir)+"/")
	if !ok {
		return "", "", false
	}
	class, rest, _ := strings.Cut(inside, "/")
	if class != objectsDir && class != actorsDir {
		return "", "", false
	}
	digest, ok = strings.CutSuffix(path.Base(rest), objectSuffix)
	return class, digest, ok && validDigest(digest) && rest == digest[:2]+"/"+digest+objectSuffix
}

// nameNested takes note of the objects that an object names: any string in it
// that is the digest of an object on the volume.
func (l *ledgerCheck) nameNested(o Object) {
	dec := json.NewDecoder(bytes.NewReader(o.Data))
	for {
		token, err := dec.Token()
		if err != nil {
			return
		}
		s, ok := token.(string)
		if !ok || !validDigest(s) {
			continue
		}
		rel := l.rel(l.place.object(objectsDir, s))
		if _, there := l.files[rel]; there {
			l.name(objectsDir, s, 0)
		}
	}
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
