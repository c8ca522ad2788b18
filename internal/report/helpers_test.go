package report_test

import (
	"maps"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// definition is what the operator makes of a spec.
func definition(tb testing.TB, name string, spec v1alpha1.ControlPolicySpec) *assess.Definition {
	tb.Helper()
	def, err := assess.Define(&v1alpha1.ControlPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec})
	if err != nil {
		tb.Fatal(err)
	}
	if def.Invalid != "" {
		tb.Fatal(def.Invalid)
	}
	return def
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// folded is the record of a query.
func folded(tb testing.TB, src report.Source, q report.Query) *report.Record {
	tb.Helper()
	r, err := report.Fold(tb.Context(), src, q)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}
