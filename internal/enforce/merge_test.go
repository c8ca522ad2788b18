package enforce

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

var (
	one, two, three = Source{"one", "NET-1"}, Source{"two", "NET-1"}, Source{"three", "NET-9"}

	ingress = restriction("holdfast-default-deny-ingress", "NP-01", "Ingress")
	egress  = restriction("holdfast-default-deny-egress", "NP-02", "Egress")
	others  = restriction("others", "NP-02", "Egress")
	dns     = required(permission("holdfast-allow-dns", "NP-03", "Egress"))
	// same has two aspects, as a control type may have it.
	same = permission("holdfast-allow-same", "NP-04", "Egress", "Ingress")
)

type mergeCase struct {
	wishes []Wish
	want   Plan
}

func testMerge(t *testing.T, cases map[string]mergeCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Merge(tc.wishes)); diff != "" {
				t.Errorf("Merge (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMergeWhatIsDue: of all that is wanted, only what repairs something is planned.
func TestMergeWhatIsDue(t *testing.T) {
	testMerge(t, map[string]mergeCase{
		"nothing": {},
		"nothing fails": {
			wishes: []Wish{{Source: one, Changes: []control.Change{dns, ingress, egress}}},
		},
		"another rule fails": {
			wishes: []Wish{{Source: one, Changes: []control.Change{ingress}, Failing: []string{"NP-05"}}},
		},
		"one of two is due": {
			wishes: []Wish{{Source: one, Changes: []control.Change{ingress, egress}, Failing: []string{"NP-02"}}},
			want:   Plan{Changes: []Change{due(egress, one)}},
		},
		"in place, whatever fails": {
			wishes: []Wish{{Source: one, Changes: []control.Change{inPlace(ingress)}, Failing: []string{"NP-01"}}},
		},
		"two want the same": {
			wishes: []Wish{
				{Source: two, Changes: []control.Change{ingress}, Failing: []string{"NP-01"}},
				{Source: one, Changes: []control.Change{ingress}, Failing: []string{"NP-01"}},
			},
			want: Plan{Changes: []Change{due(ingress, one, two)}},
		},
		"two want the same, and nothing fails for one": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{ingress}},
				{Source: two, Changes: []control.Change{ingress}, Failing: []string{"NP-01"}},
			},
			want: Plan{Changes: []Change{due(ingress, two)}},
		},
		"two rules want the same": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{rules(ingress, "NP-06")}, Failing: []string{"NP-06"}},
				{Source: two, Changes: []control.Change{ingress}, Failing: []string{"NP-01"}},
			},
			want: Plan{Changes: []Change{due(rules(ingress, "NP-01", "NP-06"), one, two)}},
		},
		"in order": {
			wishes: []Wish{{
				Source:  one,
				Changes: []control.Change{removed(same), egress, ingress, dns, removed(others)},
				Failing: []string{"NP-01", "NP-02", "NP-03", "NP-04"},
			}},
			want: Plan{Changes: []Change{
				due(dns, one), after(due(egress, one), dns), due(ingress, one),
				due(removed(others), one), after(due(removed(same), one), others),
			}},
		},
		"a required permission that no failing rule asks for": {
			wishes: []Wish{{Source: one, Changes: []control.Change{dns, egress}, Failing: []string{"NP-02"}}},
			want:   Plan{Changes: []Change{due(dns, one), after(due(egress, one), dns)}},
		},
		"a required permission that is in place": {
			wishes: []Wish{{Source: one, Changes: []control.Change{inPlace(dns), egress}, Failing: []string{"NP-02"}}},
			want:   Plan{Changes: []Change{due(egress, one)}},
		},
		"a required permission of another aspect": {
			wishes: []Wish{{Source: one, Changes: []control.Change{dns, ingress}, Failing: []string{"NP-01"}}},
			want:   Plan{Changes: []Change{due(ingress, one)}},
		},
		"a rollback, though nothing fails": {
			wishes: []Wish{{Source: one, Changes: []control.Change{rollback(dns), rollback(egress)}}},
			want: Plan{Changes: []Change{
				due(rollback(egress), one), after(due(rollback(dns), one), egress),
			}},
		},
		"a rollback that is done": {
			wishes: []Wish{{Source: one, Changes: []control.Change{inPlace(rollback(dns)), inPlace(rollback(egress))}}},
		},
	})
}

func TestMergePauses(t *testing.T) {
	const all = "NP-01"
	held := func(object control.Change) Conflict {
		return conflict(object, "wanted by one and held back by the pause of another of one/NET-1, two/NET-1; it is applied.", one, two)
	}
	testMerge(t, map[string]mergeCase{
		"paused": {
			wishes: []Wish{{Source: one, Paused: true, Changes: []control.Change{ingress, egress}, Failing: []string{all}}},
			want:   Plan{Held: []Change{due(ingress, one)}},
		},
		"paused, and wanted by another": {
			wishes: []Wish{
				{Source: one, Paused: true, Changes: []control.Change{ingress, egress}, Failing: []string{all, "NP-02"}},
				{Source: two, Changes: []control.Change{ingress}, Failing: []string{all}},
			},
			want: Plan{
				Changes: []Change{due(ingress, two)}, Held: []Change{due(egress, one)}, Conflicts: []Conflict{held(ingress)},
			},
		},
		"paused, and in place for another": {
			wishes: []Wish{
				{Source: one, Paused: true, Changes: []control.Change{inPlace(ingress)}},
				{Source: two, Changes: []control.Change{inPlace(ingress)}},
			},
			want: Plan{Conflicts: []Conflict{held(ingress)}},
		},
		"the strictest is paused": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{withSpec(ingress, narrowed("Ingress"))}, Failing: []string{all}},
				{Source: two, Paused: true, Changes: []control.Change{ingress}, Failing: []string{all}},
			},
			want: Plan{
				Changes:   []Change{due(withSpec(ingress, narrowed("Ingress")), one)},
				Conflicts: []Conflict{held(ingress)},
			},
		},
		"a paused restriction withholds no permission": {
			wishes: []Wish{
				{Source: one, Paused: true, Changes: []control.Change{ingress}},
				{Source: two, Changes: []control.Change{same}, Failing: []string{"NP-04"}},
			},
			want: Plan{Changes: []Change{due(same, two)}},
		},
		"a removal that is paused": {
			wishes: []Wish{
				{Source: one, Paused: true, Changes: []control.Change{removed(same)}, Failing: []string{"NP-04"}},
				{Source: two, Paused: true, Changes: []control.Change{same}, Failing: []string{"NP-04"}},
			},
			want: Plan{Held: []Change{due(removed(same), one)}},
		},
		"a removal for one, and another's is paused": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{removed(same), inPlace(ingress)}},
				{Source: two, Paused: true, Changes: []control.Change{same}},
			},
			want: Plan{Conflicts: []Conflict{conflict(same,
				"to be removed for one and held back by the pause of another of one/NET-1, two/NET-1; it is removed.", one, two)}},
		},
		"a rollback that is paused": {
			wishes: []Wish{{Source: one, Paused: true, Changes: []control.Change{rollback(ingress)}}},
			want:   Plan{Held: []Change{due(rollback(ingress), one)}},
		},
		"a permission that a paused restriction requires is not removed": {
			wishes: []Wish{
				{Source: one, Paused: true, Changes: []control.Change{inPlace(dns), inPlace(egress)}},
				{Source: two, Changes: []control.Change{removed(dns)}, Failing: []string{"NP-03"}},
			},
			want: Plan{
				Held:      []Change{due(removed(dns), two)},
				Conflicts: []Conflict{conflict(dns, "to be removed for two/NET-1, and is required by one/NET-1; it is kept.", one, two)},
			},
		},
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

// restriction is a change that denies, as a wish states it.
func restriction(name, rule string, aspects ...string) control.Change {
	var types []any
	for _, aspect := range aspects {
		types = append(types, aspect)
	}
	return control.Change{
		APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy", Namespace: "web", Name: name,
		Spec: spec(types...), Rules: []string{rule}, Effect: control.Restricts, Aspects: aspects,
	}
}

func permission(name, rule string, aspects ...string) control.Change {
	change := restriction(name, rule, aspects...)
	change.Effect = control.Permits
	return change
}

func required(change control.Change) control.Change {
	change.Required = true
	return change
}

func inPlace(change control.Change) control.Change {
	change.InPlace = true
	return change
}

func removed(change control.Change) control.Change {
	change.Spec, change.Remove, change.Required = nil, true, false
	return change
}

func rollback(change control.Change) control.Change {
	change = removed(change)
	change.Rules, change.Rollback = nil, "No pod of app=web is ready since."
	return change
}

func withSpec(change control.Change, spec map[string]any) control.Change {
	change.Spec = spec
	return change
}

func rules(change control.Change, rules ...string) control.Change {
	change.Rules = rules
	return change
}

// due is a change as a plan states it.
func due(change control.Change, wantedBy ...Source) Change {
	return Change{Change: change, WantedBy: wantedBy}
}

func after(change Change, objects ...control.Change) Change {
	for _, o := range objects {
		change.After = append(change.After, ObjectOf(o))
	}
	return change
}

func conflict(object control.Change, message string, between ...Source) Conflict {
	return Conflict{
		Object: ObjectOf(object), Between: between, Reason: v1alpha1.ReasonPolicyConflict,
		Message: "NetworkPolicy " + object.Name + " is " + message,
	}
}
