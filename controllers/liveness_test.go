package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

func TestStep(t *testing.T) {
	start := time.Now() // with a monotonic reading
	cases := map[string]struct {
		last, now time.Time
		want      time.Duration
	}{
		"the first token":          {time.Time{}, start, 0},
		"two seconds later":        {start, start.Add(2 * time.Second), 0},
		"without monotonic clocks": {noon, noon.Add(time.Hour), 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := step(tc.last, tc.now); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestClockStepIsAGap: an interval that never runs backwards.
func TestClockStepIsAGap(t *testing.T) {
	at := func(d time.Duration) ledger.Time { return ledger.At(noon.Add(d)) }
	cases := map[string]struct {
		last, now time.Time
		want      ledger.GapBody
	}{
		"forwards":  {noon, noon.Add(time.Hour), ledger.GapBody{Cause: ledger.CauseClockStepped, From: at(0), To: new(at(time.Hour))}},
		"backwards": {noon, noon.Add(-time.Hour), ledger.GapBody{Cause: ledger.CauseClockStepped, From: at(-time.Hour), To: new(at(-time.Hour))}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := clockGap(tc.last, tc.now)
			if diff := cmp.Diff(&tc.want, got.Gap); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestTokensProveThatEvaluationLives: one heartbeat entry per five minutes, and
// the time of the newest token.
func TestTokensProveThatEvaluationLives(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	r := &ScopeReconciler{e}
	entries := func() uint64 {
		var n uint64
		e.Recorder.View(func(k *ledger.Known) { n = k.NextSeq })
		return n
	}
	steps := []struct {
		after time.Duration
		want  uint64
	}{{0, 1}, {2 * time.Second, 1}, {heartbeatEvery - time.Second, 1}, {heartbeatEvery, 2}, {heartbeatEvery + 2*time.Second, 2}, {2 * heartbeatEvery, 3}}
	for _, s := range steps {
		now = noon.Add(s.after)
		e.liveness.sent = now.Add(-time.Millisecond)
		e.liveness.arrived(r)
		if got := entries(); got != s.want {
			t.Errorf("after %s: got %d heartbeats, want %d", s.after, got, s.want)
		}
		if at, age := e.liveness.newest(); !at.Equal(now) || age != time.Millisecond {
			t.Errorf("after %s: the last token came at %s, and is said to have taken %s", s.after, at, age)
		}
	}
}
