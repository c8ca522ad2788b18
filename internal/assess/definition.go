package assess

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Definition is one generation of a policy, made ready for evaluation.
type Definition struct {
	Name       string
	UID        string
	Generation int64
	Spec       v1alpha1.ControlPolicySpec
	// SpecObject is the whole spec, as the ledger keeps it.
	SpecObject ledger.Object
	Controls   []Control
	// Invalid says in one sentence why the spec cannot be used, where so;
	// Stalled is the reason constant for it.
	Invalid, Stalled string

	selector labels.Selector
	// excluded says by which exclusion a namespace is left out, by its name.
	excluded map[string]string
}

// Control is one control of a definition, with its mode and tolerance resolved.
type Control struct {
	Spec v1alpha1.ControlSpec
	// Type is the control type's name, such as networkIsolation.
	Type  string
	Kind  control.Control
	Needs []control.Need
	// Scope is the policy's scope as the evaluator sees it, without prose; nil for
	// types that do not look at it.
	Scope *v1alpha1.Scope
	// Backup is the backup control that a restoreTest names, nil otherwise.
	Backup *v1alpha1.ControlSpec
	// GuardElsewhere is true where another control of the policy answers for the
	// guard of the control's type.
	GuardElsewhere bool
	// Object is what an evaluation takes from the policy, as the ledger keeps it.
	Object ledger.Object
	// Digest identifies the definition, prose excluded.
	Digest string
}

// definedBy is what of a control makes its definition. A change to it splits
// the control's results; a change to its prose does not.
type definedBy struct {
	Mode             v1alpha1.Mode              `json:"mode"`
	Tolerance        *v1alpha1.Tolerance        `json:"tolerance,omitempty"`
	OperatingFrom    *metav1.Time               `json:"operatingFrom,omitempty"`
	NetworkIsolation *v1alpha1.NetworkIsolation `json:"networkIsolation,omitempty"`
	// Types that came later stand under their own names too: a control without them
	// has the definition that it always had.
	EncryptionAtRest    *v1alpha1.EncryptionAtRest    `json:"encryptionAtRest,omitempty"`
	EncryptionInTransit *v1alpha1.EncryptionInTransit `json:"encryptionInTransit,omitempty"`
	Backup              *v1alpha1.Backup              `json:"backup,omitempty"`
	RestoreTest         *v1alpha1.RestoreTest         `json:"restoreTest,omitempty"`
	// Scope is what admission guards are bound to, where the cluster is in scope: then
	// an edit of it is no drift of theirs.
	Scope *v1alpha1.Scope `json:"scope,omitempty"`
	// GuardElsewhere decides whether what is left of a guard deviates: an edit that
	// makes the control answer for it is no drift.
	GuardElsewhere bool `json:"guardElsewhere,omitempty"`
}

// evaluatedAs is the part of an evaluator's input that comes from the policy.
type evaluatedAs struct {
	Policy           string               `json:"policy"`
	Control          v1alpha1.ControlSpec `json:"control"`
	EvaluatorVersion int                  `json:"evaluatorVersion"`
	Scope            *v1alpha1.Scope      `json:"scope,omitempty"`
	// Backup is the control that a restoreTest names.
	Backup *v1alpha1.ControlSpec `json:"backup,omitempty"`
	// GuardElsewhere is whether another control answers for the guard.
	GuardElsewhere bool `json:"guardElsewhere,omitempty"`
}

// Define makes a policy ready for evaluation. A spec that cannot be used gives
// a definition that says why.
func Define(p *v1alpha1.ControlPolicy) (*Definition, error) {
	d := &Definition{Name: p.Name, UID: string(p.UID), Generation: p.Generation, Spec: p.Spec, excluded: map[string]string{}}
	var err error
	if d.SpecObject, err = ledger.NewObject(p.Spec); err != nil {
		return nil, fmt.Errorf("policy %s: %w", p.Name, err)
	}
	if d.selector, err = metav1.LabelSelectorAsSelector(&p.Spec.Scope.NamespaceSelector); err != nil {
		d.selector = labels.Nothing()
		d.Invalid = fmt.Sprintf("spec.scope.namespaceSelector: %v", err)
	}
	d.exclude(&p.Spec.Scope)
	for _, spec := range p.Spec.Controls {
		c, err := defineControl(p, spec)
		if err != nil {
			d.Invalid = err.Error()
			continue
		}
		d.Controls = append(d.Controls, *c)
	}
	if d.Invalid != "" {
		d.Stalled = v1alpha1.ReasonInvalidSpec
	}
	return d, nil
}

func defineControl(p *v1alpha1.ControlPolicy, spec v1alpha1.ControlSpec) (*Control, error) {
	typ, ok := controls.Of(spec)
	if !ok {
		return nil, fmt.Errorf("spec.controls[%s]: no control type that this version knows is set", spec.ID)
	}
	if err := validate(spec); err != nil {
		return nil, fmt.Errorf("spec.controls[%s].%w", spec.ID, err)
	}
	kind := typ.Control
	spec.Mode = modeOf(p.Spec, spec)
	if spec.Tolerance == nil {
		spec.Tolerance = p.Spec.Tolerance
	}
	c := &Control{Spec: spec, Type: typ.Name, Kind: kind, Needs: kind.Needs(spec), Scope: scopeSeen(p, typ.Name), Backup: backupOf(p, spec),
		GuardElsewhere: guardElsewhere(p, spec)}
	var err error
	if c.Object, err = ledger.NewObject(evaluatedAs{p.Name, judged(spec), kind.EvaluatorVersion(), c.Scope, c.Backup, c.GuardElsewhere}); err != nil {
		return nil, fmt.Errorf("spec.controls[%s]: %w", spec.ID, err)
	}
	by := definedBy{Mode: spec.Mode, Tolerance: spec.Tolerance, OperatingFrom: spec.OperatingFrom,
		NetworkIsolation: spec.NetworkIsolation, EncryptionAtRest: spec.EncryptionAtRest, EncryptionInTransit: spec.EncryptionInTransit,
		Backup: spec.Backup, RestoreTest: spec.RestoreTest, GuardElsewhere: c.GuardElsewhere}
	if p.Spec.Scope.Cluster == v1alpha1.ClusterIncluded {
		by.Scope = c.Scope
	}
	defined, err := ledger.NewObject(by)
	if err != nil {
		return nil, fmt.Errorf("spec.controls[%s]: %w", spec.ID, err)
	}
	c.Digest = defined.Digest
	return c, nil
}

// judged is what of a control an evaluator looks at: prose is no input.
func judged(spec v1alpha1.ControlSpec) v1alpha1.ControlSpec {
	return v1alpha1.ControlSpec{ID: spec.ID, Mode: spec.Mode, Tolerance: spec.Tolerance,
		OperatingFrom: spec.OperatingFrom, NetworkIsolation: spec.NetworkIsolation,
		EncryptionAtRest: spec.EncryptionAtRest, EncryptionInTransit: spec.EncryptionInTransit,
		Backup: spec.Backup, RestoreTest: spec.RestoreTest}
}

// backupOf is the control that a restoreTest names, nil where there is none.
func backupOf(p *v1alpha1.ControlPolicy, spec v1alpha1.ControlSpec) *v1alpha1.ControlSpec {
	if spec.RestoreTest == nil {
		return nil
	}
	for _, other := range p.Spec.Controls {
		if other.ID == spec.RestoreTest.BackupControl && other.Backup != nil {
			return new(judged(other))
		}
	}
	return nil
}

// scopeSeen is the policy's scope as evaluators of a type see it.
func scopeSeen(p *v1alpha1.ControlPolicy, typ string) *v1alpha1.Scope {
	if controls.JudgesNamespaces(typ) {
		return nil
	}
	seen := p.Spec.Scope.DeepCopy()
	for i := range seen.Exclusions {
		seen.Exclusions[i] = v1alpha1.Exclusion{Namespaces: seen.Exclusions[i].Namespaces}
	}
	return seen
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

// Disposition says how a namespace stands to a policy's scope.
type Disposition string

// The dispositions: every namespace has one of them.
const (
	InScope     Disposition = "InScope"
	Excluded    Disposition = "Excluded"
	NotSelected Disposition = "NotSelected"
)

// ExclusionBuiltin stands for the built-in exclusions: exact names, which the
// policy lists.
const ExclusionBuiltin = "builtin"

// exclude takes note of the exclusions. A namespace that several name is left
// out by the first.
func (d *Definition) exclude(scope *v1alpha1.Scope) {
	for i := range slices.Backward(scope.Exclusions) {
		for _, name := range scope.Exclusions[i].Namespaces {
			d.excluded[name] = strconv.Itoa(i)
		}
	}
	for _, name := range scope.BuiltinExclusions {
		d.excluded[name] = ExclusionBuiltin
	}
}

// Exclusion says which exclusion a namespace is left out by: ExclusionBuiltin,
// or the index in spec.scope.exclusions. It is empty where there is none.
func (d *Definition) Exclusion(namespace string) string { return d.excluded[namespace] }

// Dispose says how a namespace, or the cluster, stands to the definition's scope.
func (d *Definition) Dispose(ns control.Namespace) Disposition {
	if ns.IsCluster() {
		if d.Spec.Scope.Cluster == v1alpha1.ClusterIncluded {
			return InScope
		}
		return NotSelected
	}
	if !d.selector.Matches(labels.Set(ns.Labels)) {
		return NotSelected
	}
	if _, out := d.excluded[ns.Name]; out {
		return Excluded
	}
	return InScope
}

// PausedUntil is when repairs resume, zero if they are not paused at now.
func (d *Definition) PausedUntil(now time.Time) time.Time {
	if e := d.Spec.Enforcement; e != nil && e.Pause != nil && e.Pause.Until.After(now) {
		return e.Pause.Until.Time
	}
	return time.Time{}
}

// Enforces reports whether any control is in Enforce mode.
func (d *Definition) Enforces() bool {
	for i := range d.Controls {
		if d.Controls[i].Spec.Mode == v1alpha1.ModeEnforce {
			return true
		}
	}
	return false
}

// Repairs reports whether any control in Enforce mode is of a type that can repair.
func (d *Definition) Repairs() bool {
	for i := range d.Controls {
		if d.Controls[i].repairs() {
			return true
		}
	}
	return false
}

// repairs reports whether the control is in Enforce mode, and of a type that can.
func (c *Control) repairs() bool {
	_, can := c.Kind.(control.Remediator)
	return can && c.Spec.Mode == v1alpha1.ModeEnforce
}

// Control returns the control of that id.
func (d *Definition) Control(id string) (*Control, bool) {
	for i := range d.Controls {
		if d.Controls[i].Spec.ID == id {
			return &d.Controls[i], true
		}
	}
	return nil, false
}

// Ref returns how entries refer to the definition, or to one of its controls.
func (d *Definition) Ref(c *Control) *ledger.PolicyRef {
	r := &ledger.PolicyRef{Name: d.Name, UID: d.UID, Generation: d.Generation, Definition: d.SpecObject.Digest}
	if c != nil {
		r.Definition = c.Digest
	}
	return r
}
