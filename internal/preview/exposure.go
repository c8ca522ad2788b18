package preview

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Exposure is a way in that leads to pods which would become isolated.
type Exposure struct {
	// Way is the object, such as "Service web", with what makes it a way in.
	Way string `json:"way"`
	// Port is the port at the pods.
	Port string `json:"port"`
	// Pods are the labels that tell the pods from others.
	Pods    string  `json:"pods"`
	Verdict Verdict `json:"verdict"`
	// AllowedBy are the NetworkPolicies that would allow it, or some of it.
	AllowedBy []string `json:"allowedBy,omitempty"`
}

// Backend is a Service that the API server calls.
type Backend struct {
	Service string `json:"service"`
	Port    int32  `json:"port"`
	// Users are what calls it.
	Users   []string `json:"users"`
	Verdict Verdict  `json:"verdict"`
	// AllowedBy are the NetworkPolicies that would allow it.
	AllowedBy []string `json:"allowedBy,omitempty"`
}

// way is a way in, to some ports of pods.
type way struct {
	name string
	// proxied is true where a proxy in the cluster calls the pods, and false where
	// addresses outside do.
	proxied bool
	ports   []control.Port
}

// exposures are the ways in to a class of pods that would not stay as they are.
func (r reached) exposures(snapshot *control.Snapshot) []Exposure {
	var found []Exposure
	for _, w := range r.ways(snapshot) {
		for _, port := range w.ports {
			if verdict, by := r.verdict(port, w.proxied); verdict != Allowed {
				found = append(found, Exposure{Way: w.name, Port: fmt.Sprintf("%s %d", port.Protocol, port.Port),
					Pods: podsText(r.PodClass), Verdict: verdict, AllowedBy: by})
			}
		}
	}
	return found
}

// ways are the ways in to a class of pods.
func (r reached) ways(snapshot *control.Snapshot) []way {
	var ways []way
	for _, service := range snapshot.Services {
		if !selects(service.Selector, r.PodClass) {
			continue
		}
		ports := r.targets(service)
		for _, name := range outside(service) {
			ways = append(ways, way{name: "Service " + service.Name + " (" + name + ")", ports: ports})
		}
		for _, e := range snapshot.Entrances {
			if slices.Contains(e.Services, service.Name) {
				ways = append(ways, way{name: e.Kind + " " + e.Name + " to Service " + service.Name, proxied: true, ports: ports})
			}
		}
	}
	if len(r.HostPorts) > 0 {
		ways = append(ways, way{name: "host port", ports: r.HostPorts})
	}
	return ways
}

// selects reports whether a Service's selector selects a class of pods. Without
// one a Service selects none.
func selects(selector map[string]string, class control.PodClass) bool {
	return len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(class.Labels))
}

// outside says how a Service is reached from outside the cluster.
func outside(s control.Service) []string {
	var names []string
	onNode := slices.ContainsFunc(s.Ports, func(p control.ServicePort) bool { return p.NodePort > 0 })
	switch {
	case s.Type == corev1.ServiceTypeLoadBalancer:
		names = append(names, "LoadBalancer")
	case s.Type == corev1.ServiceTypeNodePort || onNode:
		names = append(names, "NodePort")
	}
	if len(s.ExternalIPs) > 0 {
		names = append(names, "external IPs "+strings.Join(s.ExternalIPs, " "))
	}
	return names
}

// targets are the pods' ports that a Service leads to.
func (r reached) targets(s control.Service) []control.Port {
	var ports []control.Port
	for _, p := range s.Ports {
		target := control.Port{Protocol: p.Protocol, Port: p.Port.Port}
		switch {
		case p.Target.Type == intstr.String && p.Target.StrVal != "":
			i := slices.IndexFunc(r.Ports, func(n control.NamedPort) bool {
				return n.Name == p.Target.StrVal && n.Protocol == p.Protocol
			})
			if i < 0 {
				continue
			}
			target = r.Ports[i].Port
		case p.Target.IntVal > 0:
			target.Port = p.Target.IntVal
		}
		ports = append(ports, target)
	}
	return ports
}

// verdict says whether the rules would let somebody outside the namespace reach a
// port: a proxy of the cluster, or an address outside. by are the policies whose
// rules would.
func (r reached) verdict(port control.Port, proxied bool) (verdict Verdict, by []string) {
	verdict = Denied
	for _, rule := range r.rules {
		if !r.forPort(rule, port) {
			continue
		}
		var v Verdict
		switch {
		case len(rule.From) == 0 || !proxied && slices.ContainsFunc(rule.From, anyAddress):
			v = Allowed
		case slices.ContainsFunc(rule.From, func(p networkingv1.NetworkPolicyPeer) bool { return limited(p, proxied) }):
			v = Limited
		default:
			continue
		}
		if !slices.Contains(by, rule.policy) {
			by = append(by, rule.policy)
		}
		if verdict != Allowed {
			verdict = v
		}
	}
	return verdict, by
}

// anyAddress reports whether a peer is every address of a family.
func anyAddress(p networkingv1.NetworkPolicyPeer) bool {
	return p.IPBlock != nil && strings.HasSuffix(p.IPBlock.CIDR, "/0") && len(p.IPBlock.Except) == 0
}

// limited reports whether a peer may be somebody outside the namespace. Addresses
// are: whether they are those of a proxy's pods only the network plugin knows.
func limited(p networkingv1.NetworkPolicyPeer, proxied bool) bool {
	return p.IPBlock != nil || proxied && p.NamespaceSelector != nil
}

// forPort reports whether a rule is for a port of the pods.
func (r reached) forPort(rule rule, port control.Port) bool {
	return len(rule.Ports) == 0 || slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool {
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		switch {
		case protocol != port.Protocol:
			return false
		case p.Port == nil:
			return true
		case p.Port.Type == intstr.String:
			return slices.Contains(r.Ports, control.NamedPort{Name: p.Port.StrVal, Port: port})
		case p.EndPort != nil:
			return p.Port.IntVal <= port.Port && port.Port <= *p.EndPort
		default:
			return p.Port.IntVal == port.Port
		}
	})
}

// backends are the Services that the API server calls, and whose pods would
// become isolated. What is kept open is among them: a reader wants to see that.
func backends(snapshot *control.Snapshot, newly []reached) []Backend {
	var found []Backend
	for _, b := range snapshot.AdmissionBackends {
		if b.HostNetwork {
			continue
		}
		for _, class := range newly {
			if !selects(b.Selector, class.PodClass) {
				continue
			}
			verdict, by := class.backend(b)
			found = append(found, Backend{Service: b.Service, Port: b.Port, Users: b.Users, Verdict: verdict, AllowedBy: by})
			break
		}
	}
	return found
}

// backend is the worst verdict on the ports that the API server's call ends at.
func (r reached) backend(b control.AdmissionBackend) (Verdict, []string) {
	targets := b.Targets
	if len(targets) == 0 {
		// The port is not known: only a rule for all ports is sure to be for it.
		targets = []control.Port{{Protocol: corev1.ProtocolTCP}}
	}
	worst := []Verdict{Allowed, Limited, Denied}
	verdict, by := Allowed, []string(nil)
	for _, port := range targets {
		v, policies := r.verdict(port, false)
		if slices.Index(worst, v) > slices.Index(worst, verdict) {
			verdict = v
		}
		by = append(by, policies...)
	}
	slices.Sort(by)
	return verdict, slices.Compact(by)
}
