package assess

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

func ingress(name string) control.Subject {
	return control.Subject{Group: "networking.k8s.io", Kind: "Ingress", Namespace: "a", Name: name, UID: "uid-" + name}
}

// TestScopesWithNothingToJudge have no unit, unless the namespace itself is the subject.
func TestScopesWithNothingToJudge(t *testing.T) {
	nothing := func(control.Input) []control.Finding { return nil }
	panics := func(control.Input) []control.Finding { panic("boom") }
	cases := map[string]struct {
		edit       func(*v1alpha1.ControlPolicy)
		ns         control.Namespace
		evaluate   func(control.Input) []control.Finding
		wantUnits  int
		wantFailed bool
	}{
		"a namespace without objects":        {encrypting, production("a"), nothing, 0, false},
		"the cluster without objects":        {encrypting, cluster(), nothing, 0, false},
		"an evaluator of objects panics":     {encrypting, production("a"), panics, 1, true},
		"namespaces are judged":              {withCluster, production("a"), nothing, 1, false},
		"namespaces are judged, not cluster": {withCluster, cluster(), panics, 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := defined(t, policy("p", tc.edit))
			d.Controls[0].Kind = typ{evaluate: tc.evaluate}
			units := Judge(d, &control.Snapshot{Namespace: tc.ns}, noon)
			if len(units) != tc.wantUnits {
				t.Fatalf("got %d units, want %d", len(units), tc.wantUnits)
			}
			for _, u := range units {
				if u.Subject != tc.ns.Subject() || u.State.Outcome != control.NotEvaluated || u.Failed != tc.wantFailed {
					t.Errorf("got %s %s, failed %t", u.Subject, u.State.Outcome, u.Failed)
				}
			}
		})
	}
}

// TestUnitsKnowTheirTimes: since when the subject is, and until when the verdict
// holds, by the first of its findings that time alone may change.
func TestUnitsKnowTheirTimes(t *testing.T) {
	born := noon.Add(-time.Minute)
	d := defined(t, policy("p", encrypting))
	d.Controls[0].Kind = typ{evaluate: func(control.Input) []control.Finding {
		return []control.Finding{
			{Subject: ingress("api"), Rule: "1", Born: born},
			{Subject: ingress("shop"), Rule: "1", Born: born, Until: noon.Add(time.Hour)},
			{Subject: ingress("shop"), Rule: "2", Born: born},
			{Subject: ingress("shop"), Rule: "3", Born: born, Until: noon.Add(time.Minute)},
			{Subject: ingress("shop"), Rule: "4", Born: born, Until: noon.Add(time.Second * 90)},
		}
	}}
	type times struct{ Born, Until time.Time }
	got := map[string]times{}
	for _, u := range Judge(d, &control.Snapshot{Namespace: production("a")}, noon) {
		got[u.Subject.Name] = times{u.Born, u.Until}
	}
	want := map[string]times{"api": {born, time.Time{}}, "shop": {born, noon.Add(time.Minute)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatMayBeGone: what is not found is gone only where everything could be
// observed; that a probe is awaited hides no object.
func TestWhatMayBeGone(t *testing.T) {
	c := &Control{Needs: []control.Need{control.NeedIngresses, control.NeedProbes}}
	cases := map[string]struct {
		missing               control.Need
		wantFinds, wantPartly bool
	}{
		"nothing is missing": {"", true, false},
		"another need":       {control.NeedPods, true, false},
		"one of its needs":   {control.NeedIngresses, false, true},
		"a probe is awaited": {control.NeedProbes, true, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := &control.Snapshot{}
			if tc.missing != "" {
				s.Unavailable = map[control.Need]string{tc.missing: control.ReasonInconclusive}
			}
			if finds, partly := c.Finds(s), c.Partly(s); finds != tc.wantFinds || partly != tc.wantPartly {
				t.Errorf("finds %t, partly %t; want %t, %t", finds, partly, tc.wantFinds, tc.wantPartly)
			}
		})
	}
}

// TestWishOfSeveralSubjects: the control wants once, and says what fails on which.
func TestWishOfSeveralSubjects(t *testing.T) {
	d := defined(t, policy("p", encrypting))
	asked := 0
	d.Controls[0].Kind = remediator{typ{evaluate: func(control.Input) []control.Finding {
		return []control.Finding{
			{Subject: ingress("api"), Rule: "TR-03", Outcome: control.Deviating},
			{Subject: ingress("old"), Rule: "TR-03", Outcome: control.Conforming},
			{Subject: ingress("shop"), Rule: "TR-01", Outcome: control.Deviating},
		}
	}}, func(control.Input) ([]control.Change, error) { asked++; return nil, nil }}
	s := &control.Snapshot{Namespace: production("a")}
	var got []enforce.Wish
	for u, others := range ByControl(Judge(d, s, noon)) {
		wish, _, _ := u.Wish(s, noon, others...)
		got = append(got, wish)
	}
	want := []enforce.Wish{{Source: enforce.Source{Policy: "p", Control: "NET-1"}, Failing: []string{"TR-03", "TR-01"},
		FailingOn: map[control.Subject][]string{ingress("api"): {"TR-03"}, ingress("old"): nil, ingress("shop"): {"TR-01"}}}}
	if diff := cmp.Diff(want, got); diff != "" || asked != 1 {
		t.Errorf("asked %d times (-want +got):\n%s", asked, diff)
	}
}
