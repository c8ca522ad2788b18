package controllers

import (
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// inputs are the exact inputs of an evaluation, in parts.
func (r *Engine) inputs(p *pass, c *assess.Control, snapshot *control.Snapshot) ([]ledger.Input, []ledger.Object, error) {
	if p.partsOf != snapshot {
		parts, err := r.partsOf(p, snapshot)
		if err != nil {
			return nil, nil, err
		}
		p.partsOf, p.parts = snapshot, parts
	}
	return c.Payload(p.parts, snapshot)
}

// partsOf are the parts of a snapshot. Another snapshot of the same pass differs
// from the first in nothing but NetworkPolicies.
func (r *Engine) partsOf(p *pass, snapshot *control.Snapshot) ([]assess.Part, error) {
	if p.partsOf == nil {
		return r.encoder.Parts(snapshot)
	}
	return assess.WithPolicies(p.parts, snapshot)
}
