package controllers

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// definition is one generation of a policy, made ready for evaluation. It is
// immutable once in force.
type definition struct {
	name       string
	uid        string
	generation int64
	spec       v1alpha1.ControlPolicySpec
	// specObject is the whole spec, as the ledger keeps it.
	specObject ledger.Object
	selector   labels.Selector
	excluded   map[string]struct{}
	controls   []controlDefinition
	// epoch grows with each interval in which the policy could not be evaluated.
	epoch uint64
	// fresh is whether the generation was new to the ledger when it came into force.
	fresh bool
	// invalid says in one sentence why the spec cannot be used, where so;
	// stalled is the reason constant for it.
	invalid, stalled string
}

// controlDefinition is one control of a definition, with its mode and
// tolerance resolved.
type controlDefinition struct {
	spec     v1alpha1.ControlSpec
	kind     control.Control
	needs    []control.Need
	priority v1alpha1.Priority
	// object is what an evaluation takes from the policy, as the ledger keeps it.
	object ledger.Object
	// digest identifies the definition, prose excluded.
	digest string
}

// definedBy is what of a control makes its definition. A change to it splits
// the control's results; a change to its prose does not.
type definedBy struct {
	Mode             v1alpha1.Mode              `json:"mode"`
	Tolerance        *v1alpha1.Tolerance        `json:"tolerance,omitempty"`
	OperatingFrom    *metav1.Time               `json:"operatingFrom,omitempty"`
	NetworkIsolation *v1alpha1.NetworkIsolation `json:"networkIsolation,omitempty"`
}

// evaluatedAs is the part of an evaluator's input that comes from the policy.
type evaluatedAs struct {
	Policy           string               `json:"policy"`
	Control          v1alpha1.ControlSpec `json:"control"`
	EvaluatorVersion int                  `json:"evaluatorVersion"`
}

// define makes a policy ready for evaluation. A spec that cannot be used gives
// a definition that says why.
func define(p *v1alpha1.ControlPolicy) (*definition, error) {
	d := &definition{name: p.Name, uid: string(p.UID), generation: p.Generation, spec: p.Spec, excluded: map[string]struct{}{}}
	var err error
	if d.specObject, err = ledger.NewObject(p.Spec); err != nil {
		return nil, fmt.Errorf("policy %s: %w", p.Name, err)
	}
	if d.selector, err = metav1.LabelSelectorAsSelector(&p.Spec.Scope.NamespaceSelector); err != nil {
		d.selector = labels.Nothing()
		d.invalid = fmt.Sprintf("spec.scope.namespaceSelector: %v", err)
	}
	for _, name := range p.Spec.Scope.BuiltinExclusions {
		d.excluded[name] = struct{}{}
	}
	for _, e := range p.Spec.Scope.Exclusions {
		for _, name := range e.Namespaces {
			d.excluded[name] = struct{}{}
		}
	}
	for _, spec := range p.Spec.Controls {
		c, err := defineControl(p, spec)
		if err != nil {
			d.invalid = err.Error()
			continue
		}
		d.controls = append(d.controls, *c)
	}
	if d.invalid != "" {
		d.stalled = v1alpha1.ReasonInvalidSpec
	}
	return d, nil
}

func defineControl(p *v1alpha1.ControlPolicy, spec v1alpha1.ControlSpec) (*controlDefinition, error) {
	typ, ok := controls.Of(spec)
	if !ok {
		return nil, fmt.Errorf("spec.controls[%s]: no control type that this version knows is set", spec.ID)
	}
	kind := typ.Control
	spec.Mode = modeOf(p.Spec, spec)
	if spec.Tolerance == nil {
		spec.Tolerance = p.Spec.Tolerance
	}
	c := &controlDefinition{spec: spec, kind: kind, needs: kind.Needs(spec), priority: spec.Priority}
	// Prose is no input of an evaluation.
	judged := v1alpha1.ControlSpec{ID: spec.ID, Mode: spec.Mode, Tolerance: spec.Tolerance,
		OperatingFrom: spec.OperatingFrom, NetworkIsolation: spec.NetworkIsolation}
	var err error
	if c.object, err = ledger.NewObject(evaluatedAs{p.Name, judged, kind.EvaluatorVersion()}); err != nil {
		return nil, fmt.Errorf("spec.controls[%s]: %w", spec.ID, err)
	}
	defined, err := ledger.NewObject(definedBy{spec.Mode, spec.Tolerance, spec.OperatingFrom, spec.NetworkIsolation})
	if err != nil {
		return nil, fmt.Errorf("spec.controls[%s]: %w", spec.ID, err)
	}
	c.digest = defined.Digest
	return c, nil
}

func modeOf(p v1alpha1.ControlPolicySpec, c v1alpha1.ControlSpec) v1alpha1.Mode {
	switch {
	case c.Mode != "":
		return c.Mode
	case p.Mode != "":
		return p.Mode
	default:
		return v1alpha1.ModeObserve
	}
}

// disposition says how a namespace stands to a policy's scope.
type disposition string

const (
	inScope     disposition = "InScope"
	excluded    disposition = "Excluded"
	notSelected disposition = "NotSelected"
)

func (d *definition) dispose(ns control.Namespace) disposition {
	if !d.selector.Matches(labels.Set(ns.Labels)) {
		return notSelected
	}
	if _, out := d.excluded[ns.Name]; out {
		return excluded
	}
	return inScope
}

// pausedUntil is when repairs resume, zero if they are not paused at now.
func (d *definition) pausedUntil(now time.Time) time.Time {
	if e := d.spec.Enforcement; e != nil && e.Pause != nil && e.Pause.Until.After(now) {
		return e.Pause.Until.Time
	}
	return time.Time{}
}

func (d *definition) control(id string) (*controlDefinition, bool) {
	for i := range d.controls {
		if d.controls[i].spec.ID == id {
			return &d.controls[i], true
		}
	}
	return nil, false
}

// ref returns how entries about a control of this definition refer to it.
func (d *definition) ref(c *controlDefinition) *ledger.PolicyRef {
	r := &ledger.PolicyRef{Name: d.name, UID: d.uid, Generation: d.generation, Definition: d.specObject.Digest}
	if c != nil {
		r.Definition = c.digest
	}
	return r
}
