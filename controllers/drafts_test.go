package controllers

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// passOver returns a pass over a namespace that was observed and evaluated.
func passOver(r *ScopeReconciler, ns control.Namespace, nps ...control.NetworkPolicy) *pass {
	p := &pass{name: ns.Name, now: r.Now(), exists: true, all: r.registry.load(), memo: r.memos.of(ns),
		snapshot: &control.Snapshot{Namespace: ns, NetworkPolicies: nps,
			Versions: map[control.Need]string{control.NeedNamespaces: "7", control.NeedNetworkPolicies: "8", control.NeedPods: ""}}}
	p.pinned = p.all.over(ns)
	p.memo.meet(p.now)
	p.units = p.judge()
	return p
}

// kindsSaid records drafts, and returns the kinds of those that were news.
func kindsSaid(r *ScopeReconciler, drafts []ledger.Draft) []ledger.Kind {
	var kinds []ledger.Kind
	transitions, _ := r.Recorder.Record(drafts...)
	for _, t := range transitions {
		if t.Changed {
			kinds = append(kinds, t.Entry.Kind)
		}
	}
	return kinds
}

// TestCensus: how a namespace comes into a scope and leaves it again.
func TestCensus(t *testing.T) {
	born := func(at time.Time) control.Namespace {
		ns := production("a")
		ns.CreatedAt = at.Truncate(time.Second)
		return ns
	}
	relabelled, another := born(noon), born(noon)
	relabelled.Labels = nil
	another.UID = "another"
	cases := map[string]struct {
		first, second control.Namespace
		want          []ledger.Kind
		wantSecond    []ledger.Kind
	}{
		"older than the policy":               {born(noon.Add(-time.Hour)), born(noon.Add(-time.Hour)), []ledger.Kind{ledger.KindScopeEntered}, nil},
		"created since":                       {born(noon.Add(time.Second)), born(noon.Add(time.Second)), []ledger.Kind{ledger.KindSubjectAdded}, nil},
		"created in the second of the policy": {born(noon), born(noon), []ledger.Kind{ledger.KindSubjectAdded}, nil},
		"relabelled":                          {born(noon), relabelled, []ledger.Kind{ledger.KindSubjectAdded}, []ledger.Kind{ledger.KindScopeLeft}},
		"labelled":                            {relabelled, born(noon), nil, []ledger.Kind{ledger.KindScopeEntered}},
		"created again":                       {born(noon), another, []ledger.Kind{ledger.KindSubjectAdded}, []ledger.Kind{ledger.KindSubjectDeleted, ledger.KindSubjectAdded}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			now := noon.Add(100 * time.Millisecond)
			r := &ScopeReconciler{newEngine(t, &now)}
			d := defined(t, policy("p"))
			r.registry.swap("p", d, func() {})
			introduce(r.Engine, d, now)
			for i, step := range []struct {
				ns   control.Namespace
				want []ledger.Kind
			}{{tc.first, tc.want}, {tc.second, tc.wantSecond}} {
				p := passOver(r, step.ns)
				if diff := cmp.Diff(step.want, kindsSaid(r, r.census(p))); diff != "" {
					t.Errorf("pass %d (-want +got):\n%s", i, diff)
				}
				p.memo.judged(p.all, p.now)
				now = now.Add(time.Minute)
			}
		})
	}
}

// TestEntriesOfAPassCarryTheirContext (E13), as they are drafted.
func TestEntriesOfAPassCarryTheirContext(t *testing.T) {
	now := noon
	r := &ScopeReconciler{newEngine(t, &now)}
	d := defined(t, policy("p"))
	r.registry.swap("p", d, func() {})
	introduce(r.Engine, d, now)
	open := control.NetworkPolicy{Name: "open", Spec: networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{}}},
		Identity: control.Identity{UID: "np", ResourceVersion: "9", Generation: 4, Manager: "kubectl-edit"}}
	p := passOver(r, production("a"), open)
	p.memo.saw("open", control.Identity{UID: "np", Generation: 1})
	change := enforce.Change{Change: control.Change{APIVersion: networkPolicyAPI, Kind: networkPolicyKind, Namespace: "a", Name: "open"}}
	before := &enforce.Existing{Identity: open.Identity, Policy: &open}
	after := control.Identity{UID: "np", ResourceVersion: "10", Generation: 5}
	want := enforce.Source{Policy: "p", Control: "NET-1"}
	drafts := slices.Concat(r.census(p), r.observations(p), r.unobserved(p), []ledger.Draft{
		r.act(p, ledger.KindRepaired, change, want, before, &after), r.act(p, ledger.KindRepairFailed, change, want, before, nil),
		r.act(p, ledger.KindContested, change, want, before, nil),
	})
	transitions, _ := r.Recorder.Record(drafts...)
	var kinds []ledger.Kind
	for _, transition := range transitions {
		e := transition.Entry
		kinds = append(kinds, e.Kind)
		if !transition.Changed || e.Subject == nil || e.Subject.UID != "uid-a" || e.ID == "" || e.ObservedAt.IsZero() {
			t.Errorf("%s: %+v", e.Kind, e)
		}
		if e.Kind != ledger.KindUnobservedChange && (e.Policy == nil || e.Policy.UID == "" || e.Policy.Generation != 1 || e.Policy.Definition == "") {
			t.Errorf("%s: policy %+v", e.Kind, e.Policy)
		}
		if o := e.Object; o != nil && (o.Before == nil || o.Before.UID != "np" || o.Name != "open" || o.Manager != "kubectl-edit") {
			t.Errorf("%s: object %+v", e.Kind, o)
		}
		if _, err := e.Encode(); err != nil {
			t.Errorf("%s: %v", e.Kind, err)
		}
	}
	if diff := cmp.Diff([]ledger.Kind{ledger.KindScopeEntered, ledger.KindOutcomeChanged, ledger.KindUnobservedChange,
		ledger.KindRepaired, ledger.KindRepairFailed, ledger.KindContested}, kinds); diff != "" {
		t.Fatalf("kinds (-want +got):\n%s", diff)
	}

	entered, state, skipped, repaired := transitions[0].Entry, transitions[1].Entry, transitions[2].Entry, transitions[3].Entry
	if entered.Scope.Labels == "" || entered.Scope.Cause == "" || len(entered.SourceTimes) != 1 {
		t.Errorf("entered: %+v", entered)
	}
	versions := map[string]string{"namespaces": "7", "networkpolicies": "8"}
	if diff := cmp.Diff(versions, state.Versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	var roles []string
	for _, in := range state.Inputs {
		roles = append(roles, in.Role)
	}
	if diff := cmp.Diff([]string{"definition", "namespace", "networkPolicies"}, roles); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	if state.EvaluatorVersion == 0 || state.Policy.Definition != d.Controls[0].Digest || state.Message == "" || len(state.To.Rules) == 0 {
		t.Errorf("state: %+v", state)
	}
	if skipped.Object.Before.Generation != 1 || skipped.Object.After.Generation != 4 {
		t.Errorf("skipped: %+v", skipped.Object)
	}
	if repaired.Object.After.ResourceVersion != "10" || repaired.Episode != state.Episode || state.Episode == "" {
		t.Errorf("repaired: %+v of episode %s", repaired, state.Episode)
	}
}

// TestRemovalsBeginNoEpisode: what a deletion takes away is no drift, and an
// episode that was open before goes on.
func TestRemovalsBeginNoEpisode(t *testing.T) {
	for _, open := range []bool{false, true} {
		now := noon
		r := &ScopeReconciler{newEngine(t, &now)}
		d := defined(t, policy("p"))
		r.registry.swap("p", d, func() {})
		introduce(r.Engine, d, now)
		first := control.Conforming
		if open {
			first = control.Deviating
		}
		r.Recorder.Record(stateDraft(d, "a", first, now))
		ns := production("a")
		ns.Terminating, ns.HasRunningPods, ns.TerminatingSince = true, true, noon
		p := passOver(r, ns)
		p.units[0].State = control.State{Outcome: control.Deviating, Rules: []control.RuleState{{Rule: "NP-01", Reason: "Absent"}}}
		got := r.settled(p, &p.units[0]).Outcome
		if want := map[bool]control.Outcome{false: control.NotApplicable, true: control.Deviating}[open]; got != want {
			t.Errorf("an episode is open is %t: got %s, want %s", open, got, want)
		}
	}
}
