package collect

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// scope is one namespace, or the cluster, as it was read.
type scope struct {
	name string
	// listed is whether the list of namespaces has it, exists whether the newest
	// reading has.
	listed, exists bool
	namespace      control.Namespace
	parts          []assess.Part
	// unavailable are the needs that could not be read, and why.
	unavailable map[control.Need]string
	units       []unit
	// outside are subjects that are no units: the scope is not in the policy's.
	outside []ledger.ManifestOutside
	// unseen are the controls of which not all subjects could be seen, with the
	// state of those that are recorded and were not found.
	unseen map[*assess.Control]control.State
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
	// partly is whether something that the control needs could not be read, awaits
	// whether that is a probe.
	partly, awaits bool
}

// read judges a scope by what was read of it.
func (n *collection) read(s *scope) error {
	s.reads++
	s.exists, s.namespace, s.parts, s.units = false, control.Namespace{}, nil, nil
	s.outside, s.unseen = nil, map[*assess.Control]control.State{}
	snapshot, err := n.cluster.Snapshot(s.name)
	if errors.Is(err, observe.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.exists, s.namespace = true, snapshot.Namespace
	n.probed(s, snapshot)
	s.unavailable = snapshot.Unavailable
	n.judge(s, snapshot)
	n.lookOutside(s, snapshot)
	if len(s.units) > 0 {
		s.parts, err = n.encoder.Parts(snapshot)
	} else {
		s.parts, err = namespaceOnly(snapshot.Namespace)
	}
	if err != nil {
		return &failure{ReasonNotEncodable, s.namespace.Subject().String() + ": " + err.Error()}
	}
	return nil
}

func namespaceOnly(ns control.Namespace) ([]assess.Part, error) {
	part, err := assess.NamespacePart(ns)
	return []assess.Part{part}, err
}

// probed puts what probes saw last into a snapshot.
func (n *collection) probed(s *scope, snapshot *control.Snapshot) {
	awaited := true
	if n.Probed != nil {
		snapshot.Observations, awaited = n.Probed(s.name)
	}
	if awaited && n.probing {
		snapshot.Unavailable = maps.Clone(snapshot.Unavailable)
		if snapshot.Unavailable == nil {
			snapshot.Unavailable = map[control.Need]string{}
		}
		snapshot.Unavailable[control.NeedProbes] = control.ReasonInconclusive
	}
}

// judge judges every control that the scope is in scope of.
func (n *collection) judge(s *scope, snapshot *control.Snapshot) {
	for _, p := range n.policies {
		if p.Dispose(s.namespace) != assess.InScope {
			continue
		}
		for i := range p.ofObjects.Controls {
			if c, _ := p.Control(p.ofObjects.Controls[i].Spec.ID); !c.Finds(snapshot) {
				s.unseen[c] = notSeen()
			}
		}
		for _, u := range assess.Judge(p.Definition, snapshot, n.Now()) {
			n.judged(s, p, u, snapshot)
		}
	}
	slices.SortStableFunc(s.units, func(a, b unit) int {
		return cmp.Or(cmp.Compare(a.Def.Name, b.Def.Name), cmp.Compare(a.Control.Spec.ID, b.Control.Spec.ID))
	})
}

// judged takes a unit, as the evaluator found it.
func (n *collection) judged(s *scope, p *policy, u assess.Unit, snapshot *control.Snapshot) {
	if p.Invalid != "" {
		u.State = control.State{Outcome: control.NotEvaluated, Basis: control.BasisConfiguration,
			Rules: []control.RuleState{{Reason: ledger.CauseInvalidPolicy}}}
	}
	if n.Distrusted != nil && n.Distrusted(u.Control.Type) {
		u.Distrust()
	}
	if u.Failed && !u.Control.JudgesNamespaces() {
		s.unseen[u.Control] = u.State // it stands for whatever is recorded
		return
	}
	message := clip(u.Messages())
	u.Findings = nil
	_, awaited := snapshot.Unavailable[control.NeedProbes]
	s.units = append(s.units, unit{Unit: u, message: message, partly: u.Partly(snapshot),
		awaits: awaited && slices.Contains(u.Control.Needs, control.NeedProbes)})
}

// notSeen is the state of a unit that is recorded, and could not be looked for.
func notSeen() control.State {
	return control.State{Outcome: control.NotEvaluated, Basis: control.BasisConfiguration,
		Rules: []control.RuleState{{Reason: control.ReasonInconclusive}}}
}

// lookOutside finds the subjects that controls would judge in the scope, were it in
// their policy's: the census accounts for them, too.
func (n *collection) lookOutside(s *scope, snapshot *control.Snapshot) {
	for _, p := range n.policies {
		if !p.judgesObjects() || p.Dispose(s.namespace) == assess.InScope {
			continue
		}
		for _, u := range assess.Judge(p.ofObjects, snapshot, n.Now()) {
			if u.Failed {
				n.short(ReasonEvaluatorFailed, fmt.Sprintf("control %s of policy %s could not be evaluated on %s", u.Control.Spec.ID, p.Name, s.namespace.Subject()))
				continue
			}
			last := len(s.outside) - 1
			if last < 0 || s.outside[last].Policy != p.Name || s.outside[last].Control != u.Control.Spec.ID {
				s.outside = append(s.outside, ledger.ManifestOutside{Policy: p.Name, Control: u.Control.Spec.ID})
				last++
			}
			s.outside[last].Subjects = append(s.outside[last].Subjects, u.Subject)
		}
	}
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
	return c.Payload(s.parts, &control.Snapshot{Unavailable: s.unavailable})
}
