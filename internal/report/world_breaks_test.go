package report_test

import (
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// blind marks ticks that nobody observed.
func (w *world) blind(body ledger.GapBody, from, to int) {
	for _, id := range worldControls() {
		for len(w.gaps[id]) < to {
			w.gaps[id] = append(w.gaps[id], false)
		}
		if (body.Policy != "" && body.Policy != worldPolicy) || (body.Kind == "networkpolicies" && id == "C") {
			continue
		}
		for t := from; t < to; t++ {
			w.gaps[id][t] = true
		}
	}
}

func (w *world) instant(tick int) ledger.Time {
	return ledger.At(epoch.Add(time.Duration(tick) * w.length))
}

// lose begins a gap that lasts, found only now.
func (w *world) lose(kind string, ago int) {
	from := max(0, w.tick-ago)
	body := ledger.GapBody{Cause: ledger.CauseWatchStalled, Kind: kind, From: w.instant(from)}
	id := w.scribe.gap(body)
	w.held[id], w.gapKind[id] = from, body
}

// regain ends every gap that lasts.
func (w *world) regain() {
	for _, id := range slices.Sorted(func(yield func(string) bool) {
		for id := range w.held {
			if !yield(id) {
				return
			}
		}
	}) {
		body := w.gapKind[id]
		body.To, body.Ends = new(w.instant(w.tick)), id
		w.scribe.gap(body)
		w.blind(body, w.held[id], w.tick)
		delete(w.held, id)
		w.note()
	}
}

// down stops the process, and starts another one later.
func (w *world) down(ticks int, orderly bool, ago int) {
	w.regain()
	w.quiet()
	if orderly {
		w.write(ledger.Entry{Kind: ledger.KindOperatorStopped})
		w.note()
	}
	from := max(w.proof, w.tick-ago)
	w.pass(max(ticks, 1))
	w.start()
	w.run++
	body := ledger.GapBody{Cause: ledger.CauseNotRunning, From: w.instant(from), To: new(w.instant(w.tick))}
	w.scribe.gap(body)
	w.note()
	w.blind(body, from, w.tick)
}

// lost loses entries of some ticks.
func (w *world) lost(ago int) {
	from := max(0, w.tick-ago)
	if from == w.tick {
		return
	}
	w.write(ledger.Entry{Kind: ledger.KindEvidenceLost, Lost: &ledger.LostBody{Count: 3, Units: 2, From: w.instant(from), To: w.instant(w.tick)}})
	w.blind(ledger.GapBody{}, from, w.tick)
}

// succeed begins another ledger, which knows nothing of this one. Some subjects
// are gone when it looks.
func (w *world) succeed(gone int) {
	w.quiet()
	for id, from := range w.held {
		w.blind(w.gapKind[id], from, w.tick)
	}
	clear(w.held)
	from := w.proof
	w.pass(1)
	w.begin(ledger.OpenVolumeLost)
	w.run++
	w.blind(ledger.GapBody{}, from, w.tick)
	w.specs, w.defs = map[string]*ledger.PolicyRef{}, map[string]map[string]string{}
	w.policy(worldPolicy, w.spec)
	w.note()
	survivors := slices.Clone(w.alive)
	slices.SortStableFunc(survivors, func(a, b *being) int { // scopes first
		return rank(a) - rank(b)
	})
	for i, b := range survivors {
		w.survive(b, i == gone)
	}
	for _, id := range w.statedNow() {
		if w.introduce[id] >= 0 && gone%2 == 0 {
			w.scribe.introduce(worldPolicy, id)
			w.forget(id)
		}
	}
}

// survive says what a new ledger says of what an old one knew.
func (w *world) survive(b *being, gone bool) {
	for _, id := range worldControls() {
		w.end(b, id, "LedgerBreak")
	}
	switch {
	case !b.inside || b.stale:
	case b.itself():
		b.stale, b.doubts = true, append(b.doubts, doubt{w.tick, w.tick})
	case gone || (b.scope != nil && !b.scope.inside):
		w.goes(b, "deleted")
		w.dead[b.subject.UID] = true
		w.alive = slices.DeleteFunc(w.alive, func(o *being) bool { return o == b })
	case b.scope != nil:
		w.enterControl(worldPolicy, "C", b.subject, false)
		w.see(b)
	default:
		w.enter(worldPolicy, b.subject, false)
		w.see(b)
	}
}

// rank puts scopes before what is in them.
func rank(b *being) int {
	if b.scope == nil {
		return 0
	}
	return 1
}

// forget ends what a new ledger did not speak of by when C is introduced: it was
// gone when the old one ended.
func (w *world) forget(id string) {
	for _, b := range w.all {
		if id == "C" && b.stale {
			w.vanish(b)
		}
	}
}

// vanish has a being that a new ledger did not speak of be gone since the old one ended.
func (w *world) vanish(b *being) {
	for len(b.came) <= w.tick {
		b.came, b.went = append(b.came, ""), append(b.went, "")
	}
	b.gone(b.doubts[len(b.doubts)-1].from)
	b.inside = false
	w.settled(b)
}

// gone has it be gone from a tick on.
func (b *being) gone(from int) {
	for t := from; t < len(b.in); t++ {
		b.in[t], b.came[t], b.went[t] = false, "", ""
	}
	b.went[from] = "deleted"
}
