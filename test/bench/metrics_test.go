package main

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const exposition = `# HELP took_seconds How long.
# TYPE took_seconds histogram
took_seconds_bucket{le="0.001"} 50
took_seconds_bucket{le="0.002"} 90
took_seconds_bucket{le="0.004"} 99
took_seconds_bucket{le="+Inf"} 100
took_seconds_sum 0.2
took_seconds_count 100
# HELP subjects How many.
# TYPE subjects gauge
subjects{control="a",outcome="Conforming"} 3
subjects{control="b",outcome="Conforming"} 4
subjects{control="a",outcome="Deviating"} 5
`

func TestHistogram(t *testing.T) {
	found, err := parseMetrics(strings.NewReader(exposition))
	if err != nil {
		t.Fatal(err)
	}
	got, err := found.histogram("took_seconds")
	if err != nil {
		t.Fatal(err)
	}
	want := histogram{{0.001, 50}, {0.002, 90}, {0.004, 99}, {math.Inf(1), 100}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(bucket{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := found.histogram("gave_seconds"); err == nil {
		t.Error("a histogram that is not there was found")
	}
}

func TestSum(t *testing.T) {
	found, err := parseMetrics(strings.NewReader(exposition))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		metric, label, value string
		want                 int
	}{
		"over controls":     {"subjects", "outcome", "Conforming", 7},
		"over outcomes":     {"subjects", "control", "a", 8},
		"no such value":     {"subjects", "control", "c", 0},
		"no such metric":    {"objects", "control", "a", 0},
		"a histogram's sum": {"took_seconds", "le", "0.001", 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := found.sum(tc.metric, tc.label, tc.value); got != tc.want {
				t.Errorf("sum = %d, want %d", got, tc.want)
			}
		})
	}
}
