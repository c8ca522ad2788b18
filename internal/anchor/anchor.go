// Package anchor has parties outside the cluster acknowledge checkpoints of a
// ledger, and verifies their receipts without a cluster and without a network.
//
// An acknowledged checkpoint binds all entries before it: whoever holds the
// signing key cannot write another past without a receipt that contradicts it.
package anchor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

const (
	// patience is how long an anchor may take to answer, all its requests together.
	patience = 30 * time.Second
	// maxAnswer is the largest answer that is read, and the largest token, in bytes.
	maxAnswer = 64 << 10
	// maxNote is the largest checkpoint with its signatures, in bytes.
	maxNote = 16 << 10
)

// ErrContradicted says that the anchor acknowledged a history that the ledger's
// is no continuation of: the ledger was set back or rewritten, or another
// ledger is signed with its key. Test for it with errors.Is.
var ErrContradicted = errors.New("the anchor knows another history of this ledger")

// Target is a published checkpoint.
type Target struct {
	// Note is the signed checkpoint; Origin, Size and Root are what it states.
	Note   []byte
	Origin string
	Size   uint64
	Root   []byte
	// Consistency proves that the tree of Size continues the one of oldSize,
	// which is between 1 and Size.
	Consistency func(ctx context.Context, oldSize uint64) ([][]byte, error)
}

// Prover proves that a segment's tree of one size continues that of another.
type Prover interface {
	Consistency(ctx context.Context, origin string, from, to uint64) ([][]byte, error)
}

// TargetOf returns a checkpoint that was published, as a target.
func TargetOf(cp *tlog.Checkpoint, p Prover) Target {
	return Target{
		Note: cp.Note, Origin: cp.Origin, Size: cp.Size, Root: cp.Root,
		Consistency: func(ctx context.Context, oldSize uint64) ([][]byte, error) {
			return p.Consistency(ctx, cp.Origin, oldSize, cp.Size)
		},
	}
}

// Result is an acknowledgement.
type Result struct {
	Receipt ledger.Receipt
	// At is the time that the receipt states, to the second.
	At time.Time
}

// Anchor is a party outside the cluster. Its methods may be used concurrently.
type Anchor interface {
	// Name is the anchor's name in its schedule.
	Name() string
	// Type is ledger.AnchorWitness or ledger.AnchorTimestamp.
	Type() string
	// Anchor has the checkpoint acknowledged, within 30 seconds. An error is one
	// sentence that says what to do.
	Anchor(ctx context.Context, target Target) (*Result, error)
}

// New returns the anchor that a schedule declares. client may be nil.
func New(spec v1alpha1.EvidenceAnchor, client *http.Client) (Anchor, error) {
	if client == nil {
		client = http.DefaultClient
	}
	switch {
	case spec.Witness != nil:
		return newWitness(spec.Name, *spec.Witness, client)
	case spec.Timestamp != nil:
		return newTimestamp(spec.Name, *spec.Timestamp, client)
	default:
		return nil, fmt.Errorf("anchor %q is neither a witness nor a time stamping authority", spec.Name)
	}
}

// check checks a receipt's schema and sizes.
func check(r ledger.Receipt) error {
	switch {
	case r.Schema != ledger.ReceiptSchema:
		return fmt.Errorf("receipt with schema %q, want %s: a newer version of Holdfast may have written it", r.Schema, ledger.ReceiptSchema)
	case len(r.Checkpoint) > maxNote:
		return fmt.Errorf("receipt with a checkpoint of %d bytes, at most %d are allowed", len(r.Checkpoint), maxNote)
	case len(r.Token) > maxAnswer:
		return fmt.Errorf("receipt with a token of %d bytes, at most %d are allowed", len(r.Token), maxAnswer)
	}
	return nil
}

// read reads an answer, up to what is bearable.
func read(answer io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(answer, maxAnswer+1))
	if err == nil && len(data) > maxAnswer {
		err = fmt.Errorf("it answered with more than %d bytes", maxAnswer)
	}
	return data, err
}
