package report_test

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// happening is one thing that happens, some ticks after the one before.
type happening struct{ After, What, Who, Which, How int }

func happenings() *rapid.Generator[[]happening] {
	small := rapid.IntRange(0, 7)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) happening {
		return happening{After: rapid.IntRange(0, 3).Draw(t, "after"), What: rapid.IntRange(0, 31).Draw(t, "what"),
			Who: small.Draw(t, "who"), Which: rapid.IntRange(0, 1).Draw(t, "which"), How: small.Draw(t, "how")}
	}), 10, 140)
}

func (w *world) happen(h happening) {
	w.pass(h.After)
	id := []string{"A", "B"}[h.Which]
	var b *being
	if len(w.alive) > 0 {
		b = w.alive[h.Who%len(w.alive)]
	}
	switch {
	case h.What < 3 || b == nil:
		w.come(h.Who, h.How%2 == 0)
	case h.What < 14:
		w.becomeAny(b, id, h)
	case h.What < 18:
		w.beat()
		w.note()
		for len(w.beats) <= w.tick {
			w.beats = append(w.beats, false)
		}
		w.beats[w.tick] = true
	case h.What == 18:
		w.depart(b, h.How%2 == 0)
	case h.What == 19:
		w.lose([]string{"", "networkpolicies"}[h.Which], h.How/2)
	case h.What < 22:
		w.regain()
	case h.What == 22:
		w.down(h.How, h.Which == 0, h.Who)
	case h.What == 23:
		w.lost(h.How)
	case h.What == 24:
		w.succeed(h.How)
	case h.What < 27:
		w.edit(h)
	case h.What < 29:
		w.intro(id)
	default:
		w.touchObject(b, id, h)
	}
}

func (w *world) becomeAny(b *being, id string, h happening) {
	to := []control.Outcome{control.Conforming, control.Deviating, control.Conforming, control.Deviating, control.NotEvaluated,
		control.NotApplicable, control.Deviating, control.Conforming}[h.How]
	ending := []ledger.Ending{ledger.EndingCorrected, ledger.EndingRepaired, ledger.EndingUnknownInGap}[h.Who%3]
	w.become(b, id, to, []string{"NP-01", "NP-07"}[h.Who%2], h.What%5-1, ending)
}

// edit puts another spec in force.
func (w *world) edit(h happening) {
	w.quiet()
	tolerance := []*v1alpha1.Tolerance{nil, within(2 * w.length), within(5 * w.length), within(40 * w.length)}[h.How%4]
	ids := [][]string{{"A", "B"}, {"A", "B"}, {"A"}, {"B"}, {"A", "B"}, {"A", "B"}, {"A", "B"}, {"A", "B"}}[h.Who]
	before := w.statedNow()
	w.put(tolerance, ids...)
	for _, id := range before {
		if !slices.Contains(ids, id) {
			for _, b := range w.all {
				w.end(b, id, ledger.EndingControlWithdrawn)
			}
		}
	}
}

func (w *world) intro(id string) {
	if !slices.Contains(w.statedNow(), id) {
		return
	}
	w.scribe.introduce(worldPolicy, id)
	w.note()
	if w.introduce[id] < 0 {
		w.introduce[id], w.introducedIn[id] = w.tick, len(w.chain)
	}
}

// touchObject repairs, fails to, or gives up for a while.
func (w *world) touchObject(b *being, id string, h happening) {
	if !b.inside || !slices.Contains(w.statedNow(), id) {
		return
	}
	kind := []ledger.Kind{ledger.KindRepaired, ledger.KindRepaired, ledger.KindRepairFailed, ledger.KindContested}[h.How%4]
	w.act(kind, worldPolicy, id, b.subject, "")
	w.note()
	w.see(b)
	c := w.cell(b, id)
	w.order++
	c.acts = append(c.acts, touch{w.tick, w.run, w.order, kind})
	if kind == ledger.KindContested {
		key := b.subject.UID + "/" + id
		if w.fought[key] == nil {
			w.fought[key] = map[int]bool{}
		}
		w.fought[key][w.tick] = true
	}
}
