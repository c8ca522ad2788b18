package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/internal/ledger/journal"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// Reader reads the ledgers of a volume, or of a copy of one, one entry after
// another and object by object. It writes nothing, needs no key and proves
// nothing: Verify does. Its methods may be used concurrently.
type Reader struct {
	dir   string
	chain []LedgerInfo
	codec *codec
}

// NewReader returns a reader of the volume in dir.
func NewReader(dir string) (*Reader, error) {
	chain, err := Ledgers(dir)
	if err != nil {
		return nil, fmt.Errorf("read the ledgers in %s: %w", dir, err)
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("there is no ledger in %s", dir)
	}
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	return &Reader{dir, chain, c}, nil
}

// Dir is the volume's directory.
func (r *Reader) Dir() string { return r.dir }

// Chain are the ledgers, oldest first. Each continues one before it.
func (r *Reader) Chain() []LedgerInfo { return r.chain }

// Current is the ledger that no other continues.
func (r *Reader) Current() (LedgerInfo, error) {
	for _, info := range r.chain {
		if info.Current {
			return info, nil
		}
	}
	return LedgerInfo{}, fmt.Errorf("none of the ledgers in %s continues all others", r.dir)
}

// Read calls fn for the encoded entries of a ledger in order; see Read. fn must
// not keep data.
func (r *Reader) Read(ctx context.Context, opts ReadOptions, fn func(seq uint64, data []byte) error) error {
	return Read(ctx, r.dir, opts, fn)
}

// Entries is the number of entries of a ledger that are in its log.
func (r *Reader) Entries(ledgerID string) (uint64, error) {
	p, err := placeToRead(r.dir, ledgerID)
	if err != nil {
		return 0, err
	}
	return p.total()
}

// First is the sequence number of a ledger's first entry that was not pruned,
// and what the newest pruning stated; nil if there was none.
func (r *Reader) First(ledgerID string) (uint64, *PrunedBody, error) {
	p, err := placeToRead(r.dir, ledgerID)
	if err != nil {
		return 0, nil, err
	}
	n, last, err := p.first()
	return p.base(n), last, err
}

// Segments returns the number of entries of a segment of a ledger, and the
// number of its segments, pruned ones included.
func (r *Reader) Segments(ledgerID string) (size, count uint64, err error) {
	p, err := placeToRead(r.dir, ledgerID)
	if err != nil {
		return 0, 0, err
	}
	count, err = p.segmentCount()
	return p.segmentSize, count, err
}

// Known folds all entries of a ledger.
func (r *Reader) Known(ctx context.Context, ledgerID string) (*Known, error) {
	known, err := r.KnownAtFirst(ledgerID)
	if err != nil {
		return nil, err
	}
	return known, r.Read(ctx, ReadOptions{LedgerID: ledgerID}, func(_ uint64, data []byte) error {
		e, err := Decode(data)
		if err != nil {
			return err
		}
		return known.Apply(e)
	})
}

// KnownAtFirst is what was known before a ledger's first entry that was not
// pruned: nothing, where none was.
func (r *Reader) KnownAtFirst(ledgerID string) (*Known, error) {
	p, err := placeToRead(r.dir, ledgerID)
	if err != nil {
		return nil, err
	}
	return p.origin(r.codec)
}

// Object returns the content of an object that an entry of the ledger names.
func (r *Reader) Object(ledgerID, digest string) ([]byte, error) {
	return r.object(ledgerID, digest, objectsDir)
}

// Actor returns the content of an object that says who acted. It does not exist
// (fs.ErrNotExist) once it was erased.
func (r *Reader) Actor(ledgerID, digest string) ([]byte, error) {
	return r.object(ledgerID, digest, actorsDir)
}

func (r *Reader) object(ledgerID, digest, class string) ([]byte, error) {
	if !validDigest(digest) {
		return nil, fmt.Errorf("%q is no digest of an object", digest)
	}
	p, err := placeToRead(r.dir, ledgerID)
	if err != nil {
		return nil, err
	}
	o, err := readObject(r.codec, p.object(class, digest), digest)
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", digest, err)
	}
	return o.Data, nil
}

// Checkpoint returns the newest checkpoint of a ledger, a signed note, and the
// number of entries that it covers, over all segments. Its signature is not
// verified.
func (r *Reader) Checkpoint(ledgerID string) (note []byte, entries uint64, err error) {
	p, err := placeToRead(r.dir, ledgerID)
	if err != nil {
		return nil, 0, err
	}
	segments, err := p.segmentCount()
	if err != nil {
		return nil, 0, err
	}
	note, err = os.ReadFile(filepath.Join(p.log(segments-1), tlog.CheckpointFile))
	if err != nil {
		return nil, 0, fmt.Errorf("read the checkpoint: %w", err)
	}
	size, err := tlog.SizeOf(note)
	if err != nil {
		return nil, 0, err
	}
	return note, p.base(segments-1) + size, nil
}

// PutObjects makes objects durable beside the log, before an entry names them:
// those of a collection are too many for the journal. An object that is there
// already is left as it is.
func (l *Log) PutObjects(objects []Object) error {
	records := make([]journal.Record, 0, len(objects))
	for _, o := range objects {
		r, err := objectRecord(o)
		if err != nil {
			return err
		}
		records = append(records, r)
	}
	if err := l.place.putObjects(l.committer.codec, records, l.touch); err != nil {
		return fmt.Errorf("keep %d objects: %w", len(objects), err)
	}
	return nil
}

// Object returns the content of an object that is durable beside the log.
func (l *Log) Object(digest string) ([]byte, error) { return l.object(objectsDir, digest) }

// Actor returns the content of an object that says who acted. It does not exist
// (fs.ErrNotExist) once it was erased.
func (l *Log) Actor(digest string) ([]byte, error) { return l.object(actorsDir, digest) }

func (l *Log) object(class, digest string) ([]byte, error) {
	if !validDigest(digest) {
		return nil, fmt.Errorf("%q is no digest of an object", digest)
	}
	o, err := readObject(l.committer.codec, l.place.object(class, digest), digest)
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", digest, err)
	}
	return o.Data, nil
}
