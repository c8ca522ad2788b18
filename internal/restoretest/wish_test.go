package restoretest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/probe"
)

// TestOrders: targets of several controls that are equal are one, at the shortest
// interval, and what is no restore is nobody's order.
func TestOrders(t *testing.T) {
	wanted := func(policy string, every time.Duration, timeout time.Duration) probe.Wanted {
		return probe.Wanted{Policy: policy, Control: "BCK-2", Target: control.Target{Every: every, Restore: &control.RestoreTarget{Namespace: "shop", Timeout: timeout,
			Candidate: &control.RestoreCandidate{Name: "daily"}}}}
	}
	got := ordersOf("shop", []probe.Wanted{
		wanted("b", 2*time.Hour, time.Hour), wanted("a", time.Hour, time.Hour), wanted("a", 3*time.Hour, time.Minute),
		{Policy: "c", Target: control.Target{Canary: &control.CanaryTarget{}}},
	})
	type summary struct {
		every     time.Duration
		askers    []ledger.ProbedFor
		candidate string
	}
	seen := map[time.Duration]summary{}
	for _, w := range got {
		seen[w.target.Timeout] = summary{w.every, w.askers, w.candidate.Name}
		if w.target.Candidate != nil {
			t.Error("the candidate is part of the target")
		}
	}
	want := map[time.Duration]summary{
		time.Hour:   {time.Hour, []ledger.ProbedFor{{Policy: "a", Control: "BCK-2"}, {Policy: "b", Control: "BCK-2"}}, "daily"},
		time.Minute: {3 * time.Hour, []ledger.ProbedFor{{Policy: "a", Control: "BCK-2"}}, "daily"},
	}
	if diff := cmp.Diff(want, seen, cmp.AllowUnexported(summary{})); diff != "" {
		t.Error(diff)
	}
}

// TestTestable: only a backup that was begun once the sentinel was there, by both
// clocks, is restored.
func TestTestable(t *testing.T) {
	at := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	candidate := func(started, created time.Duration) *control.RestoreCandidate {
		return &control.RestoreCandidate{StartedAt: at.Add(started), CreatedAt: at.Add(created)}
	}
	for name, tc := range map[string]struct {
		wish wish
		want bool
	}{
		"after it":                    {wish{sentinel: &sentinel{writtenAt: at}, candidate: candidate(time.Second, time.Second)}, true},
		"in the same second":          {wish{sentinel: &sentinel{writtenAt: at}, candidate: candidate(0, time.Second)}, false},
		"before it, by Velero":        {wish{sentinel: &sentinel{writtenAt: at}, candidate: candidate(-time.Hour, time.Hour)}, false},
		"before it, by the API":       {wish{sentinel: &sentinel{writtenAt: at}, candidate: candidate(time.Hour, -time.Hour)}, false},
		"no backup":                   {wish{sentinel: &sentinel{writtenAt: at}}, false},
		"no sentinel that is whole":   {wish{candidate: candidate(time.Hour, time.Hour)}, false},
		"neither a sentinel nor that": {wish{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.wish.testable(); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// TestPaces: what fails is tried again later and later, up to a bound.
func TestPaces(t *testing.T) {
	p := Pace{}.orDefaults()
	for failed, want := range map[int]time.Duration{0: time.Minute, 1: 2 * time.Minute, 3: 8 * time.Minute, 4: 10 * time.Minute, 1000: 10 * time.Minute} {
		if got := p.retryAfter(failed); got != want {
			t.Errorf("after %d failures: %s, want %s", failed, got, want)
		}
	}
	for every, want := range map[time.Duration]time.Duration{time.Hour: 10 * time.Minute, 24 * time.Hour: time.Hour, 8784 * time.Hour: 6 * time.Hour} {
		if got := recheck(every); got != want {
			t.Errorf("a sentinel that is tested every %s is looked at every %s, want %s", every, got, want)
		}
	}
	for every, want := range map[time.Duration]time.Duration{time.Minute: 5 * time.Minute, 168 * time.Hour: 21 * time.Hour} {
		if got := retest(every, true); got != want {
			t.Errorf("what failed is tested after %s, want %s", got, want)
		}
	}
	if got := retest(time.Hour, false); got != time.Hour {
		t.Errorf("the next test is after %s", got)
	}
}
