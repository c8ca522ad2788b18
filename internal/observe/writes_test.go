package observe_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/observe"
)

// testEcho: an own write announces nothing, an edit by another hand meanwhile does.
func testEcho(t *testing.T, c *cluster, o *told) {
	open := map[string]any{"spec": map[string]any{"ingress": []any{map[string]any{}}}}
	tests := map[string]struct {
		namespace    string
		act          func(t *testing.T, namespace string)
		wantTriggers int
	}{
		"created, announced before": {
			namespace: "echo-create",
			act: func(t *testing.T, ns string) {
				w := o.BeginChange(policyVersion, policyKind, ns, "own")
				w.Done(c.apply(t, ns, "own").ResourceVersion)
			},
		},
		"created, answered after the event": {
			namespace: "echo-late",
			act: func(t *testing.T, ns string) {
				w := o.BeginChange(policyVersion, policyKind, ns, "own")
				applied := c.apply(t, ns, "own")
				c.fence(t, o, "fence")
				w.Done(applied.ResourceVersion)
			},
		},
		"edited while the write was under way": {
			namespace: "echo-edited",
			act: func(t *testing.T, ns string) {
				w := o.BeginChange(policyVersion, policyKind, ns, "own")
				applied := c.apply(t, ns, "own")
				c.patchPolicy(t, ns, "own", open)
				c.fence(t, o, "fence")
				w.Done(applied.ResourceVersion)
			},
			wantTriggers: 1,
		},
		"created by others while the write failed": {
			namespace: "echo-failed",
			act: func(t *testing.T, ns string) {
				w := o.BeginChange(policyVersion, policyKind, ns, "own")
				c.createPolicy(t, ns, "own")
				c.fence(t, o, "fence")
				w.Failed()
			},
			wantTriggers: 1,
		},
		"edited after the write": {
			namespace: "echo-then-edited",
			act: func(t *testing.T, ns string) {
				w := o.BeginChange(policyVersion, policyKind, ns, "own")
				w.Done(c.apply(t, ns, "own").ResourceVersion)
				c.patchPolicy(t, ns, "own", open)
			},
			wantTriggers: 1,
		},
		"removed, answered before the event": {
			namespace: "echo-removed",
			act: func(t *testing.T, ns string) {
				o.BeginChange(policyVersion, policyKind, ns, "own").Done(c.apply(t, ns, "own").ResourceVersion)
				w := o.BeginChange(policyVersion, policyKind, ns, "own")
				c.deletePolicy(t, ns, "own")
				w.Removed()
			},
		},
		"removed, answered after the event": {
			namespace: "echo-removed-late",
			act: func(t *testing.T, ns string) {
				o.BeginChange(policyVersion, policyKind, ns, "own").Done(c.apply(t, ns, "own").ResourceVersion)
				w := o.BeginChange(policyVersion, policyKind, ns, "own")
				c.deletePolicy(t, ns, "own")
				c.fence(t, o, "fence")
				w.Removed()
			},
		},
		"created anew by others while it was removed": {
			namespace: "echo-recreated",
			act: func(t *testing.T, ns string) {
				o.BeginChange(policyVersion, policyKind, ns, "own").Done(c.apply(t, ns, "own").ResourceVersion)
				w := o.BeginChange(policyVersion, policyKind, ns, "own")
				c.deletePolicy(t, ns, "own")
				c.createPolicy(t, ns, "own")
				c.fence(t, o, "fence")
				w.Removed()
			},
			wantTriggers: 1,
		},
		"applied again without effect": {
			namespace: "echo-noop",
			act: func(t *testing.T, ns string) {
				for range 2 {
					w := o.BeginChange(policyVersion, policyKind, ns, "own")
					w.Done(c.apply(t, ns, "own").ResourceVersion)
				}
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c.createNamespace(t, test.namespace)
			c.fence(t, o, "fence")
			before := o.triggered(test.namespace)
			test.act(t, test.namespace)
			c.fence(t, o, "fence")
			if diff := cmp.Diff(test.wantTriggers, o.triggered(test.namespace)-before); diff != "" {
				t.Errorf("triggers (-want +got):\n%s", diff)
			}
			if _, err := o.Snapshot(test.namespace); err != nil {
				t.Errorf("snapshot after everything was seen: %v", err)
			}
		})
	}
}

// testStaleUntilSeen: a namespace is not evaluated on a cache that lacks an own
// write, and is announced when the cache has it.
func testStaleUntilSeen(t *testing.T, c *cluster, _ *told) {
	proxy, err := c.Proxy(0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	}()
	const namespace = "stale"
	c.createNamespace(t, namespace)
	o := started(t, observe.Options{Config: proxy.RESTConfig(c.RESTConfig())})
	before := o.triggered(namespace)

	proxy.Freeze()
	w := o.BeginChange(policyVersion, policyKind, namespace, "own")
	applied := c.apply(t, namespace, "own")
	if _, err := o.Snapshot(namespace); err != nil {
		t.Errorf("snapshot before the write was answered: %v", err)
	}
	w.Done(applied.ResourceVersion)
	if _, err := o.Snapshot(namespace); !errors.Is(err, observe.ErrStale) {
		t.Errorf("snapshot without our own write: %v, want %v", err, observe.ErrStale)
	}
	if _, err := o.Snapshot("fence"); err != nil {
		t.Errorf("snapshot of another namespace: %v", err)
	}
	if err := proxy.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace is announced when the write was seen", func() bool {
		return o.triggered(namespace) == before+1
	})
	snapshot, err := o.Snapshot(namespace)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"own"}, names(snapshot.NetworkPolicies)); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}

// testUnknownOutcome: a write of which nobody knows whether it happened blocks
// the namespace until the object was read live.
func testUnknownOutcome(t *testing.T, c *cluster, o *told) {
	const namespace = "unknown"
	c.createNamespace(t, namespace)
	c.fence(t, o, "fence")
	blocked := func(step string) {
		t.Helper()
		_, err := o.Snapshot(namespace)
		var unresolved *observe.UnresolvedWriteError
		if !errors.As(err, &unresolved) || !errors.Is(err, observe.ErrStale) || unresolved.Name != "own" {
			t.Errorf("%s: snapshot error = %v, want an unresolved write of own", step, err)
		}
	}

	o.BeginChange(policyVersion, policyKind, namespace, "own").Done("")
	blocked("no answer")
	o.NoteGone(policyVersion, policyKind, namespace, "own")
	if _, err := o.Snapshot(namespace); err != nil {
		t.Errorf("snapshot after the object was found absent: %v", err)
	}

	o.NoteChange(policyVersion, policyKind, namespace, "own", "")
	policy := c.createPolicy(t, namespace, "own")
	c.fence(t, o, "fence")
	blocked("an event alone does not say whose it is")
	o.NoteChange(policyVersion, policyKind, namespace, "own", policy.ResourceVersion)
	if diff := cmp.Diff([]string{"own"}, names(o.snapshot(t, namespace).NetworkPolicies)); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}

	o.NoteChange(policyVersion, policyKind, namespace, "own", "not a number")
	if _, err := o.Snapshot(namespace); err != nil {
		t.Errorf("a version that cannot be compared reads as stale: %v", err)
	}

	o.NoteChange(policyVersion, policyKind, namespace, "own", "")
	c.terminate(t, namespace)
	c.finalize(t, namespace)
	c.fence(t, o, "fence")
	if _, err := o.Snapshot(namespace); !errors.Is(err, observe.ErrNotFound) {
		t.Errorf("snapshot of a namespace that is gone: %v, want %v", err, observe.ErrNotFound)
	}
	c.createNamespace(t, namespace)
	c.fence(t, o, "fence")
	if _, err := o.Snapshot(namespace); err != nil {
		t.Errorf("snapshot of a namespace made again: %v", err)
	}
}
