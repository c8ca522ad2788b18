package enforce

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestMergePermissions(t *testing.T) {
	all := []string{"NP-01", "NP-02", "NP-03", "NP-04"}
	other := withSpec(same, spec("Ingress"))
	const notByTwo = "granted by one/NET-1, and not by two/NET-1; it is withheld."
	testMerge(t, map[string]mergeCase{
		"granted by the only one that restricts": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{same, ingress}, Failing: all},
				{Source: three, Changes: []control.Change{dns}, Failing: all},
			},
			want: Plan{Changes: []Change{due(dns, three), due(same, one), due(ingress, one)}},
		},
		"granted by both": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{same, ingress}, Failing: all},
				{Source: two, Changes: []control.Change{same, egress}, Failing: all},
			},
			want: Plan{Changes: []Change{due(same, one, two), due(egress, two), due(ingress, one)}},
		},
		"not granted by another that restricts": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{same, ingress}, Failing: all},
				{Source: two, Changes: []control.Change{ingress}},
			},
			want: Plan{
				Changes: []Change{due(ingress, one)}, Held: []Change{due(same, one)},
				Conflicts: []Conflict{conflict(same, notByTwo, one, two)},
			},
		},
		"not granted by another, and removed": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{inPlace(same), inPlace(ingress)}},
				{Source: two, Changes: []control.Change{removed(same), inPlace(ingress)}, Failing: all},
			},
			want: Plan{
				Changes:   []Change{due(removed(same), two)},
				Conflicts: []Conflict{conflict(same, notByTwo, one, two)},
			},
		},
		"not granted, and nothing is due": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{same, inPlace(ingress)}},
				{Source: two, Changes: []control.Change{inPlace(ingress)}},
			},
			want: Plan{Conflicts: []Conflict{conflict(same, notByTwo, one, two)}},
		},
		"granted in another form by another that restricts": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{same, ingress}, Failing: all},
				{Source: two, Changes: []control.Change{other, ingress}},
			},
			want: Plan{
				Changes: []Change{due(ingress, one)}, Held: []Change{due(same, one)},
				Conflicts: []Conflict{conflict(same, "wanted in different forms by one/NET-1, two/NET-1; it is withheld.", one, two)},
			},
		},
		"in another form for one that does not restrict": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{same, ingress}, Failing: all},
				{Source: two, Changes: []control.Change{other}, Failing: all},
			},
			want: Plan{
				Changes: []Change{due(same, one), due(ingress, one)},
				Conflicts: []Conflict{conflict(same,
					"wanted in different forms by one/NET-1, two/NET-1; that of one/NET-1 is applied.", one, two)},
			},
		},
		"removed with the restriction of what it permits": {
			wishes: []Wish{{Source: one, Changes: []control.Change{removed(dns), removed(egress)}, Failing: all}},
			want:   Plan{Changes: []Change{due(removed(egress), one), after(due(removed(dns), one), egress)}},
		},
		"not removed for one that restricts nothing of it": {
			wishes: []Wish{{Source: one, Changes: []control.Change{removed(dns), inPlace(ingress)}, Failing: all}},
			want: Plan{
				Held: []Change{due(removed(dns), one)},
				Conflicts: []Conflict{conflict(dns,
					"to be removed for one/NET-1, without a restriction of what it permits; it is kept.", one)},
			},
		},
		"in different forms, and nobody restricts": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{same}, Failing: all},
				{Source: two, Changes: []control.Change{other}},
			},
			want: Plan{
				Held:      []Change{due(same, one)},
				Conflicts: []Conflict{conflict(same, "wanted in different forms by one/NET-1, two/NET-1; it is withheld.", one, two)},
			},
		},
		"required by a restriction, so not removed": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{inPlace(dns), inPlace(egress)}},
				{Source: two, Changes: []control.Change{removed(dns)}, Failing: all},
			},
			want: Plan{
				Conflicts: []Conflict{conflict(dns, "to be removed for two/NET-1, and is required by one/NET-1; it is kept.", one, two)},
			},
		},
	})
}

func TestMergeRestrictions(t *testing.T) {
	all := []string{"NP-01", "NP-02", "NP-03", "NP-04"}
	open := withSpec(ingress, map[string]any{
		"podSelector": map[string]any{}, "policyTypes": []any{"Ingress"}, "ingress": []any{map[string]any{}},
	})
	withheld := conflict(dns, "granted by one/NET-1, and not by two/NET-1; it is withheld.", one, two)
	testMerge(t, map[string]mergeCase{
		"different forms": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{open}, Failing: all},
				{Source: two, Changes: []control.Change{ingress}, Failing: all},
				{Source: three, Changes: []control.Change{ingress}, Failing: all},
			},
			want: Plan{
				Changes: []Change{due(ingress, three, two)},
				Conflicts: []Conflict{conflict(ingress,
					"wanted in different forms by one/NET-1, three/NET-9, two/NET-1; the strictest is applied.", one, three, two)},
			},
		},
		"the laxer form is not applied again and again": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{open}, Failing: all},
				{Source: two, Changes: []control.Change{inPlace(ingress)}},
			},
			want: Plan{Conflicts: []Conflict{conflict(ingress,
				"wanted in different forms by one/NET-1, two/NET-1; the strictest is applied.", one, two)}},
		},
		"what it requires is withheld": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{dns, egress}, Failing: all},
				{Source: two, Changes: []control.Change{withSpec(egress, narrowed("Egress"))}},
			},
			want: Plan{
				Held: []Change{due(dns, one)},
				Conflicts: []Conflict{withheld, conflict(egress,
					"held for one/NET-1: NetworkPolicy holdfast-allow-dns, which it requires, is withheld.", one, two)},
			},
		},
		"what it requires is withheld, and nobody else wants it": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{dns, egress}, Failing: all},
				{Source: two, Changes: []control.Change{others}},
			},
			want: Plan{
				Held: []Change{due(dns, one), due(egress, one)},
				Conflicts: []Conflict{withheld, conflict(egress,
					"held for one/NET-1: NetworkPolicy holdfast-allow-dns, which it requires, is withheld.", one, two)},
			},
		},
		"kept against who wants it gone": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{ingress}, Failing: all},
				{Source: two, Changes: []control.Change{removed(ingress)}, Failing: all},
			},
			want: Plan{
				Changes:   []Change{due(ingress, one)},
				Conflicts: []Conflict{conflict(ingress, "wanted by one/NET-1, and to be removed for two/NET-1; it is kept.", one, two)},
			},
		},
		"removed where nobody wants it": {
			wishes: []Wish{{Source: one, Changes: []control.Change{removed(ingress)}, Failing: all}},
			want:   Plan{Changes: []Change{due(removed(ingress), one)}},
		},
		"rolled back against who wants it, with what it requires": {
			wishes: []Wish{
				{Source: one, Changes: []control.Change{dns, egress}, Failing: all},
				{Source: two, Changes: []control.Change{rollback(dns), rollback(egress)}},
			},
			want: Plan{
				Changes: []Change{due(rollback(egress), two), after(due(rollback(dns), two), egress)},
				Conflicts: []Conflict{
					conflict(dns, "rolled back for two/NET-1, and wanted by one/NET-1; it is removed.", one, two),
					conflict(egress, "rolled back for two/NET-1, and wanted by one/NET-1; it is removed.", one, two),
				},
			},
		},
	})
}

// TestStrictestWins goes through the documented order, one step at a time.
func TestStrictestWins(t *testing.T) {
	rule := map[string]any{}
	open := spec("Ingress", "Egress")
	open["ingress"], open["egress"] = []any{rule}, []any{}
	opener := spec("Ingress", "Egress")
	opener["ingress"], opener["egress"] = []any{}, []any{rule, rule}
	cases := map[string]struct{ stricter, laxer map[string]any }{
		"every pod, before more policy types": {stricter: spec("Ingress"), laxer: narrowed("Ingress", "Egress")},
		"more policy types, before rules":     {stricter: open, laxer: spec("Ingress")},
		"fewer rules":                         {stricter: open, laxer: opener},
		"first in JSON":                       {stricter: spec("Egress"), laxer: spec("Ingress")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plan := Merge([]Wish{
				{Source: one, Changes: []control.Change{withSpec(ingress, tc.laxer)}, Failing: ingress.Rules},
				{Source: two, Changes: []control.Change{withSpec(ingress, tc.stricter)}, Failing: ingress.Rules},
			})
			if diff := cmp.Diff(tc.stricter, plan.Changes[0].Spec); diff != "" || len(plan.Conflicts) != 1 {
				t.Errorf("%d conflicts, applied (-want +got):\n%s", len(plan.Conflicts), diff)
			}
		})
	}
}
