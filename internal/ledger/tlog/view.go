package tlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
)

// The names of Tessera's files in a tree's directory.
const (
	CheckpointFile = layout.CheckpointPath
	StateDir       = ".state"
	TileDir        = "tile"
	StateFile      = StateDir + "/treeState"
	VersionFile    = StateDir + "/version"
	treeLockFile   = StateDir + "/treeState.lock"
	publishLock    = StateDir + "/publish.lock"
)

// LockFiles are Tessera's lock files. They are empty.
func LockFiles() []string { return []string{treeLockFile, publishLock} }

// BundlePath is the path of a bundle in a tree of a size.
func BundlePath(index, size uint64) string {
	return layout.EntriesPath(index, layout.PartialTileSize(0, index, size))
}

// State is what Tessera's unsigned state file says: the size of the integrated
// tree, and its root.
type State struct {
	Size uint64 `json:"size"`
	Root []byte `json:"root"`
}

// ReadState reads the state file, and accepts it only in the form in which
// Tessera writes it.
func ReadState(dir string) (State, error) {
	raw, err := os.ReadFile(filepath.Join(dir, StateFile))
	if err != nil {
		return State{}, err
	}
	var s State
	if err := json.Unmarshal(raw, &s); err != nil {
		return State{}, fmt.Errorf("tree state: %w", err)
	}
	again, err := json.Marshal(s)
	if err != nil || !bytes.Equal(raw, again) || len(s.Root) != rfc6962.DefaultHasher.Size() {
		return State{}, errors.New("tree state: not in the form that it is written in")
	}
	return s, nil
}

// View reads a tree of a known size from its directory.
type View struct {
	Dir  string
	Size uint64
}

// Tile returns the hashes of a tile, as many as the tree has, or more.
func (v View) Tile(level, index uint64) ([]byte, error) {
	return v.resource(layout.PartialTileSize(level, index, v.Size), func(p uint8) string {
		return layout.TilePath(level, index, p)
	})
}

// Bundle returns the entries of a bundle, as many as the tree has.
func (v View) Bundle(index uint64) ([][]byte, error) {
	p := layout.PartialTileSize(0, index, v.Size)
	raw, err := v.rawBundle(index)
	if err != nil {
		return nil, err
	}
	entries, err := SplitBundle(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", layout.EntriesPath(index, p), err)
	}
	want := layout.EntryBundleWidth
	if p > 0 {
		want = int(p)
	}
	if len(entries) < want {
		return nil, fmt.Errorf("%s: %d entries, want %d", layout.EntriesPath(index, p), len(entries), want)
	}
	return entries[:want], nil
}

// rawBundle is the file of a bundle.
func (v View) rawBundle(index uint64) ([]byte, error) {
	return v.resource(layout.PartialTileSize(0, index, v.Size), func(p uint8) string { return layout.EntriesPath(index, p) })
}

// SplitBundle splits a bundle into its entries.
func SplitBundle(raw []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(raw); err != nil {
		return nil, err
	}
	return b.Entries, nil
}

// resource reads a partial resource, or the full one that followed it.
func (v View) resource(p uint8, path func(uint8) string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(v.Dir, path(p)))
	if p > 0 && errors.Is(err, fs.ErrNotExist) {
		raw, err = os.ReadFile(filepath.Join(v.Dir, path(0)))
	}
	return raw, err
}

// fetch is Tile as Tessera's client wants it. Whatever size is asked for, the
// tree's own is read: a tile of a larger tree begins with that of a smaller.
func (v View) fetch(_ context.Context, level, index uint64, _ uint8) ([]byte, error) {
	return v.Tile(level, index)
}

// Range returns the compact range of the tree's first size leaves.
func (v View) Range(ctx context.Context, size uint64) (*compact.Range, error) {
	f := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	if size == 0 {
		return f.NewEmptyRange(0), nil
	}
	nodes, err := client.FetchRangeNodes(ctx, size, v.fetch)
	if err != nil {
		return nil, fmt.Errorf("tiles of %d leaves: %w", size, err)
	}
	return f.NewRange(0, size, nodes)
}

// RootAt returns the root of the tree's first size leaves, from its tiles.
func (v View) RootAt(ctx context.Context, size uint64) ([]byte, error) {
	r, err := v.Range(ctx, size)
	if err != nil {
		return nil, err
	}
	return Root(r)
}

// Root returns the root of a compact range; that of no leaves is defined too.
func Root(r *compact.Range) ([]byte, error) {
	if r.End() == 0 {
		return rfc6962.DefaultHasher.EmptyRoot(), nil
	}
	return r.GetRootHash(nil)
}

// ErrInconsistent is returned for a tree that is no extension of a checkpoint.
var ErrInconsistent = errors.New("the tree is not an extension of the checkpoint")

// ErrSmaller is returned for a tree that has fewer leaves than a checkpoint
// says, and might be an older copy.
var ErrSmaller = errors.New("the tree is smaller than the checkpoint")

// ProveExtends proves, from its tiles, that the tree with the given root is a
// consistent extension of a checkpoint.
func (v View) ProveExtends(ctx context.Context, root []byte, cp *Checkpoint) error {
	switch {
	case cp.Size > v.Size:
		return fmt.Errorf("%w: %d leaves, want %d", ErrSmaller, v.Size, cp.Size)
	case cp.Size == 0:
		return nil
	}
	builder, err := client.NewProofBuilder(ctx, v.Size, v.fetch)
	if err != nil {
		return err
	}
	nodes, err := builder.ConsistencyProof(ctx, cp.Size, v.Size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, cp.Size, v.Size, nodes, cp.Root, root); err != nil {
		return fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	return nil
}

// CheckLeaves compares the entries of a bundle with the tree's lowest tile.
func (v View) CheckLeaves(index uint64, entries [][]byte) error {
	tile, err := v.Tile(0, index)
	if err != nil {
		return err
	}
	for i, e := range entries {
		at := i * rfc6962.DefaultHasher.Size()
		if want := rfc6962.DefaultHasher.HashLeaf(e); len(tile) < at+len(want) || !bytes.Equal(tile[at:at+len(want)], want) {
			return fmt.Errorf("leaf %d is not what its tile says", index*layout.EntryBundleWidth+uint64(i))
		}
	}
	return nil
}
