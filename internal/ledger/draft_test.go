package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// step is one thing said about the unit p/c of namespace a.
type step struct {
	to         control.State
	definition string
	epoch      uint64
	byUs       bool
}

// state returns the step's draft.
func (s step) draft() Draft {
	if s.definition == "" {
		s.definition = "d"
	}
	d := stateDraft("p", "c", s.definition, namespace("a"), s.to)
	d.Epoch, d.RepairedByUs = max(1, s.epoch), s.byUs
	return d
}

// TestEpisodes is the table of every origin and every ending that a state
// entry gives.
func TestEpisodes(t *testing.T) {
	added := []Draft{memberDraft(KindSubjectAdded, "p", namespace("a"))}
	entered := []Draft{memberDraft(KindScopeEntered, "p", namespace("a"))}
	introduced := introDraft("p", "c", "d", second(0))
	withdrawn := Draft{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "spec"), Control: "c"}}
	cases := map[string]struct {
		before []Draft
		steps  []step
		// want are the outcome, origin and ending of each step that is news.
		want []string
	}{
		"drift, corrected by others": {append(added, introduced), []step{{to: conforming}, {to: deviating}, {to: conforming}},
			[]string{"Conforming NewSubject ", "Deviating Drift ", "Conforming  Corrected"}},
		"drift, repaired": {append(added, introduced), []step{{to: conforming}, {to: deviating}, {to: conforming, byUs: true}},
			[]string{"Conforming NewSubject ", "Deviating Drift ", "Conforming  Repaired"}},
		"a second drift is a second episode": {append(added, introduced),
			[]step{{to: conforming}, {to: deviating}, {to: conforming, byUs: true}, {to: deviating}, {to: conforming, byUs: true}},
			[]string{"Conforming NewSubject ", "Deviating Drift ", "Conforming  Repaired", "Deviating Drift ", "Conforming  Repaired"}},
		"a new subject": {append(added, introduced), []step{{to: deviating}, {to: conforming, byUs: true}},
			[]string{"Deviating NewSubject ", "Conforming  Repaired"}},
		"a subject that entered the scope": {append(entered, introduced), []step{{to: deviating}},
			[]string{"Deviating EnteredScope "}},
		"a subject that nobody announced": {[]Draft{introduced}, []step{{to: deviating}},
			[]string{"Deviating Unknown "}},
		"before the control was introduced": {added, []step{{to: deviating}},
			[]string{"Deviating Baseline "}},
		"before the control operates": {append(added, introDraft("p", "c", "d", second(1000))), []step{{to: deviating}},
			[]string{"Deviating Baseline "}},
		"a definition that asks for more": {append(added, introduced), []step{{to: conforming}, {to: deviating, definition: "d2"}},
			[]string{"Conforming NewSubject ", "Deviating DefinitionChanged "}},
		"a definition that asks for less": {append(added, introduced), []step{{to: conforming}, {to: deviating}, {to: conforming, definition: "d2"}},
			[]string{"Conforming NewSubject ", "Deviating Drift ", "Conforming  DefinitionChanged"}},
		"a definition confirmed before the drift": {append(added, introduced), []step{{to: conforming}, {to: conforming, definition: "d2"}, {to: deviating, definition: "d2"}},
			[]string{"Conforming NewSubject ", "Deviating Drift "}},
		"found after a gap": {append(added, introduced), []step{{to: conforming}, {to: deviating, epoch: 2}},
			[]string{"Conforming NewSubject ", "Deviating AfterGap "}},
		"ended within a gap": {append(added, introduced), []step{{to: conforming}, {to: deviating}, {to: conforming, epoch: 2}},
			[]string{"Conforming NewSubject ", "Deviating Drift ", "Conforming  UnknownInGap"}},
		"repaired after a gap that it outlasted": {append(added, introduced),
			[]step{{to: conforming}, {to: deviating}, {to: deviating, epoch: 2}, {to: conforming, epoch: 2, byUs: true}},
			[]string{"Conforming NewSubject ", "Deviating Drift ", "Conforming  Repaired"}},
		"a gap, and confirmed since": {append(added, introduced), []step{{to: conforming}, {to: conforming, epoch: 2}, {to: deviating, epoch: 2}},
			[]string{"Conforming NewSubject ", "Deviating Drift "}},
		"out of sight in the middle": {append(added, introduced), []step{{to: conforming}, {to: deviating}, {to: unseen}, {to: opened}, {to: conforming}},
			[]string{"Conforming NewSubject ", "Deviating Drift ", "NotEvaluated Drift ", "Deviating Drift ", "Conforming  Corrected"}},
		"out of sight at the end": {append(added, introduced), []step{{to: conforming}, {to: deviating}, {to: unseen}, {to: conforming}},
			[]string{"Conforming NewSubject ", "Deviating Drift ", "NotEvaluated Drift ", "Conforming  UnknownInGap"}},
		"out of sight at the beginning": {append(added, introduced), []step{{to: conforming}, {to: unseen}, {to: deviating}},
			[]string{"Conforming NewSubject ", "NotEvaluated  ", "Deviating AfterGap "}},
		"other rules fail, the episode goes on": {append(added, introduced), []step{{to: conforming}, {to: deviating}, {to: opened}},
			[]string{"Conforming NewSubject ", "Deviating Drift ", "Deviating Drift "}},
		"the namespace is being deleted": {append(added, introduced), []step{{to: conforming}, {to: deviating}, {to: exempt}},
			[]string{"Conforming NewSubject ", "Deviating Drift ", "NotApplicable  SubjectDeleted"}},
		"the control came back": {[]Draft{added[0], introduced, withdrawn}, []step{{to: deviating}, {to: conforming}},
			[]string{"Deviating DefinitionChanged ", "Conforming  Corrected"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.must(policyDraft("p", ChangeCreated, 1))
			for _, d := range tc.before {
				h.must(d)
			}
			var got []string
			for _, s := range tc.steps {
				if e, news := h.say(s.draft()); news {
					got = append(got, fmt.Sprintf("%s %s %s", e.To.Outcome, e.Origin, e.Ending))
				}
				if _, again := h.say(s.draft()); again {
					t.Errorf("%s was said twice", s.to.Outcome)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkEpisodes(t, h)
		})
	}
}

// checkEpisodes holds the record of the unit against what its tally says.
func checkEpisodes(t *testing.T, h *history) {
	t.Helper()
	recount(t, h.known)
	r, ok := h.known.Unit(Unit{"p", "c", namespace("a")})
	if !ok {
		t.Fatal("the unit is not known")
	}
	if r.State.Outcome == control.Deviating && r.Episode == "" {
		t.Error("it deviates without an episode")
	}
	if r.State.Outcome == control.Conforming && (r.Episode != "" || r.Origin != "" || r.Message != "") {
		t.Errorf("it conforms, and still has %+v", r)
	}
}

func TestEpisodeKeepsItsIDAndItsBeginning(t *testing.T) {
	h := newHistory(t)
	h.declare("p", "c", "d")
	h.must(memberDraft(KindSubjectAdded, "p", namespace("a")))
	h.must(step{to: conforming}.draft())
	opening := h.must(step{to: deviating}.draft())
	if opening.Episode != EpisodeID(opening.ID) || !opening.Opens() {
		t.Errorf("got episode %s, want that of the opening entry", opening.Episode)
	}
	repair := h.must(repairDraft("deny", "1"))
	hidden := h.must(step{to: unseen}.draft())
	again := h.must(step{to: opened}.draft())
	r, _ := h.known.Unit(Unit{"p", "c", namespace("a")})
	if !r.Since.Equal(opening.ObservedAt.Time) {
		t.Errorf("the episode is open since %s, want %s", r.Since, opening.ObservedAt)
	}
	closing := h.must(step{to: conforming}.draft())
	for _, e := range []Entry{repair, hidden, again, closing} {
		if e.Episode != opening.Episode || e.Opens() {
			t.Errorf("%s: got episode %s, want %s, and not to open it", e.Kind, e.Episode, opening.Episode)
		}
	}
	second := h.must(step{to: deviating}.draft())
	if second.Episode == opening.Episode || !second.Opens() {
		t.Error("the second episode is the first")
	}
}

// TestRestartIsAGap: nothing that an earlier process recorded was confirmed by
// this one.
func TestRestartIsAGap(t *testing.T) {
	cases := map[string]struct {
		was, is control.State
		want    string
	}{
		"deviates since":     {conforming, deviating, "AfterGap "},
		"conforms since":     {deviating, conforming, " UnknownInGap"},
		"is deleted since":   {deviating, exempt, " SubjectDeleted"},
		"deviates as it did": {deviating, opened, "NewSubject "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.declare("p", "c", "d")
			h.must(memberDraft(KindSubjectAdded, "p", namespace("a")))
			h.must(step{to: tc.was}.draft())
			known, err := UnmarshalKnown([]byte(marshal(t, h.known)))
			if err != nil {
				t.Fatal(err)
			}
			h.known = known
			e := h.must(step{to: tc.is}.draft())
			if got := fmt.Sprintf("%s %s", e.Origin, e.Ending); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestNoSecondBaseline: a control that comes back operates from where it did.
func TestNoSecondBaseline(t *testing.T) {
	h := newHistory(t)
	h.declare("p", "c", "d")
	h.must(memberDraft(KindSubjectAdded, "p", namespace("a")))
	first, _ := h.known.Policy("p")
	from := first.Controls["c"].OperatingFrom

	h.must(Draft{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "spec"), Control: "c"}})
	h.must(policyDraft("p", ChangeDeleted, 1))
	recreated := policyDraft("p", ChangeCreated, 1)
	recreated.Policy.UID = "another"
	h.must(recreated)
	h.must(memberDraft(KindScopeEntered, "p", namespace("a")))
	if e := h.must(step{to: deviating}.draft()); e.Origin == OriginBaseline {
		t.Error("an episode of a control that operated before is a baseline")
	}
	again := h.must(introDraft("p", "c", "d", second(5000)))
	if !again.Intro.OperatingFrom.Equal(from.Time) {
		t.Errorf("it operates from %s again, want %s", again.Intro.OperatingFrom, from)
	}
	p, _ := h.known.Policy("p")
	if p.Controls["c"].Withdrawn || !p.Controls["c"].OperatingFrom.Equal(from.Time) {
		t.Errorf("got %+v", p.Controls["c"])
	}
}

// TestUnitThatComesBackHasNewIDs: what is said of a unit that was dropped and
// comes back is not what was said before, and neither is its episode.
func TestUnitThatComesBackHasNewIDs(t *testing.T) {
	withdrawal := Draft{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "spec"), Control: "c"}}
	recreated := policyDraft("p", ChangeCreated, 1)
	recreated.Policy.UID = "another"
	cases := map[string][]Draft{
		"the control was withdrawn":      {withdrawal},
		"withdrawn, and withdrawn again": {withdrawal, step{to: opened}.draft(), withdrawal},
		"the subject left the scope":     {memberDraft(KindScopeLeft, "p", namespace("a")), memberDraft(KindScopeEntered, "p", namespace("a"))},
		"the policy was deleted":         {withdrawal, policyDraft("p", ChangeDeleted, 1), recreated, memberDraft(KindScopeEntered, "p", namespace("a"))},
	}
	for name, between := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.declare("p", "c", "d")
			h.must(memberDraft(KindSubjectAdded, "p", namespace("a")))
			first := h.must(step{to: deviating}.draft())
			for _, d := range between {
				h.must(d)
			}
			second := h.must(step{to: deviating}.draft())
			if first.ID == second.ID || first.Episode == second.Episode {
				t.Errorf("got id %s and episode %s twice", second.ID, second.Episode)
			}
		})
	}
}

// TestControlWithdrawnBeforeItWasIntroduced: its units go with it all the same.
func TestControlWithdrawnBeforeItWasIntroduced(t *testing.T) {
	h := newHistory(t)
	h.must(policyDraft("p", ChangeCreated, 1))
	h.must(memberDraft(KindScopeEntered, "p", namespace("a")))
	h.must(step{to: deviating}.draft())
	h.must(Draft{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "spec"), Control: "c"}})
	if got := h.known.Controls("p"); len(got) > 0 {
		t.Errorf("got units of %v, want none", got)
	}
	if _, again := h.say(Draft{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "spec"), Control: "c"}}); again {
		t.Error("it was withdrawn twice")
	}
}

func TestIntroductions(t *testing.T) {
	declared := func(from time.Time) Draft {
		d := introDraft("p", "c", "d", from)
		d.Intro.Declared = true
		return d
	}
	cases := map[string]struct {
		first, second Draft
		wantNews      bool
		wantFrom      time.Time
	}{
		"the same again":              {introDraft("p", "c", "d", second(0)), introDraft("p", "c", "d", second(50)), false, second(0)},
		"another definition":          {introDraft("p", "c", "d", second(0)), introDraft("p", "c", "e", second(50)), true, second(0)},
		"a declared time that passed": {declared(second(1)), declared(second(500)), false, second(1)},
		"a declared time moved":       {declared(second(500)), declared(second(600)), true, second(600)},
		"a declared time taken back":  {declared(second(500)), introDraft("p", "c", "d", second(50)), false, second(500)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.must(policyDraft("p", ChangeCreated, 1))
			h.must(tc.first)
			if _, news := h.say(tc.second); news != tc.wantNews {
				t.Errorf("news is %t, want %t", news, tc.wantNews)
			}
			p, _ := h.known.Policy("p")
			if got := p.Controls["c"].OperatingFrom; !got.Equal(tc.wantFrom) {
				t.Errorf("operates from %s, want %s", got, tc.wantFrom)
			}
		})
	}
}

// TestSettlingIsIdempotent: what the ledger knows is not written twice.
func TestSettlingIsIdempotent(t *testing.T) {
	h := newHistory(t)
	a := namespace("a")
	for _, d := range []Draft{
		policyDraft("p", ChangeCreated, 1), introDraft("p", "c", "d", second(0)),
		memberDraft(KindSubjectAdded, "p", a), stateDraft("p", "c", "d", a, deviating),
		memberDraft(KindScopeLeft, "p", a), memberDraft(KindScopeEntered, "p", a), memberDraft(KindSubjectDeleted, "p", a),
		{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "spec"), Control: "c"}},
		policyDraft("p", ChangeUpdated, 2), policyDraft("p", ChangeDeleted, 2),
	} {
		h.must(d)
		if _, news := h.say(d); news {
			t.Errorf("a %s draft is news twice", d.Kind)
		}
	}
	for _, d := range []Draft{
		memberDraft(KindSubjectDeleted, "p", namespace("b")), memberDraft(KindScopeLeft, "p", namespace("b")),
		{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("nobody", "spec"), Control: "c"}},
	} {
		if _, news := h.say(d); news {
			t.Errorf("a %s draft about nobody is news", d.Kind)
		}
	}
}

func TestAppendedAtNeverGoesBack(t *testing.T) {
	h := newHistory(t)
	h.declare("p", "c", "d")
	d := memberDraft(KindSubjectAdded, "p", namespace("a"))
	d.At = epoch.Add(-time.Hour)
	e, _ := d.settle(h.known, "p", epoch.Add(-time.Hour))
	if !e.AppendedAt.Equal(h.known.LastAppended.Time) || !e.ObservedAt.Equal(d.At) {
		t.Errorf("appended at %s and observed at %s, want %s and %s", e.AppendedAt, e.ObservedAt, h.known.LastAppended, d.At)
	}
}

// TestOversizedStates: whatever a subject's owner puts into names and texts,
// its entries fit, and each change of its state still shows.
func TestOversizedStates(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	state := func(rules, culprits, size int, last string) control.State {
		s := control.State{Outcome: control.Deviating, Basis: control.BasisConfiguration}
		for i := range rules {
			r := control.RuleState{Rule: fmt.Sprintf("NP-%02d", i), Reason: "Opened"}
			for j := range culprits {
				r.Culprits = append(r.Culprits, fmt.Sprintf("%03d-%s", j, long(size)))
			}
			s.Rules = append(s.Rules, r)
		}
		end := &s.Rules[len(s.Rules)-1]
		end.Culprits = append(end.Culprits, last)
		return s
	}
	cases := map[string][2]control.State{
		"long names":          {state(2, 4, 253, "a"), state(2, 4, 253, "b")},
		"many culprits":       {state(2, 1000, 10, "a"), state(2, 1000, 10, "b")},
		"many rules":          {state(500, 1, 5, "a"), state(500, 1, 5, "b")},
		"control characters":  {state(2, 1, 1, strings.Repeat("\x01", 500)), state(2, 1, 1, strings.Repeat("\x02", 500))},
		"one name too long":   {state(1, 0, 0, long(5000)), state(1, 0, 0, long(5001))},
		"an empty first name": {state(1, 1, 0, ""), state(1, 2, 700, "")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			subject := control.Subject{Group: "networking.k8s.io", Kind: "NetworkPolicyTemplate", Namespace: long(63), Name: long(253), UID: long(36)}
			versions := map[string]string{"namespaces": long(20), "networkpolicies": long(20), "pods": long(20)}
			for i, s := range []control.State{tc[0], tc[1], tc[0]} {
				d := stateDraft(long(253), long(63), Digest(nil), subject, s)
				d.Message, d.Versions, d.ActorRef = strings.Repeat("\x01", 5000), versions, Digest(nil)
				d.SourceTimes = []SourceTime{{"metadata.creationTimestamp", At(epoch), 1e9}, {"metadata.deletionTimestamp", At(epoch), 1e9}}
				for _, role := range []string{"definition", "namespace", "networkPolicies", "unavailable"} {
					d.Inputs = append(d.Inputs, Input{role, Digest(nil)})
				}
				d.At = second(i)
				e, news := d.settle(h.known, "p", second(i))
				if !news {
					t.Fatal("a change does not show")
				}
				data, err := e.seal()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := Decode(data); err != nil {
					t.Fatal(err)
				}
				if err := h.known.Apply(&e); err != nil {
					t.Fatal(err)
				}
				if again := d; i > 0 {
					if _, news := again.settle(h.known, "p", second(i)); news {
						t.Error("the same state is news")
					}
				}
				if len(e.To.Rules) == 0 {
					t.Error("no rule is left")
				}
			}
		})
	}
}

func TestBoundedStatesAreWhatTheyWere(t *testing.T) {
	for _, s := range []control.State{conforming, deviating, opened, unseen, exempt,
		{Outcome: control.Deviating, Rules: []control.RuleState{{Rule: "NP-01", Reason: "Opened", Culprits: []string{strings.Repeat("x", 253), strings.Repeat("y", 253)}}}}} {
		if diff := cmp.Diff(s, Bounded(s)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if again := Bounded(Bounded(s)); !again.Equal(Bounded(s)) {
			t.Error("what is bounded is bounded again")
		}
	}
}

// TestOversizedEntries: no text that people or clients choose keeps an entry
// from being written.
func TestOversizedEntries(t *testing.T) {
	long := strings.Repeat("\x01", 256)
	paths := make([]string, 32)
	for i := range paths {
		paths[i] = strings.Repeat("x", 256)
	}
	s := namespace(strings.Repeat("n", 63))
	cases := map[string]Entry{
		"an edit of many long fields": {Kind: KindPolicyChanged, Policy: policyRef(strings.Repeat("p", 253), Digest(nil)),
			Change: &ChangeBody{Type: ChangeUpdated, From: Digest(nil), To: Digest(nil), Paths: paths, MorePaths: 3, Manager: long, ChangeRef: long, Invalid: long}},
		"a ledger that was lost in many words": {Kind: KindLedgerOpened, Ledger: &LedgerBody{
			LedgerID: "a", Reason: OpenVolumeInconsistent, Predecessor: &PredecessorBody{LedgerID: "b", Lost: strings.Repeat(long, 20)}}},
		"a repair that failed in many words": {Kind: KindRepairFailed, Policy: policyRef(strings.Repeat("p", 253), Digest(nil)), Control: "c", Subject: &s,
			Message: strings.Repeat(long, 20), Object: &ObjectBody{Kind: "NetworkPolicy", Name: strings.Repeat("o", 253), Manager: strings.Repeat(long, 3)}},
	}
	for name, e := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			d := Draft{Entry: e, At: epoch}
			settled, _ := d.settle(h.known, "p", epoch)
			data, err := settled.seal()
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			if c := decoded.Change; c != nil && c.MorePaths != 35 {
				t.Errorf("got %d more paths, want all 35 counted", c.MorePaths)
			}
		})
	}
	if len(cases["an edit of many long fields"].Change.Paths) != 32 {
		t.Error("what was handed over was changed")
	}
}

func TestClipCutsAtACharacter(t *testing.T) {
	cases := map[string]struct {
		text  string
		limit int
		want  string
	}{
		"short":     {"ab", 2, "ab"},
		"long":      {"abcdef", 5, "ab…"},
		"in a rune": {"aéééé", 7, "aé…"},
		"escaped":   {`""""""`, 7, `""…`},
		"controls":  {"\x01\x01\x01", 15, "\x01\x01…"},
		"invalid":   {"\xff\xff\xff", 8, "\xff…"},
		"nothing":   {"", 3, ""},
		"no room":   {"abcd", 3, "…"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := clip(tc.text, tc.limit); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
