package clusterstore

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// recordPage is how many EvidenceRecords are read at a time.
const recordPage = 100

// Records are the EvidenceRecords of a cluster.
type Records struct {
	// Client is a client without a cache.
	Client dynamic.Interface
}

// Newest returns what the EvidenceRecord that was completed last keeps of a
// ledger, in the form of a head mark; nil if there is none.
func (r Records) Newest(ctx context.Context) (*ledger.Head, error) {
	var newest *v1alpha1.EvidenceRecord
	options := metav1.ListOptions{Limit: recordPage}
	for {
		page, err := r.Client.Resource(v1alpha1.GroupVersion.WithResource("evidencerecords")).List(ctx, options)
		if apierrors.IsNotFound(err) {
			return nil, nil // the kind is not installed
		}
		if err != nil {
			return nil, fmt.Errorf("list EvidenceRecords: %w", err)
		}
		for i := range page.Items {
			record, err := decodeRecord(&page.Items[i])
			if err != nil {
				return nil, err
			}
			if newest == nil || newest.Spec.CompletedAt.Before(&record.Spec.CompletedAt) {
				newest = record
			}
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return headOf(newest), nil
		}
	}
}

func decodeRecord(object *unstructured.Unstructured) (*v1alpha1.EvidenceRecord, error) {
	record := &v1alpha1.EvidenceRecord{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, record); err != nil {
		return nil, fmt.Errorf("EvidenceRecord %s: %w", object.GetName(), err)
	}
	return record, nil
}

func headOf(record *v1alpha1.EvidenceRecord) *ledger.Head {
	if record == nil {
		return nil
	}
	spec := &record.Spec
	return &ledger.Head{LedgerID: spec.Ledger.ID, Checkpoint: spec.Checkpoint.Note, VerifierKey: spec.Ledger.VerifierKey,
		Time: ledger.At(spec.CompletedAt.Time)}
}
