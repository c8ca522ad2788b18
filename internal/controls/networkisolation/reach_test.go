package networkisolation

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestPermits(t *testing.T) {
	web := podClass("app=web")
	web.Ports = []control.NamedPort{{Name: "http", Port: control.Port{Protocol: corev1.ProtocolTCP, Port: 8080}}}
	dns := party{
		namespace: "kube-system", namespaceLabels: map[string]string{"name": "kube-system"}, podLabels: map[string]string{"k8s-app": "kube-dns"},
		ports: []control.NamedPort{{Name: "dns", Port: control.Port{Protocol: corev1.ProtocolUDP, Port: 53}}},
	}
	neighbour := party{namespace: "web", podLabels: map[string]string{"app": "db"}}
	address := party{address: netip.MustParseAddr("10.1.2.3")}
	cases := map[string]struct {
		class     control.PodClass
		direction direction
		policies  []string
		party     party
		protocol  corev1.Protocol
		port      int32
		want      bool
	}{
		"no policy":                  {class: web, direction: directions()[0], party: dns, port: 80, want: true},
		"another direction":          {class: web, direction: directions()[0], policies: []string{`policyTypes: [Egress]`}, party: dns, port: 80, want: true},
		"other pods":                 {class: web, direction: directions()[0], policies: []string{`podSelector: {matchLabels: {app: db}}`}, party: dns, port: 80, want: true},
		"denied":                     {class: web, direction: directions()[0], policies: []string{``}, party: dns, port: 80},
		"on the host network":        {class: control.PodClass{HostNetwork: true}, direction: directions()[0], policies: []string{``}, party: dns, port: 80, want: true},
		"any peer":                   {class: web, direction: directions()[0], policies: []string{``, `ingress: [{}]`}, party: dns, port: 80, want: true},
		"a rule for other pods":      {class: web, direction: directions()[0], policies: []string{``, `podSelector: {matchLabels: {app: db}}, ingress: [{}]`}, party: dns, port: 80},
		"a rule without its type":    {class: web, direction: directions()[1], policies: []string{`policyTypes: [Egress]`, `policyTypes: [Ingress], egress: [{}]`}, party: dns, port: 53},
		"its own namespace":          {class: web, direction: directions()[0], policies: []string{`ingress: [{from: [{podSelector: {}}]}]`}, party: neighbour, port: 80, want: true},
		"not its own namespace":      {class: web, direction: directions()[0], policies: []string{`ingress: [{from: [{podSelector: {}}]}]`}, party: dns, port: 80},
		"a neighbour by label":       {class: web, direction: directions()[0], policies: []string{`ingress: [{from: [{podSelector: {matchLabels: {app: db}}}]}]`}, party: neighbour, port: 80, want: true},
		"a neighbour by another":     {class: web, direction: directions()[0], policies: []string{`ingress: [{from: [{podSelector: {matchLabels: {app: x}}}]}]`}, party: neighbour, port: 80},
		"a namespace":                {class: web, direction: directions()[1], policies: []string{`egress: [{to: [{namespaceSelector: {matchLabels: {name: kube-system}}}]}]`}, party: dns, port: 53, want: true},
		"another namespace":          {class: web, direction: directions()[1], policies: []string{`egress: [{to: [{namespaceSelector: {matchLabels: {name: dns}}}]}]`}, party: dns, port: 53},
		"pods of a namespace":        {class: web, direction: directions()[1], policies: []string{`egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]}]`}, party: dns, port: 53, want: true},
		"other pods of a namespace":  {class: web, direction: directions()[1], policies: []string{`egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: dns}}}]}]`}, party: dns, port: 53},
		"a peer that names nobody":   {class: web, direction: directions()[1], policies: []string{`egress: [{to: [{}]}]`}, party: dns, port: 53},
		"selectors of an address":    {class: web, direction: directions()[1], policies: []string{`egress: [{to: [{namespaceSelector: {}}, {podSelector: {}}]}]`}, party: address, port: 443},
		"an address":                 {class: web, direction: directions()[1], policies: []string{`egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]`}, party: address, port: 443, want: true},
		"an address that is left":    {class: web, direction: directions()[1], policies: []string{`egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.2.0/24]}}]}]`}, party: address, port: 443},
		"another address":            {class: web, direction: directions()[1], policies: []string{`egress: [{to: [{ipBlock: {cidr: 10.2.0.0/16}}]}]`}, party: address, port: 443},
		"no network":                 {class: web, direction: directions()[1], policies: []string{`egress: [{to: [{ipBlock: {cidr: all}}]}]`}, party: address, port: 443},
		"a pod without an address":   {class: web, direction: directions()[1], policies: []string{`egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]`}, party: dns, port: 53},
		"its port":                   {class: web, direction: directions()[0], policies: []string{`ingress: [{ports: [{port: 80}]}]`}, party: dns, port: 80, want: true},
		"another port":               {class: web, direction: directions()[0], policies: []string{`ingress: [{ports: [{port: 81}]}]`}, party: dns, port: 80},
		"another protocol":           {class: web, direction: directions()[0], policies: []string{`ingress: [{ports: [{port: 80, protocol: UDP}]}]`}, party: dns, port: 80},
		"all ports of the protocol":  {class: web, direction: directions()[0], policies: []string{`ingress: [{ports: [{protocol: TCP}]}]`}, party: dns, port: 80, want: true},
		"within a range":             {class: web, direction: directions()[0], policies: []string{`ingress: [{ports: [{port: 70, endPort: 80}]}]`}, party: dns, port: 80, want: true},
		"past a range":               {class: web, direction: directions()[0], policies: []string{`ingress: [{ports: [{port: 70, endPort: 79}]}]`}, party: dns, port: 80},
		"a name of its own":          {class: web, direction: directions()[0], policies: []string{`ingress: [{ports: [{port: http}]}]`}, party: dns, port: 8080, want: true},
		"a name of another port":     {class: web, direction: directions()[0], policies: []string{`ingress: [{ports: [{port: http}]}]`}, party: dns, port: 80},
		"a name of the peer":         {class: web, direction: directions()[1], policies: []string{`egress: [{ports: [{port: dns, protocol: UDP}]}]`}, party: dns, protocol: corev1.ProtocolUDP, port: 53, want: true},
		"a name the peer lacks":      {class: web, direction: directions()[1], policies: []string{`egress: [{ports: [{port: http}]}]`}, party: dns, port: 8080},
		"peer and port in two rules": {class: web, direction: directions()[1], policies: []string{`egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80}]}, {to: [{podSelector: {}}], ports: [{port: 443}]}]`}, party: address, port: 443},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := bare(t)
			for _, spec := range tc.policies {
				s.policy("p", spec)
			}
			port := control.Port{Protocol: corev1.ProtocolTCP, Port: tc.port}
			if tc.protocol != "" {
				port.Protocol = tc.protocol
			}
			got := permits(s.Snapshot.NetworkPolicies, s.Snapshot.Namespace, tc.class, tc.direction, tc.party, port)
			if got != tc.want {
				t.Errorf("permits = %v, want %v", got, tc.want)
			}
		})
	}
}
