package harness

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// FirstControl is the id of a policy's first control.
const FirstControl = "NET-1"

// PolicyBuilder builds a ControlPolicy.
type PolicyBuilder struct {
	policy v1alpha1.ControlPolicy
}

// Policy begins a policy that observes, whose only control is NET-1. It selects
// nothing yet.
func Policy(name string) *PolicyBuilder {
	b := &PolicyBuilder{}
	b.policy.Name = name
	b.policy.Spec.Mode = v1alpha1.ModeObserve
	b.policy.Spec.Scope.NamespaceSelector.MatchLabels = map[string]string{"harness.test/selected-by": "nothing"}
	b.policy.Spec.Controls = []v1alpha1.ControlSpec{{ID: FirstControl, NetworkIsolation: &v1alpha1.NetworkIsolation{}}}
	return b
}

// Enforce sets the mode Enforce.
func (b *PolicyBuilder) Enforce() *PolicyBuilder {
	b.policy.Spec.Mode = v1alpha1.ModeEnforce
	return b
}

// Select sets the selector to namespaces with a label.
func (b *PolicyBuilder) Select(key, value string) *PolicyBuilder {
	b.policy.Spec.Scope.NamespaceSelector = metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
	return b
}

// Exclude takes namespaces out of scope.
func (b *PolicyBuilder) Exclude(reason string, namespaces ...string) *PolicyBuilder {
	b.policy.Spec.Scope.Exclusions = append(b.policy.Spec.Scope.Exclusions, v1alpha1.Exclusion{Namespaces: namespaces, Reason: reason})
	return b
}

// IncludeCluster takes the cluster itself into scope.
func (b *PolicyBuilder) IncludeCluster() *PolicyBuilder {
	b.policy.Spec.Scope.Cluster = v1alpha1.ClusterIncluded
	return b
}

// Controls adds controls of any type.
func (b *PolicyBuilder) Controls(more ...v1alpha1.ControlSpec) *PolicyBuilder {
	b.policy.Spec.Controls = append(b.policy.Spec.Controls, more...)
	return b
}

// Control adds a control; what follows is about that one.
func (b *PolicyBuilder) Control(id string) *PolicyBuilder {
	b.policy.Spec.Controls = append(b.policy.Spec.Controls, v1alpha1.ControlSpec{ID: id, NetworkIsolation: &v1alpha1.NetworkIsolation{}})
	return b
}

// Deny adds directions to the newest control's defaultDeny.
func (b *PolicyBuilder) Deny(directions ...v1alpha1.Direction) *PolicyBuilder {
	isolation := b.newest().NetworkIsolation
	isolation.DefaultDeny = append(isolation.DefaultDeny, directions...)
	return b
}

// Allow adds allowances to the newest control.
func (b *PolicyBuilder) Allow(allowances ...v1alpha1.Allowance) *PolicyBuilder {
	isolation := b.newest().NetworkIsolation
	isolation.Allow = append(isolation.Allow, allowances...)
	return b
}

// OperatingFrom states when the newest control begins to operate.
func (b *PolicyBuilder) OperatingFrom(t time.Time) *PolicyBuilder {
	b.newest().OperatingFrom = &metav1.Time{Time: t}
	return b
}

// Tolerate states the policy's tolerance.
func (b *PolicyBuilder) Tolerate(correctionWithin time.Duration) *PolicyBuilder {
	b.policy.Spec.Tolerance = &v1alpha1.Tolerance{CorrectionWithin: &metav1.Duration{Duration: correctionWithin}}
	return b
}

// Pause pauses repairs until a time.
func (b *PolicyBuilder) Pause(reason string, until time.Time) *PolicyBuilder {
	b.enforcement().Pause = &v1alpha1.Pause{Reason: reason, Until: metav1.Time{Time: until}}
	return b
}

// Rollout paces first enforcement.
func (b *PolicyBuilder) Rollout(maxNamespaces int32, interval time.Duration) *PolicyBuilder {
	b.enforcement().Rollout = &v1alpha1.Rollout{MaxNamespaces: &maxNamespaces, Interval: &metav1.Duration{Duration: interval}}
	return b
}

func (b *PolicyBuilder) enforcement() *v1alpha1.Enforcement {
	if b.policy.Spec.Enforcement == nil {
		b.policy.Spec.Enforcement = &v1alpha1.Enforcement{}
	}
	return b.policy.Spec.Enforcement
}

// Resume ends the pause.
func (b *PolicyBuilder) Resume() *PolicyBuilder {
	b.policy.Spec.Enforcement = nil
	return b
}

// Build returns the policy.
func (b *PolicyBuilder) Build() *v1alpha1.ControlPolicy {
	return b.policy.DeepCopy()
}

func (b *PolicyBuilder) newest() *v1alpha1.ControlSpec {
	return &b.policy.Spec.Controls[len(b.policy.Spec.Controls)-1]
}
