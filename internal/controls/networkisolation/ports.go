package networkisolation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	// maxPort is the last port of a protocol.
	maxPort = 65535
	// maxPortsShown bounds the ranges that are written out.
	maxPortsShown = 6
)

// portSet is a set of ports at the destination of traffic.
type portSet struct {
	// ranges are sorted, disjoint, and do not touch.
	ranges []portRange
	// names are ports that have numbers only where the destination is known, sorted.
	names []portName
}

// portRange is a range of ports, each the number of its protocol times 65536
// plus its own.
type portRange struct{ first, last int }

type portName struct {
	protocol corev1.Protocol
	name     string
}

// protocols returns the protocols of NetworkPolicies, each at its number.
func protocols() []corev1.Protocol {
	return []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}
}

// portsOf returns the ports from first to last of a protocol, and none where
// there are no such ports.
func portsOf(protocol corev1.Protocol, first, last int32) portSet {
	number := slices.Index(protocols(), protocol)
	if number < 0 || first < 1 || last > maxPort || first > last {
		return portSet{}
	}
	base := number * (maxPort + 1)
	return portSet{ranges: []portRange{{base + int(first), base + int(last)}}}
}

// everyPort returns all ports of all protocols.
func everyPort() portSet {
	var all []portSet
	for _, protocol := range protocols() {
		all = append(all, portsOf(protocol, 1, maxPort))
	}
	return unionOf(all...)
}

// readPorts returns the ports of a rule, and false where they make no sense.
// No ports are all of them.
func readPorts(ports []networkingv1.NetworkPolicyPort) (portSet, bool) {
	if len(ports) == 0 {
		return everyPort(), true
	}
	sets := make([]portSet, 0, len(ports))
	for _, p := range ports {
		set, ok := readPort(p)
		if !ok {
			return portSet{}, false
		}
		sets = append(sets, set)
	}
	return unionOf(sets...), true
}

func readPort(p networkingv1.NetworkPolicyPort) (portSet, bool) {
	protocol := corev1.ProtocolTCP
	if p.Protocol != nil {
		protocol = *p.Protocol
	}
	first, last := int32(1), int32(maxPort)
	switch {
	case p.Port == nil:
	case p.Port.Type == intstr.String:
		known := slices.Contains(protocols(), protocol) && p.Port.StrVal != ""
		return portSet{names: []portName{{protocol, p.Port.StrVal}}}, known
	default:
		first, last = p.Port.IntVal, p.Port.IntVal
		if p.EndPort != nil {
			last = *p.EndPort
		}
	}
	set := portsOf(protocol, first, last)
	return set, !set.empty()
}

// resolved returns the set with the numbers that a destination's named ports
// have. A name that the destination does not know is no port of it.
func (s portSet) resolved(named []control.NamedPort) portSet {
	resolved := []portSet{{ranges: s.ranges}}
	for _, name := range s.names {
		for _, n := range named {
			if n.Name == name.name && n.Protocol == name.protocol {
				resolved = append(resolved, portsOf(n.Protocol, n.Port.Port, n.Port.Port))
			}
		}
	}
	return unionOf(resolved...)
}

func (s portSet) empty() bool { return len(s.ranges) == 0 && len(s.names) == 0 }

// contains reports whether a port is in the set; names are not looked at.
func (s portSet) contains(p control.Port) bool {
	return len(portsOf(p.Protocol, p.Port, p.Port).minus(s).ranges) == 0
}

// unionOf returns what is in any of the sets.
func unionOf(sets ...portSet) portSet {
	var ranges []portRange
	var names []portName
	for _, s := range sets {
		ranges, names = append(ranges, s.ranges...), append(names, s.names...)
	}
	slices.SortFunc(ranges, func(a, b portRange) int { return cmp.Compare(a.first, b.first) })
	merged := ranges[:0]
	for _, r := range ranges {
		if i := len(merged) - 1; i >= 0 && r.first <= merged[i].last+1 {
			merged[i].last = max(merged[i].last, r.last)
			continue
		}
		merged = append(merged, r)
	}
	slices.SortFunc(names, func(a, b portName) int {
		return cmp.Or(cmp.Compare(a.protocol, b.protocol), cmp.Compare(a.name, b.name))
	})
	return portSet{ranges: merged, names: slices.Compact(names)}
}

// overlaps reports whether the sets have something in common.
func (s portSet) overlaps(o portSet) bool {
	a, b := s.ranges, o.ranges
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].last < b[0].first:
			a = a[1:]
		case b[0].last < a[0].first:
			b = b[1:]
		default:
			return true
		}
	}
	return slices.ContainsFunc(s.names, func(name portName) bool { return slices.Contains(o.names, name) })
}

// minus returns what is in the set but not in the other.
func (s portSet) minus(o portSet) portSet {
	var left portSet
	taken := o.ranges
	for _, r := range s.ranges {
		for len(taken) > 0 && taken[0].last < r.first {
			taken = taken[1:]
		}
		for _, t := range taken {
			if t.first > r.last {
				break
			}
			if t.first > r.first {
				left.ranges = append(left.ranges, portRange{r.first, t.first - 1})
			}
			r.first = t.last + 1
		}
		if r.first <= r.last {
			left.ranges = append(left.ranges, r)
		}
	}
	for _, name := range s.names {
		if !slices.Contains(o.names, name) {
			left.names = append(left.names, name)
		}
	}
	return left
}

// String returns the set as people write it, in bounded length.
func (s portSet) String() string {
	if len(everyPort().minus(s).ranges) == 0 {
		return "all ports"
	}
	var parts []string
	for _, r := range s.ranges {
		parts = append(parts, r.String())
	}
	for _, name := range s.names {
		parts = append(parts, strings.TrimSpace(string(name.protocol)+" "+name.name))
	}
	if more := len(parts) - maxPortsShown; more > 0 {
		parts = append(parts[:maxPortsShown], fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, ", ")
}

// String returns the range as people write it. It is one of a single protocol:
// no range holds the port 0 that lies between two.
func (r portRange) String() string {
	protocol := protocols()[r.first/(maxPort+1)]
	first, last := r.first%(maxPort+1), r.last%(maxPort+1)
	switch {
	case first == 1 && last == maxPort:
		return "every " + string(protocol) + " port"
	case first == last:
		return fmt.Sprintf("%s %d", protocol, first)
	default:
		return fmt.Sprintf("%s %d-%d", protocol, first, last)
	}
}
