package controllers

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// BenchmarkScrape reads all metrics of 5 policies over 1,000 namespaces each, of
// which one in ten deviates.
func BenchmarkScrape(b *testing.B) {
	const policies, namespaces = 5, 1000
	now := noon
	e := newEngine(b, &now)
	for p := range policies {
		d := defined(b, policy(fmt.Sprintf("p%d", p)))
		e.registry.swap(d.Name, d, func() {})
		introduce(e, d, noon.Add(-time.Hour))
		for n := range namespaces {
			outcome := control.Conforming
			if n%10 == 0 {
				outcome = control.Deviating
			}
			e.Recorder.Record(stateDraft(d, fmt.Sprintf("ns%d", n), outcome, noon))
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(e.Metrics)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
