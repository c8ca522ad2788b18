package main

import (
	"fmt"
	"time"
)

// line is one line of the table of a size.
type line struct {
	what string
	show func(*measured) string
	// compared are the figures of which the ratio is shown, nil for none.
	compared func(*measured) []time.Duration
}

func (l line) ratios(f, h *measured) string {
	text := ""
	ours := l.compared(h)
	for i, floors := range l.compared(f) {
		if i > 0 {
			text += " / "
		}
		text += times(ours[i], floors)
	}
	return text
}

// figures is a line of durations that are shown and compared.
func figures(what string, of func(*measured) []time.Duration) line {
	return line{what, func(m *measured) string { return readableAll(of(m)...) }, of}
}

// lines are the lines of the table of a size.
func lines(namespaces int, o options) []line {
	spread := func(s sample) []time.Duration {
		return []time.Duration{s.median(), s.percentile(90), s.percentile(99), s.last()}
	}
	all := []line{
		figures("One drift at a time: p50 / p90 / p99 / max", func(m *measured) []time.Duration { return spread(pooled(m.single)) }),
		figures("– p50 by round", func(m *measured) []time.Duration { return each(m.single, sample.median) }),
		figures(fmt.Sprintf("%d drifts at once, %d bursts: median of their p50 / lowest p50 / highest p50", min(o.burst, namespaces), o.burstsPerRound()*o.rounds),
			func(m *measured) []time.Duration { return middle(each(m.bursts, sample.median)) }),
		figures("– last repaired: median / lowest / highest", func(m *measured) []time.Duration { return middle(each(m.bursts, sample.last)) }),
	}
	if namespaces > o.burst {
		all = append(all,
			figures(fmt.Sprintf("All %d drifted at once: median p50 / median of the last repaired", namespaces), func(m *measured) []time.Duration {
				return []time.Duration{each(m.all, sample.median).median(), each(m.all, sample.last).median()}
			}))
	}
	return append(append(all, newNamespaces(namespaces)...), costs()...)
}

// middle returns the median, the lowest and the highest.
func middle(s sample) []time.Duration {
	return []time.Duration{s.median(), s.percentile(1), s.last()}
}

func newNamespaces(namespaces int) []line {
	return []line{
		figures(fmt.Sprintf("%d namespaces created at once, all protected: median / lowest / highest", namespaces),
			func(m *measured) []time.Duration { return middle(lasts(m.converged)) }),
		figures("– of which creating them took (median)", func(m *measured) []time.Duration {
			var created sample
			for _, c := range m.converged {
				created = append(created, c.created)
			}
			return []time.Duration{created.median()}
		}),
		figures("– per namespace: p50 / p99", func(m *measured) []time.Duration {
			var s sample
			for _, c := range m.converged {
				s = append(s, c.each...)
			}
			return []time.Duration{s.median(), s.percentile(99)}
		}),
		figures(fmt.Sprintf("The same object %d times in a row: median of the first / of all / of the last", sameDrifts),
			func(m *measured) []time.Duration {
				var first, last sample
				for _, s := range m.same {
					first, last = append(first, s[0]), append(last, s[len(s)-1])
				}
				return []time.Duration{first.median(), pooled(m.same).median(), last.median()}
			}),
		figures(fmt.Sprintf("%d drifts made while it was down, last repaired after the start: median / worst", min(downDrifts, namespaces)),
			func(m *measured) []time.Duration {
				last := each(m.down, sample.last)
				return []time.Duration{last.median(), last.last()}
			}),
	}
}

func costs() []line {
	return []line{
		{"API requests per drift, the drift included", func(m *measured) string { return fmt.Sprintf("%.2f", m.cost.perDrift()) }, nil},
		{"– besides, per drift: status / events / lease", func(m *measured) string {
			return fmt.Sprintf("%.2f / %.2f / %.2f", m.cost.each(kindStatus), m.cost.each(kindEvent), m.cost.each(kindLease))
		}, nil},
		figures("Engine CPU per drift", func(m *measured) []time.Duration { return []time.Duration{m.cost.cpuEach()} }),
		{"From recording to the journal, synced: p50 / p99", func(m *measured) string { return quantiles(m.evidence.durable) }, nil},
		{"– in bursts", func(m *measured) string { return quantiles(m.burstEvidence.durable) }, nil},
		{"From the journal to the log: p50 / p99", func(m *measured) string { return quantiles(m.evidence.integrated) }, nil},
		{"– in bursts", func(m *measured) string { return quantiles(m.burstEvidence.integrated) }, nil},
		{"At rest: its requests", func(m *measured) string { return fmt.Sprintf("in %s: %s", m.idle.lasted, m.idle.requests) }, nil},
		{"– everybody else's", func(m *measured) string { return m.idle.others.String() }, nil},
		{"– CPU, of one core", func(m *measured) string {
			return fmt.Sprintf("%.1f %%", 100*ratio(m.idle.cpu, m.idle.lasted))
		}, nil},
		{"Resident memory, peak: all / without pages of files", func(m *measured) string { return m.peak.String() }, nil},
		{"– after rest", func(m *measured) string { return m.rest.String() }, nil},
		{"Changed to allow all ingress / written back so by the engine", func(m *measured) string {
			return fmt.Sprintf("%d / %d", m.opened, m.reopened)
		}, nil},
	}
}

func quantiles(h histogram) string {
	return readableAll(h.quantile(0.5), h.quantile(0.99))
}
