package controllers

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// behindWait is the time after which the ledger is read again for a slot that is
// known, and not in the log yet.
const behindWait = 200 * time.Millisecond

// publish patches the schedule's status, and says when to look again.
func (r *EvidenceReconciler) publish(ctx context.Context, p *schedulePass) (time.Duration, error) {
	known := r.record(p.ref.Name)
	start, end := p.period()
	wait := untilNext(known, r.Now())
	if p.health.LedgerID != "" {
		if err := r.tally.follow(ctx, r.LedgerDir, p.health.LedgerID, start); err != nil {
			return wait, err
		}
	}
	newest := r.tally.newest[p.ref.Name]
	r.Metrics.scheduled(p.ref.Name, &p.spec, newest)
	if p.health.Available && newest.behind(known) {
		wait = min(wait, behindWait)
	}
	next := p.schedule.DeepCopy()
	if p.stale(&next.Status, newest) {
		if err := r.figures(ctx, p, &next.Status, start, end); err != nil {
			return wait, err
		}
	}
	p.fill(&next.Status, known, newest)
	next.Status.Exports = r.export(ctx, p, newest)
	anchored := r.anchored(p)
	anchored.ObservedGeneration = p.ref.Generation
	meta.SetStatusCondition(&next.Status.Conditions, anchored)
	return wait, r.patch(ctx, p.schedule, next)
}

// stale is whether the figures of a status are to be taken again: they change
// with each slot, and not in between. A status that followed every entry would
// never be quiet.
func (p *schedulePass) stale(status *v1alpha1.EvidenceScheduleStatus, newest *newestSlot) bool {
	if status.ObservedGeneration != p.ref.Generation || status.Evidence == nil {
		return true
	}
	return newest != nil && (status.LastSlot == nil || !status.LastSlot.Time.Time.Equal(newest.slot))
}

// fill writes what is known into a status.
func (p *schedulePass) fill(status *v1alpha1.EvidenceScheduleStatus, known *ledger.ScheduleRecord, newest *newestSlot) {
	status.ObservedGeneration = p.ref.Generation
	status.LastSlot, status.NextSlot = newest.status(p.ref.Name), nil
	if known != nil && known.Next != nil && !known.Deleted {
		at := second(*known.Next)
		status.NextSlot = &at
	}
	for _, c := range []metav1.Condition{p.ready(known), p.recorded(newest)} {
		c.ObservedGeneration = p.ref.Generation
		meta.SetStatusCondition(&status.Conditions, c)
	}
	p.stall(&status.Conditions)
}

func (r *EvidenceReconciler) patch(ctx context.Context, was, is *v1alpha1.EvidenceSchedule) error {
	if equality.Semantic.DeepEqual(was.Status, is.Status) {
		return nil
	}
	err := r.Client.Status().Patch(ctx, is, client.MergeFromWithOptions(was, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil // there is a newer one, or none: the watch asks again
	}
	if err != nil {
		return fmt.Errorf("patch the status of EvidenceSchedule %s: %w", is.Name, err)
	}
	return nil
}

// period is the examination period. One that rolls begins with a full hour.
func (p *schedulePass) period() (start, end time.Time) {
	start, end = periodOf(&p.spec.Period, p.now.UTC().Truncate(time.Hour))
	if p.spec.Period.Rolling != nil {
		end = end.Add(time.Hour)
	}
	return start, end
}

// overdueWait is the time after which a slot that is due still is looked at again.
const overdueWait = time.Second

// untilNext is the time to the next slot, within wakeAtLeast.
func untilNext(known *ledger.ScheduleRecord, now time.Time) time.Duration {
	if known == nil || known.Next == nil {
		return wakeAtLeast
	}
	until := known.Next.Sub(now)
	if until <= 0 {
		return overdueWait
	}
	return min(wakeAtLeast, until)
}

// behind is whether the ledger knows of a newer slot, which is not in its log yet.
func (n *newestSlot) behind(known *ledger.ScheduleRecord) bool {
	return known != nil && known.LastSlot != nil && (n == nil || n.slot.Before(known.LastSlot.Time))
}

// status is the newest slot as a status has it; nil where there is none.
func (n *newestSlot) status(schedule string) *v1alpha1.SlotStatus {
	if n == nil {
		return nil
	}
	s := &v1alpha1.SlotStatus{Time: second(ledger.At(n.slot)), State: n.state}
	if n.state != v1alpha1.SlotMissed {
		s.Record = recordName(schedule, n.slot)
	}
	return s
}

// figures takes what is counted.
func (r *EvidenceReconciler) figures(ctx context.Context, p *schedulePass, status *v1alpha1.EvidenceScheduleStatus, start, end time.Time) error {
	definitions, err := r.selected(ctx, p)
	if err != nil {
		return err
	}
	status.Period = &v1alpha1.PeriodStatus{Start: second(ledger.At(start)), End: second(ledger.At(end))}
	slots, gaps := r.tally.count(p.ref.Name, start, end), r.tally.gapsIn(start, end)
	status.Slots, status.Gaps = &slots, &gaps
	status.Evidence, status.VerifierKey = r.evidence(p), p.health.VerifierKey
	r.Recorder.View(func(k *ledger.Known) {
		open := openUnder(k, definitions)
		status.OpenEpisodes = &open
		status.Retention = &metav1.Duration{Duration: time.Duration(k.Evidence().RetentionSeconds) * time.Second}
	})
	return nil
}

// openUnder is the number of open episodes under policies.
func openUnder(k *ledger.Known, definitions []*assess.Definition) (open int32) {
	for _, d := range definitions {
		for i := range d.Controls {
			if t := k.Tally(d.Name, d.Controls[i].Spec.ID); t != nil {
				open += int32(len(t.Open))
			}
		}
	}
	return open
}

func (r *EvidenceReconciler) evidence(p *schedulePass) *v1alpha1.EvidenceStatus {
	log := r.Recorder.Log()
	if log == nil {
		return nil
	}
	e := &v1alpha1.EvidenceStatus{LedgerID: p.health.LedgerID}
	if s := log.Status(); s.Checkpoint != nil && s.Published > 0 {
		e.Checkpoint = &v1alpha1.CheckpointStatus{Size: int64(s.Published), RootHash: base64.StdEncoding.EncodeToString(s.Checkpoint.Root)}
	}
	return e
}

// ready says whether collections are made as declared.
func (p *schedulePass) ready(known *ledger.ScheduleRecord) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue,
		Reason: v1alpha1.ReasonScheduled, Message: "collections are made as declared"}
	switch reason, message := p.obstacle(); {
	case message != "":
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, reason, message
	case p.spec.Suspend:
		c.Reason, c.Message = v1alpha1.ReasonSuspended, "no collection is due while spec.suspend is true"
	case known != nil && known.Next == nil:
		c.Reason, c.Message = v1alpha1.ReasonPeriodOver, "the examination period has ended: no collection is due any more"
	}
	return c
}

// obstacle is what keeps Holdfast from doing all that the schedule declares until a
// person acts; empty where nothing does.
func (p *schedulePass) obstacle() (reason, message string) {
	if p.invalid == "" && len(p.spec.Exports) > 0 && !p.exports {
		return v1alpha1.ReasonExportNotConfigured, "spec.exports is set, and the operator has no export directory; collections go on"
	}
	return p.stalled, p.invalid
}

// stall sets Stalled where a person has to act, and removes it elsewhere.
func (p *schedulePass) stall(conditions *[]metav1.Condition) {
	meta.RemoveStatusCondition(conditions, v1alpha1.ConditionReconciling)
	reason, message := p.obstacle()
	if message == "" {
		meta.RemoveStatusCondition(conditions, v1alpha1.ConditionStalled)
		return
	}
	meta.SetStatusCondition(conditions, metav1.Condition{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue,
		Reason: reason, Message: message, ObservedGeneration: p.ref.Generation})
}

// recorded says what became of the newest slot.
func (p *schedulePass) recorded(newest *newestSlot) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionEvidenceRecorded, Status: metav1.ConditionFalse}
	switch {
	case !p.health.Available:
		c.Reason, c.Message = p.health.Reason, phrase.Clip(p.health.Message, maxCause)
	case newest == nil:
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v1alpha1.ReasonAwaitingFirstSlot, "no slot was due yet"
	case newest.state == v1alpha1.SlotMissed:
		c.Reason, c.Message = v1alpha1.ReasonSlotMissed, "the newest slot passed without a collection: "+newest.message
	case newest.state == v1alpha1.SlotFailed:
		c.Reason, c.Message = v1alpha1.ReasonCollectionFailed, clip("the newest slot was not collected: "+newest.message)
	case newest.state == v1alpha1.SlotPartial:
		c.Reason, c.Message = v1alpha1.ReasonCollectionPartial, clip("the newest slot was not collected completely: "+newest.message)
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonCollected, "the newest slot was collected"
	}
	if p.ephemeral && c.Status != metav1.ConditionFalse { // a slot that was not collected is the worse news
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonNotDurable, notDurable
	}
	return c
}

// anchored says whether every declared anchor acknowledged the newest collection.
func (r *EvidenceReconciler) anchored(p *schedulePass) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionAnchored, Status: metav1.ConditionFalse}
	declared := len(p.spec.Anchors)
	if declared == 0 {
		c.Reason, c.Message = v1alpha1.ReasonNoAnchor, "spec.anchors is empty: nobody outside the cluster can attest to what the ledger held"
		return c
	}
	var anchors map[string]ledger.AnchorRecord
	r.Recorder.View(func(k *ledger.Known) { anchors = k.Evidence().Anchors })
	var refused []string
	asked := 0
	for _, spec := range p.spec.Anchors {
		key := ledger.AnchorKey(&p.ref, spec.Name)
		last, ok := anchors[key]
		if ok {
			asked++
		}
		if ok && last.Failed {
			refused = append(refused, strings.TrimSuffix(spec.Name+": "+r.refusals[key], ": "))
		}
	}
	switch {
	case len(refused) > 0:
		slices.Sort(refused)
		c.Reason = v1alpha1.ReasonAnchorUnreachable
		c.Message = clip(fmt.Sprintf("%d of %d anchors did not acknowledge the newest checkpoint: %s", len(refused), declared, strings.Join(refused, "; ")))
	case asked < declared:
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v1alpha1.ReasonAwaitingFirstSlot, "no collection was anchored yet"
	default:
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonAnchored
		c.Message = fmt.Sprintf("%d of %d anchors acknowledged the newest collection's checkpoint", declared, declared)
	}
	return c
}
