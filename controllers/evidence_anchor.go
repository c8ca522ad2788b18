package controllers

import (
	"context"
	"encoding/base64"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/anchor"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// anchorWait is how long the anchors may take, all of them at the same time.
const anchorWait = 15 * time.Second

// receipt is what became of asking one anchor.
type receipt struct {
	name, typ string
	object    ledger.Object
	at        time.Time
	err       error
}

// anchor has all declared anchors acknowledge a checkpoint, and records what they
// said. One that does not answer keeps nobody waiting longer than anchorWait.
func (r *EvidenceReconciler) anchor(ctx context.Context, p *schedulePass, cp *tlog.Checkpoint) []receipt {
	log := r.Recorder.Log()
	if log == nil || len(p.spec.Anchors) == 0 {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, anchorWait)
	defer cancel()
	target := anchor.TargetOf(cp, log)
	receipts := make([]receipt, len(p.spec.Anchors))
	var all sync.WaitGroup
	for i, spec := range p.spec.Anchors {
		all.Go(func() { receipts[i] = r.ask(asking, spec, target) })
	}
	all.Wait()
	if ctx.Err() != nil {
		return nil // the process stops, and not the anchors
	}
	drafts := make([]ledger.Draft, len(receipts))
	for i := range receipts {
		drafts[i] = r.acknowledged(p, &receipts[i], cp)
	}
	r.Recorder.Record(drafts...)
	return receipts
}

// ask asks one anchor.
func (r *EvidenceReconciler) ask(ctx context.Context, spec v1alpha1.EvidenceAnchor, target anchor.Target) receipt {
	got := receipt{name: spec.Name, typ: ledger.AnchorWitness}
	if spec.Timestamp != nil {
		got.typ = ledger.AnchorTimestamp
	}
	a, err := r.NewAnchor(spec)
	if err != nil {
		got.err = err
		return got
	}
	result, err := a.Anchor(ctx, target)
	if err != nil {
		got.err = err
		return got
	}
	got.at = result.At
	got.object, got.err = ledger.NewObject(result.Receipt)
	return got
}

// acknowledged drafts what became of asking an anchor. That it still does not
// answer is no news to the ledger.
func (r *EvidenceReconciler) acknowledged(p *schedulePass, got *receipt, cp *tlog.Checkpoint) ledger.Draft {
	body := &ledger.AnchorBody{Type: got.typ, Name: got.name, Origin: cp.Origin, Size: cp.Size,
		RootHash: base64.StdEncoding.EncodeToString(cp.Root)}
	d := ledger.Draft{At: r.Now(), Entry: ledger.Entry{Kind: ledger.KindAnchored, Schedule: &p.ref, Anchor: body}}
	key := ledger.AnchorKey(&p.ref, got.name)
	if got.err != nil {
		r.refusals[key] = clip(got.err.Error())
		d.Kind, d.Reason, d.Message = ledger.KindAnchorFailed, v1alpha1.ReasonAnchorUnreachable, r.refusals[key]
		return d
	}
	delete(r.refusals, key)
	body.Receipt = got.object.Digest
	if !got.at.IsZero() {
		body.At = timeOf(&got.at)
	}
	d.Payload = func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{got.object}, nil }
	return d
}
