package controllers

import (
	"sync"
	"time"
)

// statusEvery is the shortest time between two writes of one policy's status.
const statusEvery = time.Second

// statusDue says when each policy's status is to be published: some time after
// something changed, so that what comes and goes at once is not published.
type statusDue struct {
	policies *trigger

	mu   sync.Mutex
	when map[string]due
	// entries is how many entries the checkpoint in a policy's status is to cover;
	// none where something changed since, and that is not known yet.
	entries map[string]uint64
}

// due is when a status is to be published, and whether something changed since it
// was last, beyond the time.
type due struct {
	at      time.Time
	changed bool
}

func newStatusDue(policies *trigger) *statusDue {
	return &statusDue{policies: policies, when: map[string]due{}, entries: map[string]uint64{}}
}

// soon asks for a policy's status within statusEvery, since something changed.
func (s *statusDue) soon(policy string) { s.ask(policy, due{time.Now().Add(statusEvery), true}) }

// now asks for a policy's status at once, since something changed.
func (s *statusDue) now(policy string) { s.ask(policy, due{time.Now(), true}) }

// at asks for a policy's status at t, unless it is due before.
func (s *statusDue) at(policy string, t time.Time) { s.ask(policy, due{t, false}) }

func (s *statusDue) ask(policy string, next due) {
	s.mu.Lock()
	last, asked := s.when[policy]
	if next.changed = next.changed || last.changed; asked && !next.at.Before(last.at) {
		s.when[policy] = due{last.at, next.changed}
		s.mu.Unlock()
		return
	}
	s.when[policy] = next
	s.mu.Unlock()
	s.policies.after(policyRequest(policy), max(0, time.Until(next.at)))
}

// take reports whether a policy's status is due, and if not, in how long.
func (s *statusDue) take(policy string, now time.Time) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, asked := s.when[policy]
	switch {
	case !asked:
		return 0, false
	case next.at.After(now):
		return next.at.Sub(now), false
	}
	delete(s.when, policy)
	if next.changed {
		delete(s.entries, policy)
	}
	return 0, true
}

// covered reports whether a checkpoint over so many entries of those that the
// ledger has covers what there was when the policy last changed. What comes after
// that, such as that the operator lives, is not waited for.
func (s *statusDue) covered(policy string, checkpoint, entries uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.entries[policy]; !known {
		s.entries[policy] = entries
	}
	return checkpoint >= s.entries[policy]
}

func (s *statusDue) forget(policy string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.when, policy)
	delete(s.entries, policy)
}
