package probe

import (
	"cmp"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// How a target stands whose newest probe says nothing else: one that saw nothing
// stands as the reason says, such as control.ReasonForbidden.
const (
	// Seen is that something was seen, and counts.
	Seen = "Seen"
	// Awaited is that there is no result yet.
	Awaited = "Awaited"
	// Stale is that the newest result does not count any more.
	Stale = "Stale"
)

// Kinds are the kinds of probes. Restores are not a Runner's to make.
func Kinds() []string {
	return []string{control.ProbeCanary, control.ProbeHandshake, control.ProbeCertificate, control.ProbeGuard, control.ProbeRepository, control.ProbeRestore}
}

// Result is what a probe came to: Seen, or the reason why it saw nothing.
func Result(o *control.Observation) string { return cmp.Or(o.Reason, Seen) }

// Count says how many targets there are, by kind and by how they stand.
func (r *Runner) Count() map[string]map[string]int {
	now := r.options.Now()
	counts := map[string]map[string]int{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, batches := range r.scopes {
		for kind, b := range batches {
			if counts[kind] == nil {
				counts[kind] = map[string]int{}
			}
			for _, t := range b.targets {
				counts[kind][t.stands(now)]++
			}
		}
	}
	return counts
}

// stands is how a target stands.
func (t *target) stands(now time.Time) string {
	switch {
	case t.seen == nil:
		return Awaited
	case now.After(t.seen.ValidUntil):
		return Stale
	}
	return Result(t.seen)
}
