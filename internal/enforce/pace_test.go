package enforce

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPace(t *testing.T) {
	const most, interval = 2, time.Minute
	type answer struct {
		OK    bool
		Retry time.Duration
	}
	type step struct {
		// after is when, since the step before, the namespace asks.
		after     time.Duration
		namespace string
		// policy is "p" unless told.
		policy string
		// forget forgets before it asks.
		forget func(*Pace)
		want   answer
	}
	admitted := answer{OK: true}
	wait := func(d time.Duration) answer { return answer{Retry: d} }
	full := []step{
		{namespace: "a", want: admitted},
		{after: 10 * time.Second, namespace: "b", want: admitted},
		{after: 10 * time.Second, namespace: "c", want: wait(40 * time.Second)},
	}
	cases := map[string][]step{
		"as many as may begin": full[:2],
		"one that began may go on": append(full[:3:3],
			step{namespace: "a", want: admitted},
			step{after: time.Hour, namespace: "b", want: admitted},
		),
		"the interval slides": append(full[:3:3],
			step{after: 40*time.Second - 1, namespace: "c", want: wait(1)},
			step{after: 1, namespace: "c", want: admitted},
			step{namespace: "d", want: wait(10 * time.Second)},
			step{after: 10 * time.Second, namespace: "d", want: admitted},
			step{namespace: "e", want: wait(50 * time.Second)},
		),
		"those who wait are spread": append(full[:3:3],
			step{namespace: "d", want: wait(40 * time.Second)},
			step{namespace: "e", want: wait(100 * time.Second)},
			step{namespace: "f", want: wait(100 * time.Second)},
			step{namespace: "g", want: wait(160 * time.Second)},
			step{after: time.Second, namespace: "g", want: wait(159 * time.Second)},
		),
		"whose turn somebody else took asks again soon": append(full[:3:3],
			step{after: 50 * time.Second, namespace: "d", want: admitted},
			step{namespace: "e", want: admitted},
			step{namespace: "c", want: wait(time.Minute)},
		),
		"another policy": append(full[:3:3],
			step{namespace: "c", policy: "q", want: admitted},
		),
		"a policy is forgotten": append(full[:3:3],
			step{namespace: "c", forget: func(p *Pace) { p.Forget("p") }, want: admitted},
			step{namespace: "d", want: admitted},
			step{namespace: "a", want: wait(time.Minute)},
		),
		"a namespace is forgotten, and began nevertheless": append(full[:3:3],
			step{namespace: "a", forget: func(p *Pace) { p.ForgetNamespace("a") }, want: wait(40 * time.Second)},
			step{namespace: "b", want: admitted},
		),
		"one that waits is forgotten, and the others move up": append(full[:3:3],
			step{namespace: "d", want: wait(40 * time.Second)},
			step{namespace: "e", forget: func(p *Pace) { p.ForgetNamespace("d") }, want: wait(40 * time.Second)},
		),
	}
	for name, steps := range cases {
		t.Run(name, func(t *testing.T) {
			pace, now := NewPace(), time.Unix(0, 0)
			for i, step := range steps {
				now = now.Add(step.after)
				if step.forget != nil {
					step.forget(pace)
				}
				policy := step.policy
				if policy == "" {
					policy = "p"
				}
				var got answer
				got.OK, got.Retry = pace.Admit(policy, step.namespace, most, interval, now)
				if diff := cmp.Diff(step.want, got); diff != "" {
					t.Fatalf("step %d, %s (-want +got):\n%s", i, step.namespace, diff)
				}
			}
		})
	}
}

// TestPaceAfterAnEdit: who waits for a turn of another pace does not go on to.
func TestPaceAfterAnEdit(t *testing.T) {
	now := time.Unix(0, 0)
	cases := map[string]struct {
		limit     int
		interval  time.Duration
		wantOK    bool
		wantRetry time.Duration
	}{
		"the same pace":      {limit: 1, interval: time.Hour, wantRetry: time.Hour},
		"a shorter interval": {limit: 1, interval: time.Minute, wantRetry: time.Minute},
		"more at a time":     {limit: 2, interval: time.Hour, wantOK: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := NewPace()
			for _, namespace := range []string{"a", "b"} {
				p.Admit("p", namespace, 1, time.Hour, now)
			}
			if ok, retry := p.Admit("p", "b", tc.limit, tc.interval, now); ok != tc.wantOK || retry != tc.wantRetry {
				t.Errorf("got %t in %s, want %t in %s", ok, retry, tc.wantOK, tc.wantRetry)
			}
		})
	}
}

// TestPaceFollowsItsLimits: they are the policy's, and may be edited.
func TestPaceFollowsItsLimits(t *testing.T) {
	pace, now := NewPace(), time.Unix(0, 0)
	admit := func(namespace string, most int, interval time.Duration) (bool, time.Duration) {
		return pace.Admit("p", namespace, most, interval, now)
	}
	for i := range 4 {
		if ok, _ := admit(fmt.Sprint(i), 4, time.Minute); !ok {
			t.Fatalf("namespace %d of 4 is not admitted", i)
		}
		now = now.Add(time.Second)
	}
	if ok, retry := admit("fewer", 2, time.Minute); ok || retry != 58*time.Second {
		t.Errorf("with 2 a minute: %v, %s; want it to wait for the third to be a minute old", ok, retry)
	}
	if ok, _ := admit("fewer", 5, time.Minute); !ok {
		t.Error("not admitted with 5 a minute, before its turn")
	}
	if ok, _ := admit("shorter", 5, time.Second); !ok {
		t.Error("not admitted with 5 a second")
	}
	now = now.Add(time.Minute)
	if ok, _ := admit("none", 0, time.Minute); !ok {
		t.Error("with a limit of none nothing is ever admitted")
	}
}

// TestPaceIsHonoured: whoever asks when told begins, at most so many in any
// interval, and without asking often.
func TestPaceIsHonoured(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 7).Draw(t, "most")
		count := rapid.IntRange(1, 100).Draw(t, "namespaces")
		late := rapid.Int64Range(0, int64(time.Second)).Draw(t, "late")
		const interval = time.Minute
		pace, start := NewPace(), time.Unix(0, 0)

		due := map[string]time.Time{}
		for i := range count {
			due[fmt.Sprintf("%03d", i)] = start
		}
		var begun []time.Time
		questions := 0
		for len(due) > 0 {
			namespace := earliest(due)
			now := due[namespace]
			questions++
			ok, retry := pace.Admit("p", namespace, most, interval, now)
			if ok {
				begun = append(begun, now)
				delete(due, namespace)
				continue
			}
			if retry <= 0 {
				t.Fatalf("%s is to ask again at once", namespace)
			}
			due[namespace] = now.Add(retry + time.Duration(late))
		}
		for i := most; i < len(begun); i++ {
			if begun[i].Sub(begun[i-most]) < interval {
				t.Fatalf("more than %d began within %s", most, interval)
			}
		}
		// Each is a little late, and may find its turn taken.
		if last, want := begun[len(begun)-1].Sub(start), time.Duration((count-1)/most)*(interval+2*time.Second); last > want {
			t.Fatalf("the last of %d began after %s, want %s at most", count, last, want)
		}
		if questions > 4*count {
			t.Fatalf("%d questions for %d namespaces", questions, count)
		}
	})
}

func earliest(due map[string]time.Time) string {
	first := ""
	for namespace, at := range due {
		if first == "" || at.Before(due[first]) || at.Equal(due[first]) && namespace < first {
			first = namespace
		}
	}
	return first
}

// TestPaceIsBounded: of those who began only the name is kept, and of none that
// was forgotten anything.
func TestPaceIsBounded(t *testing.T) {
	pace, now := NewPace(), time.Unix(0, 0)
	for i := range 1000 {
		now = now.Add(time.Second)
		pace.Admit("p", fmt.Sprint(i), 5, time.Second, now)
		pace.Admit("q", fmt.Sprint(i), 1, time.Hour, now)
	}
	p, q := pace.policies["p"], pace.policies["q"]
	if got := []int{len(p.begun), len(p.waiting), len(p.admitted)}; !cmp.Equal(got, []int{1, 0, 1000}) {
		t.Errorf("of p, %v begun, waiting and admitted are kept; want 1, 0, 1000", got)
	}
	if got := []int{len(q.begun), len(q.waiting), len(q.admitted)}; !cmp.Equal(got, []int{1, 999, 1}) {
		t.Errorf("of q, %v begun, waiting and admitted are kept; want 1, 999, 1", got)
	}
	for i := range 1000 {
		pace.ForgetNamespace(fmt.Sprint(i))
	}
	if got := []int{len(p.waiting), len(p.admitted), len(q.waiting), len(q.admitted)}; !cmp.Equal(got, []int{0, 0, 0, 0}) {
		t.Errorf("forgotten, and still kept: %v", got)
	}
	pace.Forget("p")
	pace.Forget("q")
	if len(pace.policies) != 0 {
		t.Errorf("%d policies are kept, want none", len(pace.policies))
	}
}

// TestPaceConcurrently: all who ask at once are counted.
func TestPaceConcurrently(t *testing.T) {
	pace, now := NewPace(), time.Unix(0, 0)
	var group sync.WaitGroup
	var admitted [64]bool
	for i := range admitted {
		group.Go(func() { admitted[i], _ = pace.Admit("p", fmt.Sprint(i), 10, time.Minute, now) })
	}
	group.Wait()
	count := 0
	for _, ok := range admitted {
		if ok {
			count++
		}
	}
	if count != 10 {
		t.Errorf("%d admitted at once, want 10", count)
	}
}
