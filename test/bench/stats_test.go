package main

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	hundred := make(sample, 0, 100)
	for i := 100; i > 0; i-- {
		hundred = append(hundred, time.Duration(i))
	}
	for name, tc := range map[string]struct {
		sample sample
		p      float64
		want   time.Duration
	}{
		"nothing":           {nil, 50, 0},
		"one value":         {sample{7}, 99, 7},
		"median of two":     {sample{9, 3}, 50, 3},
		"median of three":   {sample{9, 3, 5}, 50, 5},
		"p50 of a hundred":  {hundred, 50, 50},
		"p99 of a hundred":  {hundred, 99, 99},
		"p100 of a hundred": {hundred, 100, 100},
		"p99.5 rounds up":   {hundred, 99.5, 100},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.sample.percentile(tc.p); got != tc.want {
				t.Errorf("percentile(%v) = %d, want %d", tc.p, got, tc.want)
			}
		})
	}
}

func TestPercentileLeavesTheOrder(t *testing.T) {
	s := sample{3, 1, 2}
	s.percentile(50)
	if s[0] != 3 || s[1] != 1 || s[2] != 2 {
		t.Errorf("the sample became %v", s)
	}
}
