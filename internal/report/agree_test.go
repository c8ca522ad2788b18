package report_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// TestFoldAgreesWithANaiveOne lets anything happen, and holds the record
// against what the ticks say: time, coverage, population, episodes with bounds
// and classes, groups.
func TestFoldAgreesWithANaiveOne(t *testing.T) {
	for range histories / 100 { // rapid makes a hundred at a time
		rapid.Check(t, func(rt *rapid.T) { agree(drawn{t, rt}) })
	}
}

// histories is how many histories are compared.
const histories = 2000

// drawn is a test with something drawn: its failure is rapid's, which tells the
// seed, and finds a shorter history that fails.
type drawn struct {
	testing.TB
	rt *rapid.T
}

// Fatal implements testing.TB.
func (d drawn) Fatal(args ...any) {
	d.rt.Helper()
	d.rt.Fatal(args...)
}

func agree(t drawn) {
	t.Helper()
	rt := t.rt
	tick := rapid.SampledFrom([]time.Duration{20 * time.Second, 10 * time.Minute, time.Hour}).Draw(rt, "tick")
	w := newWorld(t, tick)
	for _, h := range happenings().Draw(rt, "happenings") {
		w.happen(h)
	}
	w.regain()
	w.pass(2)
	w.beat()
	w.note()
	w.forget("C")
	last := w.tick
	w.pass(1)
	from := rapid.IntRange(0, last-1).Draw(rt, "from")
	to := rapid.IntRange(from+1, last+5).Draw(rt, "to")
	r := folded(t, w, report.Query{From: new(w.instant(from)), To: new(w.instant(to))})
	got := map[string]plainControl{}
	for i := range r.Controls {
		got[r.Controls[i].ID] = w.plain(&r.Controls[i])
	}
	want := map[string]plainControl{}
	for _, id := range worldControls() {
		n := naive{w, id, from, to, min(to, last)}
		want[id] = n.control()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		rt.Fatalf("[%d, %d) of %d ticks of %s (-naive +fold):\n%s\n%s", from, to, last, tick, diff, w.dump())
	}
	for id, c := range got {
		if c.Start+c.Added+c.Entered-c.Deleted-c.Left != c.End {
			rt.Fatalf("%s: the population does not add up: %+v", id, c)
		}
	}
}

// dump prints the ledgers.
func (w *world) dump() string {
	var out []byte
	for _, info := range w.chain {
		for _, data := range w.entries[info.LedgerID] {
			out = append(append(out, data...), '\n')
		}
	}
	return string(out)
}

// plain is a control of a record in ticks.
func (w *world) plain(c *report.Control) plainControl {
	p := plainControl{Time: c.Time, Evaluated: c.CoverageSince.Evaluated, Due: c.CoverageSince.Due, Whole: c.Coverage.Due,
		PerMyriad: valueOr(c.CoverageSince.PerMyriad), WholePerMyriad: valueOr(c.Coverage.PerMyriad),
		Start: c.Census.Start, Added: c.Census.Added, Entered: c.Census.Entered, Deleted: c.Census.Deleted, Left: c.Census.Left,
		End: c.Census.End, Days: c.Census.Days, Subjects: len(c.Subjects), Groups: c.Counts.Groups, Repaired: c.Repairs.Repaired,
		SurelyLonger1s: c.Counts.LongerThan[1].Surely, PossiblyLonger1h: c.Counts.LongerThan[5].Possibly,
		Baseline: w.plainEpisodes(c.Baseline), Episodes: w.plainEpisodes(c.Episodes)}
	return p
}

func valueOr(v *int64) int64 {
	if v == nil {
		return unknown
	}
	return *v
}

func (w *world) plainEpisodes(list []report.Episode) []plainEpisode {
	of := []plainEpisode{}
	for i := range list {
		e := &list[i]
		p := plainEpisode{Subject: e.Subject.UID, Class: e.Class, Recurring: e.Recurring, Origin: e.Origin, Ending: e.Ending,
			NotBefore: w.ticks(e.Started.NotBefore), NotAfter: w.ticks(e.Started.NotAfter),
			EndNB: w.ticks(e.Ended.NotBefore), EndNA: w.ticks(e.Ended.NotAfter),
			Min: int(e.Length.Min / int64(w.length)), Max: unknown, Unobserved: int(e.Unobserved / int64(w.length)), Rules: e.Rules[0].Rule}
		if e.Length.Max != nil {
			p.Max = int(*e.Length.Max / int64(w.length))
		}
		if e.Class == report.ClassBaseline {
			p.Class = ""
		}
		of = append(of, p)
	}
	slices.SortFunc(of, comparePlain)
	return of
}

func (w *world) ticks(t *ledger.Time) int {
	if t == nil {
		return unknown
	}
	return int(t.Sub(epoch) / w.length)
}
