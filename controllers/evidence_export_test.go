package controllers

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/exporting"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// exportedOn declares an export of a schedule whose period ends two hours after noon.
func exportedOn(when v1alpha1.ExportMoment) func(*v1alpha1.EvidenceScheduleSpec) {
	return func(spec *v1alpha1.EvidenceScheduleSpec) {
		spec.Period.End.Time = noon.Add(2 * time.Hour)
		spec.Exports = []v1alpha1.EvidenceExport{{Name: "report", Formats: []v1alpha1.ExportFormat{v1alpha1.ExportHTML}, When: when}}
	}
}

func testExportsEach(s *stage) {
	var requests []exporting.Request
	s.EvidenceReconciler.Exporter = exporterFn(func(r exporting.Request) (bool, error) {
		requests = append(requests, r)
		return !s.clock().Before(noon.Add(2 * time.Hour)), nil
	})
	s.declare(exportedOn(v1alpha1.ExportAtEveryCollection))
	s.reconcile()
	s.pass(time.Hour)
	if got := s.exported(noon.Add(time.Hour)); got.Complete {
		s.Errorf("before the period's end: %+v", got)
	}
	s.pass(time.Hour)
	if got := s.exported(noon.Add(2 * time.Hour)); !got.Complete {
		s.Errorf("after the period's end: %+v", got)
	}
	s.pass(time.Hour)
	s.status()
	if len(requests) != 2 {
		s.Fatalf("%d records were written", len(requests))
	}
	want := exporting.Request{Schedule: s.schedule, Export: "report", Formats: []v1alpha1.ExportFormat{"HTML"},
		Query: report.Query{From: &ledger.Time{Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, To: &ledger.Time{Time: noon.Add(2 * time.Hour)}}}
	if diff := cmp.Diff(want, requests[0]); diff != "" {
		s.Errorf("what was asked for (-want +got):\n%s", diff)
	}
}

func testExportsAtTheEnd(s *stage) {
	var asked atomic.Int32
	s.EvidenceReconciler.Exporter = exporterFn(func(exporting.Request) (bool, error) {
		switch asked.Add(1) {
		case 1:
			return false, errors.New("no space left on device")
		case 2:
			return false, nil // the ledger does not reach the end yet
		default:
			return true, nil
		}
	})
	s.declare(exportedOn(v1alpha1.ExportAtPeriodEnd))
	s.reconcile()
	s.pass(time.Hour)
	if all := s.status().Exports; all[0].WrittenFor != nil || asked.Load() != 0 {
		s.Errorf("before the period's end: %+v", all)
	}
	s.pass(time.Hour)
	s.await("the failure shows", func() bool { return s.status().Exports[0].Message == "no space left on device" })
	s.status()
	if asked.Load() != 1 {
		s.Error("it was tried again at once")
	}
	s.pass(exportAgain)
	if got := s.exported(noon.Add(2 * time.Hour)); got.Complete || got.Message != "" {
		s.Errorf("while the ledger does not reach the end: %+v", got)
	}
	s.pass(exportAgain)
	s.await("it is complete", func() bool { return s.status().Exports[0].Complete })
	s.restart(time.Hour)
	s.EvidenceReconciler.Exporter = exporterFn(func(exporting.Request) (bool, error) { asked.Add(1); return true, nil })
	s.status()
	if asked.Load() != 3 {
		s.Errorf("it was written %d times", asked.Load())
	}
}

func testExportsNowhere(s *stage) {
	s.declare(exportedOn(v1alpha1.ExportAtPeriodEnd))
	s.reconcile()
	s.pass(time.Hour)
	status := s.status()
	s.wantCondition(status, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonExportNotConfigured)
	s.wantCondition(status, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonExportNotConfigured)
	s.wantCondition(status, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionTrue, v1alpha1.ReasonCollected)
}
