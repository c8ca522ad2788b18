package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestRepairsThatNoAnswerCameFor: what became of them is told by what is there
// later, and by who made it.
func TestRepairsThatNoAnswerCameFor(t *testing.T) {
	policyOf := func(manager, uid string, generation int64) *control.NetworkPolicy {
		return &control.NetworkPolicy{Name: "deny", Identity: control.Identity{Manager: manager, UID: uid, Generation: generation}}
	}
	before := policyOf("kubectl", "1", 4)
	cases := map[string]struct {
		before, now *control.NetworkPolicy
		outcome     control.Outcome
		unstated    bool
		want        []ledger.Kind
		wantOurs    bool
		wantKept    bool
	}{
		"created":              {now: policyOf(enforce.FieldManager, "2", 1), outcome: control.Conforming, want: []ledger.Kind{ledger.KindRepaired}, wantOurs: true},
		"changed":              {before: before, now: policyOf(enforce.FieldManager, "1", 5), outcome: control.Conforming, want: []ledger.Kind{ledger.KindRepaired}, wantOurs: true},
		"created anew":         {before: before, now: policyOf(enforce.FieldManager, "2", 1), outcome: control.Conforming, want: []ledger.Kind{ledger.KindRepaired}, wantOurs: true},
		"others created it":    {now: policyOf("kubectl", "2", 1), outcome: control.Conforming},
		"others changed it":    {before: before, now: policyOf("kubectl", "1", 5), outcome: control.Conforming},
		"nothing changed it":   {before: policyOf(enforce.FieldManager, "1", 4), now: policyOf(enforce.FieldManager, "1", 4), outcome: control.Conforming},
		"it is not needed":     {outcome: control.Conforming},
		"it still deviates":    {now: policyOf(enforce.FieldManager, "2", 1), outcome: control.Deviating, wantKept: true},
		"it cannot be seen":    {outcome: control.NotEvaluated, wantKept: true},
		"it does not apply":    {now: policyOf(enforce.FieldManager, "2", 1), outcome: control.NotApplicable},
		"nobody states it":     {now: policyOf(enforce.FieldManager, "2", 1), outcome: control.Conforming, unstated: true},
		"deleted and restored": {before: before, now: policyOf("kubectl", "3", 1), outcome: control.Conforming},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			now := noon
			e := newEngine(t, &now)
			e.Contention = enforce.NewContention(5)
			d := defined(t, policy("p"))
			judged := func(outcome control.Outcome) []unit {
				return []unit{{assess.Unit{Control: &d.Controls[0], Subject: production("a").Subject(), State: control.State{Outcome: outcome}}, d}}
			}
			p := &pass{now: noon, pinned: []*definition{d}, memo: &memo{}, snapshot: &control.Snapshot{Namespace: production("a")}, units: judged(tc.outcome)}
			if tc.unstated {
				p.pinned, p.units = nil, nil
			}
			if tc.now != nil {
				p.snapshot.NetworkPolicies = []control.NetworkPolicy{*tc.now}
			}
			change := enforce.Change{Change: control.Change{Kind: networkPolicyKind, Name: "deny", Spec: map[string]any{}}, WantedBy: []enforce.Source{{Policy: "p", Control: "NET-1"}}}
			var was *enforce.Existing
			if tc.before != nil {
				was = &enforce.Existing{Identity: tc.before.Identity, Policy: tc.before}
			}
			p.memo.lost(unanswered{change, was, judged(control.Deviating)})

			var got []ledger.Kind
			for _, draft := range (&ScopeReconciler{e}).answered(p) {
				got = append(got, draft.Kind)
				if draft.Object.After.UID != tc.now.Identity.UID || (draft.Object.Before == nil) != (tc.before == nil) {
					t.Errorf("the object is %+v", draft.Object)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
			if ours := p.memo.ours(&judged(control.Conforming)[0]); ours != tc.wantOurs {
				t.Errorf("the state counts as our work: %t, want %t", ours, tc.wantOurs)
			}
			if _, kept := p.memo.unanswered[enforce.ObjectOf(change.Change)]; kept != tc.wantKept {
				t.Errorf("it is still waited for: %t, want %t", kept, tc.wantKept)
			}
		})
	}
}
