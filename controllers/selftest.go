package controllers

import (
	"context"
	"maps"
	"sync/atomic"
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/controls"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// selfTestEvery is how often each evaluator judges its fixtures.
const selfTestEvery = 24 * time.Hour

// selfTests are what evaluators made of their fixtures.
type selfTests struct {
	// types returns the control types.
	types func() []controls.Type
	// failed are the types that failed the newest one.
	failed atomic.Pointer[map[string]bool]
}

// distrusted are the control types whose evaluators failed their newest self-test.
func (s *selfTests) distrusted() map[string]bool {
	if failed := s.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// run has every evaluator judge its fixtures once a day, until ctx ends.
func (s *selfTests) run(ctx context.Context, e *Engine) {
	ticker := time.NewTicker(selfTestEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			e.selfTest()
		}
	}
}

// Distrusted reports whether the evaluator of a control type failed its newest
// self-test: its controls are NotEvaluated.
func (r *Engine) Distrusted(typ string) bool { return r.selfTests.distrusted()[typ] }

// selfTest has every evaluator judge its fixtures, and records what it made of
// them, also where that is what it was before. While one fails, every control of
// its type is NotEvaluated.
func (r *Engine) selfTest() {
	failed := map[string]bool{}
	var drafts []ledger.Draft
	for _, typ := range r.selfTests.types() {
		body := assess.SelfTest(typ)
		if len(body.Failed) > 0 {
			failed[typ.Name] = true
			r.Log.Info("An evaluator failed its self-test; its controls are not evaluated", "type", typ.Name, "fixtures", body.Failed)
		}
		drafts = append(drafts, ledger.Draft{At: r.Now(), Entry: ledger.Entry{Kind: ledger.KindSelfTested,
			EvaluatorVersion: body.EvaluatorVersion, SelfTest: &body}})
	}
	last := r.selfTests.distrusted()
	r.selfTests.failed.Store(&failed)
	transitions, ticket := r.Recorder.Record(drafts...)
	r.announce(transitions, ticket)
	if !maps.Equal(last, failed) {
		r.reconsiderAll()
	}
}

// reconsiderAll asks for a pass over every namespace in the scope of a policy.
func (r *Engine) reconsiderAll() {
	for _, def := range r.registry.load().sorted {
		for _, name := range r.reach(def) {
			r.scopes.low(scopeRequest(name))
		}
	}
}
