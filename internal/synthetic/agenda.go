package synthetic

import (
	"container/heap"
	"time"
)

// agenda is what is to happen, in the order of time; what is due at the same
// moment happens in the order in which it was put down.
type agenda struct {
	events events
	count  int
}

type event struct {
	at    time.Time
	order int
	do    func() error
}

// put notes what is to happen at a time.
func (a *agenda) put(at time.Time, do func() error) {
	a.count++
	heap.Push(&a.events, event{at, a.count, do})
}

// next takes the next event. It reports false where there is none before end.
func (a *agenda) next(end time.Time) (event, bool) {
	if len(a.events) == 0 || !a.events[0].at.Before(end) {
		return event{}, false
	}
	e, _ := heap.Pop(&a.events).(event)
	return e, true
}

// events are a heap.
type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	if !e[i].at.Equal(e[j].at) {
		return e[i].at.Before(e[j].at)
	}
	return e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any) {
	if v, ok := x.(event); ok {
		*e = append(*e, v)
	}
}
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}
