// Package census reads the manifests of collections: who and what was in the
// population of each control, row by row.
package census

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Source is a ledger's directory, or an unpacked bundle: *ledger.Reader.
type Source interface {
	// Chain are the ledgers, oldest first.
	Chain() []ledger.LedgerInfo
	// Read calls fn for the encoded entries of a ledger, in order.
	Read(ctx context.Context, opts ledger.ReadOptions, fn func(seq uint64, data []byte) error) error
	// Object returns the content of an object that an entry names.
	Object(ledgerID, digest string) ([]byte, error)
}

var _ Source = (*ledger.Reader)(nil)

// Census is the manifest of one collection.
type Census struct {
	// LedgerID and Entry say where it is stated: a Collected entry.
	LedgerID string
	Entry    *ledger.Entry
	// Digest names the manifest.
	Digest   string
	Manifest ledger.Manifest

	src Source
}

// At returns the census of the newest collection whose slot is not later than
// at. A zero time means the newest of all.
func At(ctx context.Context, src Source, at time.Time) (*Census, error) {
	var found *ledger.Entry
	var of string
	none := true
	err := Collections(ctx, src, func(ledgerID string, e *ledger.Entry) error {
		none = none && e.Collection.Manifest == ""
		if e.Collection.Manifest != "" && (at.IsZero() || !e.Collection.Slot.After(at)) {
			found, of = e, ledgerID
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case none:
		return nil, errors.New("the ledger has no collection: an EvidenceSchedule makes them")
	case found == nil:
		return nil, fmt.Errorf("no collection was made at or before %s: ask for a later time", at.UTC().Format(time.RFC3339))
	}
	return Of(src, of, found)
}

// Collections calls fn for every Collected entry, in order.
func Collections(ctx context.Context, src Source, fn func(ledgerID string, e *ledger.Entry) error) error {
	kind := []byte(`"kind":"` + ledger.KindCollected + `"`)
	for _, info := range src.Chain() {
		err := src.Read(ctx, ledger.ReadOptions{LedgerID: info.LedgerID}, func(seq uint64, data []byte) error {
			if !bytes.Contains(data, kind) { // entries are canonical JSON
				return nil
			}
			e, err := Decode(seq, data)
			if err != nil || e.Kind != ledger.KindCollected {
				return err
			}
			return fn(info.LedgerID, e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Decode reads an entry. The error says what to do.
func Decode(seq uint64, data []byte) (*ledger.Entry, error) {
	e, err := ledger.Decode(data)
	if errors.Is(err, ledger.ErrUnknownCritical) {
		return nil, fmt.Errorf("entry %d is from a newer version of Holdfast: use that version: %w", seq, err)
	}
	if err != nil {
		return nil, fmt.Errorf("entry %d cannot be read: verify says more: %w", seq, err)
	}
	return e, nil
}

// Of returns the census that a Collected entry states.
func Of(src Source, ledgerID string, e *ledger.Entry) (*Census, error) {
	c := &Census{LedgerID: ledgerID, Entry: e, Digest: e.Collection.Manifest, src: src}
	data, err := src.Object(ledgerID, c.Digest)
	if err != nil {
		return nil, fmt.Errorf("read the manifest of entry %d: %w", e.Seq, err)
	}
	if err := json.Unmarshal(data, &c.Manifest); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", c.Digest, err)
	}
	if c.Manifest.Schema != ledger.ManifestSchema {
		return nil, fmt.Errorf("manifest %s has the schema %q, want %s: a newer version of Holdfast wrote it", c.Digest, c.Manifest.Schema, ledger.ManifestSchema)
	}
	return c, nil
}

// Each calls fn for every scope. One chunk of them is in memory at a time.
func (c *Census) Each(ctx context.Context, fn func(*ledger.ManifestScope) error) error {
	for _, ref := range c.Manifest.Chunks {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := c.src.Object(c.LedgerID, ref.Digest)
		if err != nil {
			return fmt.Errorf("read a chunk of the manifest: %w", err)
		}
		var chunk ledger.ManifestChunk
		if err := json.Unmarshal(data, &chunk); err != nil {
			return fmt.Errorf("chunk %s of a manifest: %w", ref.Digest, err)
		}
		for i := range chunk.Scopes {
			if err := fn(&chunk.Scopes[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Row is one unit of a control's population.
type Row struct {
	Scope   *ledger.ManifestScope
	Unit    *ledger.ManifestUnit
	Subject control.Subject
}

// Rows calls fn for every unit of every control, in order.
func (c *Census) Rows(ctx context.Context, fn func(Row) error) error {
	return c.Each(ctx, func(scope *ledger.ManifestScope) error {
		for i := range scope.Units {
			row := Row{scope, &scope.Units[i], scope.Subject}
			if row.Unit.Subject != nil {
				row.Subject = *row.Unit.Subject
			}
			if err := fn(row); err != nil {
				return err
			}
		}
		return nil
	})
}

// Control returns what the manifest says of a control of a policy.
func (c *Census) Control(policy, id string) (*ledger.ManifestPolicy, *ledger.ManifestControl) {
	for i := range c.Manifest.Policies {
		p := &c.Manifest.Policies[i]
		for j := range p.Controls {
			if p.Name == policy && p.Controls[j].ID == id {
				return p, &p.Controls[j]
			}
		}
	}
	return nil, nil
}

// Inputs are the evaluator's exact inputs for a row: the control's definition,
// and the parts of the scope.
func (c *Census) Inputs(row Row, role string) []ledger.Input {
	_, mc := c.Control(row.Unit.Policy, row.Unit.Control)
	if mc == nil {
		return row.Scope.Inputs
	}
	return append([]ledger.Input{{Role: role, Digest: mc.Input}}, row.Scope.Inputs...)
}
