package controllers

import (
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestBlind: what a kind that cannot be observed leaves open is one gap, and not
// an entry per subject; what deviates for all that is said.
func TestBlind(t *testing.T) {
	d := defined(t, policy("p"))
	d.Controls[0].Needs = []control.Need{control.NeedNamespaces, control.NeedPods}
	missing := func(need control.Need) map[control.Need]string {
		return map[control.Need]string{need: control.ReasonForbidden}
	}
	cases := map[string]struct {
		outcome     control.Outcome
		unavailable map[control.Need]string
		wantBlind   bool
		wantPartly  bool
	}{
		"not evaluated, a kind is missing":            {control.NotEvaluated, missing(control.NeedPods), true, true},
		"not evaluated, everything is seen":           {control.NotEvaluated, nil, false, false},
		"not evaluated, what nobody needs is missing": {control.NotEvaluated, missing(control.NeedEntrances), false, false},
		"deviating, a kind is missing":                {control.Deviating, missing(control.NeedPods), false, true},
		"conforming, what nobody needs is missing":    {control.Conforming, missing(control.NeedEntrances), false, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := unit{assess.Unit{Def: d.Definition, Control: &d.Controls[0], State: control.State{Outcome: tc.outcome}}, d}
			snapshot := &control.Snapshot{Unavailable: tc.unavailable}
			if got := u.Blind(snapshot); got != tc.wantBlind {
				t.Errorf("blind is %t, want %t", got, tc.wantBlind)
			}
			if got := u.Partly(snapshot); got != tc.wantPartly {
				t.Errorf("evaluated partly is %t, want %t", got, tc.wantPartly)
			}
		})
	}
}

// TestNobodyIsJudgedByAnInvalidPolicy: its namespaces are in nobody's scope.
func TestNobodyIsJudgedByAnInvalidPolicy(t *testing.T) {
	d := defined(t, policy("p", func(p *v1alpha1.ControlPolicy) { p.Spec.Controls[0].NetworkIsolation = nil }))
	if over := (&definitions{sorted: []*definition{d}}).over(production("a")); d.Invalid == "" || len(over) != 0 {
		t.Errorf("%d definitions over the namespace, invalid: %q", len(over), d.Invalid)
	}
}
