package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestChangesMendWhatTheyAreAbout: nobody's correction of one object is claimed because
// another was repaired.
func TestChangesMendWhatTheyAreAbout(t *testing.T) {
	shop, api := ingress("shop"), ingress("api")
	objects := defined(t, policy("p", func(p *v1alpha1.ControlPolicy) {
		p.Spec.Controls[0].NetworkIsolation, p.Spec.Controls[0].EncryptionInTransit = nil, &v1alpha1.EncryptionInTransit{}
	}))
	failing := func(d *definition, subject control.Subject, rule string) *unit {
		return &unit{assess.Unit{Def: d.Definition, Control: &d.Controls[0], Subject: subject,
			Findings: []control.Finding{{Rule: rule, Outcome: control.Deviating}}}, d}
	}
	change := func(kind string, subject *control.Subject) enforce.Change {
		return enforce.Change{Change: control.Change{Kind: kind, Name: "a", Subject: subject, Rules: []string{"TR-03"}}}
	}
	cases := map[string]struct {
		unit   *unit
		change enforce.Change
		want   bool
	}{
		"the subject":                 {failing(objects, shop, "TR-03"), change("Ingress", &shop), true},
		"another subject":             {failing(objects, api, "TR-03"), change("Ingress", &shop), false},
		"another rule":                {failing(objects, shop, "TR-01"), change("Ingress", &shop), false},
		"any subject":                 {failing(objects, api, "TR-03"), change("Ingress", nil), true},
		"any subject, another rule":   {failing(objects, api, "TR-01"), change("Ingress", nil), false},
		"a namespace by its policies": {failing(defined(t, policy("p")), production("a").Subject(), "NP-01"), change(networkPolicyKind, nil), true},
		"a namespace by another kind": {failing(defined(t, policy("p")), production("a").Subject(), "TR-03"), change("Ingress", nil), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.unit.mendedBy(tc.change); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}

// TestTakeOversThatNoAnswerCameFor took effect where the version is another one: what
// has no spec has no generation.
func TestTakeOversThatNoAnswerCameFor(t *testing.T) {
	before := &enforce.Existing{Identity: control.Identity{UID: "1", ResourceVersion: "4", Manager: "kubectl"}}
	lost := unanswered{change: enforce.Change{Change: control.Change{Kind: "Ingress", Foreign: true}}, before: before}
	cases := map[string]struct {
		now  control.Identity
		want bool
	}{
		"changed by us":     {control.Identity{UID: "1", ResourceVersion: "5", Manager: enforce.TakeoverManager}, true},
		"changed by others": {control.Identity{UID: "1", ResourceVersion: "5", Manager: "kubectl"}, false},
		"not changed":       {control.Identity{UID: "1", ResourceVersion: "4", Manager: enforce.TakeoverManager}, false},
		"as one of our own": {control.Identity{UID: "1", ResourceVersion: "5", Manager: enforce.FieldManager}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := lost.tookEffect(&enforce.Existing{Identity: tc.now}); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}

// TestChangesOfOtherKindsAreJudgedOnceSeen, and recorded on the subject that they are
// about, with what was taken over.
func TestChangesOfOtherKindsAreJudgedOnceSeen(t *testing.T) {
	s := newObjectsScene(t)
	shop := ingress("shop")
	s.findings = func() []control.Finding { return []control.Finding{onIngress("shop", control.Deviating, noon)} }
	p := passOver(s.r, s.ns)
	s.r.Recorder.Record(append(s.r.census(p), s.r.observations(p)...)...)
	before := p.snapshot
	change := enforce.Change{WantedBy: []enforce.Source{{Policy: "p", Control: "NET-1"}}, Change: control.Change{
		APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Namespace: "a", Name: "shop", Foreign: true, Subject: &shop, Rules: []string{"TR-01"}}}
	seen := &enforce.Existing{Identity: control.Identity{UID: shop.UID, ResourceVersion: "4", Manager: "kubectl"}}
	done := answer{&enforce.Existing{Identity: control.Identity{UID: shop.UID, ResourceVersion: "5"}}, []enforce.Taken{{Field: "metadata.annotations.redirect", Was: `"false"`}}}
	s.r.made(p, change, seen, done)
	if p.snapshot != before || !p.unresolved || !p.changed {
		t.Error("the pass judges what only the observer knows")
	}
	transitions, _ := s.r.Recorder.Record(p.acts...)
	if len(transitions) != 1 {
		t.Fatalf("got %d entries, want one", len(transitions))
	}
	got := transitions[0].Entry
	want := &ledger.ObjectBody{APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Namespace: "a", Name: "shop", Manager: "kubectl",
		Before: &ledger.ObjectVersion{UID: shop.UID, ResourceVersion: "4"}, After: &ledger.ObjectVersion{UID: shop.UID, ResourceVersion: "5"},
		Taken: []ledger.TakenField{{Field: "metadata.annotations.redirect", Was: `"false"`}}}
	if diff := cmp.Diff(want, got.Object); diff != "" || *got.Subject != shop || got.Episode == "" {
		t.Errorf("on %s, of episode %q (-want +got):\n%s", got.Subject, got.Episode, diff)
	}
	conforms := p.units[0]
	conforms.State.Outcome = control.Conforming
	if !p.memo.ours(&conforms) {
		t.Error("what conforms next is not taken for our work")
	}
}
