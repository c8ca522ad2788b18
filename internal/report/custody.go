package report

import (
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// reach is what a receipt covers: the entries [from, to) of a ledger, observed
// up to until.
type reach struct {
	ledger   int
	from, to uint64
	at       ledger.Time
}

// anchored notes a receipt, or that there is none.
func (f *fold) anchored(l *line) error {
	body, err := decoded[ledger.AnchorBody](l, "anchor")
	if err != nil {
		return err
	}
	a := Anchored{Name: body.Name, Type: body.Type, LedgerID: f.ledgerID, Origin: body.Origin, Size: body.Size,
		RootHash: body.RootHash, Receipt: body.Receipt, At: body.At, Observed: timeOf(l.at), Seq: l.seq}
	if l.kind == ledger.KindAnchorFailed {
		a.Failed = strings.TrimPrefix(l.text("reason")+": "+l.text("message"), ": ")
		f.written[f.ledger].failed = true
	} else {
		f.reach(&body, l)
	}
	if f.window.holds(l.at) {
		f.anchors = append(f.anchors, a)
	}
	return nil
}

// reach notes what a receipt covers that none did before. A checkpoint binds
// the earlier segments of its ledger too.
func (f *fold) reach(b *ledger.AnchorBody, l *line) {
	to := b.Size + f.segments[segmentOf(b.Origin)]
	from := uint64(0)
	if n := len(f.reached); n > 0 && f.reached[n-1].ledger == f.ledger {
		from = f.reached[n-1].to
	}
	if to <= from {
		return
	}
	at := timeOf(l.at)
	if b.At != nil {
		at = *b.At
	}
	f.reached = append(f.reached, reach{f.ledger, from, to, at})
	f.written[f.ledger].cover(to, l.at, f.window)
}

// segmentOf is the number of the segment that a checkpoint's origin names.
func segmentOf(origin string) uint64 {
	parts := strings.Split(strings.TrimPrefix(origin, "holdfast.dev/ledger/"), "/")
	if len(parts) != 2 {
		return 0
	}
	n, _ := number[uint64]([]byte(parts[1]))
	return n
}

// fillCustody says where the entries come from, and who acknowledged them.
func (f *fold) fillCustody(r *Record) {
	c := &r.Custody
	c.Ledgers, c.Anchors = f.linksWithin(), emptied(f.anchors)
	c.AnchorsDeclared = sortedKeys(f.declared)
	c.Unanchored = []Interval{}
	for _, s := range union(f.unanchored()).clip(f.period()) {
		c.Unanchored = append(c.Unanchored, s.interval())
		c.LongestUnanchored = max(c.LongestUnanchored, s.length()*microsecond)
	}
	c.LongestWait = c.LongestUnanchored
	for i := range f.written {
		c.LongestWait = max(c.LongestWait, f.written[i].wait*microsecond)
	}
}

// written are the times at which the entries of a ledger were observed that no
// receipt covers yet.
type written struct {
	first uint64 // the entry that times[0] is of
	times []int64
	last  int64
	wait  int64 // the longest that an entry waited for its receipt
	// failed is whether an anchor failed since the last receipt, missed whether a
	// collection came and went without one since. lapses are the times that
	// entries waited because of that.
	failed, missed bool
	lapses         []span
}

// collected notes that a collection was made: what failed before it is not made
// up for by another anchor of the same collection.
func (w *written) collected() { w.missed = w.missed || w.failed }

func (w *written) note(l *line) {
	if len(w.times) == 0 {
		w.first = l.seq
	}
	w.last = max(w.last, l.at)
	w.times = append(w.times, l.at)
}

// cover drops the entries before seq, for which a receipt came at a time.
func (w *written) cover(seq uint64, at int64, in span) {
	if seq <= w.first || len(w.times) == 0 {
		return
	}
	waited := span{w.times[0], at}
	w.wait = max(w.wait, waited.clip(in).length())
	if w.missed {
		w.lapses = append(w.lapses, waited)
	}
	w.failed, w.missed = false, false
	n := min(seq-w.first, uint64(len(w.times)))
	w.first += n
	w.times = append(w.times[:0], w.times[n:]...)
}

// unanchored are the times in which entries were written that no receipt covers,
// or none did until an anchor that had failed answered again.
func (f *fold) unanchored() []span {
	var of []span
	for i := range f.written {
		w := &f.written[i]
		of = append(of, w.lapses...)
		if len(w.times) == 0 {
			continue
		}
		s := span{w.times[0], max(w.last, w.times[0]) + 1}
		if i == len(f.linksWithin())-1 {
			s.to = max(s.to, f.end)
		}
		of = append(of, s)
	}
	return of
}

// listBanners say first what a reader has to know.
func (f *fold) listBanners() []string {
	of := append([]string{}, f.banners...)
	if len(f.reached) == 0 {
		of = append(of, "No anchor: no party outside the cluster holds a receipt for any entry of this record. Whoever holds the signing key could have written it anew; only a checkpoint kept elsewhere shows that nobody did.")
	}
	for i, l := range f.linksWithin() {
		if i > 0 {
			of = append(of, fmt.Sprintf("The chain of ledgers has a break (%s) at %s: %s", l.Reason, stamp(l.Opened), l.Lost))
		}
	}
	lost := 0
	for _, l := range f.lossesWithin() {
		lost += l.Count
	}
	if lost > 0 {
		of = append(of, fmt.Sprintf("%d entries of the period could not be kept, and were only counted: that time counts as a gap.", lost))
	}
	unknown := uint64(0)
	for _, n := range f.counts.Unknown {
		unknown += n
	}
	if unknown > 0 {
		of = append(of, fmt.Sprintf("%d entries are of kinds that this version does not know. They are counted, and were passed over: a newer version may say more.", unknown))
	}
	return of
}

// linksWithin are the ledgers that the record has entries of.
func (f *fold) linksWithin() []LedgerLink {
	of := []LedgerLink{}
	for i := range f.links {
		if l := &f.links[i]; !l.Opened.IsZero() && micros(l.Opened.Time) < f.window.to {
			of = append(of, *l)
		}
	}
	return of
}

// lossesWithin are the losses of entries within the period.
func (f *fold) lossesWithin() []Loss {
	of := []Loss{}
	for _, l := range f.losses {
		if micros(l.From.Time) < f.period().to && micros(l.To.Time) >= f.period().from {
			of = append(of, l)
		}
	}
	return of
}
