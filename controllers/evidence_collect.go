package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/collect"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// publishWait bounds the wait for a checkpoint that covers a collection. One
// follows within a second, where the volume answers.
const publishWait = 30 * time.Second

// collection is one that is in the ledger: its Collected entry, and the manifest,
// which one that failed does not have.
type collection struct {
	entry    ledger.Entry
	manifest *ledger.Manifest
}

// collect makes the collection that is due, and all that follows from it.
func (r *EvidenceReconciler) collect(ctx context.Context, p *schedulePass, slot time.Time) error {
	policies, err := r.policies(ctx, p)
	if err != nil {
		return err
	}
	request := collect.Request{Schedule: p.ref, Slot: slot, Next: p.table.after(slot), Late: r.Now().Sub(slot) > p.table.deadline}
	for i := range policies {
		if d, ok := r.Definition(policies[i].Name); ok {
			request.Definitions = append(request.Definitions, d)
		} else {
			request.NotInForce = append(request.NotInForce, policies[i].Name)
		}
	}
	result, err := r.Collector.Collect(ctx, request)
	if err != nil {
		return fmt.Errorf("collect slot %s: %w", slot.UTC().Format(time.RFC3339), err)
	}
	r.Log.Info("A collection was made", "schedule", p.ref.Name, "slot", slot, "state", result.Entry.Collection.State,
		"compared", result.Entry.Collection.Compared, "discrepancies", result.Entry.Collection.Discrepancies)
	return r.finish(ctx, p, &collection{result.Entry, result.Manifest})
}

// policies are those that the schedule selects.
func (r *EvidenceReconciler) policies(ctx context.Context, p *schedulePass) ([]v1alpha1.ControlPolicy, error) {
	selector, err := metav1.LabelSelectorAsSelector(&p.spec.PolicySelector)
	if err != nil {
		return nil, fmt.Errorf("spec.policySelector: %w", err)
	}
	policies := &v1alpha1.ControlPolicyList{}
	if err := r.Client.List(ctx, policies, client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, fmt.Errorf("list ControlPolicies: %w", err)
	}
	return policies.Items, nil
}

// selected are the definitions in force of the policies that the schedule selects.
func (r *EvidenceReconciler) selected(ctx context.Context, p *schedulePass) ([]*assess.Definition, error) {
	policies, err := r.policies(ctx, p)
	if err != nil {
		return nil, err
	}
	var definitions []*assess.Definition
	for i := range policies {
		if d, ok := r.Definition(policies[i].Name); ok {
			definitions = append(definitions, d)
		}
	}
	return definitions, nil
}

// witnessed is the checkpoint that covers a schedule's newest collection, with the
// number of entries that it covers, and what the anchors said of it.
type witnessed struct {
	seq        uint64
	checkpoint *tlog.Checkpoint
	entries    uint64
	receipts   []receipt
}

// finish does what follows from a collection that is in the ledger: a checkpoint
// covers it, the head mark and the anchors know that checkpoint, and a record
// says so. Each step may be taken again.
func (r *EvidenceReconciler) finish(ctx context.Context, p *schedulePass, c *collection) error {
	w, err := r.witness(ctx, p, c)
	if err != nil {
		return err
	}
	if err := r.keep(ctx, p, c, w.checkpoint, w.entries, w.receipts); err != nil {
		return err
	}
	r.finished[p.ref.Name] = c.entry.Seq
	return r.trim(ctx, p)
}

// witness has the head mark and the anchors know a checkpoint that covers a
// collection. That is done once: while the record cannot be written it would be one
// more entry, and one more request to each anchor, every five seconds.
func (r *EvidenceReconciler) witness(ctx context.Context, p *schedulePass, c *collection) (*witnessed, error) {
	if w := r.witnessed[p.ref.Name]; w != nil && w.seq == c.entry.Seq {
		return w, nil
	}
	checkpoint, entries, err := r.published(ctx, c.entry.Seq)
	if err != nil {
		return nil, err
	}
	if log := r.Recorder.Log(); log != nil {
		if err := log.SaveHead(ctx); err != nil {
			r.Log.Error(err, "The head mark was not written after a collection")
		}
	}
	w := &witnessed{seq: c.entry.Seq, checkpoint: checkpoint, entries: entries, receipts: r.anchor(ctx, p, checkpoint)}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r.witnessed[p.ref.Name] = w
	return w, nil
}

// published waits until a checkpoint covers an entry, and returns it, with the
// number of entries that it covers over all segments.
func (r *EvidenceReconciler) published(ctx context.Context, seq uint64) (*tlog.Checkpoint, uint64, error) {
	limit := time.NewTimer(publishWait)
	defer limit.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if log := r.Recorder.Log(); log != nil {
			if s := log.Status(); s.Published > seq && s.Checkpoint != nil {
				return s.Checkpoint, s.Published, nil
			}
		}
		select {
		case <-again.C:
		case <-limit.C:
			return nil, 0, fmt.Errorf("no checkpoint covers entry %d after %s", seq, publishWait)
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// resume finishes the newest collection, where a process before this one, or an
// error, left it unfinished.
func (r *EvidenceReconciler) resume(ctx context.Context, p *schedulePass) error {
	known := r.record(p.ref.Name)
	if known == nil || known.Collected == nil {
		return nil
	}
	if done, ok := r.finished[p.ref.Name]; ok && done >= known.Collected.Seq {
		return nil
	}
	c, err := r.collectionAt(ctx, known.Collected.Seq, known.Manifest)
	if err != nil {
		return err
	}
	exists, err := r.kept(ctx, p, c)
	if err != nil {
		return err
	}
	if exists {
		r.finished[p.ref.Name] = c.entry.Seq
		return nil
	}
	return r.finish(ctx, p, c)
}

// collectionAt reads a collection back from the ledger.
func (r *EvidenceReconciler) collectionAt(ctx context.Context, seq uint64, manifest string) (*collection, error) {
	log := r.Recorder.Log()
	if log == nil {
		return nil, errors.New("the ledger is unavailable")
	}
	c := &collection{manifest: &ledger.Manifest{}}
	data, err := log.Object(manifest)
	if err == nil {
		err = json.Unmarshal(data, c.manifest)
	}
	if err != nil {
		return nil, fmt.Errorf("read the manifest of the newest collection: %w", err)
	}
	err = ledger.Read(ctx, r.LedgerDir, ledger.ReadOptions{LedgerID: r.Recorder.Health().LedgerID, From: seq}, func(_ uint64, data []byte) error {
		e, err := ledger.Decode(data)
		if err != nil {
			return err
		}
		c.entry = *e
		return io.EOF
	})
	switch {
	case errors.Is(err, io.EOF) && c.entry.Collection != nil:
		return c, nil
	case err == nil || errors.Is(err, io.EOF):
		return nil, fmt.Errorf("entry %d is not the Collected entry that it should be, or not in the log yet", seq)
	default:
		return nil, fmt.Errorf("read the newest collection: %w", err)
	}
}
