package control

import (
	"slices"
)

// severity orders outcomes: the highest of a subject's findings is its state.
// NotEvaluated ranks above Conforming: nothing missing becomes Conforming.
var severity = map[Outcome]int{NotApplicable: 0, Conforming: 1, NotEvaluated: 2, Deviating: 3}

// telling orders bases by what a reader has to be told first: that a state rests
// on a person's statement too, else that it rests on what was observed.
var telling = map[Basis]int{BasisConfiguration: 0, BasisBehaviour: 1, BasisAttestation: 2}

// StateOf folds the findings on one subject into its state. No findings at all
// is NotEvaluated: nothing missing becomes Conforming. The basis is the most telling
// one of the findings that decide.
func StateOf(findings []Finding) State {
	if len(findings) == 0 {
		return State{Outcome: NotEvaluated, Rules: []RuleState{{Reason: ReasonFailed}}}
	}
	worst := findings[0]
	for _, f := range findings[1:] {
		if severity[f.Outcome] > severity[worst.Outcome] {
			worst = f
		}
	}
	state := State{Outcome: worst.Outcome, Basis: worst.Basis}
	for _, f := range findings {
		if f.Outcome != state.Outcome {
			continue
		}
		if telling[f.Basis] > telling[state.Basis] {
			state.Basis = f.Basis
		}
		if state.Outcome != Conforming {
			state.Rules = append(state.Rules, RuleState{Rule: f.Rule, Reason: f.Reason, Culprits: f.Culprits})
		}
	}
	return state
}

// Equal reports whether two states are the same.
func (s State) Equal(o State) bool {
	return s.Outcome == o.Outcome && s.Basis == o.Basis &&
		slices.EqualFunc(s.Rules, o.Rules, func(a, b RuleState) bool {
			return a.Rule == b.Rule && a.Reason == b.Reason && slices.Equal(a.Culprits, b.Culprits)
		})
}

// RuleIDs returns the ids of the rules that decide the state, in order.
func (s State) RuleIDs() []string {
	ids := make([]string, 0, len(s.Rules))
	for _, r := range s.Rules {
		ids = append(ids, r.Rule)
	}
	return ids
}
