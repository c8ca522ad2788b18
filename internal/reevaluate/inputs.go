package reevaluate

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/census"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// restore makes the evaluator and the snapshot of a statement's inputs again.
func (r *run) restore(s *statement) (*assess.Restored, *control.Snapshot, error) {
	var was *assess.Restored
	snapshot := &control.Snapshot{}
	for _, in := range s.inputs {
		if in.Role == assess.RoleDefinition {
			var err error
			if was, err = r.definition(s.ledgerID, in.Digest); err != nil {
				return nil, nil, err
			}
			continue
		}
		if err := r.part(s.ledgerID, in, snapshot); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case was == nil:
		return nil, nil, errors.New("its inputs do not say by which definition it was judged")
	case was.Policy != s.policy || was.Control.Spec.ID != s.control:
		return nil, nil, fmt.Errorf("its definition is of %s/%s", was.Policy, was.Control.Spec.ID)
	}
	return was, snapshot, nil
}

// definition reads the input with the role definition.
func (r *run) definition(ledgerID, digest string) (*assess.Restored, error) {
	key := assess.RoleDefinition + " " + digest
	if v, ok := r.decoded[key].(*assess.Restored); ok {
		return v, nil
	}
	data, err := r.src.Object(ledgerID, digest)
	if err != nil {
		return nil, err
	}
	was, err := assess.RestoreControl(data)
	if err != nil {
		return nil, err
	}
	r.keep(key, was)
	return was, nil
}

// part puts one part of a snapshot into it. What is equal in many scopes is
// read once.
func (r *run) part(ledgerID string, in ledger.Input, into *control.Snapshot) error {
	key := in.Role + " " + in.Digest
	one, ok := r.decoded[key].(*control.Snapshot)
	if !ok {
		data, err := r.src.Object(ledgerID, in.Digest)
		if err != nil {
			return err
		}
		one = &control.Snapshot{}
		if err := assess.RestorePart(one, in.Role, data); err != nil {
			return err
		}
		r.keep(key, one)
	}
	add(into, one)
	return nil
}

// add puts what one snapshot has into another.
func add(into, from *control.Snapshot) {
	to, of := reflect.ValueOf(into).Elem(), reflect.ValueOf(from).Elem()
	for i := range of.NumField() {
		if field := of.Field(i); !field.IsZero() {
			to.Field(i).Set(field)
		}
	}
}

func (r *run) keep(key string, v any) {
	if len(r.decoded) >= maxDecoded {
		clear(r.decoded)
	}
	r.decoded[key] = v
}

// census evaluates again every row of the manifest of a collection.
func (r *run) census(ctx context.Context, c *census.Census) error {
	r.report.Manifests++
	where := fmt.Sprintf("manifest of %s in ledger %s", c.Manifest.Slot.UTC().Format(time.RFC3339), c.LedgerID)
	defer r.tell()
	return c.Rows(ctx, func(row census.Row) error {
		if !r.wants(row.Unit.Policy, row.Unit.Control) {
			return nil
		}
		r.compare(statement{where, c.LedgerID, row.Unit.Policy, row.Unit.Control, row.Subject, row.Unit.State,
			c.Inputs(row, assess.RoleDefinition), c.Entry.Collection.Started.Time, c.Entry.Collection.Ended.Time})
		return nil
	})
}
