package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// The operator's metrics that are read.
const (
	durableMetric    = "holdfast_ledger_append_durable_seconds"
	integratedMetric = "holdfast_ledger_integrated_seconds"
	evaluationMetric = "holdfast_evaluation_seconds"
	subjectsMetric   = "holdfast_subjects"
)

// metrics are what the operator exposes, by name.
type metrics map[string]*dto.MetricFamily

// parseMetrics reads an exposition.
func parseMetrics(exposition io.Reader) (metrics, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(exposition)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return families, nil
}

// histogram returns the histogram of that name.
func (m metrics) histogram(name string) (histogram, error) {
	family := m[name]
	if family == nil || len(family.GetMetric()) == 0 {
		return nil, fmt.Errorf("metrics: there is no %s", name)
	}
	return histogramOf(family.GetMetric()[0].GetHistogram()), nil
}

// sum adds up the gauges of that name whose label has that value. It is 0 where
// there are none: a vector without samples is not exposed.
func (m metrics) sum(name, label, value string) int {
	var total float64
	for _, sample := range m[name].GetMetric() {
		for _, pair := range sample.GetLabel() {
			if pair.GetName() == label && pair.GetValue() == value {
				total += sample.GetGauge().GetValue()
			}
		}
	}
	return int(total)
}

// metrics reads the operator's metrics; the floor has none.
func (i *instance) metrics(ctx context.Context) (read metrics, err error) {
	if i.metricsURL == "" {
		return nil, nil
	}
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, i.metricsURL, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(get)
	if err != nil {
		return nil, fmt.Errorf("read the operator's metrics: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the operator's metrics: %s", response.Status)
	}
	return parseMetrics(response.Body)
}

// evidence are the operator's histograms of how long evidence takes.
type evidence struct {
	durable, integrated histogram
}

func (e evidence) since(earlier evidence) evidence {
	return evidence{e.durable.since(earlier.durable), e.integrated.since(earlier.integrated)}
}

func (e evidence) plus(other evidence) evidence {
	return evidence{e.durable.plus(other.durable), e.integrated.plus(other.integrated)}
}

// evidence reads the histograms; of the floor they are empty.
func (i *instance) evidence(ctx context.Context) (read evidence, err error) {
	found, err := i.metrics(ctx)
	if err != nil || found == nil {
		return evidence{}, err
	}
	if read.durable, err = found.histogram(durableMetric); err != nil {
		return evidence{}, err
	}
	read.integrated, err = found.histogram(integratedMetric)
	return read, err
}
