package collect_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/collect"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// testDiscrepancies: whatever the live state missed is found by the next
// collection, named with what was read, and looked at again.
func testDiscrepancies(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	for _, name := range []string{"e11-missed", "e11-unknown", "e11-altered"} {
		c.create(t, name, production)
		w.recorded(name, control.Deviating)
		w.engine.hear(name, false)
	}
	// A change that nobody judged.
	if err := c.deny(t.Context(), "e11-missed"); err != nil {
		t.Fatal(err)
	}
	// A namespace that was taken out of what is recorded, and one that was never there.
	unknown, ghost := w.subject("e11-unknown"), control.Subject{Kind: "Namespace", Name: "e11-ghost", UID: "uid-of-ghost"}
	now := time.Now()
	w.recorder.Record(membership(w.def, ledger.KindSubjectDeleted, unknown, now),
		membership(w.def, ledger.KindSubjectAdded, ghost, now), w.state(ghost, control.Conforming),
		w.state(w.subject("e11-altered"), control.Conforming))

	due := w.collect(func(o *collect.Options, _ *collect.Request) {
		o.Settled = func(string) bool { return false }
		o.Patience = time.Second
	})
	complete(t, due, ledger.CollectionPartial)
	if due.Entry.Reason != collect.ReasonUnsettled {
		t.Errorf("got %s: %s", due.Entry.Reason, due.Entry.Message)
	}
	if b := due.Entry.Collection; b.Discrepancies != 0 || b.Superseded != 4 || len(w.entries(ledger.KindDiscrepancy)) > 0 {
		t.Errorf("passes were due, and yet: %+v", b)
	}
	w.implied(due)
	if u := w.unitOf(due.Manifest, "e11-missed"); u.State.Outcome != control.Deviating {
		t.Errorf("nothing is decided, and the manifest does not have what is recorded: %+v", u)
	}

	few := w.collect(func(o *collect.Options, _ *collect.Request) {
		o.Settled = func(string) bool { return false }
		o.Patience, o.MaxReread = 100*time.Millisecond, 1
	})
	complete(t, few, ledger.CollectionPartial)
	if !strings.Contains(few.Entry.Message, "3 more scopes differed, and were not read again") {
		t.Errorf("got %s: %s", few.Entry.Reason, few.Entry.Message)
	}

	r := w.collect()
	complete(t, r, ledger.CollectionCompleted)
	type found struct{ Subject, Reason, From, To string }
	var got []found
	outcome := func(s *control.State) string {
		if s == nil {
			return "absent"
		}
		return string(s.Outcome)
	}
	for _, e := range w.entries(ledger.KindDiscrepancy) {
		got = append(got, found{e.Subject.Name, e.Reason, outcome(e.From), outcome(e.To)})
		if e.Discrepancy.Reads < 2 || e.Seq > r.Entry.Seq || e.Seq < r.Manifest.Seq || !e.Discrepancy.Slot.Equal(r.Entry.Collection.Slot.Time) {
			t.Errorf("got %+v of slot %+v", e, e.Discrepancy)
		}
		if (len(e.Inputs) == 0) != (e.To == nil) {
			t.Errorf("%s has inputs %+v", e.Subject, e.Inputs)
		}
	}
	slices.SortFunc(got, func(a, b found) int { return slices.Compare([]string{a.Subject}, []string{b.Subject}) })
	want := []found{
		{"e11-altered", collect.ReasonStateDiffers, "Conforming", "Deviating"},
		{"e11-ghost", collect.ReasonNotInScope, "Conforming", "absent"},
		{"e11-missed", collect.ReasonStateDiffers, "Deviating", "Conforming"},
		{"e11-unknown", collect.ReasonNotRecorded, "absent", "Deviating"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("discrepancies (-want +got):\n%s", diff)
	}
	if b := r.Entry.Collection; b.Discrepancies != 4 || b.Superseded != 0 {
		t.Errorf("got %+v", b)
	}
	if u := w.unitOf(r.Manifest, "e11-missed"); u.State.Outcome != control.Conforming {
		t.Errorf("the manifest has what was recorded: %+v", u)
	}
	for _, name := range []string{"e11-altered", "e11-ghost", "e11-missed", "e11-unknown"} {
		w.eventually("a pass over "+name, func() bool {
			w.engine.mu.Lock()
			defer w.engine.mu.Unlock()
			return slices.Contains(w.engine.requeued, name)
		})
	}
	w.recorded("e11-missed", control.Conforming)
	w.recorded("e11-altered", control.Deviating)
	w.recorded("e11-unknown", control.Deviating)
	w.recorded("e11-ghost", "")
	again := w.collect()
	complete(t, again, ledger.CollectionCompleted)
	if b := again.Entry.Collection; b.Discrepancies != 0 {
		t.Errorf("what was corrected is found again: %+v", b)
	}
	w.verified()
}

// subject is the one of a namespace that is recorded; empty where none is.
func (w *world) subject(namespace string) (subject control.Subject) {
	w.recorder.View(func(k *ledger.Known) {
		for _, m := range k.MembersOf(namespace) {
			subject = m.Subject
		}
	})
	return subject
}

func (w *world) state(subject control.Subject, to control.Outcome) ledger.Draft {
	c := &w.def.Controls[0]
	return ledger.Draft{At: time.Now(), Epoch: 1, Entry: ledger.Entry{Kind: ledger.KindOutcomeChanged, Policy: w.def.Ref(c), Control: c.Spec.ID,
		Subject: &subject, To: &control.State{Outcome: to, Basis: control.BasisConfiguration}}}
}

// testChurn: namespaces that change all the time, come and go, and change their
// scope, give no discrepancy, and every manifest states what the ledger implies.
func testChurn(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	for _, name := range []string{"churn-policy", "churn-scope"} {
		c.create(t, name, production)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var churn sync.WaitGroup
	for _, turn := range []func(on bool){
		func(on bool) {
			if on {
				fail(t, c.deny(context.WithoutCancel(ctx), "churn-policy"))
			} else {
				fail(t, c.allow(context.WithoutCancel(ctx), "churn-policy"))
			}
		},
		func(on bool) { c.label(t, "churn-scope", map[bool]string{true: "test", false: "production"}[on]) },
		func(on bool) {
			if on {
				c.create(t, "churn-life", production)
			} else {
				c.drop(t, "churn-life")
			}
		},
	} {
		churn.Go(func() {
			for on := true; on || ctx.Err() == nil; on = !on {
				turn(on)
			}
			turn(false)
		})
	}
	superseded := 0
	for range 12 {
		r := w.collect(func(o *collect.Options, _ *collect.Request) { o.Patience = 10 * time.Second })
		if state := r.Entry.Collection.State; state == ledger.CollectionFailed || state == ledger.CollectionPartial && r.Entry.Reason != collect.ReasonUnsettled {
			t.Fatalf("got %s: %s: %s", state, r.Entry.Reason, r.Entry.Message)
		}
		superseded += r.Entry.Collection.Superseded
		w.implied(r)
	}
	cancel()
	churn.Wait()
	if got := w.entries(ledger.KindDiscrepancy); len(got) > 0 {
		t.Errorf("%d discrepancies, the first one: %+v: %+v, not %+v", len(got), got[0].Subject, got[0].To, got[0].From)
	}
	if superseded == 0 {
		t.Error("nothing ever changed while it was collected: there was no churn")
	}
	w.verified()
}

// testReplaced: of a namespace that another of its name took the place of, the
// manifest states what is recorded as long as nothing is recorded of the new one.
func testReplaced(t *testing.T, c *cluster) {
	w := newWorld(t, c, baseline())
	c.create(t, "e11-replaced", production)
	w.recorded("e11-replaced", control.Deviating)
	before := w.subject("e11-replaced")
	w.engine.hear("e11-replaced", false)
	w.eventually("all namespaces to be recorded", w.complete)
	c.drop(t, "e11-replaced")
	c.create(t, "e11-replaced", production)
	r := w.collect(func(o *collect.Options, _ *collect.Request) {
		o.Settled = func(name string) bool { return name != "e11-replaced" }
		o.Patience = time.Second
	})
	complete(t, r, ledger.CollectionCompleted)
	w.implied(r)
	for _, s := range w.scopes(r.Manifest) {
		if s.Subject.Name == "e11-replaced" && (s.Subject != before || len(s.Inputs) > 0) {
			t.Errorf("got %+v, want what is recorded of %+v", s, before)
		}
	}
	w.engine.hear("e11-replaced", true)
	w.engine.requeue("e11-replaced")
	w.eventually("the new one to be recorded", func() bool { return w.subject("e11-replaced") != before })
	w.implied(w.collect())
	w.verified()
}

// implied checks that a manifest has the population and the states that entries
// imply, somewhere between its Seq and its Collected entry.
func (w *world) implied(r *collect.Result) {
	w.tb.Helper()
	known := ledger.NewKnown()
	members := map[control.Subject]bool{}
	states := map[control.Subject][]control.State{}
	note := func() {
		for _, m := range known.Members("baseline") {
			members[m.Subject] = true
			if u, ok := known.Unit(ledger.Unit{Policy: "baseline", Control: "NET-1", Subject: m.Subject}); ok {
				states[m.Subject] = append(states[m.Subject], u.State)
			}
		}
	}
	always := map[control.Subject]bool{}
	for _, e := range w.entries() {
		if e.Seq > r.Entry.Seq {
			break
		}
		if e.Seq == r.Manifest.Seq {
			for _, m := range known.Members("baseline") {
				always[m.Subject] = true
			}
		}
		if e.Seq >= r.Manifest.Seq {
			note()
		}
		if err := known.Apply(e); err != nil {
			w.tb.Fatal(err)
		}
		if e.Seq >= r.Manifest.Seq && (e.Kind == ledger.KindSubjectDeleted || e.Kind == ledger.KindScopeLeft) {
			delete(always, *e.Subject)
		}
	}
	for _, s := range w.scopes(r.Manifest) {
		if s.Standings[0].Disposition != "InScope" {
			continue
		}
		delete(always, s.Subject)
		u := s.Units[0]
		if !members[s.Subject] && u.State.Outcome != control.NotEvaluated {
			w.tb.Errorf("%s is in the population of the manifest, and never was by the entries", s.Subject)
		}
		if !slices.ContainsFunc(states[s.Subject], u.State.Equal) && u.State.Outcome != control.NotEvaluated {
			w.tb.Errorf("%s: the manifest says %+v, the entries %+v", s.Subject, u.State, states[s.Subject])
		}
	}
	for s := range always {
		w.tb.Errorf("%s was in scope all the time, and is not in the manifest", s)
	}
	l, census := r.Manifest.Lists[0], r.Manifest.Policies[0].Controls[0].Census
	if l.Count+r.Manifest.Appeared-r.Manifest.Gone != census.Total {
		w.tb.Errorf("%d were listed, %d appeared, %d are gone: %+v", l.Count, r.Manifest.Appeared, r.Manifest.Gone, census)
	}
}

// testFrozen: what a watch has not shown yet is no discrepancy. That it froze is
// found elsewhere, and is a gap.
func testFrozen(t *testing.T, c *cluster) {
	proxy, err := c.Proxy(0)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldThrough(t, c, baseline(), proxy.RESTConfig(c.RESTConfig()))
	c.create(t, "e11-frozen", production)
	w.recorded("e11-frozen", control.Deviating)
	w.eventually("all namespaces to be recorded", w.complete)
	proxy.Freeze()
	if err := c.deny(t.Context(), "e11-frozen"); err != nil {
		t.Fatal(err)
	}
	r := w.collect(func(o *collect.Options, _ *collect.Request) { o.Patience = time.Second })
	if err := proxy.Resume(); err != nil {
		t.Fatal(err)
	}
	complete(t, r, ledger.CollectionCompleted)
	if b := r.Entry.Collection; b.Discrepancies != 0 || b.Superseded == 0 {
		t.Errorf("got %+v", b)
	}
}
