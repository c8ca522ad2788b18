package networkisolation

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// wayIn is a way into the namespace from outside the cluster.
type wayIn struct {
	kind v1alpha1.ExposureKind
	// name is that of the object, or class of pods, with the kind.
	name string
	// detail says more, in words.
	detail string
	// ports are the ports that are open; none where they are not known. Each has
	// the numbers that it bears along the way: any of them may be the accepted one.
	ports [][]int32
}

// judgeInventory returns the finding of rule NP-09: the ways into the namespace
// from outside the cluster, which the control forbids or records. Whether
// NetworkPolicies let anybody through who comes that way is NP-05 and NP-07.
func judgeInventory(in control.Input) []control.Finding {
	words := wording{
		rule: RuleInventory, noun: "ways",
		reason: ReasonWayIn, message: "Ways in from outside the cluster: {names}.",
		goodReason: ReasonNoWayIn, goodMessage: "No way leads into the namespace from outside the cluster.",
	}
	verdict := undecided(in.Snapshot, control.NeedPods, control.NeedServices, control.NeedEntrances)
	if verdict != nil {
		verdict.Rule = words.rule
		return []control.Finding{*verdict}
	}
	var found tally
	accepted := map[v1alpha1.ExposureKind]acceptance{}
	for _, way := range waysIn(in.Snapshot) {
		a, ok := accepted[way.kind]
		if !ok {
			a = acceptedWay(in, way.kind)
			accepted[way.kind] = a
		}
		found.way(way, a)
	}
	record := in.Control.NetworkIsolation.Exposure != v1alpha1.JudgementForbid
	return []control.Finding{found.finding(words, record)}
}

// way sorts a way in by what becomes of it.
func (t *tally) way(way wayIn, accepted acceptance) {
	text := way.name
	if way.detail != "" {
		text += " (" + way.detail + ")"
	}
	if accepted.coversWay(way) {
		t.accepted = true
		t.fact(factAccepted, text+" ("+accepted.String()+")")
		return
	}
	t.against = append(t.against, way.name)
	t.fact(factFound, text)
}

// coversWay reports whether every port of a way in is accepted, at the pods or
// on the way. A way of unknown ports is accepted only with all ports.
func (a acceptance) coversWay(way wayIn) bool {
	if len(a.references) == 0 || a.left(everyPort()).empty() {
		return len(a.references) > 0
	}
	refused := func(numbers []int32) bool {
		return !slices.ContainsFunc(numbers, func(n int32) bool {
			return a.ports.contains(control.Port{Protocol: corev1.ProtocolTCP, Port: n})
		})
	}
	return len(way.ports) > 0 && !slices.ContainsFunc(way.ports, refused)
}

// waysIn returns every way into the namespace.
func waysIn(s *control.Snapshot) []wayIn {
	var ways []wayIn
	for _, service := range s.Services {
		ways = append(ways, serviceWays(service)...)
	}
	for _, entrance := range s.Entrances {
		ways = append(ways, entranceWay(entrance, s.Services))
	}
	return append(ways, podWays(s.Pods)...)
}

// serviceWays returns the ways in through a Service. The node ports of a load
// balancer are part of it, and no way of their own.
func serviceWays(s control.Service) []wayIn {
	var ways []wayIn
	add := func(kind v1alpha1.ExposureKind, ports []control.ServicePort, details ...string) {
		ways = append(ways, wayIn{
			kind: kind, name: "Service " + s.Name + " " + string(kind),
			detail: strings.Join(append(portTexts(ports), details...), ", "), ports: portsAlong(ports),
		})
	}
	onNodes := slices.DeleteFunc(slices.Clone(s.Ports), func(p control.ServicePort) bool { return p.NodePort == 0 })
	switch {
	case s.Type == corev1.ServiceTypeLoadBalancer:
		var details []string
		if s.Internal {
			details = append(details, "internal")
		}
		if len(s.SourceRanges) > 0 {
			details = append(details, "from "+strings.Join(s.SourceRanges, " "))
		}
		add(v1alpha1.ExposureLoadBalancer, s.Ports, details...)
	case s.Type == corev1.ServiceTypeNodePort || len(onNodes) > 0:
		add(v1alpha1.ExposureNodePort, s.Ports)
	}
	if len(s.ExternalIPs) > 0 {
		add(v1alpha1.ExposureExternalIPs, s.Ports, "at "+strings.Join(s.ExternalIPs, " "))
	}
	return ways
}

func portTexts(ports []control.ServicePort) []string {
	var texts []string
	for _, p := range ports {
		text := fmt.Sprintf("%s %d", p.Protocol, p.Port.Port)
		if p.NodePort > 0 {
			text += fmt.Sprintf(" at node port %d", p.NodePort)
		}
		texts = append(texts, text)
	}
	return texts
}

// portsAlong returns each port with the numbers that it bears from the client
// to the pods.
func portsAlong(ports []control.ServicePort) [][]int32 {
	var along [][]int32
	for _, p := range ports {
		numbers := []int32{p.Port.Port}
		if p.NodePort > 0 {
			numbers = append(numbers, p.NodePort)
		}
		if p.Target.Type == intstr.Int && p.Target.IntVal > 0 {
			numbers = append(numbers, p.Target.IntVal)
		}
		along = append(along, numbers)
	}
	return along
}

// entranceWay returns the way in through an Ingress, a Gateway, or a route of
// one. But for Gateways, which say what they listen on, the ports are those of
// the Services that it leads to.
func entranceWay(e control.Entrance, services []control.Service) wayIn {
	way := wayIn{kind: v1alpha1.ExposureGateway, name: e.Kind + " " + e.Name}
	if e.Kind == "Ingress" {
		way.kind = v1alpha1.ExposureIngress
	}
	var details []string
	for _, port := range e.Ports {
		way.ports = append(way.ports, []int32{port})
		details = append(details, fmt.Sprintf("port %d", port))
	}
	if len(e.Ports) == 0 {
		way.ports = portsBehind(e.Services, services)
	}
	for _, part := range []struct {
		word  string
		names []string
	}{{"to", e.Services}, {"for", e.Hosts}, {"at", e.Parents}} {
		if len(part.names) > 0 {
			details = append(details, part.word+" "+strings.Join(part.names, " "))
		}
	}
	way.detail = strings.Join(details, ", ")
	return way
}

// portsBehind returns the ports of the named Services, and none unless all of
// them are there.
func portsBehind(names []string, services []control.Service) [][]int32 {
	var ports [][]int32
	for _, name := range names {
		i := slices.IndexFunc(services, func(s control.Service) bool { return s.Name == name })
		if i < 0 {
			return nil
		}
		ports = append(ports, portsAlong(services[i].Ports)...)
	}
	return ports
}

// podWays returns the ways in through the nodes of pods.
func podWays(pods []control.PodClass) []wayIn {
	var ways []wayIn
	for _, class := range pods {
		if class.HostNetwork {
			ways = append(ways, wayIn{kind: v1alpha1.ExposureHostNetwork, name: className(class) + " HostNetwork"})
			continue
		}
		way := wayIn{kind: v1alpha1.ExposureHostPort, name: className(class) + " HostPort"}
		var texts []string
		for _, port := range class.HostPorts {
			way.ports = append(way.ports, []int32{port.Port})
			texts = append(texts, fmt.Sprintf("%s %d", port.Protocol, port.Port))
		}
		if way.detail = strings.Join(texts, ", "); len(texts) > 0 {
			ways = append(ways, way)
		}
	}
	return ways
}
