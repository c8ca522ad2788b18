package controllers

import (
	"testing"
	"time"
)

// asked returns how many requests wait in a trigger that has no queue yet.
func asked(t *trigger) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.early)
}

func TestStatusIsDueAtTheEarliestTimeAskedFor(t *testing.T) {
	var policies trigger
	s := newStatusDue(&policies)
	far := time.Now().Add(time.Hour)
	s.at("p", far)
	s.at("p", far.Add(time.Minute))
	if got := asked(&policies); got != 1 {
		t.Errorf("asked %d times, want once: the later time is met by the earlier", got)
	}
	s.at("p", far.Add(-time.Minute))
	if got := asked(&policies); got != 2 {
		t.Errorf("asked %d times, want again for the earlier time", got)
	}
	if wait, due := s.take("p", far.Add(-2*time.Minute)); due || wait != time.Minute {
		t.Errorf("got due %t in %s, want a minute to wait", due, wait)
	}
	if _, due := s.take("p", far.Add(-time.Minute)); !due {
		t.Error("it is time, and not due")
	}
	if wait, due := s.take("p", far); due || wait != 0 {
		t.Errorf("got due %t in %s, want nothing until it is asked for again", due, wait)
	}
}

// A status that will change by the mere passing of time, such as when a tolerance
// ends, must not wait for that when something happens before.
func TestStatusIsDueSoonAlthoughItIsDueLater(t *testing.T) {
	var policies trigger
	s := newStatusDue(&policies)
	s.at("p", time.Now().Add(time.Hour))
	s.soon("p")
	if _, due := s.take("p", time.Now().Add(statusEvery)); !due {
		t.Error("what was asked for soon is not due")
	}
}

func TestStatusIsDebounced(t *testing.T) {
	var policies trigger
	s := newStatusDue(&policies)
	for range 100 {
		s.soon("p")
	}
	if got := asked(&policies); got != 1 {
		t.Errorf("asked %d times, want once", got)
	}
	s.at("r", time.Now().Add(time.Hour))
	s.soon("r")
	if got := asked(&policies); got != 3 {
		t.Errorf("asked %d times, want soon what is due in an hour", got)
	}
	s.now("p")
	s.now("q")
	if got := asked(&policies); got != 5 {
		t.Errorf("asked %d times, want at once for p and for q", got)
	}
	s.forget("p")
	if _, due := s.take("p", time.Now().Add(time.Hour)); due {
		t.Error("the status of a policy that is gone is due")
	}
	if _, due := s.take("q", time.Now()); !due {
		t.Error("what was asked for at once is not due")
	}
}
