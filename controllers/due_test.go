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

// A checkpoint follows what it covers, so that the first status after a change may
// name one that does not cover it yet.
func TestStatusIsDueUntilACheckpointCoversTheChange(t *testing.T) {
	var policies trigger
	s := newStatusDue(&policies)
	taken := func() {
		t.Helper()
		if _, due := s.take("p", time.Now().Add(time.Hour)); !due {
			t.Fatal("the status is not due")
		}
	}
	s.soon("p")
	steps := []struct {
		name                string
		changes             bool
		checkpoint, entries uint64
		want                bool
	}{
		{name: "changed", checkpoint: 5, entries: 10},
		{name: "asked for again, heartbeats later", checkpoint: 9, entries: 12},
		{name: "the change is covered", checkpoint: 10, entries: 20, want: true},
		{name: "the time passed, and nothing changed", checkpoint: 10, entries: 30, want: true},
		{name: "changed while it was published", changes: true, checkpoint: 10, entries: 30, want: true},
		{name: "that is not covered", checkpoint: 30, entries: 31},
		{name: "covered too", changes: true, checkpoint: 31, entries: 31, want: true},
		{name: "no ledger", changes: true, want: true},
		{name: "another ledger", checkpoint: 1, entries: 2},
	}
	for _, step := range steps {
		taken()
		if step.changes {
			s.soon("p")
		}
		if got := s.covered("p", step.checkpoint, step.entries); got != step.want {
			t.Errorf("%s: covered is %t, want %t", step.name, got, step.want)
		}
		s.at("p", time.Now())
	}
	s.soon("p")
	taken()
	if s.covered("p", 2, 3) {
		t.Error("what was asked for at a time and soon does not count as changed")
	}
}
