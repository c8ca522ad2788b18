package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger/journal"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// committer carries the journal into the log: entries, one batch at a time, and
// the objects they name. An object's own file is written behind the entries:
// until then the journal has it, which is not trimmed before. The committer
// alone owns the tree. Its methods are called by one
// goroutine, but for status, snapshot and close.
type committer struct {
	opts   Options
	place  place
	codec  *codec
	reader *journal.Reader

	segment uint64
	tree    *tlog.Tree
	index   *indexer
	entries []journal.Record // read from the journal, not integrated yet
	newest  int              // how many entries the frame read last has
	objects []journal.Record // read from the journal, without a file of their own yet
	bytes   int              // of objects

	mu        sync.Mutex
	state     Status
	snapshots []snapshot

	stop    chan struct{}
	drain   bool // set before stop is closed
	drained context.Context
	stopped chan struct{}
	err     error // why it stopped
}

// openCommitter opens the newest segment of a ledger whose tree was proven.
func openCommitter(ctx context.Context, opts Options, p place, segment uint64) (*committer, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	m := &committer{
		opts: opts, place: p, codec: c, segment: segment,
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	return m, m.openSegment(ctx)
}

// treeBatchAge is how long Tessera waits for more of a batch. The committer
// hands it all there is, and has waited already.
const treeBatchAge = 2 * time.Millisecond

func (c *committer) treeOptions(segment uint64) tlog.Options {
	return tlog.Options{
		Dir: c.place.log(segment), Origin: tlog.Origin(c.place.id, segment), Key: c.opts.Key,
		BatchAge: treeBatchAge, CheckpointInterval: c.opts.CheckpointInterval,
	}
}

func (c *committer) openSegment(ctx context.Context) error {
	opts := c.treeOptions(c.segment)
	tree, err := tlog.Open(ctx, opts)
	if err != nil {
		return fmt.Errorf("segment %d: %w", c.segment, err)
	}
	index, err := openIndex(c.place.index(c.segment), tlog.View{Dir: opts.Dir, Size: tree.Size()})
	if err != nil {
		return errors.Join(fmt.Errorf("segment %d: %w", c.segment, err), tree.Close(ctx))
	}
	c.tree, c.index = tree, index
	return c.published()
}

// next is the Seq of the next entry that the log takes.
func (c *committer) next() uint64 { return c.place.base(c.segment) + c.tree.Size() }

// replay integrates what the journal holds, up to frame limit.
func (c *committer) replay(ctx context.Context, first, limit uint64) error {
	c.reader = journal.NewReader(c.place.journal(), c.place.id, first)
	for {
		more, err := c.step(ctx, limit)
		if err == nil && (!more || c.bytes >= maxObjectBytes) {
			err = c.putObjects()
		}
		if err != nil || !more {
			return errors.Join(err, c.reader.Close())
		}
	}
}

// run follows the journal until close is called or something fails.
func (c *committer) run(w *journal.Writer, first uint64, progress func(uint64), fail func(error)) {
	defer close(c.stopped)
	ctx := context.Background()
	c.reader = journal.NewReader(c.place.journal(), c.place.id, first)
	ticker := time.NewTicker(c.opts.CheckpointInterval)
	defer ticker.Stop()
	var due <-chan time.Time // when what has come since the last batch is added
	for c.err == nil {
		select {
		case <-c.stop:
			c.err = c.finish(w, progress)
			return
		case <-ticker.C:
			c.err = c.tick()
		case <-w.Grown():
			if due == nil {
				due = time.After(c.opts.BatchAge)
			}
		case <-due:
			due = nil
			c.err = c.follow(ctx, w, progress)
		}
	}
	fail(volume.Explain(c.opts.Dir, c.err))
	<-c.stop
	c.err = errors.Join(c.err, c.release(ctx))
}

// follow integrates what is durable in the journal.
func (c *committer) follow(ctx context.Context, w *journal.Writer, progress func(uint64)) error {
	for {
		more, err := c.step(ctx, w.Durable())
		if err != nil {
			return err
		}
		progress(c.next())
		if more && c.bytes < maxObjectBytes {
			continue
		}
		if err := errors.Join(c.putObjects(), c.trim(w)); err != nil {
			return err
		}
		if !more {
			return c.tick()
		}
	}
}

// maxObjectBytes bounds the objects that wait for a file of their own.
const maxObjectBytes = 4 << 20

// putObjects gives the objects that were read files of their own.
func (c *committer) putObjects() error {
	if len(c.objects) == 0 {
		return nil
	}
	if err := c.opts.Check(c.opts.Dir, c.opts.MinFree); err != nil {
		return err
	}
	if err := c.place.putObjects(c.codec, c.objects, volume.Exists); err != nil {
		return err
	}
	killpoint.Hit(killpoint.CommitObjects)
	c.objects, c.bytes = nil, 0
	return nil
}

// trim gives up the frames that are integrated wholly.
func (c *committer) trim(w *journal.Writer) error {
	switch {
	case len(c.entries) == 0:
		return w.Trim(c.reader.Position())
	case len(c.entries) <= c.newest:
		return w.Trim(c.reader.Position() - 1)
	default:
		return nil
	}
}

// step integrates one batch. It returns false once nothing is left before
// frame limit.
func (c *committer) step(ctx context.Context, limit uint64) (more bool, err error) {
	if err := c.read(limit); err != nil {
		return false, err
	}
	if len(c.entries) == 0 {
		return false, nil
	}
	if err := c.roll(ctx); err != nil {
		return false, err
	}
	batch, err := c.batch()
	if err != nil {
		return false, err
	}
	leaves := make([][]byte, len(batch))
	for i := range batch {
		leaves[i] = batch[i].Data
	}
	if err := c.writable(); err != nil {
		return false, err
	}
	killpoint.Hit(killpoint.CommitDue)
	if err := c.tree.Add(ctx, leaves); err != nil {
		return false, err
	}
	killpoint.Hit(killpoint.CommitAdded)
	for i := range batch {
		if err := c.index.add(batch[i].ObservedAt); err != nil {
			return false, err
		}
	}
	killpoint.Hit(killpoint.CommitIndexed)
	c.entries = c.entries[len(batch):]
	c.mu.Lock()
	c.state.Integrated = c.next()
	c.mu.Unlock()
	return true, nil
}

// read takes frames from the journal until there is enough for a batch. Entries
// that are in the log already are passed over; opening has compared them.
func (c *committer) read(limit uint64) error {
	for len(c.entries) < tlog.MaxBatch && c.reader.Position() < limit {
		frame, err := c.reader.Next()
		if err != nil {
			return err
		}
		before := len(c.entries)
		for _, r := range frame.Records {
			switch {
			case r.IsObject():
				c.objects = append(c.objects, r)
				c.bytes += len(r.Data)
			case r.Seq >= c.next():
				c.entries = append(c.entries, r)
			}
		}
		c.newest = len(c.entries) - before
	}
	return nil
}

// batch is what is added next: at most MaxBatch entries, of one segment.
func (c *committer) batch() ([]journal.Record, error) {
	end := c.place.base(c.segment + 1)
	n := 0
	for ; n < len(c.entries) && n < tlog.MaxBatch && c.entries[n].Seq < end; n++ {
		if want := c.next() + uint64(n); c.entries[n].Seq != want {
			return nil, fmt.Errorf("the journal has entry %d where %d must be", c.entries[n].Seq, want)
		}
	}
	return c.entries[:n], nil
}

// writable checks the volume before Tessera writes: it panics where it cannot.
func (c *committer) writable() error {
	if err := c.opts.Check(c.opts.Dir, c.opts.MinFree); err != nil {
		return err
	}
	return c.tree.Writable()
}

// roll goes on to the next segment where this one is full.
func (c *committer) roll(ctx context.Context) error {
	if c.tree.Size() < c.place.segmentSize {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if _, err := c.tree.Publish(wait); err != nil {
		return err
	}
	killpoint.Hit(killpoint.RollPublished)
	if err := errors.Join(c.tick(), c.index.close(), c.tree.Close(wait)); err != nil {
		return err
	}
	killpoint.Hit(killpoint.RollClosed)
	if err := createSegment(ctx, c.place, c.treeOptions(c.segment+1), c.segment+1); err != nil {
		return err
	}
	killpoint.Hit(killpoint.RollCreated)
	c.segment++
	return c.openSegment(ctx)
}

// createSegment makes an empty segment, complete or not at all.
func createSegment(ctx context.Context, p place, opts tlog.Options, n uint64) error {
	final := p.segment(n)
	if volume.Exists(final) {
		return nil // made before a crash
	}
	temp := final + newSuffix
	if err := os.RemoveAll(temp); err != nil {
		return volume.Classify(err)
	}
	if err := volume.MkdirAll(temp); err != nil {
		return err
	}
	opts.Dir = filepath.Join(temp, logDir)
	if err := tlog.Create(ctx, opts); err != nil {
		return err
	}
	if err := volume.WriteFile(filepath.Join(temp, indexFile), nil); err != nil {
		return err
	}
	killpoint.Hit(killpoint.SegmentMade)
	if err := os.Rename(temp, final); err != nil {
		return volume.Classify(err)
	}
	return volume.SyncDir(filepath.Dir(final))
}

// tick takes note of a new checkpoint, and writes the snapshots that are due.
func (c *committer) tick() error {
	c.mu.Lock()
	behind := c.state.Published < c.next()
	c.mu.Unlock()
	if behind {
		if err := c.published(); err != nil {
			return err
		}
	}
	return c.writeSnapshots()
}

func (c *committer) published() error {
	cp, err := c.tree.Published()
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.state.Checkpoint, c.state.Segment = cp, c.segment
	c.state.Published = c.place.base(c.segment) + cp.Size
	c.state.Integrated = c.next()
	c.mu.Unlock()
	return c.tree.Sweep(cp.Size)
}

// finish integrates what is left, waits for the last checkpoint and empties the
// journal.
func (c *committer) finish(w *journal.Writer, progress func(uint64)) error {
	ctx := c.drained
	if !c.drain {
		return c.release(ctx)
	}
	err := c.follow(ctx, w, progress)
	if err == nil {
		_, err = c.tree.Publish(ctx)
	}
	if err == nil {
		err = c.tick()
	}
	killpoint.Hit(killpoint.StopPublished)
	if err == nil {
		err = removeJournal(c.place.journal())
	}
	return errors.Join(err, c.release(ctx))
}

func (c *committer) release(ctx context.Context) error {
	return errors.Join(c.reader.Close(), c.index.close(), c.tree.Close(ctx))
}

// removeJournal removes the journal's files, oldest first.
func removeJournal(dir string) error {
	names, err := journal.Files(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return volume.Classify(err)
		}
	}
	return volume.SyncDir(dir)
}

// close stops the committer and waits for it. With drain it first integrates
// what the journal holds.
func (c *committer) close(ctx context.Context, drain bool) error {
	c.drain, c.drained = drain, ctx
	close(c.stop)
	<-c.stopped
	return c.err
}

func (c *committer) status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// recent remembers the digests of the newest objects in the journal, so that
// an object that many entries name is written once.
type recent struct {
	digests map[[sha256.Size]byte]struct{}
}

const maxRecent = 4096

func (r *recent) seen(digest [sha256.Size]byte) bool {
	if _, ok := r.digests[digest]; ok {
		return true
	}
	if r.digests == nil || len(r.digests) >= maxRecent {
		r.digests = make(map[[sha256.Size]byte]struct{}, maxRecent)
	}
	r.digests[digest] = struct{}{}
	return false
}
