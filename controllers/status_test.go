package controllers

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// summaryOf returns a summary in which all is well.
func summaryOf(t *testing.T, edits ...func(*summary)) *summary {
	t.Helper()
	s := &summary{now: noon, def: defined(t, policy("p")), durable: true, health: ledger.Health{Available: true, LedgerID: "l"},
		counts: []v1alpha1.ControlStatus{{ID: "NET-1", Conforming: 3}}}
	for _, edit := range edits {
		edit(s)
	}
	return s
}

func counted3(c v1alpha1.ControlStatus) func(*summary) {
	return func(s *summary) { s.counts = []v1alpha1.ControlStatus{c} }
}

func unavailableFor(d time.Duration) func(*summary) {
	return func(s *summary) {
		s.health = ledger.Health{Since: s.now.Add(-d), Reason: v1alpha1.ReasonLedgerUnavailable, Message: "the volume is read-only"}
	}
}

func invalid(s *summary) {
	s.def.Invalid, s.def.Stalled, s.counts = "spec.scope: is odd", v1alpha1.ReasonInvalidSpec, nil
}

func paused(s *summary) {
	s.def.Spec.Enforcement = &v1alpha1.Enforcement{Pause: &v1alpha1.Pause{Reason: "CHG-1", Until: metav1.Time{Time: noon.Add(time.Hour)}}}
}

func observeOnly(s *summary) { s.def.Controls[0].Spec.Mode = v1alpha1.ModeObserve }

// unrepairable makes the control one of a type that cannot repair.
func unrepairable(s *summary) { s.def.Controls[0].Kind = typ{} }

// conditionCase is a state of a policy, and what its conditions say of it.
type conditionCase struct {
	edits                                 []func(*summary)
	ready, conforming, enforced, evidence string
}

// conditionCases has a case for every reason of every condition.
func conditionCases() map[string]conditionCase {
	all := func(edits ...func(*summary)) []func(*summary) { return edits }
	issueOf := func(reason string, n int) func(*summary) {
		return func(s *summary) { s.issue, s.issues = issue{reason, "NetworkPolicy a/deny: " + reason}, n }
	}
	pending := func(s *summary) { s.pending = true }
	return map[string]conditionCase{
		"all is well": {nil, "True Evaluating", "True AllConforming: 3 of 3 judged subjects conform", "True Enforced", "True Recorded"},
		"a new generation": {all(pending, counted3(v1alpha1.ControlStatus{})),
			"False NewGeneration", "Unknown NotEvaluated", "False Pending: the newest generation is being evaluated for the first time", "True Recorded"},
		"a new generation that cannot be evaluated": {all(pending, counted3(v1alpha1.ControlStatus{}), func(s *summary) { s.blind = "pods cannot be observed: Forbidden" }),
			"False NewGeneration: the newest generation is being evaluated for the first time: pods cannot be observed: Forbidden", "Unknown NotEvaluated", "False Pending", "True Recorded"},
		"a pass that is not over": {all(func(s *summary) { s.settles, s.opened = true, 1 }, counted3(v1alpha1.ControlStatus{Deviating: 1})),
			"True Evaluating", "False Deviating", "False Pending: repairs are under way", "True Recorded"},
		"a change that waits for another": {all(issueOf(v1alpha1.ReasonPending, 1)), "True Evaluating", "True AllConforming", "False Pending", "True Recorded"},
		"an invalid spec":                 {all(invalid), "False InvalidSpec", "Unknown NotEvaluated: spec.scope: is odd", "Unknown InvalidSpec", "True Recorded"},
		"an operatingFrom that has passed": {all(invalid, func(s *summary) { s.def.Stalled = v1alpha1.ReasonOperatingFromInvalid }),
			"False OperatingFromInvalid", "Unknown NotEvaluated", "Unknown InvalidSpec", "True Recorded"},
		"no subject": {all(counted3(v1alpha1.ControlStatus{})), "True Evaluating", "Unknown NoOccurrence", "True Enforced", "True Recorded"},
		"not applicable is no occurrence": {all(counted3(v1alpha1.ControlStatus{NotApplicable: 2})),
			"True Evaluating", "Unknown NoOccurrence", "True Enforced", "True Recorded"},
		"not evaluated": {all(counted3(v1alpha1.ControlStatus{Conforming: 2, NotEvaluated: 1})),
			"True Evaluating", "Unknown NotEvaluated", "True Enforced", "True Recorded"},
		"one within tolerance": {all(counted3(v1alpha1.ControlStatus{Conforming: 2, Correcting: 1}), func(s *summary) { s.opened = 1 }),
			"True Evaluating", "False Correcting: 1 open episode, all within tolerance",
			"True Enforced: everything wanted is applied; 1 open episode is not Holdfast's to repair", "True Recorded"},
		"some beyond tolerance": {all(counted3(v1alpha1.ControlStatus{Correcting: 1, Deviating: 2}), func(s *summary) { s.opened = 3 }),
			"True Evaluating", "False Deviating: 3 open episodes, 1 of them within tolerance",
			"True Enforced: everything wanted is applied; 3 open episodes are not Holdfast's to repair", "True Recorded"},
		"what deviates outweighs what is unseen": {all(counted3(v1alpha1.ControlStatus{NotEvaluated: 5, Deviating: 1})),
			"True Evaluating", "False Deviating", "True Enforced", "True Recorded"},
		"blind": {all(counted3(v1alpha1.ControlStatus{NotEvaluated: 3}), func(s *summary) { s.blind = "networkpolicies cannot be observed: Forbidden" }),
			"True Evaluating", "Unknown NotEvaluated: networkpolicies cannot be observed: Forbidden", "True Enforced", "True Recorded"},
		"blind with open episodes": {all(counted3(v1alpha1.ControlStatus{NotEvaluated: 3}), func(s *summary) { s.blind, s.opened = "pods cannot be observed: Forbidden", 2 }),
			"True Evaluating", "Unknown NotEvaluated: pods cannot be observed: Forbidden", "True Enforced: everything wanted is applied", "True Recorded"},
		"blind without subjects": {all(counted3(v1alpha1.ControlStatus{}), func(s *summary) { s.blind = "networkpolicies cannot be observed: Forbidden" }),
			"True Evaluating", "Unknown NotEvaluated", "True Enforced", "True Recorded"},
		"observing": {all(observeOnly), "True Evaluating", "True AllConforming", "False ObserveOnly", "True Recorded"},
		"observing and deviating": {all(observeOnly, counted3(v1alpha1.ControlStatus{Deviating: 1}), func(s *summary) { s.opened = 1 }),
			"True Evaluating", "False Deviating", "False ObserveOnly", "True Recorded"},
		"paused": {all(paused), "True Evaluating", "True AllConforming", "False Paused: paused until 2026-03-01T13:00:00Z: CHG-1", "True Recorded"},
		"a pause that another policy ignores": {all(paused, issueOf(v1alpha1.ReasonPolicyConflict, 1)),
			"True Evaluating", "True AllConforming", "False PolicyConflict", "True Recorded"},
		"a repair that failed": {all(issueOf(v1alpha1.ReasonRepairFailed, 1)),
			"True Evaluating", "True AllConforming", "False RepairFailed: NetworkPolicy a/deny: RepairFailed", "True Recorded"},
		"a repair that is fought, in many namespaces": {all(issueOf(v1alpha1.ReasonContested, 12)),
			"True Evaluating", "True AllConforming", "False Contested: 12 namespaces are concerned; the first: NetworkPolicy a/deny: Contested", "True Recorded"},
		"a name that is taken": {all(issueOf(v1alpha1.ReasonNameCollision, 1)), "True Evaluating", "True AllConforming", "False NameCollision", "True Recorded"},
		"nothing that it could repair": {all(unrepairable), "True Evaluating", "True AllConforming",
			"False NotApplicable: no control in Enforce mode is of a type that can repair: deviations are recorded", "True Recorded"},
		"observing, nothing that it could repair": {all(unrepairable, observeOnly), "True Evaluating", "True AllConforming", "False ObserveOnly", "True Recorded"},
		"taken back":                        {all(issueOf(v1alpha1.ReasonRolledBack, 1)), "True Evaluating", "True AllConforming", "False RolledBack", "True Recorded"},
		"a rollout that waits for a person": {all(issueOf(v1alpha1.ReasonRolloutHeld, 400)), "True Evaluating", "True AllConforming", "False RolloutHeld", "True Recorded"},
		"a rollout under way":               {all(issueOf(v1alpha1.ReasonRollingOut, 1)), "True Evaluating", "True AllConforming", "False RollingOut", "True Recorded"},
		"ingress refused":                   {all(issueOf(v1alpha1.ReasonIngressRefused, 1)), "True Evaluating", "True AllConforming", "False IngressRefused", "True Recorded"},
		"egress refused":                    {all(issueOf(v1alpha1.ReasonEgressRefused, 1)), "True Evaluating", "True AllConforming", "False EgressRefused", "True Recorded"},
		"the ledger just became unavailable": {all(unavailableFor(30*time.Second - 1)),
			"True Evaluating", "True AllConforming", "True Enforced", "False LedgerUnavailable: the volume is read-only"},
		"the ledger is unavailable for 30 s": {all(unavailableFor(30 * time.Second)),
			"True Evaluating", "Unknown EvidenceUnavailable", "True Enforced", "False LedgerUnavailable"},
		"the ledger is held by another": {all(unavailableFor(time.Second), func(s *summary) { s.health.Reason = v1alpha1.ReasonLedgerInUse }),
			"True Evaluating", "True AllConforming", "True Enforced", "False LedgerInUse"},
		"evidence is lost": {all(unavailableFor(time.Hour), func(s *summary) { s.health.Lost = 3 }),
			"True Evaluating", "Unknown EvidenceUnavailable", "True Enforced", "False EvidenceLost"},
		"the ledger ends with the pod": {all(func(s *summary) { s.ephemeral = true }),
			"True Evaluating", "True AllConforming", "True Enforced", "False NotDurable: " + notDurable},
		"a ledger that ends with the pod is unavailable": {all(unavailableFor(time.Second), func(s *summary) { s.ephemeral = true }),
			"True Evaluating", "True AllConforming", "True Enforced", "False LedgerUnavailable: the volume is read-only"},
		"evidence unavailable outweighs what deviates": {all(unavailableFor(time.Hour), counted3(v1alpha1.ControlStatus{Deviating: 1})),
			"True Evaluating", "Unknown EvidenceUnavailable", "True Enforced", "False LedgerUnavailable"},
	}
}

// TestConditions shows what each condition says in each state.
func TestConditions(t *testing.T) {
	reasons := map[string]bool{}
	for name, tc := range conditionCases() {
		t.Run(name, func(t *testing.T) {
			s := summaryOf(t, tc.edits...)
			for _, c := range []struct {
				got  metav1.Condition
				want string
			}{{s.ready(), tc.ready}, {s.conforming(), tc.conforming}, {s.enforced(), tc.enforced}, {s.evidence(), tc.evidence}} {
				reasons[c.got.Reason] = true
				got := fmt.Sprintf("%s %s: %s", c.got.Status, c.got.Reason, c.got.Message)
				if want, told := c.want, strings.Contains(c.want, ": "); (told && got != want) || !strings.HasPrefix(got, want+": ") && !told {
					t.Errorf("%s: got %q, want %q", c.got.Type, got, c.want)
				}
				if c.got.Message == "" || len(c.got.Message) > 1024 {
					t.Errorf("%s: a message of %d bytes", c.got.Type, len(c.got.Message))
				}
			}
		})
	}
	for _, reason := range []string{
		v1alpha1.ReasonEvaluating, v1alpha1.ReasonNewGeneration, v1alpha1.ReasonInvalidSpec, v1alpha1.ReasonOperatingFromInvalid,
		v1alpha1.ReasonAllConforming, v1alpha1.ReasonCorrecting, v1alpha1.ReasonDeviating, v1alpha1.ReasonNotEvaluated, v1alpha1.ReasonNoOccurrence,
		v1alpha1.ReasonEvidenceUnavailable, v1alpha1.ReasonEnforced, v1alpha1.ReasonObserveOnly, v1alpha1.ReasonPaused, v1alpha1.ReasonPending,
		v1alpha1.ReasonRepairFailed, v1alpha1.ReasonContested, v1alpha1.ReasonNameCollision, v1alpha1.ReasonPolicyConflict, v1alpha1.ReasonEgressRefused,
		v1alpha1.ReasonIngressRefused, v1alpha1.ReasonRollingOut, v1alpha1.ReasonRolloutHeld, v1alpha1.ReasonRolledBack, v1alpha1.ReasonNotApplicable,
		v1alpha1.ReasonRecorded, v1alpha1.ReasonLedgerUnavailable, v1alpha1.ReasonLedgerInUse, v1alpha1.ReasonEvidenceLost, v1alpha1.ReasonNotDurable,
	} {
		if !reasons[reason] {
			t.Errorf("no case has the reason %s", reason)
		}
	}
}

// TestMessagesAreStable: time that passes changes no message, and none but that
// of a pause holds a time stamp.
func TestMessagesAreStable(t *testing.T) {
	stamp := regexp.MustCompile(`\d{2}:\d{2}:\d{2}|\d{4}-\d{2}-\d{2}`)
	open := func(s *summary) {
		s.counts = []v1alpha1.ControlStatus{{ID: "NET-1", Deviating: 1}}
		s.issue, s.issues = issue{v1alpha1.ReasonContested, "fought"}, 1
	}
	for name, edits := range map[string][]func(*summary){
		"well": nil, "deviating": {open}, "unavailable": {unavailableFor(time.Hour)}, "invalid": {invalid}, "paused": {paused},
	} {
		t.Run(name, func(t *testing.T) {
			var first v1alpha1.ControlPolicyStatus
			s := summaryOf(t, edits...)
			s.fill(&first, 1)
			later := first.DeepCopy()
			s.now = s.now.Add(time.Minute)
			s.fill(later, 1)
			if diff := cmp.Diff(first, *later); diff != "" {
				t.Errorf("a minute later (-before +after):\n%s", diff)
			}
			for _, c := range first.Conditions {
				if stamp.MatchString(c.Message) != (c.Reason == v1alpha1.ReasonPaused) {
					t.Errorf("%s: %q", c.Type, c.Message)
				}
			}
		})
	}
}

func TestTransientConditions(t *testing.T) {
	var status v1alpha1.ControlPolicyStatus
	types := func() []string {
		var types []string
		for _, c := range status.Conditions {
			types = append(types, c.Type+"="+string(c.Status))
		}
		slices.Sort(types)
		return types
	}
	steps := []struct {
		name       string
		edits      []func(*summary)
		generation int64
		want       []string
	}{
		{"well", nil, 1, []string{"Conforming=True", "Enforced=True", "EvidenceRecorded=True", "Ready=True"}},
		{"a generation that is not in force yet", nil, 2, []string{"Conforming=True", "Enforced=True", "EvidenceRecorded=True", "Ready=True", "Reconciling=True"}},
		{"stalled", []func(*summary){invalid}, 1, []string{"Conforming=Unknown", "Enforced=Unknown", "EvidenceRecorded=True", "Ready=False", "Stalled=True"}},
		{"well again", nil, 1, []string{"Conforming=True", "Enforced=True", "EvidenceRecorded=True", "Ready=True"}},
	}
	for _, step := range steps {
		summaryOf(t, step.edits...).fill(&status, step.generation)
		if diff := cmp.Diff(step.want, types()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if status.ObservedGeneration != 1 {
			t.Errorf("%s: observed generation %d", step.name, status.ObservedGeneration)
		}
	}
}

// TestNothingIsAnnouncedBeforeItIsDurable: what is said of subjects stays, what
// is said of Holdfast itself goes out, and after a while nothing is claimed.
func TestNothingIsAnnouncedBeforeItIsDurable(t *testing.T) {
	var status v1alpha1.ControlPolicyStatus
	summaryOf(t).fill(&status, 1)
	drifted := func(s *summary) {
		s.durable, s.opened = false, 1
		s.counts = []v1alpha1.ControlStatus{{ID: "NET-1", Conforming: 2, Deviating: 1}}
	}
	before := status.DeepCopy()
	summaryOf(t, drifted, unavailableFor(time.Second)).fill(&status, 1)
	if diff := cmp.Diff(before.Controls, status.Controls); diff != "" || !meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionConforming) {
		t.Errorf("something was announced that is not durable:\n%s", diff)
	}
	if c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionEvidenceRecorded); c.Status != metav1.ConditionFalse {
		t.Errorf("the ledger is unavailable, and %+v", c)
	}
	summaryOf(t, drifted, unavailableFor(time.Minute)).fill(&status, 1)
	if c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionConforming); c.Reason != v1alpha1.ReasonEvidenceUnavailable {
		t.Errorf("after a minute: %+v", c)
	}
}

// TestWithin: the boundary itself is beyond, new subjects have a time of their
// own, and without a stated tolerance nothing is within.
func TestWithin(t *testing.T) {
	both := &v1alpha1.Tolerance{CorrectionWithin: &metav1.Duration{Duration: time.Minute}, NewSubjectWithin: &metav1.Duration{Duration: time.Hour}}
	newOnly := &v1alpha1.Tolerance{NewSubjectWithin: &metav1.Duration{Duration: time.Hour}}
	cases := map[string]struct {
		tolerance *v1alpha1.Tolerance
		origin    ledger.Origin
		open      time.Duration
		want      bool
		wantAgain time.Duration // when the answer changes, after noon; 0 for never
	}{
		"none stated":                {nil, ledger.OriginDrift, time.Nanosecond, false, 0},
		"within":                     {within(time.Minute), ledger.OriginDrift, 59 * time.Second, true, time.Second},
		"at the end":                 {within(time.Minute), ledger.OriginDrift, time.Minute, false, 0},
		"beyond":                     {within(time.Minute), ledger.OriginDrift, time.Hour, false, 0},
		"a new subject":              {both, ledger.OriginNewSubject, 30 * time.Minute, true, 30 * time.Minute},
		"an old subject":             {both, ledger.OriginEnteredScope, 30 * time.Minute, false, 0},
		"a new subject by default":   {within(time.Minute), ledger.OriginNewSubject, 30 * time.Second, true, 30 * time.Second},
		"no correction time stated":  {newOnly, ledger.OriginDrift, time.Second, false, 0},
		"new subjects' time, stated": {newOnly, ledger.OriginNewSubject, time.Second, true, time.Hour - time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := summaryOf(t)
			c := s.def.Controls[0]
			c.Spec.Tolerance = tc.tolerance
			rec := &ledger.Record{Since: ledger.At(noon.Add(-tc.open)), Origin: tc.origin}
			if got := s.within(&c, rec); got != tc.want {
				t.Errorf("within is %t, want %t", got, tc.want)
			}
			want := time.Time{}
			if tc.wantAgain > 0 {
				want = noon.Add(tc.wantAgain)
			}
			if !s.again.Equal(want) {
				t.Errorf("looked at again at %s, want %s", s.again, want)
			}
		})
	}
}

// TestStatusIsBounded: the ten most urgent episodes, in an order that depends
// on nothing but themselves, with the true number beside them.
func TestStatusIsBounded(t *testing.T) {
	now := noon
	d := defined(t, policy("p", func(p *v1alpha1.ControlPolicy) {
		for i, priority := range []v1alpha1.Priority{v1alpha1.PriorityLow, v1alpha1.PriorityHigh, ""} {
			c := *p.Spec.Controls[0].DeepCopy()
			c.ID, c.Priority = fmt.Sprintf("NET-%d", i+2), priority
			p.Spec.Controls = append(p.Spec.Controls, c)
		}
	}))
	episode := func(control string, minutes int, namespace string) v1alpha1.OpenEpisode {
		return v1alpha1.OpenEpisode{Control: control, Subject: "Namespace " + namespace, Since: metav1.Time{Time: now.Add(-time.Duration(minutes) * time.Minute)}}
	}
	want := []v1alpha1.OpenEpisode{
		episode("NET-3", 1, "z"),                                                                                                         // high
		episode("NET-1", 9, "b"), episode("NET-1", 5, "a"), episode("NET-4", 5, "a"), episode("NET-1", 5, "b"), episode("NET-4", 4, "a"), // medium
		episode("NET-2", 99, "a"), episode("NET-2", 98, "a"), episode("NET-2", 97, "a"), episode("NET-2", 96, "a"), // low
		episode("NET-2", 95, "a"), episode("NET-2", 94, "a"),
	}
	for turn := range want {
		s := &summary{def: d, now: now, open: append(slices.Clone(want[turn:]), want[:turn]...)}
		if turn%2 == 0 {
			slices.Reverse(s.open)
		}
		s.order()
		if s.opened != 12 {
			t.Errorf("got %d open, want 12", s.opened)
		}
		if diff := cmp.Diff(want[:maxOpen], s.open); diff != "" {
			t.Fatalf("turn %d (-want +got):\n%s", turn, diff)
		}
	}
}

func TestCounts(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	d := defined(t, policy("p", func(p *v1alpha1.ControlPolicy) { p.Spec.Tolerance = within(time.Minute) }))
	d.Controls[0].Needs = []control.Need{control.NeedNetworkPolicies, control.NeedPods}
	e.registry.swap("p", d, func() {})
	introduce(e, d, noon.Add(-time.Hour))
	e.Recorder.Record(
		stateDraft(d, "a", control.Conforming, noon.Add(-time.Hour)), stateDraft(d, "b", control.Deviating, noon.Add(-40*time.Second)),
		stateDraft(d, "c", control.Deviating, noon.Add(-time.Hour)), stateDraft(d, "d", control.NotEvaluated, noon), stateDraft(d, "e", control.NotApplicable, noon),
	)
	s := e.summarise(d)
	want := []v1alpha1.ControlStatus{{ID: "NET-1", Mode: v1alpha1.ModeEnforce, OperatingFrom: &metav1.Time{Time: noon.Add(-time.Hour)},
		Conforming: 1, Correcting: 1, Deviating: 1, NotEvaluated: 1, NotApplicable: 1}}
	if diff := cmp.Diff(want, s.counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if s.opened != 2 || s.open[0].Subject != "Namespace c" || s.open[0].Message != "it deviates" || !slices.Equal(s.open[0].Rules, []string{"NP-01"}) {
		t.Errorf("open: %+v", s.open)
	}
	if !s.again.Equal(noon.Add(20 * time.Second)) {
		t.Errorf("looked at again at %s, want when an episode goes beyond its tolerance", s.again)
	}

	for _, need := range d.Controls[0].Needs {
		t.Run("blind to "+string(need), func(t *testing.T) {
			e.gaps.open["1"] = openGap{kind: string(need), needs: []control.Need{control.NeedServices, need}, cause: "Forbidden"}
			defer delete(e.gaps.open, "1")
			s := e.summarise(d)
			if s.blind != string(need)+" cannot be observed: Forbidden" || s.counts[0].NotEvaluated != 5 || s.counts[0].Conforming != 0 {
				t.Errorf("got %q and %+v", s.blind, s.counts)
			}
		})
	}
	t.Run("blind for want of a right", func(t *testing.T) {
		e.gaps.open["1"] = openGap{kind: "pods", needs: []control.Need{control.NeedPods}, cause: "Forbidden", remedy: "grant it"}
		defer delete(e.gaps.open, "1")
		if s := e.summarise(d); s.blind != "pods cannot be observed: Forbidden: grant it" {
			t.Errorf("got %q", s.blind)
		}
	})
	t.Run("blind to what no control needs", func(t *testing.T) {
		e.gaps.open["1"] = openGap{kind: "ingresses", needs: []control.Need{control.NeedEntrances}, cause: "Forbidden"}
		defer delete(e.gaps.open, "1")
		if s := e.summarise(d); s.blind != "" || s.counts[0].Conforming != 1 {
			t.Errorf("got %q and %+v", s.blind, s.counts)
		}
	})
	t.Run("invalid", func(t *testing.T) {
		odd := *d
		odd.Invalid = "odd"
		if s := e.summarise(&odd); len(s.counts) != 0 || s.opened != 0 || len(s.open) != 0 {
			t.Errorf("got %+v and %d open", s.counts, s.opened)
		}
	})
}

func TestOverdueExclusions(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	d := defined(t, policy("p", func(p *v1alpha1.ControlPolicy) {
		for _, by := range []string{"2026-02-28", "2026-03-01", "2026-03-02", ""} {
			p.Spec.Scope.Exclusions = append(p.Spec.Scope.Exclusions, v1alpha1.Exclusion{Namespaces: []string{"x"}, ReviewBy: by})
		}
	}))
	s := &summary{now: noon}
	if got := e.count(d, s).OverdueExclusions; got != 1 {
		t.Errorf("got %d overdue, want that of yesterday", got)
	}
	if want := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC); !s.again.Equal(want) {
		t.Errorf("looked at again at %s, want %s", s.again, want)
	}
}
