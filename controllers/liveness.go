package controllers

import (
	"context"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

const (
	// tokenEvery is how often a token goes through the queue.
	tokenEvery = 2 * time.Second
	// heartbeatEvery is how often the ledger says what was alive.
	heartbeatEvery = 5 * time.Minute
	// clockStep is a jump of the wall clock against the monotonic one that
	// makes times before and after it incomparable.
	clockStep = 2 * time.Second
)

// token is a request that stands for no namespace: names of namespaces have no slash.
var token = ctrl.Request{NamespacedName: types.NamespacedName{Name: "holdfast.dev/token"}}

// liveness proves that evaluation is alive: a token goes through the same
// queue and workers as everything else, and only its arrival counts.
type liveness struct {
	mu        sync.Mutex
	sent      time.Time
	arrivedAt time.Time
	age       time.Duration
	beat      time.Time
}

// run sends tokens until ctx ends.
func (l *liveness) run(ctx context.Context, e *Engine) {
	ticker := time.NewTicker(tokenEvery)
	defer ticker.Stop()
	for {
		l.mu.Lock()
		l.sent = e.Now()
		l.mu.Unlock()
		e.scopes.now(token)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// arrived takes a token from the queue: evaluation is alive.
func (l *liveness) arrived(e *ScopeReconciler) {
	now := e.Now()
	l.mu.Lock()
	last, sent := l.arrivedAt, l.sent
	l.arrivedAt, l.age = now, now.Sub(sent)
	beat := now.Sub(l.beat) >= heartbeatEvery
	if beat {
		l.beat = now
	}
	age := l.age
	l.mu.Unlock()
	if stepped := step(last, now); stepped > clockStep || stepped < -clockStep {
		e.Recorder.Record(clockGap(last, now))
	}
	progress := e.progress()
	var run uint64
	e.Recorder.View(func(k *ledger.Known) { run = k.Run })
	if log := e.Recorder.Log(); log != nil {
		alive := ledger.Alive{Run: run, Time: ledger.At(now), Progress: progress}
		if err := log.WriteAlive(alive); err != nil {
			e.Log.V(1).Info("The alive file could not be written", "error", err.Error())
		}
	}
	if beat {
		body := &ledger.AliveBody{Progress: progress, QueueAge: int64(age)}
		if offset, known := e.ClockOffset(); known {
			body.ClockOffset = new(int64(offset))
		}
		e.Recorder.Record(ledger.Draft{At: now, Entry: ledger.Entry{Kind: ledger.KindHeartbeat, Alive: body}})
	}
}

// step is how far the wall clock moved against the monotonic one.
func step(last, now time.Time) time.Duration {
	if last.IsZero() {
		return 0
	}
	return now.Round(0).Sub(last.Round(0)) - now.Sub(last)
}

// clockGap drafts that times before and after cannot be compared.
func clockGap(last, now time.Time) ledger.Draft {
	from, to := last, now
	if to.Round(0).Before(from.Round(0)) {
		from = to
	}
	end := ledger.At(to)
	return ledger.Draft{At: now, Entry: ledger.Entry{Kind: ledger.KindGap, Reason: ledger.CauseClockStepped,
		Gap: &ledger.GapBody{Cause: ledger.CauseClockStepped, From: ledger.At(from), To: &end}}}
}

// progress is, by kind, the last proof of observation.
func (r *Engine) progress() map[string]ledger.Time {
	progress := map[string]ledger.Time{}
	for need, p := range r.Observer.Progress() {
		if !p.At.IsZero() {
			progress[string(need)] = ledger.At(p.At)
		}
	}
	return progress
}

// newest is when the last token arrived, and how long it took.
func (l *liveness) newest() (time.Time, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arrivedAt, l.age
}
