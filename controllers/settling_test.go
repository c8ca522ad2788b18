package controllers

import (
	"slices"
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestNothingIsSaidToBeAppliedDuringAPass: from the record of what deviates to
// the end of the pass.
func TestNothingIsSaidToBeAppliedDuringAPass(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	r, d := &ScopeReconciler{e}, defined(t, policy("p"))
	e.registry.swap("p", d, func() {})
	introduce(e, d, noon)
	steps := []struct {
		name       string
		namespace  string
		outcome    control.Outcome
		unresolved bool
		want       []bool // while the pass goes on, and after it
	}{
		{"a namespace that conforms", "a", control.Conforming, false, []bool{false, false}},
		{"one that deviates", "a", control.Deviating, false, []bool{true, false}},
		{"one that deviates as before", "a", control.Deviating, false, []bool{false, false}},
		{"one whose state is yet to be judged", "b", control.Deviating, true, []bool{true, true}},
		{"another that conforms", "a", control.Conforming, false, []bool{true, true}},
		{"one that is judged at last", "b", control.Conforming, false, []bool{true, false}},
	}
	for _, s := range steps {
		transitions, _ := e.Recorder.Record(stateDraft(d, s.namespace, s.outcome, noon))
		e.settling.begin(s.namespace, transitions)
		got := []bool{e.summarise(d).settles}
		r.passed(&pass{name: s.namespace, unresolved: s.unresolved})
		if got = append(got, e.summarise(d).settles); !slices.Equal(got, s.want) {
			t.Errorf("%s: settles is %v, want %v", s.name, got, s.want)
		}
	}
	transitions, _ := e.Recorder.Record(stateDraft(d, "c", control.Deviating, noon))
	e.settling.begin("c", transitions)
	e.settling.forgetPolicy("p")
	if e.settling.of("p") {
		t.Error("a policy that is gone settles")
	}
}
