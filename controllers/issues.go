package controllers

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// issue is something that keeps what is wanted from being applied.
type issue struct{ reason, message string }

// issueSet are the issues of one pass, by policy.
type issueSet map[string][]issue

func (s issueSet) add(policy, reason, message string) {
	if i := (issue{reason, clip(message)}); !slices.Contains(s[policy], i) {
		s[policy] = append(s[policy], i)
	}
}

// refused adds the refusals of a plan.
func (s issueSet) refused(u *unit, namespace string, err error) {
	for _, e := range flatten(err) {
		var refusal *control.Refusal
		if errors.As(e, &refusal) {
			s.add(u.def.Name, refusal.Reason, fmt.Sprintf("%s: %s", scopeText(namespace), refusal.Message))
			continue
		}
		s.add(u.def.Name, v1alpha1.ReasonRepairFailed, fmt.Sprintf("%s: no repair could be planned: %v", scopeText(namespace), e))
	}
}

// conflicts adds the contradictions of a plan.
func (s issueSet) conflicts(namespace string, conflicts []enforce.Conflict) {
	for _, c := range conflicts {
		for _, source := range c.Between {
			s.add(source.Policy, c.Reason, fmt.Sprintf("%s: %s", scopeText(namespace), c.Message))
		}
	}
}

// waits adds that a change was not sent, because another one that it must come
// after did not take effect.
func (s issueSet) waits(change enforce.Change, first enforce.Object) {
	for _, want := range change.WantedBy {
		s.add(want.Policy, v1alpha1.ReasonPending, fmt.Sprintf("%s waits for %s, without which it would do harm",
			objectText(change), first))
	}
}

// outdated adds that a change did not apply to the object any more.
func (s issueSet) outdated(change enforce.Change) {
	for _, want := range change.WantedBy {
		s.add(want.Policy, v1alpha1.ReasonPending, fmt.Sprintf("%s changed meanwhile, and is looked at again",
			objectText(change)))
	}
}

// rolledBack adds that something was taken back.
func (s issueSet) rolledBack(change enforce.Change) {
	if change.Rollback == "" {
		return
	}
	for _, want := range change.WantedBy {
		s.add(want.Policy, v1alpha1.ReasonRolledBack, fmt.Sprintf("%s was removed again: %s",
			objectText(change), change.Rollback))
	}
}

// scopeText names a scope as people do.
func scopeText(scope string) string {
	if scope == control.Cluster {
		return "the cluster"
	}
	return "namespace " + scope
}

// objectText names the object of a change as people do.
func objectText(change enforce.Change) string {
	if change.Namespace == "" {
		return change.Kind + " " + change.Name
	}
	return change.Kind + " " + change.Namespace + "/" + change.Name
}

// flatten returns the parts of a joined error.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// issues hold, by policy and namespace, what keeps Enforce mode from being met.
type issues struct {
	mu sync.Mutex
	by map[string]map[string][]issue
}

// set replaces the issues of a namespace, those of policies included that no
// longer have it in scope. It returns the policies for which they changed.
func (i *issues) set(namespace string, found issueSet) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	for policy := range found {
		if i.by[policy] == nil {
			i.by[policy] = map[string][]issue{}
		}
	}
	var changed []string
	for _, policy := range sortedKeys(i.by) {
		next := found[policy]
		if slices.Equal(i.by[policy][namespace], next) {
			continue
		}
		changed = append(changed, policy)
		if len(next) == 0 {
			delete(i.by[policy], namespace)
		} else {
			i.by[policy][namespace] = next
		}
	}
	return changed
}

// forget drops the issues of a namespace that is gone.
func (i *issues) forget(namespace string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, by := range i.by {
		delete(by, namespace)
	}
}

func (i *issues) forgetPolicy(policy string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.by, policy)
}

// rank orders the reasons of Enforced=False: what a person must act on first.
var rank = []string{
	v1alpha1.ReasonNameCollision, v1alpha1.ReasonRolledBack, v1alpha1.ReasonContested, v1alpha1.ReasonRepairFailed,
	v1alpha1.ReasonRolloutHeld, v1alpha1.ReasonPolicyConflict, v1alpha1.ReasonEgressRefused, v1alpha1.ReasonIngressRefused,
	v1alpha1.ReasonDefaultClassRefused, v1alpha1.ReasonRedirectRefused, v1alpha1.ReasonCertificateRefused, v1alpha1.ReasonStrictRefused,
	v1alpha1.ReasonRollingOut, v1alpha1.ReasonPending,
}

// worst returns the gravest issue of a policy, by rank and namespace, and the
// number of namespaces that have one.
func (i *issues) worst(policy string) (issue, int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var found []issue
	for _, namespace := range sortedKeys(i.by[policy]) {
		found = append(found, i.by[policy][namespace]...)
	}
	if len(found) == 0 {
		return issue{}, 0
	}
	return slices.MinFunc(found, func(a, b issue) int { return rankOf(a) - rankOf(b) }), len(i.by[policy])
}

// count returns, by reason, the number of namespaces in which something keeps what
// a policy wants from being applied.
func (i *issues) count(policy string) map[string]int {
	i.mu.Lock()
	defer i.mu.Unlock()
	count := map[string]int{}
	for _, found := range i.by[policy] {
		reasons := map[string]bool{}
		for _, issue := range found {
			reasons[issue.reason] = true
		}
		for reason := range reasons {
			count[reason]++
		}
	}
	return count
}

func rankOf(i issue) int {
	if at := slices.Index(rank, i.reason); at >= 0 {
		return at
	}
	return len(rank)
}

// settleIssues keeps what a pass found, and asks for the status of the
// policies that it concerns.
func (r *ScopeReconciler) settleIssues(p *pass, found issueSet) {
	for _, policy := range r.issues.set(p.name, found) {
		r.statusDue.soon(policy)
	}
}
