package control_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestStateOf: the worst finding decides, and whoever reads the state is told of
// the most telling basis of those that decide.
func TestStateOf(t *testing.T) {
	finding := func(rule string, outcome control.Outcome, basis control.Basis) control.Finding {
		return control.Finding{Rule: rule, Outcome: outcome, Basis: basis, Reason: "Why" + rule}
	}
	const declared, seen, stated = control.BasisConfiguration, control.BasisBehaviour, control.BasisAttestation
	for name, tc := range map[string]struct {
		findings []control.Finding
		want     control.State
	}{
		"none": {nil, control.State{Outcome: control.NotEvaluated, Rules: []control.RuleState{{Reason: control.ReasonFailed}}}},
		"conforming": {
			[]control.Finding{finding("1", control.NotApplicable, seen), finding("2", control.Conforming, declared)},
			control.State{Outcome: control.Conforming, Basis: declared},
		},
		"conforming, as was seen too": {
			[]control.Finding{finding("1", control.Conforming, declared), finding("2", control.Conforming, seen)},
			control.State{Outcome: control.Conforming, Basis: seen},
		},
		"conforming, as somebody states too": {
			[]control.Finding{finding("1", control.Conforming, stated), finding("2", control.Conforming, seen)},
			control.State{Outcome: control.Conforming, Basis: stated},
		},
		"what does not decide says nothing": {
			[]control.Finding{finding("1", control.Conforming, stated), finding("2", control.Deviating, declared)},
			control.State{Outcome: control.Deviating, Basis: declared, Rules: []control.RuleState{{Rule: "2", Reason: "Why2"}}},
		},
		"not known is worse than conforming": {
			[]control.Finding{finding("1", control.Conforming, declared), finding("2", control.NotEvaluated, seen)},
			control.State{Outcome: control.NotEvaluated, Basis: seen, Rules: []control.RuleState{{Rule: "2", Reason: "Why2"}}},
		},
		"deviating, declared and seen": {
			[]control.Finding{
				finding("1", control.Deviating, declared), finding("2", control.NotEvaluated, stated), finding("3", control.Deviating, seen),
			},
			control.State{Outcome: control.Deviating, Basis: seen, Rules: []control.RuleState{{Rule: "1", Reason: "Why1"}, {Rule: "3", Reason: "Why3"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, control.StateOf(tc.findings)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
