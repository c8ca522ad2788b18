package controllers

import (
	"context"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Bounds of events: they are a courtesy, and evidence never depends on them.
const (
	announceQueue = 1024
	announceRate  = 5
	announceBurst = 25
	announceWait  = 30 * time.Second
)

// announcer publishes events about subjects, once what they say is durable.
type announcer struct {
	opts  Options
	queue chan announcement
	limit *rate.Limiter
}

type announcement struct {
	entry  ledger.Entry
	ticket ledger.Ticket
}

func newAnnouncer(opts Options) *announcer {
	return &announcer{opts: opts, queue: make(chan announcement, announceQueue), limit: rate.NewLimiter(announceRate, announceBurst)}
}

// announce hands what was recorded on: status and events once durable. A full queue
// drops events.
func (r *Engine) announce(transitions []ledger.Transition, ticket ledger.Ticket) {
	for i := range transitions {
		t := &transitions[i]
		if !t.Changed {
			continue
		}
		if t.Entry.Policy != nil {
			r.statusDue.soon(t.Entry.Policy.Name)
		}
		if _, worth := noteOf(&t.Entry); worth {
			select {
			case r.announcer.queue <- announcement{t.Entry, ticket}:
			default:
			}
		}
	}
}

// run publishes events until ctx ends.
func (a *announcer) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case n := <-a.queue:
			if a.limit.Allow() && n.ticket.Wait(ctx, announceWait) {
				a.publish(&n.entry)
			}
		}
	}
}

func (a *announcer) publish(e *ledger.Entry) {
	note, _ := noteOf(e)
	regarding := &v1alpha1.ControlPolicy{ObjectMeta: metav1.ObjectMeta{Name: e.Policy.Name, UID: types.UID(e.Policy.UID)}}
	regarding.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ControlPolicy"))
	a.opts.Events.Eventf(regarding, relatedTo(e.Subject), note.typ, note.reason, note.action, "%s: %s", e.Control, note.text)
}

// relatedTo is the namespace that an event about a subject is related to; nil for
// what has none.
func relatedTo(s *control.Subject) runtime.Object {
	related := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ledger.ScopeOf(*s)}}
	if related.Name == control.Cluster {
		return nil
	}
	if s.Namespace == "" {
		related.UID = types.UID(s.UID)
	}
	related.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return related
}

// note is an event, in short.
type note struct{ typ, reason, action, text string }

// noteOf says what event an entry is worth, if any.
func noteOf(e *ledger.Entry) (note, bool) {
	if e.Policy == nil || e.Subject == nil || e.Control == "" {
		return note{}, false
	}
	subject := e.Subject.String()
	switch {
	case e.Kind == ledger.KindOutcomeChanged && e.Opens():
		return note{corev1.EventTypeWarning, "Deviating", "Evaluate", subject + " deviates (" + string(e.Origin) + "): " + e.Message}, true
	case e.Kind == ledger.KindOutcomeChanged && e.Ending != "":
		return note{corev1.EventTypeNormal, string(e.Ending), "Evaluate", subject + " conforms again"}, e.To.Outcome == control.Conforming
	case e.Kind == ledger.KindRepairFailed:
		return note{corev1.EventTypeWarning, "RepairFailed", "Repair", subject + ": " + e.Message}, true
	case e.Kind == ledger.KindRolledBack:
		return note{corev1.EventTypeWarning, "RolledBack", "Repair", subject + ": " + e.Object.Kind + " " + e.Object.Name + " was removed again: " + e.Message}, true
	case e.Kind == ledger.KindContested:
		return note{corev1.EventTypeWarning, "Contested", "Repair", subject + ": " + e.Object.Kind + " " + e.Object.Name + " is changed again after each repair"}, true
	}
	return note{}, false
}
