package controllers

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// The reasons of an Occurrence: why slots were missed.
const (
	missedNotRunning        = "NotRunning"
	missedLedgerUnavailable = "LedgerUnavailable"
	missedOverrun           = "Overrun"
	missedNoLongerDeclared  = "NoLongerDeclared"
)

// declared is one generation of a schedule, made ready.
type declared struct {
	ref    ledger.ScheduleRef
	spec   v1alpha1.EvidenceScheduleSpec
	object ledger.Object
	// table is nil where the spec cannot be used; stalled and invalid then say why.
	table            *timetable
	stalled, invalid string
}

// declare makes a schedule's generation ready.
func (r *EvidenceReconciler) declare(s *v1alpha1.EvidenceSchedule) (*declared, error) {
	if last := r.declared[s.Name]; last != nil && last.ref.UID == string(s.UID) && last.ref.Generation == s.Generation {
		return last, nil
	}
	object, err := ledger.NewObject(s.Spec)
	if err != nil {
		return nil, fmt.Errorf("schedule %s: %w", s.Name, err)
	}
	d := &declared{spec: s.Spec, object: object,
		ref: ledger.ScheduleRef{Name: s.Name, UID: string(s.UID), Generation: s.Generation, Definition: object.Digest}}
	if d.table, d.stalled, err = newTimetable(&s.Spec); err != nil {
		d.invalid = clip(err.Error())
	}
	for _, a := range s.Spec.Anchors {
		if _, err := r.NewAnchor(a); err != nil && d.invalid == "" {
			d.stalled, d.invalid = v1alpha1.ReasonInvalidAnchor, clip(fmt.Sprintf("spec.anchors[%s]: %v", a.Name, err))
		}
	}
	r.declared[s.Name] = d
	return d, nil
}

// adopt records a schedule's generation, if the ledger does not know it. A slot
// that was due under the generation before, and whose interval lasts, is due
// under this one.
func (r *EvidenceReconciler) adopt(p *schedulePass) {
	known := r.record(p.ref.Name)
	if known != nil && !known.Deleted && known.Ref.UID == p.ref.UID && known.Ref.Generation == p.ref.Generation {
		r.adopted[p.ref.Name] = p.declared
		return
	}
	before := r.before(known)
	drafts, due := r.handOver(known, before, p.table, p.now)
	if due == nil && p.table != nil {
		due = p.table.after(latest(p.now, known))
	}
	change := &ledger.ChangeBody{Type: ledger.ChangeCreated, To: p.object.Digest, Invalid: p.invalid, NextSlot: timeOf(due),
		Manager: specManager(p.schedule), ChangeRef: clip(p.schedule.Annotations[v1alpha1.AnnotationChangeRef])}
	if known != nil && !known.Deleted {
		change.Type, change.From = ledger.ChangeUpdated, known.Ref.Definition
	}
	if before != nil {
		paths := changedPaths(&before.spec, &p.spec)
		change.Paths, change.MorePaths = paths[:min(len(paths), maxPaths)], max(0, len(paths)-maxPaths)
	}
	retention := &ledger.RetentionBody{FloorSeconds: int64(retentionOf(&p.spec).Seconds()), LegalHold: p.spec.LegalHold}
	r.Recorder.Record(append(drafts, ledger.Draft{At: p.now,
		Entry:   ledger.Entry{Kind: ledger.KindScheduleChanged, Schedule: &p.ref, Change: change, Retention: retention},
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{p.object}, nil },
	})...)
	r.adopted[p.ref.Name] = p.declared
}

// withdraw records that a schedule is gone.
func (r *EvidenceReconciler) withdraw(name string) {
	r.Metrics.unscheduled(name)
	known := r.record(name)
	if known == nil || known.Deleted || !r.Recorder.Health().Available {
		return
	}
	now := r.Now()
	drafts, _ := r.handOver(known, r.before(known), nil, now)
	delete(r.declared, name)
	delete(r.adopted, name)
	delete(r.finished, name)
	delete(r.witnessed, name)
	r.Recorder.Record(append(drafts, ledger.Draft{At: now, Entry: ledger.Entry{
		Kind: ledger.KindScheduleChanged, Schedule: &known.Ref, Retention: &ledger.RetentionBody{},
		Change: &ledger.ChangeBody{Type: ledger.ChangeDeleted, From: known.Ref.Definition},
	}})...)
}

// before is the generation that the ledger has, as it declared it; nil where
// there is none, or it cannot be read.
func (r *EvidenceReconciler) before(known *ledger.ScheduleRecord) *declared {
	log := r.Recorder.Log()
	if known == nil || known.Deleted || log == nil {
		return nil
	}
	if last := r.adopted[known.Ref.Name]; last != nil && last.ref == known.Ref {
		return last
	}
	d := &declared{ref: known.Ref}
	data, err := log.Object(known.Ref.Definition)
	if err == nil {
		err = json.Unmarshal(data, &d.spec)
	}
	if err != nil {
		r.Log.Error(err, "The spec that a schedule had before cannot be read: what its edit changed is not recorded", "schedule", known.Ref.Name)
		return nil
	}
	// A spec that cannot be used any more had no slots.
	d.table, _, _ = newTimetable(&d.spec)
	return d
}

// handOver drafts the slots of a generation that passed before the next one came,
// and returns the one that is due still. Where the next generation has no slots it
// is stated too.
func (r *EvidenceReconciler) handOver(known *ledger.ScheduleRecord, before *declared, next *timetable, now time.Time) ([]ledger.Draft, *time.Time) {
	if known == nil || known.Next == nil || before == nil || before.table == nil {
		return nil, nil
	}
	missed, due := before.table.pending(&known.Next.Time, now)
	reason := r.whyMissed(missed)
	if due != nil && (next == nil || next.suspended) {
		if missed == nil {
			missed = &passed{first: *due}
		}
		missed.last, missed.count, reason, due = *due, missed.count+1, missedNoLongerDeclared, nil
	}
	if missed == nil {
		return nil, due
	}
	return []ledger.Draft{slotsMissed(&known.Ref, missed, reason, due, now)}, due
}

// stateMissed records the slots that passed entirely, as one entry, and returns
// the one that is due.
func (r *EvidenceReconciler) stateMissed(p *schedulePass) *time.Time {
	known := r.record(p.ref.Name)
	if known == nil || known.Next == nil || p.table == nil {
		return nil
	}
	missed, due := p.table.pending(&known.Next.Time, p.now)
	if missed == nil {
		return due
	}
	next := due
	if next == nil {
		next = p.table.after(missed.last)
	}
	r.Recorder.Record(slotsMissed(&p.ref, missed, r.whyMissed(missed), next, p.now))
	r.Log.Info("Collections were missed", "schedule", p.ref.Name, "slots", missed.count, "first", missed.first, "last", missed.last)
	return due
}

func slotsMissed(ref *ledger.ScheduleRef, missed *passed, reason string, next *time.Time, now time.Time) ledger.Draft {
	return ledger.Draft{At: now, Entry: ledger.Entry{Kind: ledger.KindOccurrence, Schedule: ref, Reason: reason,
		Occurrence: &ledger.OccurrenceBody{Of: ledger.OccurrenceOfCollection, State: ledger.OccurrenceMissed,
			First: ledger.At(missed.first), Last: ledger.At(missed.last), Count: missed.count, Next: timeOf(next)}}}
}

// whyMissed says why slots passed: nobody ran, the ledger was unavailable, or a
// collection before them took too long.
func (r *EvidenceReconciler) whyMissed(missed *passed) string {
	switch {
	case missed == nil:
		return ""
	case missed.first.Before(r.started):
		return missedNotRunning
	case !r.unavailable.Before(missed.first):
		return missedLedgerUnavailable
	default:
		return missedOverrun
	}
}

// latest is the later of now and a schedule's newest slot: where the clock was set
// back no slot comes twice.
func latest(now time.Time, known *ledger.ScheduleRecord) time.Time {
	if known != nil && known.LastSlot != nil && known.LastSlot.After(now) {
		return known.LastSlot.Time
	}
	return now
}

func timeOf(t *time.Time) *ledger.Time {
	if t == nil {
		return nil
	}
	at := ledger.At(*t)
	return &at
}
