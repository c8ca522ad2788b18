package controllers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// judgedBy judges a namespace by an evaluator.
func judgedBy(t *testing.T, evaluate func(control.Input) []control.Finding) []unit {
	t.Helper()
	d := defined(t, policy("p"))
	d.controls[0].kind = typ{evaluate: evaluate}
	return judge([]*definition{d}, &control.Snapshot{Namespace: production("a")}, noon)
}

// TestNothingMissingBecomesConforming: an evaluator that fails, or says nothing,
// has not evaluated its subject.
func TestNothingMissingBecomesConforming(t *testing.T) {
	cases := map[string]struct {
		evaluate func(control.Input) []control.Finding
		want     string
	}{
		"a panic": {func(control.Input) []control.Finding { panic("boom") }, "the evaluator failed: boom"},
		"a panic in many words": {func(control.Input) []control.Finding { panic(strings.Repeat("é", 5000)) },
			"the evaluator failed: " + strings.Repeat("é", 200)},
		"a nil dereference": {func(in control.Input) []control.Finding {
			return []control.Finding{{Rule: in.Snapshot.NetworkPolicies[0].Name}}
		},
			"the evaluator failed: runtime error: index out of range [0] with length 0"},
		"no finding": {func(control.Input) []control.Finding { return nil }, "the evaluator returned no finding"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			units := judgedBy(t, tc.evaluate)
			if len(units) != 1 {
				t.Fatalf("got %d units, want one", len(units))
			}
			u := units[0]
			want := control.State{Outcome: control.NotEvaluated, Basis: control.BasisConfiguration, Rules: []control.RuleState{{Reason: control.ReasonFailed}}}
			if diff := cmp.Diff(want, u.State); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
			if u.Subject != production("a").Subject() {
				t.Errorf("got %s", u.Subject)
			}
			if got := u.Findings[0].Message; got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if len(u.message()) > maxText {
				t.Errorf("the message has %d bytes", len(u.message()))
			}
		})
	}
}

func TestFindingsAreGroupedBySubject(t *testing.T) {
	finding := func(name, rule string, outcome control.Outcome, message string) control.Finding {
		return control.Finding{Subject: control.Subject{Kind: "Ingress", Name: name}, Rule: rule, Outcome: outcome, Reason: "R", Message: message}
	}
	units := judgedBy(t, func(in control.Input) []control.Finding {
		if in.Policy != "p" || in.Control.ID != "NET-1" || !in.Now.Equal(noon) {
			t.Errorf("got %+v", in)
		}
		return []control.Finding{
			finding("a", "1", control.Conforming, "a conforms"), finding("a", "2", control.Deviating, "one"), finding("a", "3", control.Deviating, "two"),
			finding("a", "4", control.Deviating, "one"),
			finding("b", "1", control.Conforming, "b conforms"),
			finding("c", "1", control.NotEvaluated, "unseen"), finding("c", "2", control.Conforming, "c conforms"),
		}
	})
	type told struct {
		Name, Message string
		Outcome       control.Outcome
		Failing       int
	}
	var got []told
	for i := range units {
		u := &units[i]
		got = append(got, told{u.Subject.Name, u.message(), u.State.Outcome, len(u.failing())})
	}
	want := []told{{"a", "one two", control.Deviating, 3}, {"b", "", control.Conforming, 0}, {"c", "unseen", control.NotEvaluated, 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
}

// TestBlind: what a kind that cannot be observed leaves open is one gap, and not
// an entry per subject.
func TestBlind(t *testing.T) {
	unavailable := map[control.Need]string{control.NeedNetworkPolicies: control.ReasonForbidden}
	cases := map[string]struct {
		outcome     control.Outcome
		unavailable map[control.Need]string
		want        bool
	}{
		"not evaluated, a kind is missing":   {control.NotEvaluated, unavailable, true},
		"not evaluated, everything is seen":  {control.NotEvaluated, nil, false},
		"deviating, another kind is missing": {control.Deviating, unavailable, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := unit{state: control.State{Outcome: tc.outcome}}
			if got := u.blind(&control.Snapshot{Unavailable: tc.unavailable}); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}
