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
	when map[string]time.Time
}

func newStatusDue(policies *trigger) *statusDue {
	return &statusDue{policies: policies, when: map[string]time.Time{}}
}

// soon asks for a policy's status within statusEvery.
func (s *statusDue) soon(policy string) { s.at(policy, time.Now().Add(statusEvery)) }

// now asks for a policy's status at once.
func (s *statusDue) now(policy string) { s.at(policy, time.Now()) }

// at asks for a policy's status at t, unless it is due before.
func (s *statusDue) at(policy string, t time.Time) {
	s.mu.Lock()
	if due, asked := s.when[policy]; asked && !t.Before(due) {
		s.mu.Unlock()
		return
	}
	s.when[policy] = t
	s.mu.Unlock()
	s.policies.after(policyRequest(policy), max(0, time.Until(t)))
}

// take reports whether a policy's status is due, and if not, in how long.
func (s *statusDue) take(policy string, now time.Time) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	due, asked := s.when[policy]
	switch {
	case !asked:
		return 0, false
	case due.After(now):
		return due.Sub(now), false
	}
	delete(s.when, policy)
	return 0, true
}

func (s *statusDue) forget(policy string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.when, policy)
}
