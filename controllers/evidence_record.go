package controllers

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// maxRecordControls is the number of controls that an EvidenceRecord lists.
const maxRecordControls = 256

// defaultHistory is the number of EvidenceRecords of a schedule that stay where it
// does not say.
const defaultHistory = 24

// recordName is the name of a slot's EvidenceRecord: names sort as slots do.
func recordName(schedule string, slot time.Time) string {
	return schedule + "-" + slot.UTC().Format("20060102t150405z")
}

// kept is whether a collection's EvidenceRecord exists, or did: one that is older
// than the oldest of a full history was removed.
func (r *EvidenceReconciler) kept(ctx context.Context, p *schedulePass, c *collection) (bool, error) {
	names, err := r.recordNames(ctx, p.ref.Name)
	if err != nil {
		return false, err
	}
	name := recordName(p.ref.Name, c.entry.Collection.Slot.Time)
	return slices.Contains(names, name) || (len(names) > 0 && names[len(names)-1] > name), nil
}

// keep writes a collection's EvidenceRecord.
func (r *EvidenceReconciler) keep(ctx context.Context, p *schedulePass, c *collection, cp *tlog.Checkpoint, entries uint64, receipts []receipt) error {
	record := &v1alpha1.EvidenceRecord{
		ObjectMeta: metav1.ObjectMeta{
			Name:   recordName(p.ref.Name, c.entry.Collection.Slot.Time),
			Labels: map[string]string{v1alpha1.LabelSchedule: p.ref.Name},
		},
		Spec: r.recordSpec(c, cp, entries),
	}
	record.Spec.Anchored, record.Spec.Anchors = anchoredBy(len(p.spec.Anchors), receipts)
	previous, err := r.previous(ctx, p.ref.Name, record.Name)
	if err != nil {
		return err
	}
	record.Spec.Previous = previous
	if err := r.Client.Create(ctx, record); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("write EvidenceRecord %s: %w", record.Name, err)
	}
	return nil
}

// recordSpec is what the ledger has of a collection, in short.
func (r *EvidenceReconciler) recordSpec(c *collection, cp *tlog.Checkpoint, entries uint64) v1alpha1.EvidenceRecordSpec {
	body, schedule, health := c.entry.Collection, c.entry.Schedule, r.Recorder.Health()
	spec := v1alpha1.EvidenceRecordSpec{
		Schedule: v1alpha1.RecordSchedule{Name: schedule.Name, UID: schedule.UID, Generation: schedule.Generation},
		Slot:     second(body.Slot), StartedAt: second(body.Started), CompletedAt: second(body.Ended),
		Result: resultOf(body), Message: clip(c.entry.Message),
		Compared: int32(body.Compared), Superseded: int32(body.Superseded), Discrepancies: int32(body.Discrepancies),
		Ledger: v1alpha1.RecordLedger{ID: health.LedgerID, Seq: int64(c.entry.Seq), Manifest: body.Manifest, VerifierKey: health.VerifierKey},
		Checkpoint: v1alpha1.RecordCheckpoint{Origin: cp.Origin, Size: int64(cp.Size), Entries: int64(entries),
			RootHash: base64.StdEncoding.EncodeToString(cp.Root), Note: string(cp.Note)},
	}
	if c.manifest != nil {
		count(&spec, c.manifest)
	}
	return spec
}

// count takes the censuses of a manifest.
func count(spec *v1alpha1.EvidenceRecordSpec, m *ledger.Manifest) {
	for _, policy := range m.Policies {
		for _, control := range policy.Controls {
			c := control.Census
			spec.ControlsTotal++
			spec.Subjects += int32(c.InScope())
			spec.Deviating += int32(c.Deviating)
			if len(spec.Controls) == maxRecordControls {
				continue
			}
			spec.Controls = append(spec.Controls, v1alpha1.RecordControl{
				Policy: policy.Name, ID: control.ID, Total: int32(c.Total),
				Conforming: int32(c.Conforming), Deviating: int32(c.Deviating), NotApplicable: int32(c.NotApplicable),
				NotEvaluated: int32(c.NotEvaluated), Excluded: int32(c.Excluded), NotSelected: int32(c.NotSelected),
			})
		}
	}
}

// slotStateOf is what became of a slot that was collected.
func slotStateOf(body *ledger.CollectionBody) v1alpha1.SlotState {
	if body.State == ledger.CollectionCompleted && body.Late {
		return v1alpha1.SlotLate
	}
	return v1alpha1.SlotState(body.State)
}

func resultOf(body *ledger.CollectionBody) v1alpha1.RecordResult {
	return v1alpha1.RecordResult(slotStateOf(body))
}

// second is a time as the API keeps it.
func second(t ledger.Time) metav1.Time { return metav1.NewTime(t.UTC().Truncate(time.Second)) }

// anchoredBy says which of the declared anchors acknowledged.
func anchoredBy(declared int, receipts []receipt) (v1alpha1.AnchoredState, []v1alpha1.RecordAnchor) {
	if declared == 0 {
		return v1alpha1.AnchoredUndeclared, nil
	}
	var anchors []v1alpha1.RecordAnchor
	for _, got := range receipts {
		if got.err != nil {
			continue
		}
		a := v1alpha1.RecordAnchor{Name: got.name, Type: got.typ, Receipt: got.object.Digest}
		if !got.at.IsZero() {
			at := second(ledger.At(got.at))
			a.At = &at
		}
		anchors = append(anchors, a)
	}
	switch len(anchors) {
	case declared:
		return v1alpha1.AnchoredByAll, anchors
	case 0:
		return v1alpha1.AnchoredByNone, nil
	default:
		return v1alpha1.AnchoredBySome, anchors
	}
}

// previous names the newest record of a schedule before one, and digests it.
func (r *EvidenceReconciler) previous(ctx context.Context, schedule, name string) (*v1alpha1.PreviousRecord, error) {
	names, err := r.recordNames(ctx, schedule)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(other string) bool { return other >= name })
	if len(names) == 0 {
		return nil, nil
	}
	last := &v1alpha1.EvidenceRecord{}
	if err := r.Records.Get(ctx, client.ObjectKey{Name: names[len(names)-1]}, last); err != nil {
		return nil, fmt.Errorf("read EvidenceRecord %s: %w", names[len(names)-1], err)
	}
	object, err := ledger.NewObject(last.Spec)
	if err != nil {
		return nil, err
	}
	return &v1alpha1.PreviousRecord{Name: last.Name, Digest: object.Digest}, nil
}

// recordNames are the names of a schedule's EvidenceRecords, oldest first.
func (r *EvidenceReconciler) recordNames(ctx context.Context, schedule string) ([]string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("EvidenceRecordList"))
	if err := r.Records.List(ctx, list, client.MatchingLabels{v1alpha1.LabelSchedule: schedule}); err != nil {
		return nil, fmt.Errorf("list EvidenceRecords: %w", err)
	}
	names := make([]string, 0, len(list.Items))
	for i := range list.Items {
		// A label alone makes no record: others may set labels.
		if strings.HasPrefix(list.Items[i].Name, schedule+"-") {
			names = append(names, list.Items[i].Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// trim removes the oldest records beyond the schedule's history limit.
func (r *EvidenceReconciler) trim(ctx context.Context, p *schedulePass) error {
	names, err := r.recordNames(ctx, p.ref.Name)
	if err != nil {
		return err
	}
	limit := defaultHistory
	if p.spec.RecordsHistoryLimit != nil {
		limit = int(*p.spec.RecordsHistoryLimit)
	}
	for _, name := range names[:max(0, len(names)-limit)] {
		record := &v1alpha1.EvidenceRecord{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := client.IgnoreNotFound(r.Client.Delete(ctx, record)); err != nil {
			return fmt.Errorf("remove EvidenceRecord %s, beyond the history limit: %w", name, err)
		}
	}
	return nil
}
