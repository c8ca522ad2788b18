package enforce

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestContention(t *testing.T) {
	const limit = 3
	type step struct {
		// after is when, since the step before, the object is repaired, or only
		// looked at.
		after    time.Duration
		lookOnly bool
		want     Standing
		// wantWait is the time from now to want.Until.
		wantWait time.Duration
	}
	calm := func(repairs int) Standing { return Standing{Repairs: repairs} }
	contested := func(repairs int) Standing { return Standing{Repairs: repairs, Contested: true} }
	// fought is a fight that has just begun.
	fought := []step{
		{want: calm(1)},
		{after: time.Second, want: calm(2)},
		{after: time.Second, want: calm(3)},
		{after: time.Second, want: contested(4), wantWait: time.Minute},
	}
	cases := map[string][]step{
		"never repaired": {
			{lookOnly: true},
		},
		"as many as the limit": {
			{want: calm(1)}, {want: calm(2)}, {want: calm(3)},
			{lookOnly: true, want: calm(3)},
		},
		"more than the limit, but spread out": {
			{want: calm(1)},
			{after: 30 * time.Minute, want: calm(2)},
			{after: 29 * time.Minute, want: calm(3)},
			{after: time.Minute, want: calm(3)},
			{after: 30 * time.Minute, want: calm(3)},
		},
		"the wait passes": append(fought[:4:4],
			step{after: 59 * time.Second, lookOnly: true, want: contested(4), wantWait: time.Second},
			step{after: time.Second, lookOnly: true, want: contested(4)},
		),
		"the wait doubles up to half an hour": append(fought[:4:4],
			step{after: time.Minute, want: contested(4), wantWait: 2 * time.Minute},
			step{after: 2 * time.Minute, want: contested(4), wantWait: 4 * time.Minute},
			step{after: 4 * time.Minute, want: contested(4), wantWait: 8 * time.Minute},
			step{after: 8 * time.Minute, want: contested(4), wantWait: 16 * time.Minute},
			step{after: 16 * time.Minute, want: contested(4), wantWait: 30 * time.Minute},
			step{after: 30 * time.Minute, want: contested(4), wantWait: 30 * time.Minute},
			step{after: 30 * time.Minute, want: contested(2), wantWait: 30 * time.Minute},
		),
		"not yet quiet": append(fought[:4:4],
			step{after: time.Hour - time.Nanosecond, lookOnly: true, want: contested(1)},
		),
		"a quiet hour ends it": append(fought[:4:4],
			step{after: time.Hour, lookOnly: true},
			step{want: calm(1)},
			step{after: time.Second, want: calm(2)},
		),
	}
	for name, steps := range cases {
		t.Run(name, func(t *testing.T) {
			contention := NewContention(limit)
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for i, step := range steps {
				now = now.Add(step.after)
				act := contention.Repaired
				if step.lookOnly {
					act = contention.Standing
				}
				if step.wantWait > 0 {
					step.want.Until = now.Add(step.wantWait)
				}
				if diff := cmp.Diff(step.want, act(Object{Name: "a"}, now)); diff != "" {
					t.Fatalf("step %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

func TestContentionDefaultLimit(t *testing.T) {
	contention, now := NewContention(0), time.Unix(0, 0)
	for i := range 31 {
		got := contention.Repaired(Object{Name: "a"}, now).Contested
		if want := i == 30; got != want {
			t.Errorf("contested after %d repairs: %v, want %v", i+1, got, want)
		}
	}
}

// TestContentionIsBounded: objects are forgotten after a quiet hour, and of one
// object no more repairs are kept than needed.
func TestContentionIsBounded(t *testing.T) {
	contention, now := NewContention(3), time.Unix(0, 0)
	for i := range 1000 {
		contention.Repaired(Object{Name: fmt.Sprint(i)}, now)
	}
	now = now.Add(30 * time.Minute)
	for range 1000 {
		contention.Repaired(Object{Name: "a"}, now)
	}
	now = now.Add(30 * time.Minute)
	contention.Standing(Object{Name: "b"}, now)
	if got := len(contention.fights); got != 1 {
		t.Errorf("%d objects remembered, want the one repaired within the hour", got)
	}
	if got := len(contention.fights[Object{Name: "a"}].repairs); got != 4 {
		t.Errorf("%d repairs remembered, want one more than the limit", got)
	}
}

// TestContentionIsAboutOneObject: objects do not influence each other, and
// concurrent repairs are all counted.
func TestContentionIsAboutOneObject(t *testing.T) {
	contention, now := NewContention(100), time.Unix(0, 0)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 50 {
				contention.Repaired(Object{Name: fmt.Sprint(i % 4)}, now)
			}
		})
	}
	group.Wait()
	for i := range 4 {
		if got := contention.Standing(Object{Name: fmt.Sprint(i)}, now).Repairs; got != 100 {
			t.Errorf("object %d: %d repairs, want 100", i, got)
		}
	}
}

// TestContentionWaitIsHonoured: whoever waits as told repairs, in any hour, at
// most as often as the limit and the shortest wait allow.
func TestContentionWaitIsHonoured(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 40).Draw(t, "limit")
		contention, now := NewContention(limit), time.Unix(0, 0)
		var repairs []time.Time
		for _, drift := range rapid.SliceOfN(rapid.Int64Range(0, int64(5*time.Minute)), 1, 300).Draw(t, "drifts") {
			now = now.Add(time.Duration(drift))
			if until := contention.Standing(Object{}, now).Until; until.After(now) {
				now = until
			}
			contention.Repaired(Object{}, now)
			repairs = append(repairs, now)
		}
		for i, last := range repairs {
			count := 0
			for _, at := range repairs[:i+1] {
				if last.Sub(at) < time.Hour {
					count++
				}
			}
			// Within an hour: the limit, the one over it, and after waits of 1, 2,
			// 4, 8, 16 and 30 minutes five more.
			if count > limit+6 {
				t.Fatalf("%d repairs within an hour, limit %d", count, limit)
			}
		}
	})
}
