package observe

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestReplace: a list that comes after an interruption names the namespaces
// where it differs from what was known, and no others.
func TestReplace(t *testing.T) {
	policy := func(namespace, name, uid string, generation int64) any {
		return &policyItem{namespace: namespace, policy: control.NetworkPolicy{
			Name: name, Identity: control.Identity{UID: uid, Generation: generation},
		}}
	}
	namespace := func(name, uid string, terminating bool) any {
		return &namespaceItem{Namespace: &control.Namespace{Name: name, UID: uid, Terminating: terminating}}
	}
	pod := func(namespace, name string) any {
		return podItem{namespace: namespace, name: name, shape: shapeOf(&corev1.Pod{})}
	}
	adopted := &policyItem{namespace: "adopted", policy: control.NetworkPolicy{
		Name: "a", Ours: true, Identity: control.Identity{UID: "u7", Generation: 1},
	}}
	tests := map[string]struct {
		table       table
		before      []any
		after       []any
		wantChanged []string
	}{
		"policies": {
			table: policyTable{},
			before: []any{
				policy("adopted", "a", "u7", 1), policy("same", "a", "u1", 1), policy("edited", "a", "u2", 1), policy("recreated", "a", "u3", 1),
				policy("gone", "a", "u4", 1),
			},
			after: []any{
				adopted, policy("same", "a", "u1", 1), policy("edited", "a", "u2", 2), policy("recreated", "a", "u5", 1),
				policy("added", "a", "u6", 1),
			},
			wantChanged: []string{"added", "adopted", "edited", "gone", "recreated"},
		},
		"namespaces": {
			table:       namespaceTable{},
			before:      []any{namespace("same", "u1", false), namespace("recreated", "u2", false), namespace("gone", "u3", false)},
			after:       []any{namespace("same", "u1", false), namespace("recreated", "u4", false), namespace("added", "u5", false)},
			wantChanged: []string{"added", "gone", "recreated"},
		},
		"pods": {
			table:       podTable{},
			before:      []any{pod("living", "a"), pod("emptied", "a"), pod("same", "a")},
			after:       []any{pod("same", "b"), pod("filled", "a")},
			wantChanged: []string{"emptied", "filled", "living"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			st := newStore(defaultDNS())
			if test.table == (podTable{}) {
				for _, name := range []string{"living", "emptied", "same", "filled"} {
					namespaceTable{}.put(st, namespace(name, name, name != "living"))
				}
			}
			test.table.replace(st, test.before)
			st.drain()
			test.table.replace(st, test.after)
			var got []string
			for _, trigger := range st.drain() {
				got = append(got, trigger.Namespace)
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.wantChanged, got); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
			test.table.replace(st, nil)
			if test.table != (podTable{}) && len(st.scopes) > 0 {
				t.Errorf("%d scopes are kept of nothing", len(st.scopes))
			}
		})
	}
}
