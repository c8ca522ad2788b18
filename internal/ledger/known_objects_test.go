package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func ingress(namespace, name string) control.Subject {
	return control.Subject{Group: "networking.k8s.io", Kind: "Ingress", Namespace: namespace, Name: name, UID: "uid-" + name}
}

func objectDraft(kind Kind, policy, controlID string, s control.Subject) Draft {
	d := memberDraft(kind, policy, s)
	d.Control = controlID
	return d
}

func probedDraft(keys ...SeenKey) Draft {
	s := control.ClusterNamespace("kube-system", epoch).Subject()
	return Draft{Entry: Entry{Kind: KindProbed, Subject: &s, Probe: &ProbeBody{
		Of: "Canary", BeganAt: At(epoch), Observations: strings.Repeat("0", 64), ValidUntil: At(second(60)), Keys: keys}}}
}

// judged lists the objects of scope a that are judged, and their units.
func judged(k *Known) string {
	var lines []string
	for u := range k.ObjectMembersOf("a") {
		state := "no state"
		if r, ok := k.Unit(u); ok {
			state = string(r.State.Outcome)
		}
		lines = append(lines, fmt.Sprintf("%s/%s %s %s", u.Policy, u.Control, u.Subject.Name, state))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

// TestObjectsComeAndGo: each under its own control, and all with their scope.
func TestObjectsComeAndGo(t *testing.T) {
	a, shop := namespace("a"), ingress("a", "shop")
	both := []Draft{
		objectDraft(KindSubjectAdded, "p", "d", shop),
		stateDraft("p", "c", "1", shop, deviating), stateDraft("p", "d", "1", shop, conforming),
	}
	cases := map[string]struct {
		drafts []Draft
		want   string
	}{
		"an object is judged by two controls": {both, "p/c shop Deviating, p/d shop Conforming"},
		"a deleted object takes one unit":     {append(both, objectDraft(KindSubjectDeleted, "p", "c", shop)), "p/d shop Conforming"},
		"an object that left takes one unit":  {append(both, objectDraft(KindScopeLeft, "p", "d", shop)), "p/c shop Deviating"},
		"a scope that left takes its objects": {append(both, memberDraft(KindScopeLeft, "p", a)), ""},
		"a deleted scope takes its objects":   {append(both, memberDraft(KindSubjectDeleted, "p", a)), ""},
		"a withdrawn control takes its own":   {append(both, Draft{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "s"), Control: "c"}}), "p/d shop Conforming"},
		"a deleted policy takes its objects":  {append(both, policyDraft("p", ChangeDeleted, 1)), ""},
		"another policy's scope is another one": {[]Draft{memberDraft(KindScopeEntered, "q", a),
			objectDraft(KindScopeEntered, "q", "c", shop), memberDraft(KindScopeLeft, "p", a)}, "q/c shop no state"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.declare("p", "c", "1")
			h.must(introDraft("p", "d", "1", second(0)))
			h.must(memberDraft(KindSubjectAdded, "p", a))
			h.must(objectDraft(KindSubjectAdded, "p", "c", shop))
			for _, d := range tc.drafts {
				h.must(d)
			}
			if got := judged(h.known); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			recount(t, h.known)
			if _, there := h.known.Unit(Unit{"p", "c", shop}); there != strings.Contains(tc.want, "p/c") {
				t.Errorf("there is a unit of c: %t", there)
			}
		})
	}
}

// TestObjectsThatSayNothingNew are left out, and the fold refuses them.
func TestObjectsThatSayNothingNew(t *testing.T) {
	shop := ingress("a", "shop")
	cases := map[string]struct {
		draft Draft
		want  string
	}{
		"an object again":             {objectDraft(KindScopeEntered, "p", "c", shop), "judged already"},
		"a stranger that was deleted": {objectDraft(KindSubjectDeleted, "p", "c", ingress("a", "api")), "not judged"},
		"another control's object":    {objectDraft(KindScopeLeft, "p", "d", shop), "not judged"},
		"an object of no scope":       {objectDraft(KindSubjectAdded, "p", "c", ingress("b", "shop")), "beyond the scope"},
		"an object of another policy": {objectDraft(KindSubjectAdded, "q", "c", shop), "beyond the scope"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.declare("p", "c", "1")
			h.must(memberDraft(KindSubjectAdded, "p", namespace("a")))
			h.must(objectDraft(KindSubjectAdded, "p", "c", shop))
			tc.draft.At = h.clock
			e, news := tc.draft.settle(h.known, "p", h.clock)
			if news {
				t.Error("it says something new")
			}
			before := marshal(t, h.known)
			if err := h.known.Apply(&e); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if diff := cmp.Diff(before, marshal(t, h.known)); diff != "" {
				t.Errorf("a refused entry changed what is known (-before +after):\n%s", diff)
			}
		})
	}
}

// TestFirstStateOfAnObject follows the entry that brought the object under its
// control, and says how it came.
func TestFirstStateOfAnObject(t *testing.T) {
	shop, withdrawn := ingress("a", "shop"), Draft{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "s"), Control: "c"}}
	cases := map[string]struct {
		intro  Draft
		before []Draft
		kind   Kind
		want   Origin
	}{
		"new":                     {introDraft("p", "c", "1", second(0)), nil, KindSubjectAdded, OriginNewSubject},
		"there before":            {introDraft("p", "c", "1", second(0)), nil, KindScopeEntered, OriginEnteredScope},
		"before the control":      {introDraft("p", "d", "1", second(0)), nil, KindSubjectAdded, OriginBaseline},
		"the control came back":   {introDraft("p", "c", "1", second(0)), []Draft{withdrawn}, KindScopeEntered, OriginDefinitionChanged},
		"new as the control came": {introDraft("p", "c", "1", second(0)), []Draft{withdrawn}, KindSubjectAdded, OriginNewSubject},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.must(policyDraft("p", ChangeCreated, 1))
			h.must(tc.intro)
			h.must(memberDraft(KindScopeEntered, "p", namespace("a")))
			for _, d := range tc.before {
				h.must(d)
			}
			member := h.must(objectDraft(tc.kind, "p", "c", shop))
			state := h.must(stateDraft("p", "c", "1", shop, deviating))
			if state.Prev != member.ID || state.Origin != tc.want {
				t.Errorf("got origin %s after %.8s, want %s after %.8s", state.Origin, state.Prev, tc.want, member.ID)
			}
		})
	}
}

// TestKeysAreAsOldAsTheyWereEverSeen: a later process, which saw them later, makes
// none younger, and what was not seen for long is forgotten.
func TestKeysAreAsOldAsTheyWereEverSeen(t *testing.T) {
	h := newHistory(t)
	h.must(probedDraft(SeenKey{"a", At(second(1))}, SeenKey{"b", At(second(2))}))
	h.must(probedDraft())
	last := h.must(probedDraft(SeenKey{"a", At(second(9))}, SeenKey{"c", At(second(3))}))
	got := h.known.Evidence().Keys
	want := map[string]string{"a": "06:00:01 06:00:05", "b": "06:00:02 06:00:03", "c": "06:00:03 06:00:05"}
	for id, times := range want {
		if had := got[id].FirstSeen.Format(time.TimeOnly) + " " + got[id].SeenAt.Format(time.TimeOnly); had != times {
			t.Errorf("key %s: got %s, want %s", id, had, times)
		}
	}
	if got["a"].SeenAt != last.ObservedAt {
		t.Errorf("key a was seen at %s, want %s", got["a"].SeenAt, last.ObservedAt)
	}
	for i := range maxKeys - 2 {
		h.must(probedDraft(SeenKey{fmt.Sprintf("k%d", i), At(second(4))}))
	}
	if got = h.known.Evidence().Keys; len(got) != maxKeys || !got["b"].FirstSeen.IsZero() || got["c"].FirstSeen.IsZero() {
		t.Errorf("got %d keys, b of %s and c of %s, want %d without b", len(got), got["b"].FirstSeen, got["c"].FirstSeen, maxKeys)
	}
}

// BenchmarkObjectMembers brings objects into one scope: each costs what the first
// one did.
func BenchmarkObjectMembers(b *testing.B) {
	b.ReportAllocs()
	h := newHistory(b)
	h.declare("p", "c", "1")
	h.must(memberDraft(KindSubjectAdded, "p", namespace("a")))
	n := 0
	for b.Loop() {
		n++
		h.must(objectDraft(KindSubjectAdded, "p", "c", ingress("a", fmt.Sprintf("shop-%d", n))))
	}
}

// TestEpisodesOfObjectsEnd with the object, and with its scope.
func TestEpisodesOfObjectsEnd(t *testing.T) {
	a, shop := namespace("a"), ingress("a", "shop")
	cases := map[string]struct {
		last Draft
		want []Ending
	}{
		"deleted":             {objectDraft(KindSubjectDeleted, "p", "c", shop), []Ending{EndingSubjectDeleted}},
		"left":                {objectDraft(KindScopeLeft, "p", "c", shop), []Ending{EndingLeftScope}},
		"another object":      {objectDraft(KindScopeLeft, "p", "c", ingress("a", "api")), nil},
		"its scope deleted":   {memberDraft(KindSubjectDeleted, "p", a), []Ending{EndingSubjectDeleted, EndingSubjectDeleted}},
		"its scope left":      {memberDraft(KindScopeLeft, "p", a), []Ending{EndingLeftScope, EndingLeftScope}},
		"its control":         {Draft{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "s"), Control: "c"}}, []Ending{EndingControlWithdrawn, EndingControlWithdrawn}},
		"another policy":      {memberDraft(KindScopeLeft, "q", a), nil},
		"it conforms by ours": {Draft{RepairedByUs: true, Epoch: 1, Entry: stateDraft("p", "c", "1", shop, conforming).Entry}, []Ending{EndingRepaired}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.declare("p", "c", "1")
			h.must(memberDraft(KindSubjectAdded, "p", a))
			h.must(memberDraft(KindSubjectAdded, "q", a))
			for _, name := range []string{"shop", "api"} {
				h.must(objectDraft(KindSubjectAdded, "p", "c", ingress("a", name)))
			}
			h.must(stateDraft("p", "c", "1", shop, deviating))
			h.must(stateDraft("p", "c", "1", a, deviating))
			tc.last.At = h.clock
			e, _ := tc.last.settle(h.known, "p", h.clock)
			var got []Ending
			for _, ended := range h.known.ends(&e) {
				got = append(got, ended.Ending)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
