package controllers

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

func TestWorstIssue(t *testing.T) {
	one := func(reason, message string) []issue { return []issue{{reason, message}} }
	cases := map[string]struct {
		by        map[string][]issue
		want      issue
		wantCount int
	}{
		"none": {},
		"one":  {map[string][]issue{"a": one(v1alpha1.ReasonContested, "x")}, issue{v1alpha1.ReasonContested, "x"}, 1},
		"the gravest": {map[string][]issue{"a": one(v1alpha1.ReasonEgressRefused, "x"), "b": one(v1alpha1.ReasonPolicyConflict, "y"),
			"c": one(v1alpha1.ReasonRepairFailed, "z")}, issue{v1alpha1.ReasonRepairFailed, "z"}, 3},
		"a collision above all": {map[string][]issue{"a": one(v1alpha1.ReasonContested, "x"), "b": one(v1alpha1.ReasonNameCollision, "y")},
			issue{v1alpha1.ReasonNameCollision, "y"}, 2},
		"of equals the first namespace": {map[string][]issue{"c": one(v1alpha1.ReasonContested, "c"), "a": one(v1alpha1.ReasonContested, "a"),
			"b": one(v1alpha1.ReasonContested, "b")}, issue{v1alpha1.ReasonContested, "a"}, 3},
		"within a namespace":      {map[string][]issue{"a": {{v1alpha1.ReasonEgressRefused, "x"}, {v1alpha1.ReasonContested, "y"}}}, issue{v1alpha1.ReasonContested, "y"}, 1},
		"a reason nobody ranked":  {map[string][]issue{"a": one("Novel", "x"), "b": one(v1alpha1.ReasonEgressRefused, "y")}, issue{v1alpha1.ReasonEgressRefused, "y"}, 2},
		"only what nobody ranked": {map[string][]issue{"a": one("Novel", "x")}, issue{"Novel", "x"}, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			i := &issues{by: map[string]map[string][]issue{"p": tc.by}}
			got, count := i.worst("p")
			if got != tc.want || count != tc.wantCount {
				t.Errorf("got %+v of %d, want %+v of %d", got, count, tc.want, tc.wantCount)
			}
			if other, n := i.worst("q"); n != 0 || other != (issue{}) {
				t.Errorf("another policy has %+v", other)
			}
		})
	}
}

func TestIssuesOfANamespaceAreReplaced(t *testing.T) {
	i := &issues{by: map[string]map[string][]issue{}}
	contested := []issue{{v1alpha1.ReasonContested, "x"}}
	steps := []struct {
		namespace string
		found     issueSet
		want      []string
		wantCount int
	}{
		{"a", issueSet{}, nil, 0},
		{"a", issueSet{"p": contested, "q": contested}, []string{"p", "q"}, 1},
		{"b", issueSet{"p": contested}, []string{"p"}, 2},
		{"a", issueSet{"p": contested, "q": contested}, nil, 2},
		{"a", issueSet{"p": {{v1alpha1.ReasonContested, "y"}}, "q": contested}, []string{"p"}, 2},
		// The namespace left the scope of p: no pass will speak of p again.
		{"a", issueSet{"q": contested}, []string{"p"}, 1},
		{"b", issueSet{}, []string{"p"}, 0},
	}
	for n, s := range steps {
		got := i.set(s.namespace, s.found)
		if diff := cmp.Diff(s.want, got); diff != "" {
			t.Errorf("step %d: changed (-want +got):\n%s", n, diff)
		}
		if _, count := i.worst("p"); count != s.wantCount {
			t.Errorf("step %d: got %d namespaces, want %d", n, count, s.wantCount)
		}
	}
	i.set("a", issueSet{"p": contested, "q": contested})
	i.forget("a")
	if _, count := i.worst("q"); count != 0 {
		t.Error("a namespace that is gone has issues")
	}
	i.set("a", issueSet{"p": contested})
	i.forgetPolicy("p")
	if _, count := i.worst("p"); count != 0 {
		t.Error("a policy that is gone has issues")
	}
}

// TestRank: what a person must act on comes before what ends by itself.
func TestRank(t *testing.T) {
	want := []string{v1alpha1.ReasonNameCollision, v1alpha1.ReasonRolledBack, v1alpha1.ReasonContested, v1alpha1.ReasonRepairFailed,
		v1alpha1.ReasonRolloutHeld, v1alpha1.ReasonPolicyConflict, v1alpha1.ReasonEgressRefused, v1alpha1.ReasonIngressRefused,
		v1alpha1.ReasonRollingOut, v1alpha1.ReasonPending, "Novel"}
	by := map[string][]issue{}
	for n, reason := range want {
		by[fmt.Sprintf("ns-%02d", len(want)-n)] = []issue{{reason, "x"}}
	}
	i := &issues{by: map[string]map[string][]issue{"p": by}}
	for n, reason := range want {
		if got, _ := i.worst("p"); got.reason != reason {
			t.Errorf("got %s, want %s", got.reason, reason)
		}
		i.forget(fmt.Sprintf("ns-%02d", len(want)-n))
	}
}

// TestWhatAPassSays of conflicts, of changes that wait, and of rollbacks.
func TestWhatAPassSays(t *testing.T) {
	one, two := enforce.Source{Policy: "p", Control: "NET-1"}, enforce.Source{Policy: "q", Control: "NET-1"}
	change := enforce.Change{WantedBy: []enforce.Source{one}, Change: control.Change{Kind: networkPolicyKind, Namespace: "a", Name: "deny"}}
	back := change
	back.Rollback = "there is no DNS any more"
	found := issueSet{}
	found.conflicts("a", []enforce.Conflict{{Between: []enforce.Source{one, two}, Reason: v1alpha1.ReasonPolicyConflict, Message: "they differ"}})
	found.waits(change, enforce.Object{Kind: networkPolicyKind, Namespace: "a", Name: "allow"})
	found.outdated(change)
	found.rolledBack(change)
	found.rolledBack(back)
	want := issueSet{
		"p": {{v1alpha1.ReasonPolicyConflict, "namespace a: they differ"},
			{v1alpha1.ReasonPending, "NetworkPolicy a/deny waits for NetworkPolicy allow, without which it would do harm"},
			{v1alpha1.ReasonPending, "NetworkPolicy a/deny changed meanwhile, and is looked at again"},
			{v1alpha1.ReasonRolledBack, "NetworkPolicy a/deny was removed again: there is no DNS any more"}},
		"q": {{v1alpha1.ReasonPolicyConflict, "namespace a: they differ"}},
	}
	if diff := cmp.Diff(want, found, cmp.AllowUnexported(issue{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAdvised: a condition says what to do about a failed repair, where that is known.
func TestAdvised(t *testing.T) {
	cases := map[string]struct {
		err  error
		want string
	}{
		"with a remedy":   {&enforce.Error{Failure: enforce.FailureForbidden, Message: "it forbids it", Remedy: "set the value"}, "Forbidden: set the value"},
		"without one":     {&enforce.Error{Failure: enforce.FailureRejected, Message: "it is not accepted"}, "it is not accepted"},
		"another failure": {errors.New("it failed"), "it failed"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, message := describe(tc.err); advised(tc.err, message) != tc.want {
				t.Errorf("got %q, want %q", advised(tc.err, message), tc.want)
			}
		})
	}
}

func TestRefusalsBecomeIssues(t *testing.T) {
	found := issueSet{}
	u := &unit{def: defined(t, policy("p"))}
	refusal := &control.Refusal{Reason: v1alpha1.ReasonEgressRefused, Message: "no DNS"}
	found.refused(u, "a", errors.Join(refusal, fmt.Errorf("plan: %w", refusal), errors.New("odd")))
	found.refused(u, "a", refusal)
	found.refused(u, "a", nil)
	want := issueSet{"p": {
		{v1alpha1.ReasonEgressRefused, "namespace a: no DNS"},
		{v1alpha1.ReasonRepairFailed, "namespace a: no repair could be planned: odd"},
	}}
	if diff := cmp.Diff(want, found, cmp.AllowUnexported(issue{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
