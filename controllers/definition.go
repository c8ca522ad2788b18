package controllers

import (
	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// definition is one generation of a policy as the engine holds it. It is
// immutable once in force.
type definition struct {
	*assess.Definition
	// epoch grows with each interval in which the policy could not be evaluated.
	epoch uint64
	// added is the number of namespaces that the edit brings under enforcement,
	// where they are so many that the generation has to be confirmed.
	added int
	// fresh is whether the generation was new to the ledger when it came into force.
	fresh bool
}

func define(p *v1alpha1.ControlPolicy) (*definition, error) {
	def, err := assess.Define(p)
	if err != nil {
		return nil, err
	}
	return &definition{Definition: def}, nil
}

// unit is one subject under one control of a definition, judged.
type unit struct {
	assess.Unit
	def *definition
}

// key is how the ledger knows the unit.
func (u *unit) key() ledger.Unit {
	return ledger.Unit{Policy: u.def.Name, Control: u.Control.Spec.ID, Subject: u.Subject}
}
