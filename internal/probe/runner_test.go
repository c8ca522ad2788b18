package probe_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/probe"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

func TestNewTargetsAreProbedAtOnceAndTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, handshakes(versions))
		defer r.stop()
		if got, awaited := r.Want("ns", []probe.Wanted{host("a", time.Hour)}); len(got) != 0 || !awaited {
			t.Errorf("before the first probe: got %d observations, awaited %t", len(got), awaited)
		}
		time.Sleep(50 * time.Millisecond)
		r.Want("ns", []probe.Wanted{host("b", time.Hour), host("a", time.Hour)})
		time.Sleep(time.Second)
		want := []string{"recorded Handshake ns 2", "seen ns"}
		if diff := cmp.Diff(want, r.happened()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]time.Duration{100 * time.Millisecond}, r.since()); diff != "" {
			t.Error(diff)
		}
		got, awaited := r.Observations("ns")
		at := r.began.Add(100 * time.Millisecond).UTC()
		wanted := []control.Observation{
			{Target: control.Target{Handshake: host("a", 0).Handshake}, At: at, ValidUntil: at.Add(2 * time.Hour), Served: &control.Served{Versions: []string{"1.3"}}},
			{Target: control.Target{Handshake: host("b", 0).Handshake}, At: at, ValidUntil: at.Add(2 * time.Hour), Served: &control.Served{Versions: []string{"1.3"}}},
		}
		if diff := cmp.Diff(wanted, got); diff != "" || awaited {
			t.Errorf("awaited %t\n%s", awaited, diff)
		}
		if diff := cmp.Diff(wanted, r.recorded()[0].Observations); diff != "" {
			t.Error(diff)
		}
	})
}

func TestNothingSeenCountsBeforeItIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		journaled := make(chan struct{})
		r := start(t, handshakes(versions), func(o *probe.Options) {
			record := o.Record
			o.Record = func(run probe.Run) { <-journaled; record(run) }
		})
		defer r.stop()
		r.Want("ns", []probe.Wanted{host("a", time.Hour)})
		time.Sleep(time.Minute)
		if got, awaited := r.Want("ns", []probe.Wanted{host("a", time.Hour)}); len(got) != 0 || !awaited {
			t.Errorf("while it is not recorded: got %v, awaited %t", got, awaited)
		}
		close(journaled)
		synctest.Wait()
		if got, awaited := r.Observations("ns"); len(got) != 1 || awaited {
			t.Errorf("once it is recorded: got %v, awaited %t", got, awaited)
		}
	})
}

func TestTargetsAreProbedAtTheirInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, handshakes(versions))
		defer r.stop()
		r.Want("ns", []probe.Wanted{host("a", time.Hour)})
		time.Sleep(24 * time.Hour)
		at := r.since()
		var steps []time.Duration
		for i, previous := range at[:len(at)-1] {
			steps = append(steps, at[i+1]-previous)
		}
		// What is new is looked at again soon, as what serves it may take a while.
		wants := []time.Duration{30 * time.Second, 5 * time.Minute, time.Hour}
		for i, step := range steps {
			want := wants[min(i, len(wants)-1)]
			if step < want*9/10 || step > want*11/10 {
				t.Errorf("step %d took %s, want %s ± 10 %%", i, step, want)
			}
		}
		if len(steps) < 22 || len(slices.Compact(slices.Clone(steps))) < 20 {
			t.Errorf("got %d steps, of which many should differ: %v", len(steps), steps)
		}
	})
}

func TestWhatChangesIsLookedAtAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var count atomic.Int32
		r := start(t, handshakes(func(_ context.Context, _ probe.Wanted, seen *control.Observation) error {
			seen.Served = &control.Served{Plain: count.Add(1) > 4} // from the fifth on
			return nil
		}))
		defer r.stop()
		r.Want("ns", []probe.Wanted{host("a", 10*time.Hour)})
		time.Sleep(36 * time.Hour)
		at := r.since()
		if len(at) < 8 {
			t.Fatalf("got %d runs, want 8: %v", len(at), at)
		}
		for i, want := range []time.Duration{30 * time.Second, 5 * time.Minute, 10 * time.Hour, 10 * time.Hour, 30 * time.Second, 5 * time.Minute, 10 * time.Hour} {
			if step := at[i+1] - at[i]; step < want*9/10 || step > want*11/10 {
				t.Errorf("step %d took %s, want %s ± 10 %%", i, step, want)
			}
		}
	})
}

func TestEqualTargetsAreProbedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, handshakes(versions))
		defer r.stop()
		other := host("a", 30*time.Second)
		other.Policy, other.Control = "a-policy", "C-9"
		r.Want("ns", []probe.Wanted{host("a", time.Hour), other, host("a", 2*time.Hour)})
		time.Sleep(10 * time.Minute)
		runs := r.recorded()
		if len(runs) < 18 {
			t.Errorf("got %d runs in ten minutes, want one each 30 s", len(runs))
		}
		want := []ledger.ProbedFor{{Policy: "a-policy", Control: "C-9"}, {Policy: "p", Control: "C-1"}}
		for _, run := range runs {
			if diff := cmp.Diff(want, run.For); diff != "" || len(run.Observations) != 1 {
				t.Errorf("%d observations, for:\n%s", len(run.Observations), diff)
			}
			if got := run.Observations[0].ValidUntil.Sub(run.Observations[0].At); got != time.Minute {
				t.Errorf("a result holds for %s, want twice the shortest interval", got)
			}
		}
	})
}

func TestAShorterIntervalCountsFromTheLastResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, handshakes(versions))
		defer r.stop()
		r.Want("ns", []probe.Wanted{host("a", 100*time.Hour)})
		time.Sleep(20 * time.Hour)
		before := len(r.recorded())
		r.Want("ns", []probe.Wanted{host("a", time.Hour)})
		time.Sleep(time.Second)
		if got := len(r.recorded()); got != before+1 {
			t.Errorf("got %d runs more, want 1: the last result is older than the interval", got-before)
		}
	})
}

func TestARevisedTargetIsProbedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context, w probe.Wanted, seen *control.Observation) error {
			time.Sleep(time.Second)
			return versions(ctx, w, seen)
		}
		r := start(t, handshakes(slow))
		defer r.stop()
		revised := func(revision string) []probe.Wanted {
			w := host("a", time.Hour)
			w.Revision = revision
			return []probe.Wanted{w}
		}
		r.Want("ns", revised("1"))
		time.Sleep(500 * time.Millisecond) // while it is probed
		if _, awaited := r.Want("ns", revised("2")); !awaited {
			t.Error("nothing is awaited")
		}
		time.Sleep(3 * time.Second)
		if got := r.since(); len(got) != 2 || got[1] != 2100*time.Millisecond {
			t.Errorf("runs ended at %v, want a second one at 2.1s", got)
		}
		time.Sleep(10 * time.Hour)
		before := len(r.recorded())
		observations, awaited := r.Want("ns", revised("3"))
		if len(observations) != 1 || awaited {
			t.Errorf("until it is probed again, what was seen counts: got %d observations, awaited %t", len(observations), awaited)
		}
		time.Sleep(2 * time.Second)
		if got := len(r.recorded()) - before; got != 1 {
			t.Errorf("got %d runs more, want 1", got)
		}
	})
}

func TestAPanicIsNothingSeen(t *testing.T) {
	const secret = "hunter2"
	tests := map[string]struct {
		panics  func()
		wantLog string
	}{
		"with a value":       {panics: func() { panic("the key is " + secret) }, wantLog: "a string"},
		"with an error":      {panics: func() { panic(errString(secret)) }, wantLog: "a probe_test.errString"},
		"of the runtime":     {panics: func() { var none []int; _ = none[len(secret)] }, wantLog: "index out of range [7] with length 0"},
		"an error, returned": {wantLog: "probe_test.errString"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, handshakes(func(ctx context.Context, w probe.Wanted, seen *control.Observation) error {
					if w.Handshake.Host == "good" {
						return versions(ctx, w, seen)
					}
					seen.Served = &control.Served{Cipher: secret}
					if test.panics == nil {
						return errString(secret)
					}
					test.panics()
					return nil
				}))
				defer r.stop()
				r.Want("ns", []probe.Wanted{host("bad", time.Hour), host("good", time.Hour)})
				time.Sleep(time.Second)
				got, awaited := r.Observations("ns")
				if len(got) != 2 || awaited {
					t.Fatalf("got %v, awaited %t", got, awaited)
				}
				if got[0].Reason != control.ReasonFailed || got[0].Message == "" || got[0].Served != nil || got[1].Served == nil {
					t.Errorf("got %+v", got)
				}
				log := r.logged()
				if !strings.Contains(log, test.wantLog) {
					t.Errorf("the log does not say %q:\n%s", test.wantLog, log)
				}
				if strings.Contains(log+got[0].Message, secret) || log == "" {
					t.Errorf("the log holds what was looked at, or nothing:\n%s", log)
				}
			})
		})
	}
}

// errString is an error whose text must not be quoted.
type errString string

func (e errString) Error() string { return string(e) }

func TestAHangingProbeHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context, w probe.Wanted, seen *control.Observation) error {
			if w.Handshake.Host == "good" {
				return versions(ctx, w, seen)
			}
			<-ctx.Done()
			return ctx.Err()
		}
		probes := handshakes(hang)
		probes[control.ProbeCanary] = func(_ context.Context, _ probe.Wanted, seen *control.Observation) error {
			seen.Stored = &control.Stored{NoTransformer: true}
			return nil
		}
		r := start(t, probes, func(o *probe.Options) { o.Concurrency = 2 })
		defer r.stop()
		for i := range 8 {
			r.Want(fmt.Sprintf("hangs-%d", i), []probe.Wanted{host("bad", time.Hour), host("worse", time.Hour)})
		}
		r.Want("good", []probe.Wanted{host("good", time.Hour)})
		r.Want(control.Cluster, []probe.Wanted{{Policy: "p", Control: "C-2", Target: control.Target{
			Every: time.Hour, Canary: &control.CanaryTarget{Endpoint: "192.0.2.1:6443", Resource: "secrets"},
		}}})
		time.Sleep(time.Second)
		if _, awaited := r.Observations(control.Cluster); awaited {
			t.Error("a probe of another kind waits for those that hang")
		}
		time.Sleep(2 * time.Minute) // eight scopes, each 10 s
		if _, awaited := r.Observations("good"); awaited {
			t.Error("what does not hang is never probed")
		}
		got, _ := r.Observations("hangs-0")
		if len(got) != 2 || got[0].Reason != control.ReasonInconclusive || !strings.Contains(got[0].Message, "time limit") {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAtMostSoManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		r := start(t, handshakes(func(ctx context.Context, w probe.Wanted, seen *control.Observation) error {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			time.Sleep(time.Second)
			return versions(ctx, w, seen)
		}), func(o *probe.Options) { o.Concurrency = 5 })
		defer r.stop()
		for scope := range 4 {
			var wanted []probe.Wanted
			for i := range 10 {
				wanted = append(wanted, host(fmt.Sprint(i), time.Hour))
			}
			r.Want(fmt.Sprint(scope), wanted)
		}
		time.Sleep(15 * time.Second)
		if got := most.Load(); got != 5 {
			t.Errorf("%d were probed at once, want 5", got)
		}
		if got := len(r.recorded()); got != 4 {
			t.Errorf("got %d runs, want 4", got)
		}
	})
}

func TestALargeScopeIsProbedInRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, handshakes(versions))
		defer r.stop()
		var wanted []probe.Wanted
		for i := range 600 {
			wanted = append(wanted, host(fmt.Sprint(i), time.Hour))
		}
		r.Want("ns", wanted)
		time.Sleep(time.Second)
		want := []string{"recorded Handshake ns 256", "recorded Handshake ns 256", "recorded Handshake ns 88"}
		runs := slices.DeleteFunc(r.happened(), func(event string) bool { return event == "seen ns" })
		if diff := cmp.Diff(want, runs); diff != "" {
			t.Error(diff)
		}
		if got, awaited := r.Observations("ns"); len(got) != 600 || awaited {
			t.Errorf("got %d observations, awaited %t", len(got), awaited)
		}
	})
}

func TestWhatIsForgottenIsNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, handshakes(func(ctx context.Context, w probe.Wanted, seen *control.Observation) error {
			time.Sleep(time.Second)
			return versions(ctx, w, seen)
		}))
		defer r.stop()
		r.Want("gone", []probe.Wanted{host("a", time.Minute)})
		r.Want("less", []probe.Wanted{host("a", time.Hour), host("b", time.Hour)})
		time.Sleep(500 * time.Millisecond) // while they are probed
		r.Forget("gone")
		r.Want("less", []probe.Wanted{host("b", time.Hour)})
		time.Sleep(5 * time.Second)
		if diff := cmp.Diff([]string{"recorded Handshake less 1", "seen less"}, r.happened()); diff != "" {
			t.Error(diff)
		}
		if got, awaited := r.Observations("gone"); len(got) != 0 || awaited {
			t.Errorf("got %v, awaited %t", got, awaited)
		}
		r.Want("gone", []probe.Wanted{host("a", time.Minute)})
		time.Sleep(5 * time.Second)
		if got, awaited := r.Observations("gone"); len(got) != 1 || awaited {
			t.Errorf("wanted again: got %v, awaited %t", got, awaited)
		}
	})
}

func TestStopCutsShortAndRecordsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, handshakes(func(ctx context.Context, _ probe.Wanted, _ *control.Observation) error {
			<-ctx.Done()
			return ctx.Err()
		}))
		r.Want("ns", []probe.Wanted{host("a", time.Hour)})
		time.Sleep(time.Second)
		before := time.Now()
		r.stop()
		if took := time.Since(before); took != 0 || len(r.happened()) != 0 {
			t.Errorf("the stop took %s, and recorded %v", took, r.happened())
		}
	})
}

// TestWhatIsForbiddenOfASudden: an API server that has just started refuses everything
// for a moment. What was forbidden before is not asked for twice.
func TestWhatIsForbiddenOfASudden(t *testing.T) {
	tests := map[string]struct {
		forbidden  []int // which probes are
		wantProbes int   // of the first two runs
		wantReason string
	}{
		"for a moment":      {[]int{2}, 3, ""},
		"from then on":      {[]int{2, 3}, 3, control.ReasonForbidden},
		"from the start on": {[]int{1, 2}, 2, control.ReasonForbidden},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var count atomic.Int32
				r := start(t, handshakes(func(ctx context.Context, w probe.Wanted, seen *control.Observation) error {
					if slices.Contains(test.forbidden, int(count.Add(1))) {
						return unseen.Forbidden("not now")
					}
					return versions(ctx, w, seen)
				}))
				defer r.stop()
				r.Want("ns", []probe.Wanted{host("a", 10*time.Second)})
				time.Sleep(15 * time.Second)
				got, _ := r.Observations("ns")
				if n := int(count.Load()); n != test.wantProbes || len(r.recorded()) != 2 || got[0].Reason != test.wantReason {
					t.Errorf("%d probes, %d runs, %+v", n, len(r.recorded()), got)
				}
			})
		})
	}
}

func TestKeysAreAsOldAsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := time.Now().Add(-1000 * time.Hour).UTC()
		var rotated atomic.Bool
		probes := map[string]probe.Func{control.ProbeCanary: func(_ context.Context, w probe.Wanted, seen *control.Observation) error {
			seen.Stored = &control.Stored{Prefixes: map[string]int{"k8s:enc:aescbc:v1:": 1}, Keys: map[string]int{"key1": 1}}
			if rotated.Load() {
				seen.Stored.Keys = map[string]int{"key2": 1}
			}
			if w.Canary.Resource == "configmaps" {
				seen.Stored = &control.Stored{Prefixes: map[string]int{"k8s:enc:kms:v2:vault:": 1}, KeyIDs: []string{"sha256:new", "sha256:old"}}
			}
			return nil
		}}
		r := start(t, probes, func(o *probe.Options) {
			o.FirstSeen = func(id string) (time.Time, bool) { return known, id == "configmaps/kms/v2/vault/sha256:new" }
		})
		defer r.stop()
		canary := func(resource string) probe.Wanted {
			return probe.Wanted{Policy: "p", Control: "C-2", Target: control.Target{
				Every: time.Hour, Canary: &control.CanaryTarget{Endpoint: "192.0.2.1:6443", Resource: resource},
			}}
		}
		r.Want(control.Cluster, []probe.Wanted{canary("secrets"), canary("configmaps")})
		time.Sleep(5 * time.Hour)
		rotated.Store(true)
		time.Sleep(5 * time.Hour)

		runs := r.recorded()
		first := r.began.Add(100 * time.Millisecond)
		want := []ledger.SeenKey{
			{ID: "configmaps/kms/v2/vault/sha256:new", FirstSeen: ledger.At(known)},
			{ID: "secrets/aescbc/v1/key1", FirstSeen: ledger.At(first)},
		}
		if diff := cmp.Diff(want, runs[3].Keys); diff != "" {
			t.Error(diff)
		}
		got, _ := r.Observations(control.Cluster)
		if len(got) != 2 || !got[0].Stored.FirstSeen.Equal(known) || !got[1].Stored.FirstSeen.After(first.Add(4*time.Hour)) {
			t.Errorf("a key that was rotated is as old as its name: %+v", got)
		}
	})
}

func TestNewInsistsOnARecord(t *testing.T) {
	if _, err := probe.New(probe.Options{OnSeen: func(string) {}}); err == nil {
		t.Error("a Runner whose runs nobody records was made")
	}
}
