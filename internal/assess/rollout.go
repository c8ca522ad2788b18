package assess

import "time"

// The defaults of spec.enforcement.rollout.
const (
	defaultRolloutNamespaces = 10
	defaultRolloutInterval   = time.Minute
)

// An edit may add minAdded namespaces, or a maxAddedShare-th of those enforced
// before, whichever is more, without being confirmed.
const (
	minAdded      = 10
	maxAddedShare = 5
)

// Rollout is the pace of first enforcement: how many namespaces with pods begin
// to be enforced in which interval.
func (d *Definition) Rollout() (most int, interval time.Duration) {
	most, interval = defaultRolloutNamespaces, defaultRolloutInterval
	if e := d.Spec.Enforcement; e != nil && e.Rollout != nil {
		if e.Rollout.MaxNamespaces != nil {
			most = int(*e.Rollout.MaxNamespaces)
		}
		if e.Rollout.Interval != nil {
			interval = e.Rollout.Interval.Duration
		}
	}
	return most, interval
}

// MostAdded is how many namespaces an edit may bring under enforcement without
// being confirmed, given how many were enforced before.
func MostAdded(before int) int { return max(minAdded, before/maxAddedShare) }
