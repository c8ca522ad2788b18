package harness

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// AwaitCondition waits until a condition of a policy is what is wanted, stated
// for the newest generation, and returns the policy.
func (c *Cluster) AwaitCondition(tb testing.TB, policy, condition string, status metav1.ConditionStatus, reason string) *v1alpha1.ControlPolicy {
	tb.Helper()
	var got *v1alpha1.ControlPolicy
	Eventually(tb, fmt.Sprintf("policy %s is %s=%s/%s", policy, condition, status, reason), func() error {
		got = c.GetPolicy(tb, policy)
		return HasCondition(got, condition, status, reason)
	})
	return got
}

// HasCondition returns nil if a policy has a condition, stated for its newest
// generation.
func HasCondition(policy *v1alpha1.ControlPolicy, condition string, status metav1.ConditionStatus, reason string) error {
	got := meta.FindStatusCondition(policy.Status.Conditions, condition)
	switch {
	case got == nil:
		return fmt.Errorf("it has no condition %s", condition)
	case got.Status != status || got.Reason != reason:
		return fmt.Errorf("it is %s=%s/%s: %s", condition, got.Status, got.Reason, got.Message)
	case got.ObservedGeneration != policy.Generation:
		return fmt.Errorf("it is %s=%s/%s of generation %d, want %d", condition, got.Status, got.Reason, got.ObservedGeneration, policy.Generation)
	}
	return nil
}

// AwaitConforming waits until a policy conforms with all its subjects.
func (c *Cluster) AwaitConforming(tb testing.TB, policy string) *v1alpha1.ControlPolicy {
	tb.Helper()
	return c.AwaitCondition(tb, policy, v1alpha1.ConditionConforming, metav1.ConditionTrue, v1alpha1.ReasonAllConforming)
}
