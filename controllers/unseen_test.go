package controllers

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestSubjectsThatAreNotEvaluatedAreNamed: how many, and of which one what to do.
func TestSubjectsThatAreNotEvaluatedAreNamed(t *testing.T) {
	type judged struct{ control, subject, reason, message string }
	controls := map[string]*assess.Control{
		"ENC-1": {Spec: v1alpha1.ControlSpec{ID: "ENC-1", Priority: v1alpha1.PriorityLow}},
		"ENC-2": {Spec: v1alpha1.ControlSpec{ID: "ENC-2", Priority: v1alpha1.PriorityHigh}},
	}
	inconclusive := judged{"ENC-2", "shop", control.ReasonInconclusive, "nothing tells"}
	cases := map[string]struct {
		judged []judged
		want   string
	}{
		"none": {nil, "the state of some subjects is not known"},
		"one":  {[]judged{inconclusive}, "1 subject is not evaluated, under ENC-2: Ingress a/shop: TR-03 Inconclusive: nothing tells"},
		"by priority": {[]judged{{"ENC-1", "api", control.ReasonInconclusive, "other"}, inconclusive},
			"2 subjects are not evaluated; the first, under ENC-2: Ingress a/shop: TR-03 Inconclusive: nothing tells"},
		"by name": {[]judged{inconclusive, {"ENC-2", "api", control.ReasonInconclusive, "other"}},
			"2 subjects are not evaluated; the first, under ENC-2: Ingress a/api: TR-03 Inconclusive: other"},
		"what can be granted before all": {[]judged{inconclusive, {"ENC-1", "zoo", control.ReasonForbidden, "grant it"}},
			"2 subjects are not evaluated; the first, under ENC-1: Ingress a/zoo: TR-03 Forbidden: grant it"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var first unseen
			for _, j := range tc.judged {
				first.note(controls[j.control], &ledger.Record{Unit: ledger.Unit{Policy: "p", Control: j.control, Subject: ingress(j.subject)}, Message: j.message,
					State: control.State{Outcome: control.NotEvaluated, Rules: []control.RuleState{{Rule: "TR-03", Reason: j.reason}}}})
			}
			if got := first.String(int32(len(tc.judged))); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestWhatToDoIsSaidInFull in the condition, although an entry has no room for it.
func TestWhatToDoIsSaidInFull(t *testing.T) {
	s := newObjectsScene(t)
	long := strings.Repeat("it may not be read, ", 20) + "set the chart's value tlsSecrets.read=true"
	unseenOn := func(name, message string) control.Finding {
		f := onIngress(name, control.NotEvaluated, noon)
		f.Reason, f.Message = control.ReasonForbidden, message
		return f
	}
	s.pass(0, unseenOn("api", "b "+long), unseenOn("shop", "a "+long))
	s.r.whys.note(s.r.judge(passOver(s.r, s.ns)))
	summary := s.r.tallies(s.def)
	summary.health.Available = true
	summary.unseen.message = s.r.whole(summary.unseen)
	want := "2 subjects are not evaluated; the first, under NET-1: Ingress a/api: TR-01 Forbidden: b " + long
	if got := summary.conforming(); got.Message != want || got.Reason != v1alpha1.ReasonNotEvaluated {
		t.Errorf("got %s: %q, want %q", got.Reason, got.Message, want)
	}
	s.r.whys.forget("p")
	if summary.unseen.message = s.r.whole(summary.unseen); !strings.HasSuffix(summary.conforming().Message, "…") {
		t.Errorf("of what is forgotten more is known: %q", summary.conforming().Message)
	}
}
