package controllers

import (
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// contests are the objects that are contested.
type contests struct {
	mu sync.Mutex
	by map[enforce.Object]contest
}

type contest struct {
	since time.Time
	wants []enforce.Source
}

// contested takes note of a repair that is fought.
func (m *Metrics) contested(object enforce.Object, wants []enforce.Source) {
	for _, w := range wants {
		m.contentions.WithLabelValues(w.Policy, w.Control).Inc()
	}
	m.contests.mu.Lock()
	defer m.contests.mu.Unlock()
	if _, known := m.contests.by[object]; !known {
		m.contests.by[object] = contest{m.opts.Now(), wants}
	}
	m.settleContests()
}

// settleContests forgets the contests that are over, and says how long they took.
// Nobody else tells when an hour has passed.
func (m *Metrics) settleContests() {
	now := m.opts.Now()
	for object, c := range m.contests.by {
		if m.engine.Contention.Standing(object, now).Contested {
			continue
		}
		delete(m.contests.by, object)
		for _, w := range c.wants {
			m.contentionTime.WithLabelValues(w.Policy, w.Control).Observe(now.Sub(c.since).Seconds())
		}
	}
}

// contests says how many objects of each control are contested.
func (s scrape) contests() {
	s.Metrics.contests.mu.Lock()
	defer s.Metrics.contests.mu.Unlock()
	s.settleContests()
	count := map[enforce.Source]int{}
	for _, c := range s.Metrics.contests.by {
		for _, w := range c.wants {
			count[w]++
		}
	}
	for _, def := range s.engine.registry.load().sorted {
		for i := range def.Controls {
			id := def.Controls[i].Spec.ID
			s.gauge("holdfast_contested_objects", float64(count[enforce.Source{Policy: def.Name, Control: id}]), def.Name, id)
		}
	}
}
