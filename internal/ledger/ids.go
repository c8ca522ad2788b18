package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Digest is the SHA-256 of data, in hex.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// StateID is the id of a state entry: a function of the ledger, the unit, the
// id of the state entry before, and the state. So a statement made again after
// a crash has the id it had, and is not made twice.
func StateID(ledgerID, policy, controlID string, subject control.Subject, prev string, to control.State) string {
	return digestOf("holdfast.dev/state-id/v1", ledgerID, policy, controlID, subject, prev, to)
}

// ActID is the id of every other entry: the n-th draft of a process, whose id
// is random.
func ActID(process string, n uint64) string {
	return digestOf("holdfast.dev/act-id/v1", process, n)
}

// EpisodeID is the id of the episode that the entry with this id opens.
func EpisodeID(opening string) string {
	return digestOf("holdfast.dev/episode-id/v1", opening)[:32]
}

// digestOf is the SHA-256 of the canonical JSON array of parts.
func digestOf(parts ...any) string {
	data, err := canonical(parts)
	if err != nil {
		panic(fmt.Sprintf("parts of an id are always encodable: %v", err))
	}
	return Digest(data)
}

// NewObject returns v, encoded as canonical JSON, as a content-addressed object.
func NewObject(v any) (Object, error) {
	data, err := canonical(v)
	if err != nil {
		return Object{}, fmt.Errorf("encode an object: %w", err)
	}
	return Object{Digest: Digest(data), Data: data}, nil
}
