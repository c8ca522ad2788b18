package collect

import (
	"cmp"
	"errors"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// scope is one namespace, as it was read.
type scope struct {
	name string
	// listed is whether the list of namespaces has it, exists whether the newest
	// reading has.
	listed, exists bool
	namespace      control.Namespace
	parts          []assess.Part
	units          []unit
	// reads is how often it was read, versions at which resourceVersions it was
	// last, by kind. mark is the observer's mark before that.
	reads    int
	versions map[string]string
	mark     uint64
	// entry is what the manifest says of it, given what is recorded.
	entry ledger.ManifestScope
	// open is true until it is decided what the manifest says, differing is the
	// number of its units that differed at first.
	open      bool
	differing int
}

// unit is one subject under one control, judged by what was read.
type unit struct {
	assess.Unit
	message string
	// partly is whether something that the control needs could not be read.
	partly bool
}

// read judges a namespace by what was read of it.
func (n *collection) read(s *scope) error {
	s.reads++
	s.exists, s.namespace, s.parts, s.units = false, control.Namespace{}, nil, nil
	snapshot, err := n.cluster.Snapshot(s.name)
	if errors.Is(err, observe.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.exists, s.namespace = true, snapshot.Namespace
	n.judge(s, snapshot)
	if len(s.units) > 0 {
		s.parts, err = n.encoder.Parts(snapshot)
	} else {
		s.parts, err = namespaceOnly(snapshot.Namespace)
	}
	if err != nil {
		return &failure{ReasonNotEncodable, "namespace " + s.name + ": " + err.Error()}
	}
	return nil
}

func namespaceOnly(ns control.Namespace) ([]assess.Part, error) {
	part, err := assess.NamespacePart(ns)
	return []assess.Part{part}, err
}

// judge judges every control that the namespace is in scope of.
func (n *collection) judge(s *scope, snapshot *control.Snapshot) {
	for _, p := range n.policies {
		if p.Dispose(s.namespace) != assess.InScope {
			continue
		}
		for _, u := range assess.Judge(p.Definition, snapshot, n.Now()) {
			if p.Invalid != "" {
				u.State = control.State{Outcome: control.NotEvaluated, Basis: control.BasisConfiguration,
					Rules: []control.RuleState{{Reason: ledger.CauseInvalidPolicy}}}
			}
			if n.Distrusted != nil && n.Distrusted(u.Control.Type) {
				u.Distrust()
			}
			message := clip(u.Messages())
			u.Findings = nil
			s.units = append(s.units, unit{u, message, u.Partly(snapshot)})
		}
	}
	slices.SortStableFunc(s.units, func(a, b unit) int {
		return cmp.Or(cmp.Compare(a.Def.Name, b.Def.Name), cmp.Compare(a.Control.Spec.ID, b.Control.Spec.ID))
	})
}

// inputs are what a manifest says of the scope's parts.
func (s *scope) inputs() []ledger.Input {
	inputs := make([]ledger.Input, 0, len(s.parts))
	for _, part := range s.parts {
		inputs = append(inputs, ledger.Input{Role: part.Role, Digest: part.Digest})
	}
	return inputs
}

// payload are the exact inputs of a unit.
func (s *scope) payload(c *assess.Control) ([]ledger.Input, []ledger.Object, error) {
	if !s.exists {
		return nil, nil, nil
	}
	inputs := append([]ledger.Input{{Role: assess.RoleDefinition, Digest: c.Object.Digest}}, s.inputs()...)
	objects := []ledger.Object{c.Object}
	for _, part := range s.parts {
		objects = append(objects, part.Object)
	}
	return inputs, objects, nil
}
