package controllers

import (
	"sync"
	"time"
)

// proofs hold, by namespace, until when the namespace was as it was judged last:
// the last sign of life of a watch before the first event since.
type proofs struct {
	mu sync.Mutex
	by map[string]time.Time
}

// note takes the proof that an event comes with. What changed without one, or
// before another change was judged, is bounded by the first.
func (p *proofs) note(namespace string, at time.Time) {
	if at.IsZero() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first, noted := p.by[namespace]; !noted || at.Before(first) {
		p.by[namespace] = at
	}
}

// of returns the proof that a pass may state, zero where there is none.
func (p *proofs) of(namespace string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.by[namespace]
}

// judged forgets a proof once what it bounds is recorded, unless an earlier one
// came meanwhile.
func (p *proofs) judged(namespace string, stated time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by[namespace].Equal(stated) {
		delete(p.by, namespace)
	}
}
