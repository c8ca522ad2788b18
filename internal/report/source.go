package report

import (
	"context"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Source is what a record is made of: *ledger.Reader, over a ledger's directory
// or an unpacked bundle.
type Source interface {
	// Chain are the ledgers, oldest first.
	Chain() []ledger.LedgerInfo
	// Read calls fn for the encoded entries of a ledger, in order.
	Read(ctx context.Context, opts ledger.ReadOptions, fn func(seq uint64, data []byte) error) error
	// Object returns the content of an object that an entry names.
	Object(ledgerID, digest string) ([]byte, error)
}

var _ Source = (*ledger.Reader)(nil)
