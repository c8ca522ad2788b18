package controllers

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// scene is a namespace "web" that a policy "p" is about to be enforced in.
type scene struct {
	t      *testing.T
	now    time.Time
	engine *Engine
	def    *definition
	pass   *pass
	found  issueSet
}

func newScene(t *testing.T, edits ...func(*v1alpha1.ControlPolicy)) *scene {
	t.Helper()
	s := &scene{t: t, now: noon, found: issueSet{}}
	s.engine = newEngine(t, &s.now)
	s.def = defined(t, policy("p", edits...))
	s.engine.workloads = func(namespace string) []observe.Workload {
		return []observe.Workload{{Labels: "app=" + namespace, Pods: 1, Ready: len(s.pass.snapshot.Pods)}}
	}
	s.enter("web")
	return s
}

// enter begins a pass over a namespace that runs one ready pod.
func (s *scene) enter(name string) {
	ns := production(name)
	s.pass = &pass{name: name, now: s.now, exists: true, pinned: []*definition{s.def}, memo: &memo{uid: ns.UID},
		snapshot: &control.Snapshot{Namespace: ns, Pods: []control.PodClass{{Labels: map[string]string{"app": name}, Count: 1, Ready: 1}}}}
	s.pass.units = []unit{{Unit: assess.Unit{Def: s.def.Definition, Control: &s.def.Controls[0], Subject: ns.Subject(),
		State: control.State{Outcome: control.Deviating}}, def: s.def}}
}

func (s *scene) source() enforce.Source { return enforce.Source{Policy: "p", Control: "NET-1"} }

// change is one that the policy wants.
func (s *scene) change(name string, effect control.Effect, aspects ...string) enforce.Change {
	return enforce.Change{WantedBy: []enforce.Source{s.source()}, Change: control.Change{
		APIVersion: networkPolicyAPI, Kind: networkPolicyKind, Namespace: s.pass.name, Name: name, Effect: effect, Aspects: aspects}}
}

// gate returns the names of the changes that may be sent, and the reasons why
// others wait.
func (s *scene) gate(changes ...enforce.Change) (sent, reasons []string) {
	plan := (&ScopeReconciler{s.engine}).gate(s.pass, enforce.Plan{Changes: changes}, s.found)
	for _, c := range plan.Changes {
		sent = append(sent, c.Name)
	}
	for _, i := range s.found["p"] {
		reasons = append(reasons, i.reason)
	}
	return sent, reasons
}

// record records an edit of the policy.
func (s *scene) edit(held int, at time.Time) {
	s.engine.Recorder.Record(ledger.Draft{At: at, Entry: ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: s.def.Ref(nil),
		Change: &ledger.ChangeBody{Type: ledger.ChangeUpdated, To: s.def.SpecObject.Digest, Enforces: true, Held: held}}})
}

func pacedAt(most int32) func(*v1alpha1.ControlPolicy) {
	return func(p *v1alpha1.ControlPolicy) {
		p.Spec.Enforcement = &v1alpha1.Enforcement{Rollout: &v1alpha1.Rollout{MaxNamespaces: &most, Interval: &metav1.Duration{Duration: 30 * time.Second}}}
	}
}

// TestFirstEnforcement: invariant 8, restoring is immediate, first enforcement
// on a namespace with pods is paced, and held after a large edit.
func TestFirstEnforcement(t *testing.T) {
	deny := func(s *scene) []enforce.Change {
		return []enforce.Change{s.change("deny", control.Restricts, "Ingress")}
	}
	full := func(s *scene) {
		_, _ = s.engine.pace.Admit("p", "another", 1, 30*time.Second, s.now)
	}
	cases := map[string]struct {
		before      func(*scene)
		changes     func(*scene) []enforce.Change
		wantSent    []string
		wantReasons []string
		wantAgain   time.Duration
	}{
		"its turn has come":    {nil, deny, []string{"deny"}, nil, watchEvery},
		"its turn has not":     {full, deny, nil, []string{v1alpha1.ReasonRollingOut}, 30 * time.Second},
		"it runs no pods":      {func(s *scene) { full(s); s.pass.snapshot.Pods = nil }, deny, []string{"deny"}, nil, 0},
		"its pods are unknown": {func(s *scene) { s.pass.snapshot.Unavailable = map[control.Need]string{control.NeedPods: "Forbidden"} }, deny, nil, []string{v1alpha1.ReasonRollingOut}, podsRetry},
		"what it restores was applied before": {func(s *scene) {
			full(s)
			s.engine.Recorder.Record(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindRepaired, Policy: s.def.Ref(nil), Control: "NET-1",
				Subject: new(s.pass.snapshot.Namespace.Subject()), Object: &ledger.ObjectBody{Kind: networkPolicyKind, Namespace: "web", Name: "deny", After: &ledger.ObjectVersion{UID: "1"}}}})
		}, deny, []string{"deny"}, nil, 0},
		"it conformed before": {func(s *scene) { full(s); s.pass.memo.held(s.source(), s.def.Controls[0].Digest) }, deny, []string{"deny"}, nil, 0},
		"it conformed to another definition": {func(s *scene) { full(s); s.pass.memo.held(s.source(), "another") }, deny, nil,
			[]string{v1alpha1.ReasonRollingOut}, 30 * time.Second},
		"an edit that adds many":               {func(s *scene) { s.edit(400, noon) }, deny, nil, []string{v1alpha1.ReasonRolloutHeld}, 0},
		"an edit that adds many, without pods": {func(s *scene) { s.edit(400, noon); s.pass.snapshot.Pods = nil }, deny, nil, []string{v1alpha1.ReasonRolloutHeld}, 0},
		"an edit before the namespace came":    {func(s *scene) { s.edit(400, noon.Add(-2*time.Hour)) }, deny, []string{"deny"}, nil, watchEvery},
		"an edit in the second it came in":     {func(s *scene) { s.edit(400, s.pass.snapshot.Namespace.CreatedAt) }, deny, nil, []string{v1alpha1.ReasonRolloutHeld}, 0},
		"an edit that adds many, confirmed":    {func(s *scene) { s.edit(400, noon); s.engine.rollouts.confirm(s.def) }, deny, []string{"deny"}, nil, watchEvery},
		"an edit that adds few":                {func(s *scene) { s.edit(0, noon) }, deny, []string{"deny"}, nil, watchEvery},
		"pods broke after it was confirmed": {func(s *scene) { s.engine.rollouts.confirm(s.def); s.engine.rollouts.stop(s.def) }, deny, nil,
			[]string{v1alpha1.ReasonRolledBack}, 0},
		"pods broke elsewhere":                    {func(s *scene) { s.engine.rollouts.stop(s.def) }, deny, nil, []string{v1alpha1.ReasonRolledBack}, 0},
		"a permission waits with its restriction": {full, func(s *scene) []enforce.Change { return append(deny(s), s.change("allow", control.Permits, "Ingress")) }, nil, []string{v1alpha1.ReasonRollingOut}, 30 * time.Second},
		"a permission where it is denied already": {full, func(s *scene) []enforce.Change {
			return []enforce.Change{s.change("allow", control.Permits, "Ingress")}
		}, []string{"allow"}, nil, 0},
		"a permission of another aspect": {full, func(s *scene) []enforce.Change {
			return append(deny(s), s.change("allow", control.Permits, "Egress"))
		}, []string{"allow"}, []string{v1alpha1.ReasonRollingOut}, 30 * time.Second},
		"a removal": {full, func(s *scene) []enforce.Change {
			c := s.change("deny", control.Restricts, "Ingress")
			c.Remove = true
			return []enforce.Change{c}
		}, []string{"deny"}, nil, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, pacedAt(1))
			if tc.before != nil {
				tc.before(s)
			}
			sent, reasons := s.gate(tc.changes(s)...)
			if !slices.Equal(sent, tc.wantSent) || !slices.Equal(reasons, tc.wantReasons) {
				t.Errorf("sent %v, want %v; reasons %v, want %v", sent, tc.wantSent, reasons, tc.wantReasons)
			}
			if s.pass.requeue != tc.wantAgain {
				t.Errorf("it is looked at again in %v, want %v", s.pass.requeue, tc.wantAgain)
			}
		})
	}
}

// TestOnePolicyWithoutABrakeIsEnough: what one policy holds back, another may
// still enforce.
func TestOnePolicyWithoutABrakeIsEnough(t *testing.T) {
	s := newScene(t)
	other := defined(t, policy("q"))
	s.pass.pinned = append(s.pass.pinned, other)
	s.edit(400, noon)
	deny := s.change("deny", control.Restricts, "Ingress")
	deny.WantedBy = append(deny.WantedBy, enforce.Source{Policy: "q", Control: "NET-1"})
	if sent, reasons := s.gate(deny); !slices.Equal(sent, []string{"deny"}) || reasons != nil {
		t.Errorf("sent %v with reasons %v, want it sent", sent, reasons)
	}
}

// TestBrokenPods: what first enforcement broke is a workload of which a pod was
// ready, and that has pods still and no ready one.
func TestBrokenPods(t *testing.T) {
	workload := func(labels string, ready int) observe.Workload {
		return observe.Workload{Labels: labels, Pods: 2, Ready: ready}
	}
	w := &firstWatch{ready: map[string]bool{"": true, "app=a": true, "app=b": true}}
	cases := map[string]struct {
		now  []observe.Workload
		want string
	}{
		"all ready":           {[]observe.Workload{workload("", 1), workload("app=a", 2), workload("app=b", 1)}, ""},
		"some ready":          {[]observe.Workload{workload("app=a", 1), workload("app=b", 1)}, ""},
		"none of one ready":   {[]observe.Workload{workload("app=a", 2), workload("app=b", 0)}, "pods app=b"},
		"none at all":         {[]observe.Workload{workload("app=a", 0), workload("app=b", 0)}, "pods app=a"},
		"none without labels": {[]observe.Workload{workload("", 0), workload("app=b", 2)}, "pods without labels"},
		"one is gone":         {[]observe.Workload{workload("app=a", 2)}, ""},
		"one was never ready": {[]observe.Workload{workload("app=a", 2), workload("app=b", 2), workload("app=c", 0)}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := w.broken(tc.now); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRolloutDefaults(t *testing.T) {
	most, interval := defined(t, policy("p")).Rollout()
	if most != 10 || interval != time.Minute {
		t.Errorf("got %d in %v, want 10 in 1m", most, interval)
	}
	most, interval = defined(t, policy("p", pacedAt(3))).Rollout()
	if most != 3 || interval != 30*time.Second {
		t.Errorf("got %d in %v, want 3 in 30s", most, interval)
	}
}

// TestAddedNamespaces: an edit is held if it adds more than ten namespaces and
// more than a fifth of those enforced before.
func TestAddedNamespaces(t *testing.T) {
	cases := map[string]struct {
		enforced   int
		observed   bool
		created    bool
		add        int
		mode       v1alpha1.Mode
		confirmed  bool
		wantHeldAt int
	}{
		"a policy that is created":     {created: true, add: 500, mode: v1alpha1.ModeEnforce},
		"ten more":                     {add: 10, mode: v1alpha1.ModeEnforce},
		"eleven more":                  {add: 11, mode: v1alpha1.ModeEnforce, wantHeldAt: 11},
		"a fifth more":                 {enforced: 100, add: 20, mode: v1alpha1.ModeEnforce},
		"over a fifth more":            {enforced: 100, add: 21, mode: v1alpha1.ModeEnforce, wantHeldAt: 21},
		"a typo in a selector":         {enforced: 100, add: 400, mode: v1alpha1.ModeEnforce, wantHeldAt: 400},
		"the same, confirmed":          {enforced: 100, add: 400, mode: v1alpha1.ModeEnforce, confirmed: true},
		"a policy that observes":       {enforced: 100, add: 400, mode: v1alpha1.ModeObserve},
		"what was only observed":       {enforced: 11, observed: true, mode: v1alpha1.ModeEnforce, wantHeldAt: 11},
		"a few that were only watched": {enforced: 10, observed: true, mode: v1alpha1.ModeEnforce},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			now := noon
			e := newEngine(t, &now)
			def := defined(t, policy("p", func(p *v1alpha1.ControlPolicy) { p.Spec.Mode = tc.mode }))
			var reached []string
			if !tc.created {
				e.Recorder.Record(ledger.Draft{At: noon, Entry: ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: def.Ref(nil),
					Change: &ledger.ChangeBody{Type: ledger.ChangeCreated, To: "spec", Enforces: !tc.observed}}})
			}
			for i := range tc.enforced + tc.add {
				name := "ns-" + string(rune('a'+i/26/26)) + string(rune('a'+i/26%26)) + string(rune('a'+i%26))
				reached = append(reached, name)
				if i < tc.enforced {
					e.Recorder.Record(ledger.Draft{At: noon, Entry: ledger.Entry{Kind: ledger.KindScopeEntered, Policy: def.Ref(nil),
						Subject: new(production(name).Subject()), Scope: &ledger.ScopeBody{}}})
				}
			}
			got := (&PolicyReconciler{e}).added(def, reached, tc.confirmed)
			if diff := cmp.Diff(tc.wantHeldAt, got); diff != "" {
				t.Errorf("held namespaces (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAGenerationIsConfirmedOnce: what is rolled back after the confirmation is
// not begun again by the annotation that is still there.
func TestAGenerationIsConfirmedOnce(t *testing.T) {
	s := newScene(t)
	s.edit(400, noon)
	r := &PolicyReconciler{s.engine}
	s.engine.registry.swap("p", s.def, func() {})
	annotated := policy("p", func(p *v1alpha1.ControlPolicy) {
		p.Annotations = map[string]string{v1alpha1.AnnotationConfirmedGeneration: "1"}
	})
	r.confirm(policy("p"))
	if sent, _ := s.gate(s.change("deny", control.Restricts, "Ingress")); sent != nil {
		t.Errorf("%v is sent without a confirmation", sent)
	}
	r.confirm(annotated)
	if sent, _ := s.gate(s.change("deny", control.Restricts, "Ingress")); sent == nil {
		t.Error("nothing is sent after the confirmation")
	}
	s.engine.rollouts.stop(s.def)
	r.confirm(annotated)
	if sent, _ := s.gate(s.change("deny", control.Restricts, "Ingress")); sent != nil {
		t.Errorf("%v is sent after it was rolled back", sent)
	}
}
