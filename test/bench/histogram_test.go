package main

import (
	"math"
	"strings"
	"testing"
	"time"

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
`

func TestParseHistograms(t *testing.T) {
	found, err := parseHistograms(strings.NewReader(exposition), "took_seconds")
	if err != nil {
		t.Fatal(err)
	}
	want := histogram{{0.001, 50}, {0.002, 90}, {0.004, 99}, {math.Inf(1), 100}}
	if diff := cmp.Diff(want, found["took_seconds"], cmp.AllowUnexported(bucket{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := parseHistograms(strings.NewReader(exposition), "gave_seconds"); err == nil {
		t.Error("a histogram that is not there was found")
	}
}

func TestQuantile(t *testing.T) {
	h := histogram{{0.001, 50}, {0.002, 90}, {0.004, 99}, {math.Inf(1), 100}}
	for name, tc := range map[string]struct {
		histogram histogram
		q         float64
		want      time.Duration
	}{
		"nothing":            {nil, 0.5, 0},
		"in the first":       {h, 0.25, 500 * time.Microsecond},
		"at a bound":         {h, 0.5, time.Millisecond},
		"between two":        {h, 0.7, 1500 * time.Microsecond},
		"beyond every bound": {h, 1, 4 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.histogram.quantile(tc.q); got != tc.want {
				t.Errorf("quantile(%v) = %s, want %s", tc.q, got, tc.want)
			}
		})
	}
}

func TestHistogramArithmetic(t *testing.T) {
	earlier := histogram{{1, 2}, {math.Inf(1), 3}}
	later := histogram{{1, 5}, {math.Inf(1), 9}}
	want := histogram{{1, 3}, {math.Inf(1), 6}}
	if diff := cmp.Diff(want, later.since(earlier), cmp.AllowUnexported(bucket{})); diff != "" {
		t.Errorf("since (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(later, earlier.plus(want), cmp.AllowUnexported(bucket{})); diff != "" {
		t.Errorf("plus (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(later, later.since(nil), cmp.AllowUnexported(bucket{})); diff != "" {
		t.Errorf("since nothing (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(later, histogram(nil).plus(later), cmp.AllowUnexported(bucket{})); diff != "" {
		t.Errorf("nothing plus (-want +got):\n%s", diff)
	}
}
