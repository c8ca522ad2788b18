package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// bothEngines is the result of a run in which the operator took twice the floor's time.
func bothEngines(namespaces int) *sizeResult {
	of := func(name string, took time.Duration) *measured {
		return &measured{
			engine: &engine{name: name},
			single: []sample{{took, took}}, bursts: []sample{{took}}, all: []sample{{took}},
			same: []sample{{took}}, down: []sample{{took}},
			converged: []converged{{each: sample{took}, last: took, created: took}},
			cost:      cost{events: 10, cpu: took},
			idle:      idle{lasted: time.Minute},
			peak:      memory{resident: 30 << 20, private: 10 << 20},
		}
	}
	return &sizeResult{
		namespaces: namespaces,
		engines:    []*measured{of(floorName, time.Millisecond), of(holdfastName, 2*time.Millisecond)},
		ledger:     &ledgerCheck{made: 3},
	}
}

func TestReport(t *testing.T) {
	run := &report{
		facts:   facts{cores: 2, load: 0.1},
		options: options{rounds: 1, bursts: 1, burst: 100, drifts: 10},
		sizes:   []*sizeResult{bothEngines(1000), bothEngines(100)},
	}
	var text bytes.Buffer
	run.write(&text)
	for _, want := range []string{
		"## Budgets\n",
		"| One drift, p50 | 1000 namespaces | ≤ 1.25× floor | 2.00× (2.00 ms, floor 1.00 ms) | missed by 60 % |",
		"|  | floor | holdfast | holdfast / floor |",
		"| All 1000 drifted at once: median p50 / median of the last repaired | 1.00 ms / 1.00 ms | 2.00 ms / 2.00 ms | 2.00× / 2.00× |",
		"The ledger: 3 drifts made",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("there is no %q in\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "| One drift, p50 | 100 namespaces") {
		t.Error("100 namespaces are judged, for which there are no budgets")
	}
	if strings.Contains(text.String(), "All 100 drifted at once") {
		t.Error("all 100 namespaces are a burst, and are reported again")
	}
}

func TestReportTellsOfNoise(t *testing.T) {
	for name, tc := range map[string]struct {
		load float64
		want bool
	}{
		"at rest": {0.3, false},
		"busy":    {3.2, true},
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			(&report{facts: facts{cores: 2, load: tc.load}}).writeNoise(&text)
			if got := strings.Contains(text.String(), "not at rest"); got != tc.want {
				t.Errorf("with a load of %v it warns: %t, want %t", tc.load, got, tc.want)
			}
		})
	}
}
