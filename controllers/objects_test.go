package controllers

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// ingress is an object of namespace a.
func ingress(name string) control.Subject {
	return control.Subject{Group: "networking.k8s.io", Kind: "Ingress", Namespace: "a", Name: name, UID: "uid-" + name}
}

// onIngress is a finding on an Ingress that came to be at a time.
func onIngress(name string, outcome control.Outcome, born time.Time) control.Finding {
	return control.Finding{Subject: ingress(name), Rule: "TR-01", Outcome: outcome, Reason: "Absent", Born: born}
}

// objectsScene is a policy with one control whose subjects are what findings says.
type objectsScene struct {
	*testing.T
	now      time.Time
	r        *ScopeReconciler
	def      *definition
	ns       control.Namespace
	missing  map[control.Need]string
	findings func() []control.Finding
}

func newObjectsScene(t *testing.T) *objectsScene {
	t.Helper()
	s := &objectsScene{T: t, now: noon, ns: production("a")}
	s.r = &ScopeReconciler{newEngine(t, &s.now)}
	s.r.holds = func(o control.Subject) bool { return o.Name == "moved" }
	s.def = defined(t, policy("p", func(p *v1alpha1.ControlPolicy) {
		p.Spec.Scope.Cluster = v1alpha1.ClusterIncluded
		p.Spec.Controls[0].NetworkIsolation, p.Spec.Controls[0].EncryptionInTransit = nil, &v1alpha1.EncryptionInTransit{}
	}))
	s.def.Controls[0].Kind = typ{evaluate: func(control.Input) []control.Finding { return s.findings() }}
	s.def.Controls[0].Needs = []control.Need{control.NeedIngresses, control.NeedProbes}
	s.r.registry.swap("p", s.def, func() {})
	introduce(s.r.Engine, s.def, s.now)
	return s
}

// pass makes a pass after some time, and returns what it recorded.
func (s *objectsScene) pass(after time.Duration, findings ...control.Finding) []string {
	s.Helper()
	s.findings = func() []control.Finding { return findings }
	return s.judged(after)
}

func (s *objectsScene) judged(after time.Duration) []string {
	s.Helper()
	s.now = s.now.Add(after)
	p := passOver(s.r, s.ns)
	p.began, p.snapshot.Unavailable = s.now, s.missing
	p.unchanged = s.r.proofs.of(p.name)
	p.units = s.r.judge(p)
	drafts := append(s.r.census(p), s.r.observations(p)...)
	transitions, _ := s.r.Recorder.Record(drafts...)
	p.memo.judged(p.all, p.began)
	s.r.proofs.judged(p.name, p.unchanged)
	var said []string
	for _, transition := range transitions {
		if e := transition.Entry; transition.Changed {
			said = append(said, describeEntry(&e))
		}
	}
	return said
}

func describeEntry(e *ledger.Entry) string {
	text := fmt.Sprintf("%s %s", e.Kind, e.Subject.Name)
	switch {
	case e.To != nil:
		text += fmt.Sprintf(" %s %s", e.To.Outcome, e.Origin)
	case e.Scope != nil && e.Control != "":
		text += " " + e.Scope.Cause
	}
	return text
}

// TestObjectsAreSubjects: they come and go on their own, and each has its state.
func TestObjectsAreSubjects(t *testing.T) {
	s := newObjectsScene(t)
	s.ns.CreatedAt = noon.Add(-time.Hour)
	old, born := noon.Add(-time.Minute), noon.Add(150*time.Second)
	steps := []struct {
		what     string
		findings []control.Finding
		missing  control.Need
		want     []string
	}{
		{"a scope without objects", nil, "", []string{"ScopeEntered a"}},
		{"one that was there before", []control.Finding{onIngress("old", control.Conforming, old)}, "",
			[]string{"ScopeEntered old ObjectChanged", "OutcomeChanged old Conforming EnteredScope"}},
		{"a new one", []control.Finding{onIngress("new", control.Deviating, born), onIngress("old", control.Conforming, old)}, "",
			[]string{"SubjectAdded new Created", "OutcomeChanged new Deviating NewSubject"}},
		{"the same again", []control.Finding{onIngress("new", control.Deviating, born), onIngress("old", control.Conforming, old)}, "", nil},
		{"nothing can be seen", nil, control.NeedIngresses, nil},
		{"a probe is awaited, and one is gone", []control.Finding{onIngress("new", control.NotEvaluated, born)}, control.NeedProbes,
			[]string{"SubjectDeleted old"}},
		{"another matter now", []control.Finding{onIngress("moved", control.Conforming, old)}, "",
			[]string{"ScopeEntered moved ObjectChanged", "SubjectDeleted new", "OutcomeChanged moved Conforming EnteredScope"}},
		{"and that no more", nil, "", []string{"ScopeLeft moved ObjectChanged"}},
	}
	for _, step := range steps {
		s.missing = nil
		if step.missing != "" {
			s.missing = map[control.Need]string{step.missing: control.ReasonInconclusive}
		}
		if diff := cmp.Diff(step.want, s.pass(time.Minute, step.findings...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
}

// TestObjectsThatAreNew: since the scope was last looked at, by whomever.
func TestObjectsThatAreNew(t *testing.T) {
	const isNew, isOld = ledger.KindSubjectAdded, ledger.KindScopeEntered
	cases := map[string]struct {
		// scope is when the namespace came to be, looked whether a pass was made
		// at noon, and proof what the event proves, since noon.
		scope  time.Duration
		looked bool
		proof  time.Duration
		born   time.Duration
		want   ledger.Kind
	}{
		"created since the last pass":           {-time.Hour, true, 0, 30 * time.Second, isNew},
		"created in the second of it":           {-time.Hour, true, 0, 0, isNew},
		"created before it":                     {-time.Hour, true, 0, -time.Second, isOld},
		"created after the proof":               {-time.Hour, true, 40 * time.Second, 40 * time.Second, isNew},
		"created before the proof":              {-time.Hour, true, 40 * time.Second, 30 * time.Second, isOld},
		"late to be seen, by an earlier proof":  {-time.Hour, true, -20 * time.Second, -10 * time.Second, isNew},
		"the scope itself is new":               {10 * time.Second, false, 0, 20 * time.Second, isNew},
		"the scope itself entered, with an old": {-time.Hour, false, 0, -time.Minute, isOld},
		"the scope itself entered just now":     {-time.Hour, false, 0, time.Minute, isOld},
		"the scope itself entered, with all":    {-time.Hour, false, 0, 30 * time.Second, isOld},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newObjectsScene(t)
			// The policy is older than all of it.
			s.r.Recorder.View(func(k *ledger.Known) {
				p, _ := k.Policy("p")
				p.Since = ledger.At(noon.Add(-30 * time.Minute))
			})
			s.ns.CreatedAt = noon.Add(tc.scope)
			if tc.looked {
				s.now = noon.Add(-time.Minute)
				s.pass(0)
				s.pass(time.Minute)
			}
			if tc.proof != 0 {
				s.r.proofs.note("a", noon.Add(tc.proof))
			}
			s.now = noon.Add(time.Minute)
			said := s.pass(0, onIngress("shop", control.Conforming, noon.Add(tc.born)))
			want := map[ledger.Kind]string{isNew: "SubjectAdded shop Created", isOld: "ScopeEntered shop ObjectChanged"}[tc.want]
			if !tc.looked && tc.want == isOld {
				want = "ScopeEntered shop LabelsChanged"
			}
			if got := said[len(said)-2]; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// TestAnEvaluatorOfObjectsThatFails has evaluated none of those that are known; where
// none is, it is the scope that was not evaluated.
func TestAnEvaluatorOfObjectsThatFails(t *testing.T) {
	s := newObjectsScene(t)
	panics := func() []control.Finding { panic("boom") }
	s.pass(time.Minute, onIngress("api", control.Conforming, noon), onIngress("shop", control.Deviating, noon))
	s.findings = panics
	want := []string{"OutcomeChanged api NotEvaluated ", "OutcomeChanged shop NotEvaluated EnteredScope"}
	if diff := cmp.Diff(want, s.judged(time.Minute)); diff != "" {
		t.Errorf("with objects (-want +got):\n%s", diff)
	}
	want = []string{"SubjectDeleted api", "SubjectDeleted shop"}
	if diff := cmp.Diff(want, s.pass(time.Minute)); diff != "" {
		t.Errorf("without objects (-want +got):\n%s", diff)
	}
	s.findings = panics
	want = []string{"ScopeEntered a ObjectChanged", "OutcomeChanged a NotEvaluated EnteredScope"}
	if diff := cmp.Diff(want, s.judged(time.Minute)); diff != "" {
		t.Errorf("it fails without objects (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ScopeLeft a ObjectChanged"}, s.pass(time.Minute)); diff != "" {
		t.Errorf("it works again (-want +got):\n%s", diff)
	}
}

// TestTheClusterIsAScope, which is never gone.
func TestTheClusterIsAScope(t *testing.T) {
	s := newObjectsScene(t)
	s.ns = control.ClusterNamespace("uid-of-kube-system", noon.Add(-time.Hour))
	class := control.Finding{Subject: control.Subject{Group: "storage.k8s.io", Kind: "StorageClass", Name: "fast", UID: "uid-fast"},
		Rule: "ER-01", Outcome: control.Deviating, Reason: "NotEncrypted", Born: noon.Add(-time.Hour)}
	own := control.Finding{Subject: s.ns.Subject(), Rule: "ER-02", Outcome: control.Conforming, Reason: "Default"}
	want := []string{"ScopeEntered cluster", "ScopeEntered cluster LabelsChanged", "ScopeEntered fast LabelsChanged",
		"OutcomeChanged cluster Conforming EnteredScope", "OutcomeChanged fast Deviating EnteredScope"}
	if diff := cmp.Diff(want, s.pass(time.Minute, own, class)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := s.r.bury(&pass{name: control.Cluster, now: s.now}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string(nil), s.pass(time.Minute, own, class)); diff != "" {
		t.Errorf("after it was not to be seen (-want +got):\n%s", diff)
	}
}

// TestVerdictsThatTimeTurns have the scope looked at again in time.
func TestVerdictsThatTimeTurns(t *testing.T) {
	s := newObjectsScene(t)
	until := func(name string, at time.Time) control.Finding {
		f := onIngress(name, control.Conforming, noon)
		f.Until = at
		return f
	}
	cases := map[string]struct {
		findings []control.Finding
		want     time.Duration
	}{
		"never":            {[]control.Finding{onIngress("a", control.Conforming, noon)}, 0},
		"the first":        {[]control.Finding{until("a", noon.Add(time.Hour)), until("b", noon.Add(time.Minute))}, time.Minute},
		"one that is past": {[]control.Finding{until("a", noon), until("b", noon.Add(time.Hour))}, time.Hour},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s.findings = func() []control.Finding { return tc.findings }
			p := passOver(s.r, s.ns)
			p.wake()
			if p.requeue != tc.want {
				t.Errorf("again after %s, want %s", p.requeue, tc.want)
			}
		})
	}
}

// TestBuryingKnowsWithdrawnPolicies: a namespace may go while its policy is put in
// force again.
func TestBuryingKnowsWithdrawnPolicies(t *testing.T) {
	s := newObjectsScene(t)
	s.pass(time.Minute, onIngress("shop", control.Deviating, noon))
	s.r.registry.renew()
	if err := s.r.bury(&pass{name: "a", now: s.now}); err != nil {
		t.Fatal(err)
	}
	s.r.Recorder.View(func(k *ledger.Known) {
		if members, objects := k.MembersOf("a"), k.ObjectMembersOf("a"); len(members)+len(objects) > 0 {
			t.Errorf("%v and %v are left", members, objects)
		}
	})
}
