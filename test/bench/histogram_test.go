package main

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
