package enforce

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestMerge(t *testing.T) {
	ingress := denyIngress("web")
	egress := withSpec("holdfast-default-deny-egress", "NP-02", spec("Egress"))
	object := ObjectOf(ingress)
	one, two, three := Source{"one", "NET-1"}, Source{"two", "NET-1"}, Source{"three", "NET-9"}
	const ingressMessage = "NetworkPolicy holdfast-default-deny-ingress is wanted "

	cases := map[string]struct {
		wishes []Wish
		want   Plan
	}{
		"nothing": {},
		"one control, two objects": {
			wishes: []Wish{{Source: one, Changes: []control.Change{ingress, egress}}},
			want:   Plan{Changes: []Change{{egress, []Source{one}}, {ingress, []Source{one}}}},
		},
		"two policies want the same": {
			wishes: []Wish{
				{Source: two, Changes: []control.Change{ingress}},
				{Source: one, Changes: []control.Change{ingress}},
			},
			want: Plan{Changes: []Change{{ingress, []Source{one, two}}}},
		},
		"two rules want the same": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{withSpec(ingress.Name, "NP-06", ingress.Spec)}},
				{Source: two, Changes: []control.Change{ingress}},
			},
			want: Plan{Changes: []Change{{rules(ingress, "NP-01", "NP-06"), []Source{one, two}}}},
		},
		"paused": {
			wishes: []Wish{{Source: one, Paused: true, Changes: []control.Change{ingress}}},
			want:   Plan{Held: []Change{{ingress, []Source{one}}}},
		},
		"paused, and wanted by another": {
			wishes: []Wish{
				{Source: one, Paused: true, Changes: []control.Change{ingress, egress}},
				{Source: two, Changes: []control.Change{ingress}},
			},
			want: Plan{
				Changes: []Change{{ingress, []Source{two}}},
				Held:    []Change{{egress, []Source{one}}},
				Conflicts: []Conflict{{
					Object: object, Between: []Source{one, two}, Reason: v1alpha1.ReasonPolicyConflict,
					Message: ingressMessage + "by one and held back by the pause of another of one/NET-1, two/NET-1; it is applied.",
				}},
			},
		},
		"different specs": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{withSpec(ingress.Name, "NP-01", map[string]any{
					"podSelector": map[string]any{}, "policyTypes": []any{"Ingress"}, "ingress": []any{map[string]any{}},
				})}},
				{Source: two, Changes: []control.Change{ingress}},
				{Source: three, Changes: []control.Change{ingress}},
			},
			want: Plan{
				Changes: []Change{{ingress, []Source{three, two}}},
				Conflicts: []Conflict{{
					Object: object, Between: []Source{one, three, two}, Reason: v1alpha1.ReasonPolicyConflict,
					Message: ingressMessage + "in different forms by one/NET-1, three/NET-9, two/NET-1; the strictest is applied.",
				}},
			},
		},
		"the strictest is paused": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{withSpec(ingress.Name, "NP-01", narrowed("Ingress"))}},
				{Source: two, Paused: true, Changes: []control.Change{ingress}},
			},
			want: Plan{
				Changes: []Change{{withSpec(ingress.Name, "NP-01", narrowed("Ingress")), []Source{one}}},
				Conflicts: []Conflict{{
					Object: object, Between: []Source{one, two}, Reason: v1alpha1.ReasonPolicyConflict,
					Message: ingressMessage + "by one and held back by the pause of another of one/NET-1, two/NET-1; it is applied.",
				}},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Merge(tc.wishes)); diff != "" {
				t.Errorf("Merge (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStrictestWins goes through the documented order, one step at a time.
func TestStrictestWins(t *testing.T) {
	rule := map[string]any{}
	open := spec("Ingress", "Egress")
	open["ingress"], open["egress"] = []any{rule}, []any{}
	opener := spec("Ingress", "Egress")
	opener["ingress"], opener["egress"] = []any{}, []any{rule, rule}
	sorted := spec("Egress")
	cases := map[string]struct{ stricter, laxer map[string]any }{
		"every pod, before more policy types": {stricter: spec("Ingress"), laxer: narrowed("Ingress", "Egress")},
		"more policy types, before rules":     {stricter: open, laxer: spec("Ingress")},
		"fewer rules":                         {stricter: open, laxer: opener},
		"first in JSON":                       {stricter: sorted, laxer: spec("Ingress")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plan := Merge([]Wish{
				{Source: Source{"a", "NET-1"}, Changes: []control.Change{withSpec("x", "NP-01", tc.laxer)}},
				{Source: Source{"b", "NET-1"}, Changes: []control.Change{withSpec("x", "NP-01", tc.stricter)}},
			})
			if diff := cmp.Diff(tc.stricter, plan.Changes[0].Spec); diff != "" || len(plan.Conflicts) != 1 {
				t.Errorf("%d conflicts, applied (-want +got):\n%s", len(plan.Conflicts), diff)
			}
		})
	}
}

// TestOrderOfWishesNeverMatters: and every object that anybody wants is in
// exactly one of changes and held.
func TestOrderOfWishesNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wishes := rapid.SliceOfN(anyWish(), 0, 5).Draw(t, "wishes")
		before := Merge(wishes)
		if diff := cmp.Diff(before, Merge(rapid.Permutation(wishes).Draw(t, "order"))); diff != "" {
			t.Fatalf("another order differs:\n%s", diff)
		}
		wanted := map[Object]int{}
		for _, wish := range wishes {
			for _, change := range wish.Changes {
				wanted[ObjectOf(change)] = 1
			}
		}
		planned := map[Object]int{}
		for _, change := range append(before.Changes, before.Held...) {
			planned[ObjectOf(change.Change)]++
		}
		if diff := cmp.Diff(wanted, planned); diff != "" {
			t.Fatalf("objects (-wanted +planned):\n%s", diff)
		}
	})
}

func anyWish() *rapid.Generator[Wish] {
	names, controls := []string{"a", "b"}, []string{"NET-1", "NET-2"}
	specs := []map[string]any{spec("Ingress"), spec("Egress"), spec("Ingress", "Egress"), narrowed("Ingress")}
	return rapid.Custom(func(t *rapid.T) Wish {
		wish := Wish{
			Source: Source{rapid.SampledFrom(names).Draw(t, "policy"), rapid.SampledFrom(controls).Draw(t, "control")},
			Paused: rapid.Bool().Draw(t, "paused"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			wish.Changes = append(wish.Changes,
				withSpec(rapid.SampledFrom(names).Draw(t, "object"), "NP-01", rapid.SampledFrom(specs).Draw(t, "spec")))
		}
		return wish
	})
}

func spec(types ...any) map[string]any {
	return map[string]any{"podSelector": map[string]any{}, "policyTypes": types}
}

func narrowed(types ...any) map[string]any {
	return map[string]any{
		"podSelector": map[string]any{"matchLabels": map[string]any{"app": "web"}},
		"policyTypes": types,
	}
}

func withSpec(name, rule string, spec map[string]any) control.Change {
	return control.Change{
		APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy", Namespace: "web", Name: name,
		Spec: spec, Rules: []string{rule},
	}
}

func rules(change control.Change, rules ...string) control.Change {
	change.Rules = rules
	return change
}
