package controllers

import (
	"context"
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/anchor"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// refusing is a client by which no EvidenceRecord can be written.
type refusing struct{ client.Client }

func (r refusing) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	if _, is := object.(*v1alpha1.EvidenceRecord); is {
		return errors.New("it may not be written")
	}
	return r.Client.Create(ctx, object, options...)
}

// testAnchorsAskedOnce: while the record of a collection cannot be written, that is
// tried again, and the anchors have acknowledged the collection.
func testAnchorsAskedOnce(s *stage) {
	asked := 0
	s.anchors["good"] = func(ctx context.Context, target anchor.Target) (*anchor.Result, error) {
		asked++
		return s.acknowledges(ctx, target)
	}
	s.declare(authority("good"))
	s.reconcile()
	whole := s.EvidenceReconciler.Client
	s.EvidenceReconciler.Client = refusing{whole}
	s.pass(time.Hour)
	for range 3 {
		if wait := s.reconcile().RequeueAfter; wait > retryEvidence {
			s.Errorf("it is tried again after %s", wait)
		}
	}
	s.EvidenceReconciler.Client = whole
	s.reconcile()
	if anchored := s.entries(ledger.KindAnchored); len(anchored) != 1 || asked != 1 {
		s.Errorf("%d Anchored entries, and the anchor was asked %d times, want once", len(anchored), asked)
	}
	if records := s.records(); len(records) != 1 || records[0].Spec.Anchored != v1alpha1.AnchoredByAll || len(s.collector.requests) != 1 {
		s.Errorf("after %d collections the records are %+v", len(s.collector.requests), records)
	}
}
