package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger/journal"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// objectGrace is how long an object is kept that nobody has put since, and no
// entry names: a collection puts its objects before its entry, and leaves out
// those that are there.
const objectGrace = 24 * time.Hour

// keptObjects orders the removal of objects that nothing names with their use.
type keptObjects struct {
	mu     sync.Mutex
	newest recent
}

// touch reports whether an object has its file, and keeps it for a while.
func (l *Log) touch(path string) bool {
	l.objects.mu.Lock()
	defer l.objects.mu.Unlock()
	return touch(path)
}

func touch(path string) bool {
	now := time.Now()
	return os.Chtimes(path, now, now) == nil
}

// stored reports whether an object need not be in the journal (again).
func (l *Log) stored(r *journal.Record) bool {
	l.objects.mu.Lock()
	defer l.objects.mu.Unlock()
	return l.objects.newest.seen(r.Digest) || touch(l.place.recordPath(r))
}

// forgetStored makes the log look for the file of each object from now on.
func (l *Log) forgetStored() {
	l.objects.mu.Lock()
	defer l.objects.mu.Unlock()
	l.objects.newest = recent{}
}

// removeUnused removes an object's file, unless somebody put it since.
func (l *Log) removeUnused(path string, since time.Time) (bool, error) {
	l.objects.mu.Lock()
	defer l.objects.mu.Unlock()
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && info.ModTime().After(since)) {
		return false, nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	return err == nil, volume.Classify(err)
}

// sweepObjects removes the objects that no entry names, and returns how many.
// Those that say who acted are left: they are erased, or named.
func (r *Recorder) sweepObjects(ctx context.Context) (int, error) {
	log := r.Log()
	if log == nil {
		return 0, ErrClosed
	}
	since := time.Now().Add(-objectGrace)
	log.forgetStored()
	if err := r.integrated(ctx, log); err != nil {
		return 0, err
	}
	m := &marker{place: log.place, codec: log.committer.codec, keep: map[objectRef]struct{}{}}
	if err := m.mark(ctx); err != nil {
		return 0, err
	}
	removed := 0
	root := filepath.Join(log.place.dir, objectsDir)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		digest, isObject := strings.CutSuffix(filepath.Base(path), objectSuffix)
		if err != nil || d.IsDir() || !isObject || !validDigest(digest) {
			return errors.Join(err, ctx.Err())
		}
		if _, named := m.keep[refTo(objectsDir, digest)]; named {
			return ctx.Err()
		}
		gone, err := log.removeUnused(path, since)
		if gone {
			removed++
		}
		return err
	})
	return removed, err
}

// integrated waits until everything that was recorded is in the log.
func (r *Recorder) integrated(ctx context.Context, log *Log) error {
	next := log.Status().Next
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for log.Status().Integrated < next {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if r.Log() != log {
			return errSuperseded
		}
	}
	return nil
}

// marker finds every object that entries name, directly or not.
type marker struct {
	place place
	codec *codec
	keep  map[objectRef]struct{}
	// wanted are the policies whose objects are marked.
	wanted policies
}

// mark marks what the entries that are kept name, and what the state that they
// begin with does.
func (m *marker) mark(ctx context.Context) error {
	total, err := m.place.total()
	if err != nil {
		return err
	}
	first, _, err := m.place.first()
	if err != nil {
		return err
	}
	known, err := m.place.origin(m.codec)
	if err != nil {
		return err
	}
	known.eachObject(func(digest string) { m.add(objectsDir, digest) })
	return m.entries(ctx, m.place.base(first), total)
}

// entries marks what the entries [from, total) name.
func (m *marker) entries(ctx context.Context, from, total uint64) error {
	return m.place.entries(ctx, from, total, false, func(_ uint64, data []byte) error {
		e, err := Decode(data)
		if err != nil {
			return err
		}
		if m.wanted.of(e) {
			e.eachObject(m.add)
		}
		return nil
	})
}

// add marks an object. What a manifest or a chunk names is marked with it.
func (m *marker) add(class, digest string) {
	if !validDigest(digest) {
		return
	}
	ref := refTo(class, digest)
	if _, twice := m.keep[ref]; twice {
		return
	}
	m.keep[ref] = struct{}{}
	if class == objectsDir {
		m.follow(digest)
	}
}

// follow marks what an object names. One that cannot be read names nothing:
// verify says so.
func (m *marker) follow(digest string) {
	o, err := readObject(m.codec, m.place.object(objectsDir, digest), digest)
	if err != nil {
		return
	}
	eachNamedBy(o.Data, m.wanted, func(digest string) { m.add(objectsDir, digest) })
}
