package controllers

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/exporting"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// exportAgain is the time after which an export is tried again that failed, or
// whose period is over while the ledger does not reach its end yet.
const exportAgain = 5 * time.Minute

// Exporter writes records to files.
type Exporter interface {
	// Write writes a record, and reports whether it is complete.
	Write(ctx context.Context, request exporting.Request) (complete bool, err error)
}

// exports are written beside the reconciler, one at a time.
type exports struct {
	mu   sync.Mutex
	busy bool
	// done says what became of those that this process wrote, and again when one
	// is not to be tried before.
	done  map[exportKey]v1alpha1.ExportStatus
	again map[exportKey]time.Time
}

// exportKey names an export.
type exportKey struct{ schedule, name string }

// export begins the next export that is due, and says what became of each.
func (r *EvidenceReconciler) export(ctx context.Context, p *schedulePass, newest *newestSlot) []v1alpha1.ExportStatus {
	var all []v1alpha1.ExportStatus
	for _, spec := range p.spec.Exports {
		last := r.lastExport(p, spec.Name)
		if r.Exporter == nil {
			last.Message = "the operator has no export directory: start it with --export-dir"
		} else if writtenFor := p.exportDue(spec, &last, newest); writtenFor != nil {
			r.beginExport(ctx, p, spec, *writtenFor)
		}
		all = append(all, last)
	}
	return all
}

// lastExport says what became of an export: in this process, or as the status has it.
func (r *EvidenceReconciler) lastExport(p *schedulePass, name string) v1alpha1.ExportStatus {
	r.exports.mu.Lock()
	defer r.exports.mu.Unlock()
	if done, ok := r.exports.done[exportKey{p.ref.Name, name}]; ok {
		return done
	}
	last := v1alpha1.ExportStatus{Name: name}
	if i := slices.IndexFunc(p.schedule.Status.Exports, func(s v1alpha1.ExportStatus) bool { return s.Name == name }); i >= 0 {
		last = p.schedule.Status.Exports[i]
		last.Message = ""
	}
	return last
}

// exportDue is the time that a record is to be written for; nil where none is due.
// After a period's end it is that end, until the record is complete.
func (p *schedulePass) exportDue(spec v1alpha1.EvidenceExport, last *v1alpha1.ExportStatus, newest *newestSlot) *time.Time {
	if rolling := p.spec.Period.Rolling != nil; !rolling {
		end := p.spec.Period.End.Time
		if !p.now.Before(end) {
			if last.Complete && last.WrittenFor != nil && last.WrittenFor.Time.Equal(end) {
				return nil
			}
			return &end
		}
	} else if spec.When == v1alpha1.ExportAtPeriodEnd {
		last.Message = "a period that rolls does not end: export it with when: EveryCollection"
		return nil
	}
	if spec.When == v1alpha1.ExportAtPeriodEnd || newest == nil || newest.state == v1alpha1.SlotMissed {
		return nil
	}
	if at := second(ledger.At(newest.slot)); last.WrittenFor != nil && !last.WrittenFor.Before(&at) {
		return nil
	}
	return &newest.slot
}

// beginExport writes a record beside the reconciler, unless one is being written.
func (r *EvidenceReconciler) beginExport(ctx context.Context, p *schedulePass, spec v1alpha1.EvidenceExport, writtenFor time.Time) {
	key := exportKey{p.ref.Name, spec.Name}
	r.exports.mu.Lock()
	defer r.exports.mu.Unlock()
	if r.exports.busy || r.exports.again[key].After(p.now) {
		return
	}
	r.exports.busy = true
	request, err := r.exportRequest(ctx, p, spec, writtenFor)
	final := !request.Rolling && !p.now.Before(request.Query.To.Time)
	go func() {
		complete := false
		if err == nil {
			complete, err = r.Exporter.Write(ctx, request)
		}
		r.endExport(key, writtenFor, final, complete, err)
		r.trigger.now(scheduleRequest(key.schedule))
	}()
}

// endExport takes note of what became of an export.
func (r *EvidenceReconciler) endExport(key exportKey, writtenFor time.Time, final, complete bool, err error) {
	r.exports.mu.Lock()
	defer r.exports.mu.Unlock()
	r.exports.busy = false
	if err != nil {
		r.Log.Error(err, "A record was not exported", "schedule", key.schedule, "export", key.name)
		last := r.exports.done[key]
		last.Name, last.Message = key.name, clip(err.Error())
		r.exports.done[key], r.exports.again[key] = last, r.Now().Add(exportAgain)
		return
	}
	at := second(ledger.At(writtenFor))
	r.exports.done[key] = v1alpha1.ExportStatus{Name: key.name, WrittenFor: &at, Complete: complete}
	delete(r.exports.again, key)
	if final && !complete {
		r.exports.again[key] = r.Now().Add(exportAgain)
	}
}

// exportRequest asks for the record of the period, of the policies selected.
func (r *EvidenceReconciler) exportRequest(ctx context.Context, p *schedulePass, spec v1alpha1.EvidenceExport, writtenFor time.Time) (exporting.Request, error) {
	start, end := periodOf(&p.spec.Period, writtenFor)
	request := exporting.Request{Schedule: p.ref.Name, Export: spec.Name, Formats: spec.Formats, Rolling: p.spec.Period.Rolling != nil,
		Query: report.Query{From: timeOf(&start), To: timeOf(&end)}}
	if everything(&p.spec.PolicySelector) {
		return request, nil
	}
	definitions, err := r.selected(ctx, p)
	for _, d := range definitions {
		request.Query.Policies = append(request.Query.Policies, d.Name)
	}
	if err == nil && len(definitions) == 0 {
		err = errors.New("spec.policySelector selects no policy")
	}
	return request, err
}

// everything is whether a selector selects all policies, those of the past included.
func everything(s *metav1.LabelSelector) bool { return len(s.MatchLabels)+len(s.MatchExpressions) == 0 }
