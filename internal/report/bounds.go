package report

import (
	"slices"
	"sort"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// proof is what entries show of how long a state is known to have held. What
// follows from it is known only once all gaps are: one may be found later.
type proof struct {
	// floor is when the state was stated, never where nothing is known.
	floor int64
	// sighted is when the scope was last evaluated and nothing said of it, before
	// is when something was.
	sighted, before int64
	// proven is until when the state is proven by what follows, never where that
	// does not say.
	proven int64
	// least is set where it cannot have changed earlier than that.
	least int64
	// fixed is set where floor is all there is.
	fixed bool
}

var nothing = proof{floor: never, sighted: never, proven: never, fixed: true}

// beats are the times at which everything that was observed until then had been
// evaluated: heartbeats, less the age of their queue, and collections. Sorted.
type beats []int64

func (b beats) sort() { slices.Sort(b) }

// last is the newest proof that a state held, before something else was found.
//
// What follows may say until when the state held: up to the watch's last sign of
// life. Otherwise a state is proven when it is stated; each time its scope is
// evaluated and nothing new is stated; and by each heartbeat, for what was in the
// queue before it has been evaluated. Within a gap nothing is proven; where one
// begins after all of these, its beginning is the last proof of observation.
func (p proof) last(gaps spans, b beats) int64 {
	if p.fixed || p.floor == never {
		return p.floor
	}
	if p.proven != never {
		return max(gaps.seen(p.proven), p.floor, p.least)
	}
	newest := p.floor
	if p.sighted > newest && !gaps.inside(p.sighted) {
		newest = p.sighted
	}
	for i := sort.Search(len(b), func(i int) bool { return b[i] >= p.before }) - 1; i >= 0 && b[i] > newest; i-- {
		if !gaps.inside(b[i]) {
			newest = b[i]
		}
	}
	if i := sort.Search(len(gaps), func(i int) bool { return gaps[i].from >= newest }); i < len(gaps) && gaps[i].from < p.before {
		newest = gaps[i].from
	}
	return max(newest, p.least)
}

// bounded is an episode with its bounds.
type bounded struct {
	*episode
	startedNotBefore, startedNotAfter int64
	endedNotBefore, endedNotAfter     int64 // forever while it is open
	shortest                          int64 // microseconds
	longest                           int64 // forever where it is not known
	unobserved                        int64
	// open is set where it had not ended when the control began to operate, and
	// rest on what is left of it from then on.
	open, rest bool
}

// isOpen is whether it had not ended, within the record or within the part of
// it that this is.
func (b *bounded) isOpen() bool { return b.open || b.ending == endingOpen }

// endingNow is how it ended.
func (b *bounded) endingNow() ledger.Ending {
	if b.isOpen() {
		return endingOpen
	}
	return b.ending
}

// bound bounds an episode by all that is known at the end.
func (f *fold) bound(e *episode, gaps spans) bounded {
	b := bounded{episode: e, startedNotAfter: e.opened.at, endedNotBefore: forever, endedNotAfter: forever, longest: forever}
	b.startedNotBefore = min(e.before.last(gaps, f.beats), e.opened.at)
	if e.ending == endingOpen {
		b.shortest = f.seenUntil(gaps) - b.startedNotAfter
		b.shortest = max(0, b.shortest)
		b.unobserved = gaps.within(span{b.startedNotAfter, f.end})
		return b
	}
	b.endedNotAfter = max(e.closed.at, e.opened.at)
	b.endedNotBefore = b.endedNotAfter
	if !e.exact {
		b.endedNotBefore = min(max(e.during.last(gaps, f.beats), e.opened.at), b.endedNotAfter)
	}
	length, doubt := f.between(e.opened, e.closed)
	b.shortest = max(0, length-doubt-(b.endedNotAfter-b.endedNotBefore))
	b.longest = forever
	if b.startedNotBefore != never {
		b.longest = max(b.shortest, length+doubt+b.startedNotAfter-b.startedNotBefore)
	}
	b.unobserved = gaps.within(span{b.startedNotAfter, b.endedNotAfter})
	return b
}

// seenUntil is the end of what was observed: the end of the record, or the
// beginning of the gap that it lies in.
func (f *fold) seenUntil(gaps spans) int64 {
	if n := len(gaps); n > 0 && gaps[n-1].to >= f.end {
		return gaps[n-1].from
	}
	return f.end
}

// between is the time between two entries: by the monotonic clock within one
// process, else by the wall clocks, which may be off by what they were found
// off against the API server's.
func (f *fold) between(from, to mark) (length, doubt int64) {
	if from.run == to.run {
		return max(0, to.mono-from.mono), 0
	}
	one, other := f.offsets[from.run]/microsecond, f.offsets[to.run]/microsecond
	return max(0, to.at-from.at), max(one-other, other-one)
}
