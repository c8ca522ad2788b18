package observe_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// TestObserver runs what needs nothing but an API server in one cluster.
func TestObserver(t *testing.T) {
	c := startCluster(t)
	c.createFence(t, "fence")
	o := started(t, observe.Options{Config: c.RESTConfig()})
	t.Run("triggers", func(t *testing.T) { testTriggers(t, c, o) })
	t.Run("proof", func(t *testing.T) { testProof(t, c, o) })
	t.Run("podStorm", func(t *testing.T) { testPodStorm(t, c, o) })
	t.Run("terminatingPods", func(t *testing.T) { testTerminatingPods(t, c, o) })
	t.Run("snapshot", func(t *testing.T) { testSnapshot(t, c, o) })
	t.Run("echo", func(t *testing.T) { testEcho(t, c, o) })
	t.Run("staleUntilSeen", func(t *testing.T) { testStaleUntilSeen(t, c, o) })
	t.Run("unknownOutcome", func(t *testing.T) { testUnknownOutcome(t, c, o) })
	t.Run("initialList", func(t *testing.T) { testInitialList(t, c) })
	t.Run("owned", func(t *testing.T) { testOwned(t, c) })
	if gaps := o.gapsOf(control.NeedNetworkPolicies); len(gaps) > 0 {
		t.Errorf("gaps of a watch that was never interrupted: %v", gaps)
	}
}

// testTriggers: a namespace is announced exactly when an input of its verdict
// changed.
func testTriggers(t *testing.T, c *cluster, o *told) {
	const policy = "given"
	tests := map[string]struct {
		act          func(t *testing.T, namespace string)
		wantTriggers int
	}{
		"namespace labelled": {
			act:          func(t *testing.T, ns string) { c.label(t, ns, "tier", "production") },
			wantTriggers: 1,
		},
		"namespace annotated": {
			act: func(t *testing.T, ns string) {
				c.patchNamespace(t, ns, map[string]any{"annotations": map[string]string{"note": "x"}})
			},
		},
		"namespace terminating": {
			act:          func(t *testing.T, ns string) { c.terminate(t, ns) },
			wantTriggers: 1,
		},
		"namespace deleted and made again": {
			act: func(t *testing.T, ns string) {
				c.terminate(t, ns)
				c.finalize(t, ns)
				c.createNamespace(t, ns)
			},
			wantTriggers: 3, // terminating, gone, there
		},
		"policy created": {
			act:          func(t *testing.T, ns string) { c.createPolicy(t, ns, "another") },
			wantTriggers: 1,
		},
		"policy deleted": {
			act:          func(t *testing.T, ns string) { c.deletePolicy(t, ns, policy) },
			wantTriggers: 1,
		},
		"policy deleted and made again": {
			act: func(t *testing.T, ns string) {
				c.deletePolicy(t, ns, policy)
				c.createPolicy(t, ns, policy)
			},
			wantTriggers: 2,
		},
		"policy opened": {
			act: func(t *testing.T, ns string) {
				c.patchPolicy(t, ns, policy, map[string]any{"spec": map[string]any{"ingress": []any{map[string]any{}}}})
			},
			wantTriggers: 1,
		},
		"policy narrowed to some pods": {
			act: func(t *testing.T, ns string) {
				c.patchPolicy(t, ns, policy, map[string]any{
					"spec": map[string]any{"podSelector": map[string]any{"matchLabels": map[string]string{"a": "b"}}},
				})
			},
			wantTriggers: 1,
		},
		"policy labelled and annotated": {
			act: func(t *testing.T, ns string) {
				c.patchPolicy(t, ns, policy, map[string]any{"metadata": map[string]any{
					"labels": map[string]string{"spec": "x"}, "annotations": map[string]string{"note": "x"},
				}})
			},
		},
		"policy applied by holdfast, unknown to it": {
			act:          func(t *testing.T, ns string) { c.apply(t, ns, policy) },
			wantTriggers: 1, // the ownership changed
		},
		"pod created and run": {
			act: func(t *testing.T, ns string) {
				c.createPod(t, ns, "one")
				c.setPhase(t, ns, "one", corev1.PodRunning)
			},
			wantTriggers: 1, // the first of its class
		},
	}
	number := 0
	for name, test := range tests {
		number++
		namespace := fmt.Sprintf("triggers-%d", number)
		t.Run(name, func(t *testing.T) {
			c.createNamespace(t, namespace)
			c.createPolicy(t, namespace, policy)
			c.fence(t, o, "fence")
			before := o.triggered(namespace)
			test.act(t, namespace)
			c.fence(t, o, "fence")
			if diff := cmp.Diff(test.wantTriggers, o.triggered(namespace)-before); diff != "" {
				t.Errorf("triggers (-want +got):\n%s", diff)
			}
		})
	}
}

// testProof: a trigger says when the watch showed life before the event: after
// the fence that came before the change, and before the change.
func testProof(t *testing.T, c *cluster, o *told) {
	const namespace = "proof"
	c.createNamespace(t, namespace)
	c.createPolicy(t, namespace, "deny")
	c.fence(t, o, "fence")
	begun, fenced := o.triggered(namespace), time.Now()
	c.createPolicy(t, "fence", "sign-of-life")
	eventually(t, "sign of life", func() bool { return o.Progress()[control.NeedNetworkPolicies].At.After(fenced) })
	alive := time.Now()
	c.deletePolicy(t, namespace, "deny")
	eventually(t, "trigger", func() bool { return o.triggered(namespace) > begun })
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(o.triggers, func(trigger observe.Trigger) bool {
		return trigger.Namespace == namespace && trigger.Proof.After(fenced)
	})
	if i < 0 || o.triggers[i].Proof.After(alive) {
		t.Errorf("want a trigger with a proof from %v to %v, got %+v", fenced, alive, o.triggers)
	}
}

// testPodStorm: pods that come and go announce nothing while their class stays.
func testPodStorm(t *testing.T, c *cluster, o *told) {
	const namespace = "storm"
	c.createNamespace(t, namespace)
	c.createPod(t, namespace, "stays")
	c.fence(t, o, "fence")
	before := o.triggered(namespace)
	for i := range 50 {
		name := fmt.Sprintf("pod-%d", i)
		c.createPod(t, namespace, name)
		c.setPhase(t, namespace, name, corev1.PodRunning)
		if i%2 == 0 {
			c.deletePod(t, namespace, name)
		}
	}
	c.fence(t, o, "fence")
	if got := o.triggered(namespace) - before; got != 0 {
		t.Errorf("a storm of pods gave %d triggers", got)
	}
}

// testTerminatingPods: in a terminating namespace it matters whether a pod is
// left that is neither Succeeded nor Failed.
func testTerminatingPods(t *testing.T, c *cluster, o *told) {
	const namespace = "terminating"
	c.createNamespace(t, namespace)
	for _, name := range []string{"one", "two", "done"} {
		c.createPod(t, namespace, name)
	}
	c.setPhase(t, namespace, "done", corev1.PodSucceeded)
	c.fence(t, o, "fence")
	if o.snapshot(t, namespace).Namespace.HasRunningPods {
		t.Error("running pods are reported of a namespace that is not terminating")
	}

	steps := []struct {
		name         string
		act          func()
		wantTriggers int
		wantRunning  bool
	}{
		{name: "terminate", act: func() { c.terminate(t, namespace) }, wantTriggers: 1, wantRunning: true},
		{name: "first pod fails", act: func() { c.setPhase(t, namespace, "one", corev1.PodFailed) }, wantRunning: true},
		{name: "last pod goes", act: func() { c.deletePod(t, namespace, "two") }, wantTriggers: 1},
		{name: "ended pod goes", act: func() { c.deletePod(t, namespace, "done") }},
	}
	for _, step := range steps {
		before := o.triggered(namespace)
		step.act()
		c.fence(t, o, "fence")
		if diff := cmp.Diff(step.wantTriggers, o.triggered(namespace)-before); diff != "" {
			t.Errorf("%s: triggers (-want +got):\n%s", step.name, diff)
		}
		snapshot := o.snapshot(t, namespace)
		if !snapshot.Namespace.Terminating || snapshot.Namespace.HasRunningPods != step.wantRunning {
			t.Errorf("%s: namespace = %+v, want terminating with running pods = %t",
				step.name, snapshot.Namespace, step.wantRunning)
		}
	}
	c.finalize(t, namespace)
	c.fence(t, o, "fence")
	if _, err := o.Snapshot(namespace); !errors.Is(err, observe.ErrNotFound) {
		t.Errorf("snapshot of a namespace that is gone: %v, want %v", err, observe.ErrNotFound)
	}
	if _, ok := o.Namespace(namespace); ok {
		t.Error("a namespace that is gone is still known")
	}
}

func testSnapshot(t *testing.T, c *cluster, o *told) {
	const namespace = "snapshot"
	c.createNamespace(t, namespace)
	c.label(t, namespace, "tier", "production")
	c.createPolicy(t, namespace, "b")
	applied := c.apply(t, namespace, "a")
	c.createPolicy(t, namespace, "c")
	c.fence(t, o, "fence")

	snapshot := o.snapshot(t, namespace)
	if diff := cmp.Diff([]string{"a", "b", "c"}, names(snapshot.NetworkPolicies)); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	if len(snapshot.Unavailable) > 0 {
		t.Errorf("unavailable: %v", snapshot.Unavailable)
	}
	wantLabels := map[string]string{corev1.LabelMetadataName: namespace, "tier": "production"}
	if diff := cmp.Diff(wantLabels, snapshot.Namespace.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	ours, foreign := snapshot.NetworkPolicies[0], snapshot.NetworkPolicies[1]
	wantIdentity := control.Identity{
		UID:             string(applied.UID),
		ResourceVersion: applied.ResourceVersion,
		Generation:      1,
		Manager:         fieldManager,
		ManagedAt:       applied.ManagedFields[0].Time.UTC(),
		Applied:         applied.ManagedFields[0].Time.UTC(),
	}
	if diff := cmp.Diff(wantIdentity, ours.Identity); diff != "" {
		t.Errorf("identity of what was applied (-want +got):\n%s", diff)
	}
	wantSpec := denyIngress(namespace, "").Spec
	if diff := cmp.Diff(wantSpec, foreign.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if !ours.Ours || foreign.Ours || foreign.Identity.Manager != "kubectl-create" {
		t.Errorf("ownership: ours %+v, foreign %+v", ours, foreign)
	}
	for _, need := range []control.Need{control.NeedNamespaces, control.NeedNetworkPolicies, control.NeedPods} {
		if !atLeast(t, snapshot.Versions[need], applied.ResourceVersion) {
			t.Errorf("version of %s is %s, want at least %s", need, snapshot.Versions[need], applied.ResourceVersion)
		}
	}

	c.deletePolicy(t, namespace, "b")
	c.patchPolicy(t, namespace, "c", map[string]any{"spec": map[string]any{"ingress": []any{map[string]any{}}}})
	c.fence(t, o, "fence")
	if diff := cmp.Diff([]string{"a", "b", "c"}, names(snapshot.NetworkPolicies)); diff != "" {
		t.Errorf("a snapshot changed after it was taken (-want +got):\n%s", diff)
	}
	later := o.snapshot(t, namespace)
	wantOpen := []networkingv1.NetworkPolicyIngressRule{{}}
	if diff := cmp.Diff(wantOpen, later.NetworkPolicies[1].Spec.Ingress); diff != "" {
		t.Errorf("ingress of the opened policy (-want +got):\n%s", diff)
	}
	if got := later.NetworkPolicies[1].Identity.Manager; got != "kubectl-edit" {
		t.Errorf("manager of the opened policy is %q", got)
	}
}

// testInitialList: what existed before is announced at low priority, once, and
// only when namespaces and policies are both there.
func testInitialList(t *testing.T, c *cluster) {
	o := started(t, observe.Options{Config: c.RESTConfig()})
	var known []string
	o.Namespaces(func(namespace control.Namespace) bool {
		known = append(known, namespace.Name)
		return true
	})
	if len(known) < 5 {
		t.Fatalf("known namespaces: %v", known)
	}
	for _, namespace := range known {
		snapshot := o.snapshot(t, namespace)
		if len(snapshot.Unavailable) > 0 {
			t.Errorf("unavailable in %s: %v", namespace, snapshot.Unavailable)
		}
		// Once when there is something to go by, and again when there is everything.
		if got := o.triggered(namespace); got < 1 || got > 2 {
			t.Errorf("%s was announced %d times at the start", namespace, got)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, trigger := range o.triggers {
		if !trigger.Initial {
			t.Errorf("%s was announced as live drift at the start", trigger.Namespace)
		}
	}
}

// testOwned: what the ledger knows counts as ours, whatever managedFields say.
func testOwned(t *testing.T, c *cluster) {
	const namespace = "owned"
	c.createNamespace(t, namespace)
	created := c.createPolicy(t, namespace, "made")
	c.createPolicy(t, namespace, "other")
	o := started(t, observe.Options{
		Config: c.RESTConfig(),
		Owned: func(kind, ns, name, uid string) bool {
			return kind == "NetworkPolicy" && ns == namespace && name == "made" && uid == string(created.UID)
		},
	})
	snapshot := o.snapshot(t, namespace)
	if !snapshot.NetworkPolicies[0].Ours || snapshot.NetworkPolicies[1].Ours {
		t.Errorf("ownership: %+v", snapshot.NetworkPolicies)
	}
}
