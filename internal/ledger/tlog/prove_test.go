package tlog

import (
	"context"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// TestProofs: what is proven of a tree that has grown verifies against the roots
// that it had.
func TestProofs(t *testing.T) {
	ctx := context.Background()
	opts := newTree(t)
	grow(t, opts, 1063)
	v := View{Dir: opts.Dir, Size: 1063}
	sizes := []uint64{1, 2, 255, 256, 257, 300, 512, 700, 1024, 1062, 1063}
	roots := map[uint64][]byte{}
	for _, size := range sizes {
		root, err := v.RootAt(ctx, size)
		if err != nil {
			t.Fatal(err)
		}
		roots[size] = root
	}
	for _, to := range sizes {
		for _, from := range sizes {
			if from > to {
				continue
			}
			hashes, err := v.Consistency(ctx, from, to)
			if err != nil {
				t.Fatalf("from %d to %d: %v", from, to, err)
			}
			if err := proof.VerifyConsistency(rfc6962.DefaultHasher, from, to, hashes, roots[from], roots[to]); err != nil {
				t.Errorf("from %d to %d: %v", from, to, err)
			}
		}
		for leaf := uint64(0); leaf < to; leaf += 101 {
			hashes, err := v.Inclusion(ctx, leaf, to)
			if err != nil {
				t.Fatalf("leaf %d of %d: %v", leaf, to, err)
			}
			hash := rfc6962.DefaultHasher.HashLeaf(leaves(int(leaf), 1)[0])
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, leaf, to, hash, hashes, roots[to]); err != nil {
				t.Errorf("leaf %d of %d: %v", leaf, to, err)
			}
		}
	}
}

func TestProofsThatThereAreNot(t *testing.T) {
	ctx := context.Background()
	v := View{Dir: t.TempDir(), Size: 10}
	for _, c := range [][2]uint64{{0, 5}, {6, 5}, {5, 11}} {
		if _, err := v.Consistency(ctx, c[0], c[1]); err == nil {
			t.Errorf("a proof from %d to %d leaves", c[0], c[1])
		}
	}
	for _, c := range [][2]uint64{{5, 5}, {5, 11}, {12, 10}} {
		if _, err := v.Inclusion(ctx, c[0], c[1]); err == nil {
			t.Errorf("a proof of leaf %d among %d", c[0], c[1])
		}
	}
}
