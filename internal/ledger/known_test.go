package ledger

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

var epoch = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

func second(n int) time.Time { return epoch.Add(time.Duration(n) * time.Second) }

func namespace(name string) control.Subject {
	return control.Subject{Kind: "Namespace", Name: name, UID: "uid-" + name}
}

func policyRef(name, definition string) *PolicyRef {
	return &PolicyRef{Name: name, UID: "uid-" + name, Generation: 1, Definition: definition}
}

var (
	conforming = control.State{Outcome: control.Conforming, Basis: control.BasisConfiguration}
	deviating  = control.State{Outcome: control.Deviating, Basis: control.BasisConfiguration, Rules: []control.RuleState{{Rule: "NP-01", Reason: "Absent"}}}
	opened     = control.State{Outcome: control.Deviating, Basis: control.BasisConfiguration, Rules: []control.RuleState{{Rule: "NP-02", Reason: "Opened"}}}
	unseen     = control.State{Outcome: control.NotEvaluated, Rules: []control.RuleState{{Reason: control.ReasonFailed}}}
	exempt     = control.State{Outcome: control.NotApplicable, Basis: control.BasisConfiguration, Rules: []control.RuleState{{Reason: control.ReasonTerminating}}}
)

// history is a fold under way.
type history struct {
	t     require
	known *Known
	n     uint64
	clock time.Time
}

// require is what both a test and a property are.
type require interface {
	Helper()
	Fatalf(format string, args ...any)
}

// newHistory begins a ledger with one policy and one control in operation.
func newHistory(t require) *history {
	t.Helper()
	h := &history{t: t, known: NewKnown(), clock: epoch}
	h.must(Draft{Entry: Entry{Kind: KindLedgerOpened, Ledger: &LedgerBody{LedgerID: strings.Repeat("0", 32), Reason: OpenFirstInstall}}})
	h.must(Draft{Entry: Entry{Kind: KindOperatorStarted, Operator: &OperatorBody{Process: "p"}}})
	return h
}

// say settles a draft and folds it in, if it is news.
func (h *history) say(d Draft) (Entry, bool) {
	h.t.Helper()
	h.n++
	d.n = h.n
	h.clock = h.clock.Add(time.Second)
	if d.At.IsZero() {
		d.At = h.clock
	}
	e, news := d.settle(h.known, "p", h.clock)
	if !news {
		return e, false
	}
	data, err := e.Encode()
	if err != nil {
		h.t.Fatalf("encode: %v", err)
	}
	decoded, err := Decode(data)
	if err != nil {
		h.t.Fatalf("decode: %v", err)
	}
	if err := h.known.Apply(decoded); err != nil {
		h.t.Fatalf("apply: %v", err)
	}
	if e.Kind == KindOutcomeChanged {
		r, _ := h.known.Unit(Unit{e.Policy.Name, e.Control, *e.Subject})
		r.marks = marks{definition: e.Policy.Definition, epoch: d.Epoch}
	}
	return e, true
}

func (h *history) must(d Draft) Entry {
	h.t.Helper()
	e, news := h.say(d)
	if !news {
		h.t.Fatalf("a %s draft says nothing new", d.Kind)
	}
	return e
}

// declare states a policy and introduces its control.
func (h *history) declare(policy, controlID, definition string) {
	h.t.Helper()
	h.say(policyDraft(policy, ChangeCreated, 1))
	h.say(introDraft(policy, controlID, definition, second(0)))
}

func policyDraft(policy, change string, generation int64) Draft {
	ref := policyRef(policy, "spec")
	ref.Generation = generation
	return Draft{Entry: Entry{Kind: KindPolicyChanged, Policy: ref, Change: &ChangeBody{Type: change, To: "spec"}}}
}

func introDraft(policy, controlID, definition string, from time.Time) Draft {
	return Draft{Entry: Entry{Kind: KindControlIntroduced, Policy: policyRef(policy, definition), Control: controlID, Intro: &IntroBody{OperatingFrom: At(from)}}}
}

func memberDraft(kind Kind, policy string, s control.Subject) Draft {
	return Draft{Entry: Entry{Kind: kind, Policy: policyRef(policy, "spec"), Subject: &s}}
}

func stateDraft(policy, controlID, definition string, s control.Subject, to control.State) Draft {
	return Draft{Epoch: 1, Entry: Entry{Kind: KindOutcomeChanged, Policy: policyRef(policy, definition), Control: controlID, Subject: &s, To: &to, EvaluatorVersion: 1}}
}

func repairDraft(name, uid string) Draft {
	s := namespace("a")
	return Draft{Entry: Entry{Kind: KindRepaired, Policy: policyRef("p", "d"), Control: "c", Subject: &s,
		Object: &ObjectBody{APIVersion: "v1", Kind: "NetworkPolicy", Namespace: "a", Name: name, After: &ObjectVersion{UID: uid, ResourceVersion: "1"}}}}
}

// takingDraft says that a field of somebody else's object was taken over.
func takingDraft(name string) Draft {
	d := repairDraft(name, "1")
	d.Object.Taken = []TakenField{{Field: "metadata.annotations.a"}}
	return d
}

// removedDraft says that an object was removed: revoked, or rolled back.
func removedDraft(kind Kind, reason string) Draft {
	s := namespace("a")
	return Draft{Entry: Entry{Kind: kind, Policy: policyRef("p", "d"), Control: "c", Subject: &s, Reason: reason,
		Object: &ObjectBody{APIVersion: "v1", Kind: "NetworkPolicy", Namespace: "a", Name: "deny", Before: &ObjectVersion{UID: "1", ResourceVersion: "1"}}}}
}

// edited is an edit that enforces, and adds a number of namespaces.
func edited(generation int64, held int) Draft {
	d := policyDraft("p", ChangeUpdated, generation)
	d.Change.Enforces, d.Change.Held = true, held
	return d
}

// brokenIn says that pods broke under a generation.
func brokenIn(generation int64) Draft {
	d := removedDraft(KindRolledBack, RolledBackPodsNotReady)
	d.Policy.Generation = generation
	return d
}

func confirmed(generation int64) Draft { return policyDraft("p", ChangeConfirmed, generation) }

// braked says what brake is on policy p.
func braked(k *Known) string {
	p, _ := k.Policy("p")
	if p.Brake == nil {
		return fmt.Sprintf("%d none", p.Generation)
	}
	return fmt.Sprintf("%d added=%d namespace=%s since=%s", p.Generation, p.Brake.Added, p.Brake.Namespace, p.Brake.Since.Format(time.TimeOnly))
}

func TestFold(t *testing.T) {
	a := namespace("a")
	unit := Unit{"p", "c", a}
	cases := map[string]struct {
		drafts []Draft
		want   func(*Known) string
	}{
		"a policy is created": {nil, func(k *Known) string {
			p, _ := k.Policy("p")
			return fmt.Sprintf("%s %d %s deleted=%t since=%s", p.UID, p.Generation, p.Spec, p.Deleted, p.Since.Format(time.TimeOnly))
		}},
		"a policy is edited": {[]Draft{policyDraft("p", ChangeUpdated, 2)}, func(k *Known) string {
			p, _ := k.Policy("p")
			return fmt.Sprintf("%d since=%s operating=%t", p.Generation, p.Since.Format(time.TimeOnly), p.Controls["c"] != nil)
		}},
		"a deleted policy has no members and no units": {
			[]Draft{memberDraft(KindSubjectAdded, "p", a), stateDraft("p", "c", "d", a, deviating), policyDraft("p", ChangeDeleted, 1)},
			func(k *Known) string {
				p, _ := k.Policy("p")
				_, unit := k.Unit(unit)
				return fmt.Sprint(p.Deleted, len(k.Members("p")), unit, len(k.Tally("p", "c").Open), p.Controls["c"] != nil)
			}},
		"a withdrawn control has no units": {
			[]Draft{memberDraft(KindSubjectAdded, "p", a), stateDraft("p", "c", "d", a, conforming),
				{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "spec"), Control: "c"}}},
			func(k *Known) string {
				p, _ := k.Policy("p")
				_, there := k.Unit(unit)
				return fmt.Sprint(there, k.Tally("p", "c").Conforming, p.Controls["c"].Withdrawn, len(k.Members("p")))
			}},
		"a subject that left takes its units along": {
			[]Draft{memberDraft(KindScopeEntered, "p", a), stateDraft("p", "c", "d", a, deviating), memberDraft(KindScopeLeft, "p", a)},
			func(k *Known) string { _, there := k.Unit(unit); return fmt.Sprint(there, len(k.MembersOf("a"))) }},
		"a subject that left keeps what was applied": {
			[]Draft{memberDraft(KindScopeEntered, "p", a), repairDraft("deny", "1"), memberDraft(KindScopeLeft, "p", a)},
			func(k *Known) string { return fmt.Sprint(k.Created("a")) }},
		"a deleted namespace takes what was applied along": {
			[]Draft{memberDraft(KindScopeEntered, "p", a), repairDraft("deny", "1"), memberDraft(KindSubjectDeleted, "p", a)},
			func(k *Known) string { return fmt.Sprint(k.Created("a")) }},
		"an object applied again is one object": {
			[]Draft{repairDraft("deny", "1"), repairDraft("allow", "2"), repairDraft("deny", "3")},
			func(k *Known) string { return fmt.Sprint(k.Created("a")) }},
		"a gap without end is open, and ended once": {
			[]Draft{{Entry: Entry{Kind: KindGap, Gap: &GapBody{Cause: CauseForbidden, From: At(epoch)}}}},
			func(k *Known) string { return fmt.Sprint(len(k.OpenGaps())) }},
		"a gap with an end is not open": {
			[]Draft{{Entry: Entry{Kind: KindGap, Gap: &GapBody{Cause: CauseForbidden, From: At(epoch), To: new(At(second(1)))}}}},
			func(k *Known) string { return fmt.Sprint(len(k.OpenGaps())) }},
		"an object of which a field was taken is not ours": {
			[]Draft{repairDraft("deny", "1"), takingDraft("front")},
			func(k *Known) string { return fmt.Sprint(k.Created("a")) }},
		"an object that was revoked is no longer ours": {
			[]Draft{repairDraft("deny", "1"), repairDraft("allow", "2"), removedDraft(KindRepaired, "")},
			func(k *Known) string { return fmt.Sprint(k.Created("a")) }},
		"an object that was rolled back is no longer ours": {
			[]Draft{repairDraft("deny", "1"), removedDraft(KindRolledBack, RolledBackLifeline)},
			func(k *Known) string { return fmt.Sprint(k.Created("a"), braked(k)) }},
		"pods that broke put a brake on":     {[]Draft{removedDraft(KindRolledBack, RolledBackPodsNotReady)}, braked},
		"an edit that adds many is braked":   {[]Draft{edited(2, 400)}, braked},
		"an edit that adds few is not":       {[]Draft{edited(2, 0)}, braked},
		"a confirmation takes the brake off": {[]Draft{edited(2, 400), confirmed(2)}, braked},
		"a second brake in one generation": {[]Draft{edited(2, 400), confirmed(2), brokenIn(2)}, func(k *Known) string {
			d := confirmed(2)
			_, news := d.settle(k, "process", second(60))
			return fmt.Sprint(braked(k), " confirmed again: ", news)
		}},
		"another edit takes the brake off":    {[]Draft{edited(2, 400), edited(3, 0)}, braked},
		"a rollback in an earlier generation": {[]Draft{edited(2, 0), removedDraft(KindRolledBack, RolledBackPodsNotReady)}, braked},
		"kinds that change nothing": {
			[]Draft{{Entry: Entry{Kind: KindHeartbeat, Alive: &AliveBody{}}}, {Entry: Entry{Kind: KindOperatorStopped}}, {Entry: Entry{Kind: "Exported"}}},
			func(k *Known) string { return fmt.Sprint(k.NextSeq, k.Run) }},
	}
	want := map[string]string{
		"a policy is created":                              "uid-p 1 spec deleted=false since=06:00:03",
		"a policy is edited":                               "2 since=06:00:03 operating=true",
		"a deleted policy has no members and no units":     "true 0 false 0 true",
		"a withdrawn control has no units":                 "false 0 true 1",
		"a subject that left takes its units along":        "false 0",
		"a subject that left keeps what was applied":       "[{NetworkPolicy a deny 1}]",
		"a deleted namespace takes what was applied along": "[]",
		"an object applied again is one object":            "[{NetworkPolicy a deny 3} {NetworkPolicy a allow 2}]",
		"a gap without end is open, and ended once":        "1",
		"a gap with an end is not open":                    "0",
		"an object of which a field was taken is not ours": "[{NetworkPolicy a deny 1}]",
		"an object that was revoked is no longer ours":     "[{NetworkPolicy a allow 2}]",
		"an object that was rolled back is no longer ours": "[]1 none",
		"pods that broke put a brake on":                   "1 added=0 namespace=a since=06:00:05",
		"an edit that adds many is braked":                 "2 added=400 namespace= since=06:00:05",
		"an edit that adds few is not":                     "2 none",
		"a confirmation takes the brake off":               "2 none",
		"a second brake in one generation":                 "2 added=0 namespace=a since=06:00:07 confirmed again: false",
		"another edit takes the brake off":                 "3 none",
		"a rollback in an earlier generation":              "2 none",
		"kinds that change nothing":                        "7 1",
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.declare("p", "c", "d")
			for _, d := range tc.drafts {
				h.must(d)
			}
			if got := tc.want(h.known); got != want[name] {
				t.Errorf("got %s, want %s", got, want[name])
			}
		})
	}
}

func TestGapIsEndedByTheEntryThatNamesIt(t *testing.T) {
	h := newHistory(t)
	begun := h.must(Draft{Entry: Entry{Kind: KindGap, Gap: &GapBody{Cause: CauseForbidden, Kind: "pods", From: At(epoch)}}})
	if diff := cmp.Diff(map[string]GapBody{begun.ID: *begun.Gap}, h.known.OpenGaps()); diff != "" {
		t.Errorf("open gaps (-want +got):\n%s", diff)
	}
	h.must(Draft{Entry: Entry{Kind: KindGap, Gap: &GapBody{Cause: CauseForbidden, Kind: "pods", From: At(epoch), To: new(At(second(9))), Ends: begun.ID}}})
	if got := h.known.OpenGaps(); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
}

func TestFoldRefuses(t *testing.T) {
	a := namespace("a")
	cases := map[string]struct {
		edit func(*Entry)
		want string
	}{
		"a number left out":           {func(e *Entry) { e.Seq++ }, "want sequence number"},
		"a number again":              {func(e *Entry) { e.Seq-- }, "want sequence number"},
		"time going back":             {func(e *Entry) { e.AppendedAt = At(epoch.Add(-time.Hour)) }, "lies before"},
		"another state before":        {func(e *Entry) { e.Prev = strings.Repeat("0", 64) }, "follows entry"},
		"no state before":             {func(e *Entry) { e.Prev = "" }, "follows entry"},
		"an id of another state":      {func(e *Entry) { e.To = &opened }, "want"},
		"an id of another subject":    {func(e *Entry) { e.Subject = new(namespace("b")) }, "follows entry"},
		"a ledger inside a ledger":    {func(e *Entry) { e.Kind, e.Ledger = KindLedgerOpened, &LedgerBody{LedgerID: "other"} }, "inside ledger"},
		"a member again":              {func(e *Entry) { e.Kind, e.Control = KindScopeEntered, "" }, "in the scope of p already"},
		"a stranger leaving":          {func(e *Entry) { e.Kind, e.Control, e.Subject = KindScopeLeft, "", new(namespace("b")) }, "not in the scope"},
		"a stranger that was deleted": {func(e *Entry) { e.Kind, e.Control, e.Subject = KindSubjectDeleted, "", new(namespace("b")) }, "not in the scope"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.declare("p", "c", "d")
			h.must(memberDraft(KindSubjectAdded, "p", a))
			h.must(stateDraft("p", "c", "d", a, conforming))
			d := stateDraft("p", "c", "d", a, deviating)
			d.At = h.clock
			e, _ := d.settle(h.known, "p", h.clock)
			tc.edit(&e)
			before := marshal(t, h.known)
			err := h.known.Apply(&e)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			if diff := cmp.Diff(before, marshal(t, h.known)); diff != "" {
				t.Errorf("a refused entry changed what is known (-before +after):\n%s", diff)
			}
		})
	}
}

func TestFoldPassesOverLaterSchemas(t *testing.T) {
	h := newHistory(t)
	e := &Entry{Schema: "holdfast.dev/entry/v2", Kind: KindGap, ID: "a", Seq: h.known.NextSeq, AppendedAt: At(second(90)), ObservedAt: At(second(90))}
	if err := h.known.Apply(e); err != nil {
		t.Fatal(err)
	}
	if got := h.known.NextSeq; got != 3 {
		t.Errorf("got next %d, want 3: it is counted", got)
	}
}

// TestCollectedSharesNothingThatChanges: what was collected is encoded while the fold
// goes on.
func TestCollectedSharesNothingThatChanges(t *testing.T) {
	h := newHistory(t)
	h.declare("p", "c", "d")
	a, b := namespace("a"), namespace("b")
	h.must(memberDraft(KindSubjectAdded, "p", a))
	h.must(stateDraft("p", "c", "d", a, deviating))
	h.must(objectDraft(KindSubjectAdded, "p", "c", ingress("a", "shop")))
	h.must(repairDraft("deny", "1"))
	h.must(Draft{Entry: Entry{Kind: KindGap, Gap: &GapBody{Cause: CauseForbidden, From: At(epoch)}}})
	collected := h.known.collect()
	before := marshal(t, h.known)

	h.must(stateDraft("p", "c", "d", a, conforming))
	h.must(objectDraft(KindSubjectAdded, "p", "c", ingress("a", "api")))
	h.must(memberDraft(KindScopeEntered, "p", b))
	h.must(memberDraft(KindScopeEntered, "q", a))
	h.must(repairDraft("deny", "2"))
	h.must(repairDraft("allow", "3"))
	h.must(introDraft("p", "c2", "d2", second(5)))
	h.must(Draft{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "spec"), Control: "c"}})
	h.must(Draft{Entry: Entry{Kind: KindGap, Gap: &GapBody{Cause: CauseUnreachable, From: At(epoch)}}})
	h.must(policyDraft("p", ChangeDeleted, 1))
	var after bytes.Buffer
	if err := collected.write(&after); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after.String()); diff != "" {
		t.Errorf("what was collected changed with the fold (-before +after):\n%s", diff)
	}
}

func marshal(t require, k *Known) string {
	t.Helper()
	data, err := k.MarshalCanonical()
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	return string(data)
}

func TestUnmarshalKnownRefuses(t *testing.T) {
	good := marshal(t, newHistory(t).known)
	cases := map[string]struct{ data, want string }{
		"nothing":            {"", "EOF"},
		"another schema":     {strings.Replace(good, "known/v1", "known/v2", 1), "schema"},
		"a field of nobody":  {strings.Replace(good, `"gaps":`, `"gapes":[],"gaps":`, 1), "unknown field"},
		"something after it": {good + good, "after"},
		"a null policy":      {strings.Replace(good, `"policies":[]`, `"policies":[null]`, 1), "null"},
		"a null unit":        {strings.Replace(good, `"units":[]`, `"units":[null]`, 1), "null"},
		"a null member":      {strings.Replace(good, `"members":null`, `"members":[null]`, 1), "null"},
		"a null control":     {strings.Replace(good, `"policies":[]`, `"policies":[{"name":"p","controls":{"c":null},"since":"2026-03-01T06:00:00.000000Z"}]`, 1), "null"},
		"a time that is odd": {strings.Replace(good, `"lastAppended":"2026`, `"lastAppended":"26`, 1), "want the form"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.data == good {
				t.Fatal("the case changes nothing")
			}
			if _, err := UnmarshalKnown([]byte(tc.data)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want it to say %q", err, tc.want)
			}
		})
	}
}

func FuzzUnmarshalKnown(f *testing.F) {
	h := newHistory(f)
	h.declare("p", "c", "d")
	h.must(memberDraft(KindSubjectAdded, "p", namespace("a")))
	h.must(stateDraft("p", "c", "d", namespace("a"), deviating))
	h.must(repairDraft("deny", "1"))
	f.Add([]byte(marshal(f, h.known)))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := UnmarshalKnown(data)
		if err != nil {
			return
		}
		// What was read can be folded on, and be written again.
		for _, d := range []Draft{
			policyDraft("p", ChangeDeleted, 2), memberDraft(KindScopeLeft, "p", namespace("a")),
			stateDraft("p", "c", "d", namespace("a"), conforming), introDraft("p", "c", "e", second(1)),
			{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "spec"), Control: "c"}},
		} {
			d.At = epoch
			if e, news := d.settle(k, "p", epoch); news {
				_ = k.Apply(&e)
			}
		}
		again, err := UnmarshalKnown([]byte(marshal(t, k)))
		if err != nil {
			t.Fatalf("read again: %v", err)
		}
		if diff := cmp.Diff(marshal(t, k), marshal(t, again)); diff != "" {
			t.Errorf("(-written +read and written again):\n%s", diff)
		}
	})
}
