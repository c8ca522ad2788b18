package main

import (
	"math"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// bucket is how many observations do not exceed a bound.
type bucket struct {
	bound float64 // in seconds; the last is infinite
	count uint64  // cumulative
}

// histogram is a Prometheus histogram of seconds, by ascending bound.
type histogram []bucket

// count returns the number of observations.
func (h histogram) count() uint64 {
	if len(h) == 0 {
		return 0
	}
	return h[len(h)-1].count
}

// since returns what was observed after an earlier reading of the same process.
func (h histogram) since(earlier histogram) histogram {
	return h.combine(earlier, func(a, b uint64) uint64 { return a - b })
}

// plus returns what two histograms of the same bounds hold together.
func (h histogram) plus(other histogram) histogram {
	if len(h) == 0 {
		return other
	}
	return h.combine(other, func(a, b uint64) uint64 { return a + b })
}

func (h histogram) combine(other histogram, with func(a, b uint64) uint64) histogram {
	combined := slices.Clone(h)
	for i := range combined {
		if i < len(other) && other[i].bound == combined[i].bound {
			combined[i].count = with(combined[i].count, other[i].count)
		}
	}
	return combined
}

// quantile estimates a quantile, 0 < q <= 1, as Prometheus does: linearly
// within the bucket that holds it. An estimate in the last bucket is its lower
// bound. It is 0 of nothing.
func (h histogram) quantile(q float64) time.Duration {
	if h.count() == 0 {
		return 0
	}
	rank := q * float64(h.count())
	i := slices.IndexFunc(h, func(b bucket) bool { return float64(b.count) >= rank })
	var lower bucket
	if i > 0 {
		lower = h[i-1]
	}
	if math.IsInf(h[i].bound, 1) {
		return seconds(lower.bound)
	}
	share := (rank - float64(lower.count)) / float64(h[i].count-lower.count)
	return seconds(lower.bound + share*(h[i].bound-lower.bound))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func histogramOf(h *dto.Histogram) histogram {
	var made histogram
	for _, b := range h.GetBucket() {
		made = append(made, bucket{b.GetUpperBound(), b.GetCumulativeCount()})
	}
	if len(made) == 0 || !math.IsInf(made[len(made)-1].bound, 1) {
		made = append(made, bucket{math.Inf(1), h.GetSampleCount()})
	}
	return made
}
