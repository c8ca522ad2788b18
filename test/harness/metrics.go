package harness

import (
	"bytes"
	"context"
	"maps"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metric is the sum of all samples of a counter or a gauge, or of the counts of a
// histogram, that bear the labels given as key, value, ….
func (o *Operator) Metric(tb testing.TB, name string, labels ...string) float64 {
	tb.Helper()
	families, err := o.families(tb.Context())
	if err != nil {
		tb.Fatalf("read the operator's metrics: %v", err)
	}
	return sum(families[name], labels)
}

// appended is how many entries the operator has appended to its ledger, and 0
// where it cannot say, or the ledger cannot be written.
func (o *Operator) appended(ctx context.Context) uint64 {
	families, err := o.families(ctx)
	if err != nil || sum(families["holdfast_ledger_available"], nil) == 0 {
		return 0
	}
	return uint64(sum(families["holdfast_ledger_entries"], nil))
}

func (o *Operator) families(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	page, err := get(ctx, "http://"+o.metrics+"/metrics")
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(bytes.NewReader(page))
}

func sum(family *dto.MetricFamily, labels []string) float64 {
	total := 0.0
	for _, m := range family.GetMetric() {
		if bears(m, pairs(labels)) {
			total += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return total
}

// bears is whether a sample has all the labels.
func bears(m *dto.Metric, want map[string]string) bool {
	missing := maps.Clone(want)
	for _, label := range m.GetLabel() {
		if missing[label.GetName()] == label.GetValue() {
			delete(missing, label.GetName())
		}
	}
	return len(missing) == 0
}

// MetricsAddress is where the operator serves its metrics.
func (o *Operator) MetricsAddress() string { return o.metrics }
