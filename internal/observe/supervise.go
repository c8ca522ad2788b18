package observe

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// probeRetry is how often a live request is made while a gap is open, or less
// often where the progress timeout is shorter.
const probeRetry = 5 * time.Second

// youngest is the age from which on a watch may be broken off: the library begins
// again with a list, which is a gap, where a watch that delivered nothing ends
// within its first second.
const youngest = time.Second

// check is the search for what a silent watch may have withheld: the watch is
// opened anew from where it stood, and delivers at once what it had missed.
type check struct {
	// version is what a live request gave, at the time at.
	version string
	at      time.Time
	// restarted is true once the old watch was broken off.
	restarted bool
}

// supervise looks at the progress of the kind until ctx ends.
func (k *kind) supervise(ctx context.Context) {
	ticker := time.NewTicker(k.observer.options.PollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			k.tick(ctx)
		}
	}
}

// tick does what is due.
func (k *kind) tick(ctx context.Context) {
	k.turn.Lock()
	step := k.next()
	if step == stepEnd {
		k.end()
	}
	k.turn.Unlock()
	switch step {
	case stepProbe:
		k.probe(ctx)
	case stepRestart:
		k.watchDialer.CloseAll()
	case stepNone, stepEnd:
	}
}

// step is what supervision does next.
type step int

const (
	stepNone step = iota
	// stepProbe makes a live request.
	stepProbe
	// stepRestart breaks the watch off, so that the reflector opens it anew.
	stepRestart
	// stepEnd ends the open gap.
	stepEnd
)

// next decides what is due. The caller holds turn.
func (k *kind) next() step {
	o := k.observer
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.options.Now()
	if k.gap != nil && !k.gap.resumedAt.IsZero() && now.Sub(k.gap.resumedAt) >= o.options.PollInterval {
		// By now the watch has delivered what it had missed.
		k.check = nil
		return stepEnd
	}
	if k.check != nil {
		return k.pursue(now)
	}
	if k.probeDue(now) {
		k.probedAt = now
		return stepProbe
	}
	return stepNone
}

// pursue decides how a check goes on. The caller holds turn and mu.
func (k *kind) pursue(now time.Time) step {
	timings, c := k.observer.options, k.check
	suspect := c.at // watches opened until then may be frozen
	if k.gap != nil {
		suspect = k.gap.foundAt
	}
	open := !k.openedAt.IsZero()
	switch {
	case k.progressAt.After(c.at):
		k.check = nil
	case open && !k.openedAt.After(suspect) && now.Sub(k.openedAt) < youngest:
		// It is suspected for as long.
	case open && !k.openedAt.After(suspect) && !c.restarted:
		c.restarted = true
		return stepRestart
	case open && k.openedAt.After(suspect) && now.Sub(k.openedAt) >= timings.PollInterval:
		// The new watch stands, and had nothing to deliver: until the live request
		// nothing was missed.
		k.check = nil
		k.progressAt = c.at
		if k.gap != nil {
			return stepEnd
		}
	case now.Sub(c.at) >= timings.ProbeTimeout:
		k.check = nil // the watch does not come back: look again
	}
	return stepNone
}

// probeDue reports whether proof of observation is missing for too long. The
// caller holds mu.
func (k *kind) probeDue(now time.Time) bool {
	timeout := k.observer.options.ProgressTimeout
	if k.gap != nil {
		return now.Sub(k.probedAt) >= min(probeRetry, timeout)
	}
	return now.Sub(k.progressAt) >= timeout && now.Sub(k.probedAt) >= min(probeRetry, timeout)
}

// probe asks the API server for one object of the kind, on a new connection.
func (k *kind) probe(ctx context.Context) {
	o := k.observer
	at := o.options.Now()
	k.probedDialer.CloseAll()
	ctx, cancel := context.WithTimeout(ctx, o.options.ProbeTimeout)
	defer cancel()
	list, err := k.probed.list(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		k.probeFailed(ctx, at, err)
		return
	}
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		k.probeFailed(ctx, at, err)
		return
	}
	k.probeAnswered(at, accessor.GetResourceVersion())
}

// probeFailed opens a gap, unless the watch has shown a sign of life meanwhile.
func (k *kind) probeFailed(ctx context.Context, at time.Time, err error) {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return // the process ends
	}
	k.turn.Lock()
	defer k.turn.Unlock()
	k.observer.mu.Lock()
	alive := k.progressAt.After(at)
	k.observer.mu.Unlock()
	if !alive {
		k.log.V(1).Info("Live request failed", "error", err.Error())
		k.begin(causeOf(err))
	}
}

// probeAnswered starts a check, unless the store has all there is.
func (k *kind) probeAnswered(at time.Time, version string) {
	o := k.observer
	k.turn.Lock()
	defer k.turn.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !k.synced || k.progressAt.After(at):
	case k.gap == nil && reached(k.version, version):
		k.progressAt = at
	default:
		k.check = &check{version: version, at: at}
	}
}
