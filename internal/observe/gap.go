package observe

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// gap is an interval in which a kind is not observed.
type gap struct {
	key   string
	cause Cause
	// from is the last proof of observation, foundAt when the gap was found.
	from, foundAt time.Time
	// resumedAt is the first progress since, zero while there is none.
	resumedAt time.Time
}

// state returns how observation stands during the gap.
func (g *gap) state() ProgressState {
	switch g.cause {
	case CauseForbidden:
		return Forbidden
	case CauseUnreachable:
		return Unreachable
	case CauseWatchStalled, CauseWatchRestarted:
		return Stalled
	default:
		return Stalled
	}
}

// reason returns the reason of the findings that cannot be made meanwhile.
func (g *gap) reason() string {
	switch g.cause {
	case CauseForbidden:
		return control.ReasonForbidden
	case CauseUnreachable:
		return control.ReasonFailed
	case CauseWatchStalled, CauseWatchRestarted:
		return control.ReasonInconclusive
	default:
		return control.ReasonInconclusive
	}
}

// event returns what is told of the gap.
func (g *gap) event(s *source, to *time.Time) GapEvent {
	event := GapEvent{Kind: s.id, Need: s.needs[0], Also: s.needs[1:], Cause: g.cause, From: g.from, To: to, Key: g.key}
	if g.cause == CauseForbidden {
		rights := permissions.Holdfast()
		event.Remedy = rights.MissingRead(s.group, s.resource)
	}
	return event
}

// causeOf says why a request failed.
func causeOf(err error) Cause {
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		return CauseForbidden
	}
	return CauseUnreachable
}

// newGap returns a gap from the last proof of observation. The caller holds mu.
func (k *kind) newGap(cause Cause) *gap {
	k.observer.gapsBegun++
	return &gap{
		key:     fmt.Sprintf("%s/%d", k.source.id, k.observer.gapsBegun),
		cause:   cause,
		from:    k.progressAt,
		foundAt: k.observer.options.Now(),
	}
}

// begin opens a gap unless one is open. The caller holds turn.
func (k *kind) begin(cause Cause) {
	o := k.observer
	o.mu.Lock()
	if k.gap != nil {
		o.mu.Unlock()
		return
	}
	k.gap = k.newGap(cause)
	k.since = k.gap.foundAt
	event := k.gap.event(&k.source, nil)
	o.mu.Unlock()
	k.tell(event)
	o.announceSettled()
}

// end closes the open gap, and has everything that rests on the kind evaluated.
// The caller holds turn.
func (k *kind) end() {
	o := k.observer
	o.mu.Lock()
	event := k.closeGap()
	o.mu.Unlock()
	if event != nil {
		k.tell(*event)
		o.announceSettled(k.source.needs...)
	}
}

// closeGap returns the end of the open gap, nil where there is none. The caller
// holds turn and mu.
func (k *kind) closeGap() *GapEvent {
	if k.gap == nil {
		return nil
	}
	now := k.observer.options.Now()
	event := k.gap.event(&k.source, &now)
	k.gap = nil
	if t, lasting := k.source.table.(interface{ interrupted(*store) }); lasting {
		t.interrupted(k.observer.store)
	}
	for _, need := range k.source.needs {
		k.observer.gapsEnded[need]++
	}
	k.since = now
	return &event
}

// relisted takes note that a list is complete. It returns the end of the gap
// that it ends, which is one of its own where it is not the first list and none
// is open. The caller holds turn and mu.
func (k *kind) relisted(first bool) *GapEvent {
	now := k.observer.options.Now()
	k.synced, k.failed, k.forbiddenSince = true, false, time.Time{}
	k.check = nil
	if first && k.gap == nil {
		k.since = now
	}
	if !first && k.gap == nil {
		k.gap = k.newGap(CauseWatchRestarted)
	}
	k.progressAt = now
	return k.closeGap()
}

// tell reports a gap. The caller holds turn.
func (k *kind) tell(event GapEvent) {
	switch {
	case event.Moot:
		k.log.Info("Observation ended", "cause", event.Cause, "from", event.From, "to", *event.To)
	case event.To != nil:
		k.log.Info("Observation resumed", "cause", event.Cause, "from", event.From, "to", *event.To)
	case event.Remedy != "":
		k.log.Info("Observation lost", "cause", event.Cause, "since", event.From, "remedy", event.Remedy)
	default:
		k.log.Info("Observation lost", "cause", event.Cause, "since", event.From)
	}
	k.observer.options.OnGap(event)
}

// progress takes note of a sign of life of the watch, before what it brings is
// applied, and returns the one before. The caller holds turn.
func (k *kind) progress() (before time.Time) {
	o := k.observer
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.options.Now()
	before, k.progressAt = k.progressAt, now
	if k.gap != nil && k.gap.resumedAt.IsZero() {
		k.gap.resumedAt = now
	}
	return before
}

// expose opens a gap where an event shows that the watch had stalled: what
// happened before a live request, and arrives only since the watch was opened
// anew, was withheld by the watch before it. The caller holds turn.
func (k *kind) expose(version string) {
	o := k.observer
	o.mu.Lock()
	withheld := k.check != nil && k.check.restarted && reached(k.check.version, version)
	o.mu.Unlock()
	if withheld {
		k.begin(CauseWatchStalled)
	}
}

// passing is how long a kind that was observed may be forbidden before that counts:
// an API server that begins to serve forbids everything until it knows its roles.
const passing = 2 * time.Second

// refused takes note of a failed list or watch. A missing permission is a gap as
// soon as it is no passing one, since the watch is gone; other failures may pass
// before anything is missed.
func (k *kind) refused(err error) {
	if errors.Is(err, context.Canceled) {
		return // nobody is observing any more
	}
	k.log.V(1).Info("Watch failed", "error", err.Error())
	if causeOf(err) != CauseForbidden {
		k.observer.mu.Lock()
		k.failed = true
		k.observer.mu.Unlock()
		k.observer.announceSettled()
		return
	}
	k.turn.Lock()
	defer k.turn.Unlock()
	if k.forbidden() {
		k.begin(CauseForbidden)
	}
}

// forbidden takes note of a refusal for want of a permission, and reports whether
// that is no passing one. The caller holds turn.
func (k *kind) forbidden() bool {
	o := k.observer
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.options.Now()
	if k.forbiddenSince.IsZero() {
		k.forbiddenSince = now
	}
	return !k.synced || now.Sub(k.forbiddenSince) >= passing
}
