package observe

import (
	"maps"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// standing are the needs that are always observed.
func standing() []control.Need {
	return []control.Need{
		control.NeedNamespaces, control.NeedNetworkPolicies, control.NeedPods, control.NeedServices,
		control.NeedEndpointSlices, control.NeedAdmissionBackends, control.NeedEntrances, control.NeedClusterPolicies,
	}
}

// onDemand are the needs that are observed while they are demanded.
func onDemand() []control.Need {
	return []control.Need{
		control.NeedStorageClasses, control.NeedVolumes, control.NeedAPIServerPods, control.NeedGuards,
		control.NeedServiceSubjects, control.NeedIngresses, control.NeedGateways, control.NeedMesh, control.NeedCertificates,
		control.NeedClaims, control.NeedBackups, control.NeedBackupPlans, control.NeedBackupLocations, control.NeedVolumeSnapshots,
	}
}

// demand is a set of needs that are observed beside the standing ones; nil is
// all of them.
type demand map[control.Need]bool

// newDemand returns the set of those of the needs that are observed on demand.
func newDemand(needs []control.Need) demand {
	d := demand{}
	for _, need := range onDemand() {
		if slices.Contains(needs, need) {
			d[need] = true
		}
	}
	return d
}

// meets reports whether one of the needs is observed.
func (d demand) meets(needs ...control.Need) bool {
	return slices.ContainsFunc(needs, func(need control.Need) bool {
		return d == nil || d[need] || slices.Contains(standing(), need)
	})
}

// needs are those that are observed, in a stable order.
func (d demand) needs() []control.Need {
	return append(standing(), slices.DeleteFunc(onDemand(), func(need control.Need) bool { return !d.meets(need) })...)
}

// Demand says which needs there are beside those that are always observed, in
// the stead of those that it was told before. What they rest on is watched while
// they are demanded: until it is synced they are unavailable, which is no gap, and
// every scope is announced when they are met.
func (o *Observer) Demand(needs ...control.Need) {
	demanded := newDemand(needs)
	o.mu.Lock()
	old := o.store.demanded
	if maps.Equal(old, demanded) {
		o.mu.Unlock()
		return
	}
	o.store.demanded = demanded
	for need := range old {
		if !demanded[need] {
			delete(o.known, need)
		}
	}
	o.store.renewServed()
	triggers := o.drain()
	o.mu.Unlock()
	o.tell(triggers)
	o.announceSettled()
}
