package assess

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// judgedBy judges a namespace by an evaluator.
func judgedBy(t *testing.T, evaluate func(control.Input) []control.Finding) []Unit {
	t.Helper()
	d := defined(t, policy("p"))
	d.Controls[0].Kind = typ{evaluate: evaluate}
	return Judge(d, &control.Snapshot{Namespace: production("a")}, noon)
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
			if got := u.Messages(); got != tc.want {
				t.Errorf("the unit says %q, want %q", got, tc.want)
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
		Failing       []string
	}
	var got []told
	for i := range units {
		u := &units[i]
		got = append(got, told{u.Subject.Name, u.Messages(), u.State.Outcome, u.Failing()})
	}
	want := []told{{"a", "one two", control.Deviating, []string{"2", "3", "4"}}, {"b", "", control.Conforming, nil}, {"c", "unseen", control.NotEvaluated, nil}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
}

// TestWish: who repairs, and what is said of it.
func TestWish(t *testing.T) {
	change := control.Change{Kind: "NetworkPolicy", Name: "deny", Rules: []string{"NP-01"}}
	refusal := &control.Refusal{Reason: v1alpha1.ReasonEgressRefused, Message: "no DNS"}
	wants := func(in control.Input) ([]control.Change, error) {
		if in.Policy != "p" || in.Control.ID != "NET-1" || in.Snapshot == nil || !in.Now.Equal(noon) {
			t.Errorf("got %+v", in)
		}
		return []control.Change{change}, refusal
	}
	repairs := remediator{typ{}, wants}
	source := enforce.Source{Policy: "p", Control: "NET-1"}
	cases := map[string]struct {
		kind         control.Control
		edit         func(*v1alpha1.ControlPolicy)
		terminating  bool
		want         enforce.Wish
		wantEnforces bool
	}{
		"it enforces": {repairs, nil, false, enforce.Wish{Source: source, Changes: []control.Change{change}, Failing: []string{"NP-01"}}, true},
		"it is paused": {repairs, paused(noon.Add(time.Hour)), false,
			enforce.Wish{Source: source, Paused: true, Changes: []control.Change{change}, Failing: []string{"NP-01"}}, true},
		"its pause is over": {repairs, paused(noon), false,
			enforce.Wish{Source: source, Changes: []control.Change{change}, Failing: []string{"NP-01"}}, true},
		"it observes":                    {repairs, func(p *v1alpha1.ControlPolicy) { p.Spec.Mode = v1alpha1.ModeObserve }, false, enforce.Wish{}, false},
		"it cannot repair":               {typ{}, nil, false, enforce.Wish{}, false},
		"the namespace is being deleted": {repairs, nil, true, enforce.Wish{}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			edits := []func(*v1alpha1.ControlPolicy){}
			if tc.edit != nil {
				edits = append(edits, tc.edit)
			}
			d := defined(t, policy("p", edits...))
			d.Controls[0].Kind = tc.kind
			ns := production("a")
			ns.Terminating = tc.terminating
			u := Unit{Def: d, Control: &d.Controls[0], Subject: ns.Subject(), Findings: []control.Finding{
				{Rule: "NP-01", Outcome: control.Deviating}, {Rule: "NP-04", Outcome: control.Conforming}, {Rule: "NP-06", Outcome: control.NotEvaluated}}}
			got, enforces, err := u.Wish(&control.Snapshot{Namespace: ns}, noon)
			if diff := cmp.Diff(tc.want, got); diff != "" || enforces != tc.wantEnforces {
				t.Errorf("enforces %t, want %t (-want +got):\n%s", enforces, tc.wantEnforces, diff)
			}
			if errors.Is(err, refusal) != tc.wantEnforces {
				t.Errorf("got error %v", err)
			}
		})
	}
}
