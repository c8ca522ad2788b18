package tlog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"

	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// MaxBatch is the largest number of leaves of one Add.
const MaxBatch = layout.EntryBundleWidth

// Options are what a Tree needs.
type Options struct {
	Dir    string
	Origin string
	Key    ed25519.PrivateKey
	// BatchAge is how long a batch of fewer than MaxBatch leaves waits in Tessera.
	BatchAge time.Duration
	// CheckpointInterval is the time between two signed checkpoints, while the
	// tree grows. Not less than 100 ms.
	CheckpointInterval time.Duration
}

// Tree appends to a Merkle tree on disk. It is owned by one goroutine.
type Tree struct {
	opts     Options
	add      tessera.AddFn
	shutdown func(context.Context) error
	cancel   context.CancelFunc
	leaves   *compact.Range // the integrated tree
	size     *atomic.Uint64
	swept    uint64 // the first bundle whose partial files may still be there
}

// Create makes the directory of an empty tree, with its first checkpoint.
func Create(ctx context.Context, opts Options) error {
	if volume.Exists(opts.Dir) {
		return fmt.Errorf("create a tree: %s exists", opts.Dir)
	}
	t, err := open(ctx, opts, emptyRange())
	if err != nil {
		return err
	}
	t.cancel()
	cp, err := t.Published()
	if err != nil {
		return err
	}
	if cp.Size != 0 {
		return fmt.Errorf("create a tree: it has %d leaves", cp.Size)
	}
	return nil
}

// Open opens a tree for appending. The caller has proven with a View that the
// tree is what it should be.
func Open(ctx context.Context, opts Options) (*Tree, error) {
	state, err := ReadState(opts.Dir)
	if err != nil {
		return nil, err
	}
	leaves, err := View{Dir: opts.Dir, Size: state.Size}.Range(ctx, state.Size)
	if err != nil {
		return nil, err
	}
	t, err := open(ctx, opts, leaves)
	if err != nil {
		return nil, err
	}
	return t, t.agree()
}

func emptyRange() *compact.Range {
	f := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	return f.NewEmptyRange(0)
}

// open starts Tessera. Its goroutines live until cancel, not until ctx ends:
// they must not be cut off while a future waits for them.
func open(ctx context.Context, opts Options, leaves *compact.Range) (t *Tree, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("open the tree: tessera panicked: %v", p)
		}
	}()
	s, err := newSigner(opts.Origin, opts.Key)
	if err != nil {
		return nil, err
	}
	inner, err := newDriver(ctx, opts.Dir)
	if err != nil {
		return nil, err
	}
	size := &atomic.Uint64{}
	size.Store(leaves.End())
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	appender, shutdown, _, err := tessera.NewAppender(background, &quietDriver{inner, size}, tessera.NewAppendOptions().
		WithCheckpointSigner(s).
		WithBatching(MaxBatch, opts.BatchAge).
		WithCheckpointInterval(opts.CheckpointInterval).
		WithCheckpointRepublishInterval(0).
		WithGarbageCollectionInterval(0))
	if err != nil {
		cancel()
		return nil, volume.Classify(fmt.Errorf("open the tree: %w", err))
	}
	return &Tree{opts: opts, add: appender.Add, shutdown: shutdown, cancel: cancel, leaves: leaves, size: size}, nil
}

// Size is the number of integrated leaves.
func (t *Tree) Size() uint64 { return t.leaves.End() }

// Root is the root of the integrated tree.
func (t *Tree) Root() ([]byte, error) { return Root(t.leaves) }

// Writable reports why Tessera could not take its lock. It panics, in a
// goroutine of its own, where it cannot.
func (t *Tree) Writable() error {
	return volume.Writable(filepath.Join(t.opts.Dir, treeLockFile))
}

// Add appends leaves as one batch and waits until they are integrated. After
// an error nothing may be added any more: the tree has to be opened again,
// which tells what was written.
func (t *Tree) Add(ctx context.Context, leaves [][]byte) error {
	if len(leaves) > MaxBatch {
		return fmt.Errorf("a batch of %d leaves, at most %d are allowed", len(leaves), MaxBatch)
	}
	entries := make([]*tessera.Entry, len(leaves))
	for i, leaf := range leaves {
		entries[i] = tessera.NewEntry(leaf)
	}
	first := t.Size()
	for len(entries) > 0 {
		n, err := t.addQuickly(ctx, entries, first)
		if err != nil {
			return volume.Classify(err)
		}
		entries, first = entries[n:], first+uint64(n)
	}
	return t.agree()
}

// addQuickly adds entries and waits for their futures. Tessera's queue is
// flushed by a timer; two timers in a row could pass each other on the way to
// it, so no second one may be started while the first runs. Where adding takes
// half as long as the timer, the rest is left to the next call.
func (t *Tree) addQuickly(ctx context.Context, entries []*tessera.Entry, first uint64) (int, error) {
	deadline := time.Now().Add(t.opts.BatchAge / 2)
	futures := make([]tessera.IndexFuture, 0, len(entries))
	for _, e := range entries {
		if len(futures) > 0 && time.Now().After(deadline) {
			break
		}
		futures = append(futures, t.add(context.WithoutCancel(ctx), e))
	}
	var failed error
	for i, future := range futures {
		index, err := future()
		want := first + uint64(i)
		switch {
		case failed != nil: // The others fail for the same reason: it is told once.
		case err != nil:
			failed = fmt.Errorf("add leaf %d: %w", want, err)
		case index.Index != want:
			failed = fmt.Errorf("leaf %d was integrated as leaf %d", want, index.Index)
		default:
			failed = t.leaves.Append(entries[i].LeafHash(), nil)
		}
	}
	t.size.Store(t.leaves.End())
	return len(futures), failed
}

// agree compares Tessera's state with the leaves that were added: nobody else
// wrote here.
func (t *Tree) agree() error {
	state, err := ReadState(t.opts.Dir)
	if err != nil {
		return err
	}
	root, err := t.Root()
	if err != nil {
		return err
	}
	if state.Size != t.Size() || !bytes.Equal(state.Root, root) {
		return fmt.Errorf("tessera's state is not ours: %d leaves with root %x, want %d with %x", state.Size, state.Root, t.Size(), root)
	}
	return nil
}

// Published reads the newest checkpoint.
func (t *Tree) Published() (*Checkpoint, error) {
	raw, err := os.ReadFile(filepath.Join(t.opts.Dir, CheckpointFile))
	if err != nil {
		return nil, err
	}
	public, _ := t.opts.Key.Public().(ed25519.PublicKey)
	return OpenCheckpoint(raw, t.opts.Origin, public)
}

// Publish waits until a checkpoint covers the whole tree, and returns it.
func (t *Tree) Publish(ctx context.Context) (*Checkpoint, error) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		cp, err := t.Published()
		if err != nil {
			return nil, err
		}
		if cp.Size == t.Size() {
			return cp, nil
		}
		select {
		case <-ctx.Done():
			return cp, fmt.Errorf("wait for a checkpoint of %d leaves, there is one of %d: %w", t.Size(), cp.Size, ctx.Err())
		case <-ticker.C:
		}
	}
}

// Close stops Tessera. No Add is under way. Whoever needs a last checkpoint
// calls Publish before.
func (t *Tree) Close(ctx context.Context) error {
	defer t.cancel()
	cp, err := t.Published()
	if err != nil || cp.Size < t.Size() {
		return nil // shutdown would wait for a checkpoint that does not come
	}
	return t.shutdown(ctx)
}

// Sweep removes what full bundles and full tiles have made superfluous, as far
// as a checkpoint covers it. Tessera would do so once a minute only; until then
// single entries leave up to 60 KB each behind.
func (t *Tree) Sweep(published uint64) error {
	full := published / layout.EntryBundleWidth
	for ; t.swept < full; t.swept++ {
		paths := []string{layout.EntriesPath(t.swept, 0), layout.TilePath(0, t.swept, 0)}
		level, index := uint64(0), t.swept
		for index%layout.TileWidth == layout.TileWidth-1 {
			level, index = level+1, index/layout.TileWidth
			paths = append(paths, layout.TilePath(level, index, 0))
		}
		for _, p := range paths {
			if err := os.RemoveAll(filepath.Join(t.opts.Dir, p+".p")); err != nil {
				return volume.Classify(err)
			}
		}
	}
	return nil
}

// quietDriver answers Tessera's question for the size of the tree, asked ten
// times a second, from memory.
type quietDriver struct {
	tessera.Driver
	size *atomic.Uint64
}

// Appender implements Tessera's append lifecycle.
func (d *quietDriver) Appender(ctx context.Context, opts *tessera.AppendOptions) (*tessera.Appender, tessera.LogReader, error) {
	inner, ok := d.Driver.(interface {
		Appender(context.Context, *tessera.AppendOptions) (*tessera.Appender, tessera.LogReader, error)
	})
	if !ok {
		return nil, nil, errors.New("tessera's driver cannot append")
	}
	a, r, err := inner.Appender(ctx, opts)
	if err != nil {
		return nil, nil, err
	}
	return a, &quietReader{r, d.size}, nil
}

type quietReader struct {
	tessera.LogReader
	size *atomic.Uint64
}

func (r *quietReader) IntegratedSize(context.Context) (uint64, error) { return r.size.Load(), nil }
func (r *quietReader) NextIndex(context.Context) (uint64, error)      { return r.size.Load(), nil }
