package harness

import (
	"bytes"
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
	page, err := get(tb.Context(), "http://"+o.metrics+"/metrics")
	if err != nil {
		tb.Fatalf("read the operator's metrics: %v", err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	if err != nil {
		tb.Fatalf("read the operator's metrics: %v", err)
	}
	sum := 0.0
	for _, m := range families[name].GetMetric() {
		if bears(m, pairs(labels)) {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
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
