package probe

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// none is the index of a batch that is in no queue.
const none = -1

// lane probes the targets of one kind: hosts that hang hold up no other kind.
type lane struct {
	kind  string
	probe Func
	// prepare is done once, before the first probe; nil is nothing.
	prepare func(context.Context)
	// slots are taken by targets that are probed.
	slots chan struct{}
	// wake tells that the queue's head changed.
	wake chan struct{}
	// queue is guarded by the Runner's lock.
	queue queue
}

func newLane(kind string, p kindOfProbe, concurrency int) *lane {
	if p.concurrency > 0 {
		concurrency = min(concurrency, p.concurrency)
	}
	return &lane{kind: kind, probe: p.probe, prepare: p.prepare, slots: make(chan struct{}, concurrency), wake: make(chan struct{}, 1)}
}

// schedule puts a batch where it belongs in the queue. The caller holds the lock.
func (l *lane) schedule(b *batch) {
	switch {
	case b.running || len(b.targets) == 0:
		if b.index != none {
			heap.Remove(&l.queue, b.index)
		}
		return
	case b.index == none:
		b.due = b.next()
		heap.Push(&l.queue, b)
	default:
		b.due = b.next()
		heap.Fix(&l.queue, b.index)
	}
	if b.index == 0 {
		l.stir()
	}
}

// stir has the lane look at its queue.
func (l *lane) stir() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// serve runs what is due in a lane until ctx is done, and returns when the runs
// have ended. As many runs are under way as targets may be probed at once.
func (r *Runner) serve(ctx context.Context, l *lane) {
	var runs sync.WaitGroup
	defer runs.Wait()
	free := make(chan struct{}, cap(l.slots))
	for {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return
		}
		b, jobs := r.await(ctx, l)
		if b == nil {
			return
		}
		if l.prepare != nil {
			l.prepare(ctx)
			l.prepare = nil
		}
		runs.Go(func() {
			defer func() { <-free }()
			r.run(ctx, l, b, jobs)
		})
	}
}

// await returns the next batch that is due, with its targets that are, or nil once
// ctx is done.
func (r *Runner) await(ctx context.Context, l *lane) (*batch, []job) {
	for {
		b, jobs, wait := r.takeBatch(l)
		if b != nil {
			return b, jobs
		}
		var due <-chan time.Time
		timer := time.NewTimer(max(wait, time.Millisecond))
		if wait > 0 {
			due = timer.C
		}
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-due:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil, nil
		}
	}
}

// takeBatch takes the head of the queue where it is due, or returns how long to
// wait for it: 0 means until something is wanted.
func (r *Runner) takeBatch(l *lane) (*batch, []job, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(l.queue) == 0 {
		return nil, nil, 0
	}
	now, b := r.options.Now(), l.queue[0]
	if b.due.After(now) {
		return nil, nil, b.due.Sub(now)
	}
	heap.Pop(&l.queue)
	b.running = true
	return b, b.takeDue(now), 0
}

// queue orders batches by when they are due.
type queue []*batch

// Len implements heap.Interface, as do the others.
func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	b := x.(*batch) //nolint:forcetypeassert // nothing else is pushed
	b.index = len(*q)
	*q = append(*q, b)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	b := (*q)[last]
	(*q)[last], b.index = nil, none
	*q = (*q)[:last]
	return b
}
