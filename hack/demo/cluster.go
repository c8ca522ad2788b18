package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

func (d *demo) kubectlDir() string { return filepath.Dir(d.cluster.KubectlPath()) }

// policies are the NetworkPolicies of the cluster, "namespace/name", with
// their UID and resourceVersion.
func (d *demo) policies(ctx context.Context) (map[string]string, error) {
	var list networkingv1.NetworkPolicyList
	if err := d.client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list the network policies: %w", err)
	}
	found := map[string]string{}
	for i := range list.Items {
		np := &list.Items[i]
		found[np.Namespace+"/"+np.Name] = string(np.UID) + " " + np.ResourceVersion
	}
	return found, nil
}

// awaitStatus waits until the status of the policy about networks is as wanted, and
// returns it. Where it does not become so the claims will say.
func (d *demo) awaitStatus(ctx context.Context, ok func(*v1alpha1.ControlPolicy) bool) (*v1alpha1.ControlPolicy, error) {
	return d.awaitStatusOf(ctx, policyName, ok)
}

// awaitStatusOf is awaitStatus for any policy.
func (d *demo) awaitStatusOf(ctx context.Context, name string, ok func(*v1alpha1.ControlPolicy) bool) (*v1alpha1.ControlPolicy, error) {
	policy := &v1alpha1.ControlPolicy{}
	err := wait.PollUntilContextTimeout(ctx, poll, waitLimit, true, func(ctx context.Context) (bool, error) {
		err := d.client.Get(ctx, client.ObjectKey{Name: name}, policy)
		if err != nil {
			return false, err
		}
		return policy.Status.ObservedGeneration == policy.Generation && ok(policy), nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return policy, nil
	}
	return policy, err
}

// condition is a condition of a policy: "False Deviating".
func condition(policy *v1alpha1.ControlPolicy, typ string) string {
	return conditionOf(policy.Status.Conditions, typ)
}

func conditionOf(conditions []metav1.Condition, typ string) string {
	c := meta.FindStatusCondition(conditions, typ)
	if c == nil {
		return "absent"
	}
	return string(c.Status) + " " + c.Reason
}

// subjects are the subjects with an open episode, sorted.
func subjects(policy *v1alpha1.ControlPolicy) []string {
	var names []string
	if policy.Status.OpenEpisodes != nil {
		for _, e := range policy.Status.OpenEpisodes.Longest {
			names = append(names, e.Subject)
		}
	}
	slices.Sort(names)
	return names
}

// census are the counts of namespaces.
func census(policy *v1alpha1.ControlPolicy) string {
	s := policy.Status.Scope
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("%d in scope, %d excluded, %d not selected", s.InScope, s.Excluded, s.NotSelected)
}

// asApplied reports whether a NetworkPolicy is what Holdfast applies.
func asApplied(np *networkingv1.NetworkPolicy) bool {
	return len(np.Spec.PodSelector.MatchLabels) == 0 && len(np.Spec.PodSelector.MatchExpressions) == 0 &&
		len(np.Spec.Ingress) == 0 && len(np.Spec.Egress) == 0 &&
		slices.Equal(np.Spec.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress})
}

// isApplied reports whether the namespace has the policy, as applied.
func (d *demo) isApplied(ctx context.Context, namespace string) (bool, error) {
	np := &networkingv1.NetworkPolicy{}
	err := d.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: denyIngress}, np)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil && asApplied(np), err
}

// sighting is the state of the policy of a namespace, as a watch showed it.
type sighting struct {
	at      time.Time
	applied bool
}

// repairTime is the time from the first sighting of drift to the next one of
// the policy as applied.
func repairTime(seen []sighting) (time.Duration, bool) {
	drift := slices.IndexFunc(seen, func(s sighting) bool { return !s.applied })
	if drift < 0 {
		return 0, false
	}
	repair := slices.IndexFunc(seen[drift:], func(s sighting) bool { return s.applied })
	if repair < 0 {
		return 0, false
	}
	return seen[drift+repair].at.Sub(seen[drift].at), true
}

// watchPolicy watches the policy of a namespace, from now on.
func (d *demo) watchPolicy(ctx context.Context, namespace string) (watch.Interface, error) {
	var list networkingv1.NetworkPolicyList
	options := []client.ListOption{client.InNamespace(namespace), client.MatchingFields{"metadata.name": denyIngress}}
	if err := d.client.List(ctx, &list, options...); err != nil {
		return nil, fmt.Errorf("list the network policies of %s: %w", namespace, err)
	}
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}}
	w, err := d.client.Watch(ctx, &list, append(options, from)...)
	if err != nil {
		return nil, fmt.Errorf("watch the network policies of %s: %w", namespace, err)
	}
	return w, nil
}

// clockRepair begins to watch the policy of a namespace. What it returns waits
// for the next drift and its repair, and says how long the repair took.
func (d *demo) clockRepair(ctx context.Context, namespace string) (func() (time.Duration, error), error) {
	w, err := d.watchPolicy(ctx, namespace)
	if err != nil {
		return nil, err
	}
	var took time.Duration
	done := make(chan error, 1)
	go func() {
		defer w.Stop()
		var err error
		took, err = awaitRepair(ctx, w)
		done <- err
	}()
	return func() (time.Duration, error) { err := <-done; return took, err }, nil
}

// awaitRepair reads a watch until it showed drift, and its repair.
func awaitRepair(ctx context.Context, w watch.Interface) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	var seen []sighting
	for {
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("no drift and repair on the watch: %w", ctx.Err())
		case event := <-w.ResultChan():
			now := time.Now()
			np, ok := event.Object.(*networkingv1.NetworkPolicy)
			if !ok {
				return 0, fmt.Errorf("the watch ended: %s %v", event.Type, event.Object)
			}
			seen = append(seen, sighting{now, event.Type != watch.Deleted && asApplied(np)})
			if took, ok := repairTime(seen); ok {
				return took, nil
			}
		}
	}
}
