package tlog

import (
	"context"
	"fmt"

	"github.com/transparency-dev/tessera/client"
)

// Consistency proves that the tree's first to leaves continue its first from
// leaves (RFC 6962, section 2.1.2).
func (v View) Consistency(ctx context.Context, from, to uint64) ([][]byte, error) {
	if from == 0 || from > to || to > v.Size {
		return nil, fmt.Errorf("no proof from %d to %d leaves of a tree of %d", from, to, v.Size)
	}
	builder, err := client.NewProofBuilder(ctx, to, v.fetch)
	if err != nil {
		return nil, err
	}
	return builder.ConsistencyProof(ctx, from, to)
}

// Inclusion proves that a leaf is one of the tree's first size leaves (RFC
// 6962, section 2.1.1).
func (v View) Inclusion(ctx context.Context, leaf, size uint64) ([][]byte, error) {
	if leaf >= size || size > v.Size {
		return nil, fmt.Errorf("no proof of leaf %d among %d leaves of a tree of %d", leaf, size, v.Size)
	}
	builder, err := client.NewProofBuilder(ctx, size, v.fetch)
	if err != nil {
		return nil, err
	}
	return builder.InclusionProof(ctx, leaf)
}
