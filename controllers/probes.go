package controllers

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/probe"
)

// Prober probes beside the loop what controls rest on. It is a *probe.Runner.
type Prober interface {
	// Want states what a scope wants probed, in the stead of what it wanted before.
	// It returns the newest observations by target, and whether a target awaits its
	// first.
	Want(scope string, wanted []probe.Wanted) (observations []control.Observation, awaited bool)
	// Forget drops what a scope wanted.
	Forget(scope string)
}

// probed has that probed which the controls of the pass rest on, and puts what was
// seen into the snapshot.
func (r *ScopeReconciler) probed(p *pass) {
	if r.Prober == nil {
		return
	}
	var wanted []probe.Wanted
	for _, def := range p.pinned {
		for i := range def.Controls {
			c := &def.Controls[i]
			for _, target := range c.Targets(def.Definition, p.snapshot, p.now) {
				wanted = append(wanted, probe.Wanted{Target: target, Policy: def.Name, Control: c.Spec.ID})
			}
		}
	}
	if len(wanted) == 0 {
		if p.memo.probed {
			r.Prober.Forget(p.name)
		}
		p.memo.probed = false
		return
	}
	p.memo.probed = true
	next := *p.snapshot
	observations, awaited := r.Prober.Want(p.name, wanted)
	next.Observations = observations
	if awaited {
		next.Unavailable = maps.Clone(next.Unavailable)
		if next.Unavailable == nil {
			next.Unavailable = map[control.Need]string{}
		}
		next.Unavailable[control.NeedProbes] = control.ReasonInconclusive
	}
	p.snapshot = &next
}

// Probed records a run of probes, before what it saw is judged.
func (r *Engine) Probed(ctx context.Context, run probe.Run) {
	scope, known := r.Observer.Namespace(run.Scope)
	if !known {
		return // It is gone, and nobody judges what was seen there.
	}
	draft, err := probedDraft(scope.Subject(), run)
	if err != nil {
		r.Log.Error(err, "A run of probes could not be recorded", "scope", scopeText(run.Scope), "of", run.Of)
		return
	}
	transitions, ticket := r.Recorder.Record(draft)
	r.announce(transitions, ticket)
	ticket.Wait(ctx, journalWait)
	r.Metrics.probed(&run)
}

// KeyFirstSeen is since when an API server was seen to encrypt with a key, as the
// ledger knows.
func (r *Engine) KeyFirstSeen(id string) (time.Time, bool) {
	var seen ledger.KeyRecord
	known := false
	r.Recorder.View(func(k *ledger.Known) { seen, known = k.Evidence().Keys[id] })
	return seen.FirstSeen.Time, known
}

// NamespacesOf are the namespaces in a policy's scope, by name.
func (r *Engine) NamespacesOf(policy string) []string {
	var names []string
	for _, name := range r.reach(r.registry.load().byName[policy]) {
		if name != control.Cluster {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Bounds of what an entry about a run of probes names.
const (
	maxProbedFor  = 16
	maxProbedKeys = 32
)

// probedDraft drafts a run of probes in a scope. What was seen is an object, which is
// the same for as long as the same is seen.
func probedDraft(subject control.Subject, run probe.Run) (ledger.Draft, error) {
	body := &ledger.ProbeBody{Of: run.Of, BeganAt: ledger.At(run.BeganAt), Targets: len(run.Observations),
		For: run.For[:min(len(run.For), maxProbedFor)], MoreFor: max(0, len(run.For)-maxProbedFor),
		Keys: run.Keys[:min(len(run.Keys), maxProbedKeys)]}
	sights := make([]sight, 0, len(run.Observations))
	for _, o := range run.Observations {
		if o.Reason != "" {
			body.Unseen++
		}
		if until := ledger.At(o.ValidUntil); body.ValidUntil.IsZero() || until.Before(body.ValidUntil.Time) {
			body.ValidUntil = until
		}
		sights = append(sights, sight{Observation: o})
	}
	object, err := ledger.NewObject(sights)
	if err != nil {
		return ledger.Draft{}, err
	}
	body.Observations = object.Digest
	return ledger.Draft{At: run.EndedAt, Entry: ledger.Entry{Kind: ledger.KindProbed, Subject: &subject, Probe: body},
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{object}, nil }}, nil
}

// sight is an observation without the times of the run that made it.
type sight struct {
	control.Observation
	At         *time.Time `json:"at,omitempty"`
	ValidUntil *time.Time `json:"validUntil,omitempty"`
}
