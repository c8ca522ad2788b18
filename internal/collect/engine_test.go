package collect_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// engine is the least that judges and records.
type engine struct {
	*world
	mu            sync.Mutex
	queued, under map[string]bool
	requeued      []string
	// deaf are the namespaces of which it hears nothing.
	deaf map[string]bool
	wake chan struct{}
}

func (e *engine) trigger(t observe.Trigger) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.deaf[t.Namespace] {
		e.enqueue(t.Namespace)
	}
}

func (e *engine) requeue(namespace string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requeued = append(e.requeued, namespace)
	e.enqueue(namespace)
}

func (e *engine) enqueue(namespace string) {
	e.queued[namespace] = true
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// hear sets whether it hears of a namespace.
func (e *engine) hear(namespace string, hears bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deaf[namespace] = !hears
}

func (e *engine) settled(namespace string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.queued[namespace] && !e.under[namespace]
}

func (e *engine) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		}
		for {
			e.mu.Lock()
			name, found := "", false
			for n := range e.queued {
				name, found = n, true
				break
			}
			delete(e.queued, name)
			e.under[name] = found
			e.mu.Unlock()
			if !found {
				break
			}
			e.pass(name)
			e.mu.Lock()
			delete(e.under, name)
			e.mu.Unlock()
		}
	}
}

// pass judges one namespace, and records it.
func (e *engine) pass(name string) {
	snapshot, err := e.observer.Snapshot(name)
	gone := errors.Is(err, observe.ErrNotFound)
	if err != nil && !gone {
		fail(e.tb, err)
		return
	}
	now := time.Now()
	inScope := !gone && e.def.Dispose(snapshot.Namespace) == assess.InScope
	var drafts []ledger.Draft
	member := false
	e.recorder.View(func(k *ledger.Known) {
		for _, m := range k.MembersOf(name) {
			switch {
			case gone || m.Subject.UID != snapshot.Namespace.UID:
				drafts = append(drafts, membership(e.def, ledger.KindSubjectDeleted, m.Subject, now))
			case !inScope:
				drafts = append(drafts, membership(e.def, ledger.KindScopeLeft, m.Subject, now))
			default:
				member = true
			}
		}
	})
	if inScope {
		if !member {
			drafts = append(drafts, membership(e.def, ledger.KindSubjectAdded, snapshot.Namespace.Subject(), now))
		}
		found := map[ledger.Unit]bool{}
		for _, u := range assess.Judge(e.def, snapshot, now) {
			if key := (ledger.Unit{Policy: e.def.Name, Control: u.Control.Spec.ID, Subject: u.Subject}); !u.Control.JudgesNamespaces() {
				found[key] = true
				drafts = append(drafts, judged(e.def, ledger.KindSubjectAdded, key, now)) // which is no news if it is there
			}
			if !u.Blind(snapshot) {
				drafts = append(drafts, outcome(&u, u.State, now))
			}
		}
		drafts = append(drafts, e.going(name, found, now)...)
	}
	e.recorder.Record(drafts...)
}

// going drafts that what was judged in a scope is not there any more.
func (e *engine) going(scope string, found map[ledger.Unit]bool, now time.Time) (drafts []ledger.Draft) {
	e.recorder.View(func(k *ledger.Known) {
		for u := range k.ObjectMembersOf(scope) {
			if !found[u] {
				drafts = append(drafts, judged(e.def, ledger.KindSubjectDeleted, u, now))
			}
		}
	})
	return drafts
}

// judged drafts that a subject came under a control, or left it.
func judged(def *assess.Definition, kind ledger.Kind, u ledger.Unit, now time.Time) ledger.Draft {
	d := membership(def, kind, u.Subject, now)
	d.Control = u.Control
	return d
}

func membership(def *assess.Definition, kind ledger.Kind, subject control.Subject, now time.Time) ledger.Draft {
	return ledger.Draft{At: now, Entry: ledger.Entry{Kind: kind, Policy: def.Ref(nil), Subject: &subject, Scope: &ledger.ScopeBody{}}}
}

func outcome(u *assess.Unit, state control.State, now time.Time) ledger.Draft {
	subject := u.Subject
	return ledger.Draft{At: now, Epoch: 1, Entry: ledger.Entry{Kind: ledger.KindOutcomeChanged, Policy: u.Def.Ref(u.Control),
		Control: u.Control.Spec.ID, EvaluatorVersion: u.Control.Kind.EvaluatorVersion(), Subject: &subject, To: &state}}
}
