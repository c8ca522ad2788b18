package controllers

import (
	"fmt"
	"slices"
	"sync"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// gaps are the kinds that cannot be observed now.
type gaps struct {
	mu   sync.Mutex
	open map[string]openGap
}

type openGap struct {
	kind  string
	needs []control.Need
	cause observe.Cause
	entry string
	// remedy says what to do about it, where that is known.
	remedy string
}

// GapChanged records that a gap of a kind began or ended: one entry for the
// kind, whatever the number of its subjects.
func (r *Engine) GapChanged(g observe.GapEvent) {
	r.gaps.mu.Lock()
	known, began := r.gaps.open[g.Key]
	body := &ledger.GapBody{Cause: string(g.Cause), Kind: g.Kind, From: ledger.At(g.From), Ends: known.entry}
	if g.To != nil {
		to := ledger.At(*g.To)
		body.To = &to
	}
	drafts := []ledger.Draft{{At: r.Now(), Entry: ledger.Entry{Kind: ledger.KindGap, Reason: string(g.Cause), Gap: body}}}
	if g.Cause == observe.CauseForbidden && !g.Moot {
		drafts = append(drafts, r.permission(g))
	}
	transitions, ticket := r.Recorder.Record(drafts...)
	if g.To != nil {
		delete(r.gaps.open, g.Key)
	} else if !began {
		r.gaps.open[g.Key] = openGap{g.Kind, append([]control.Need{g.Need}, g.Also...), g.Cause, transitions[0].Entry.ID, g.Remedy}
	}
	r.gaps.mu.Unlock()
	r.announce(transitions, ticket)
	for _, def := range r.registry.load().sorted {
		r.statusDue.soon(def.Name)
	}
}

// permission drafts that a permission to observe was lost or regained.
func (r *Engine) permission(g observe.GapEvent) ledger.Draft {
	reason, verb := "Lost", "is missing"
	if g.To != nil {
		reason, verb = "Regained", "is there again"
	}
	return ledger.Draft{At: r.Now(), Entry: ledger.Entry{Kind: ledger.KindPermissionChanged, Reason: reason,
		Message: fmt.Sprintf("the permission to list and watch %s %s", g.Kind, verb)}}
}

// String says in one sentence what cannot be observed, why, and what to do.
func (g openGap) String() string {
	if g.remedy == "" {
		return fmt.Sprintf("%s cannot be observed: %s", g.kind, g.cause)
	}
	return fmt.Sprintf("%s cannot be observed: %s: %s", g.kind, g.cause, g.remedy)
}

// blindness says in one sentence why a policy's subjects cannot be evaluated
// completely now, and is empty when they can.
func (r *Engine) blindness(def *definition) string {
	r.gaps.mu.Lock()
	defer r.gaps.mu.Unlock()
	for _, key := range sortedKeys(r.gaps.open) {
		g := r.gaps.open[key]
		for i := range def.Controls {
			if slices.ContainsFunc(g.needs, func(need control.Need) bool { return slices.Contains(def.Controls[i].Needs, need) }) {
				return g.String()
			}
		}
	}
	return ""
}
