package networkisolation

import (
	"cmp"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// acceptance is what acceptedExposure accepts of one kind in one namespace.
type acceptance struct {
	// ports are those that are accepted.
	ports portSet
	// references are where it was approved, or why, sorted.
	references []string
}

// acceptedAnybody returns what is accepted of traffic with anybody.
func acceptedAnybody(in control.Input, d v1alpha1.Direction) acceptance {
	return accept(in, d, func(a v1alpha1.AcceptedExposure) bool { return a.Any != nil && *a.Any })
}

// acceptedWay returns what is accepted of ways into the namespace of a kind.
func acceptedWay(in control.Input, kind v1alpha1.ExposureKind) acceptance {
	return accept(in, v1alpha1.DirectionIngress, func(a v1alpha1.AcceptedExposure) bool {
		return slices.Contains(a.Exposures, kind)
	})
}

func accept(in control.Input, d v1alpha1.Direction, covers func(v1alpha1.AcceptedExposure) bool) acceptance {
	var references []string
	var ports []portSet
	for _, a := range in.Control.NetworkIsolation.AcceptedExposure {
		if a.Direction != d || !slices.Contains(a.Namespaces, in.Snapshot.Namespace.Name) || !covers(a) {
			continue
		}
		ports = append(ports, acceptedPorts(a.Ports))
		references = append(references, cmp.Or(a.Ticket, phrase.Clip(a.Reason, maxName)))
	}
	return acceptance{ports: unionOf(ports...), references: phrase.Sorted(references)}
}

// acceptedPorts returns the ports of an entry, whatever their protocol. None
// are all of them.
func acceptedPorts(numbers []int32) portSet {
	if len(numbers) == 0 {
		return everyPort()
	}
	var ports []portSet
	for _, protocol := range protocols() {
		for _, number := range numbers {
			ports = append(ports, portsOf(protocol, number, number))
		}
	}
	return unionOf(ports...)
}

// covers reports whether all of what is open is accepted. A named port is only
// accepted with all ports where its number is not known.
func (a acceptance) covers(open portSet) bool {
	return len(a.references) > 0 && a.left(open).empty()
}

// left returns what is open and not accepted.
func (a acceptance) left(open portSet) portSet {
	if open.empty() || everyPort().minus(a.ports).empty() {
		return portSet{}
	}
	return open.minus(a.ports)
}

// String says where it was approved, or why.
func (a acceptance) String() string { return strings.Join(a.references, ", ") }
