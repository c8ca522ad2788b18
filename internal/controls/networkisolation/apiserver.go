package networkisolation

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// apiServerPort is the port of Service default/kubernetes, and that of most load
// balancers before API servers.
const apiServerPort = 443

// permitAPIServer returns the permission to reach the API server.
func permitAPIServer(in control.Input, stated v1alpha1.Allowance) []permission {
	p := permission{
		name:      AllowAPIServerName,
		rule:      RuleLifelines,
		direction: v1alpha1.DirectionEgress,
		required:  true,
	}
	if reason := unobserved(in.Snapshot, control.NeedEndpointSlices); reason != "" {
		p.unknown = true
		p.missing = fmt.Sprintf("the addresses of the API server could not be observed (%s)", reason)
	} else if endpoints := in.Snapshot.Lifelines.APIServer; len(endpoints) > 0 {
		reached := apiServerTraffic(endpoints, stated.CIDRs)
		p.spec = egressSpec(rulesTo(reached))
		p.fact = strings.Join(endpointTexts(endpoints), ", ")
		p.lifeline = &lifeline{
			names: []string{"API server"}, direction: egress(),
			full: reached, essential: each(apiServerTraffic(endpoints, nil)),
		}
	} else {
		p.unknown = true
		p.missing = "no address of the API server is known"
	}
	p.keepPlaced(in.Snapshot)
	return []permission{p}
}

// apiServerTraffic returns the traffic to each address of the API server, and to
// the stated networks on any of its ports.
func apiServerTraffic(endpoints []control.Endpoint, cidrs []string) []flow {
	ports := []control.Port{{Protocol: corev1.ProtocolTCP, Port: apiServerPort}}
	byPort := map[control.Port][]string{}
	for _, e := range endpoints {
		ports = append(ports, e.Port)
		byPort[e.Port] = append(byPort[e.Port], e.Address)
	}
	var all []flow
	for _, port := range portList(ports...) {
		all = append(all, toEach(hosts(byPort[port]...), []control.Port{port})...)
	}
	return append(all, toEach(networkList(cidrs...), portList(ports...))...)
}

// rulesTo returns a rule for each set of ports that neighbours share.
func rulesTo(all []flow) []networkingv1.NetworkPolicyEgressRule {
	var rules []networkingv1.NetworkPolicyEgressRule
	for len(all) > 0 {
		ports := all[0].ports
		var networks []netip.Prefix
		for len(all) > 0 && slices.Equal(all[0].ports, ports) {
			networks, all = append(networks, all[0].network), all[1:]
		}
		rules = append(rules, toNetworks(networks, ports))
	}
	return rules
}

func endpointTexts(endpoints []control.Endpoint) []string {
	var texts []string
	for _, e := range endpoints {
		texts = append(texts, net.JoinHostPort(e.Address, strconv.Itoa(int(e.Port.Port))))
	}
	return phrase.Sorted(texts)
}

func addressesOf(endpoints []control.Endpoint) []string {
	var addresses []string
	for _, e := range endpoints {
		addresses = append(addresses, e.Address)
	}
	return addresses
}
