package main

import (
	"math"
	"slices"
	"time"
)

// sample is a set of measured durations.
type sample []time.Duration

// percentile returns the nearest-rank percentile, 0 < p <= 100: the smallest
// value that at least p percent of the sample do not exceed. It is 0 of nothing.
func (s sample) percentile(p float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func (s sample) median() time.Duration { return s.percentile(50) }

// first returns the smallest value, 0 of nothing.
func (s sample) first() time.Duration {
	if len(s) == 0 {
		return 0
	}
	return slices.Min(s)
}

// last returns the largest value, 0 of nothing.
func (s sample) last() time.Duration {
	if len(s) == 0 {
		return 0
	}
	return slices.Max(s)
}

// each returns what f makes of each sample.
func each(samples []sample, f func(sample) time.Duration) sample {
	made := make(sample, 0, len(samples))
	for _, s := range samples {
		made = append(made, f(s))
	}
	return made
}

// pooled returns all values of all samples.
func pooled(samples []sample) sample {
	return slices.Concat(samples...)
}
