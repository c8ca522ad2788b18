package networkisolation

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestInventory(t *testing.T) {
	const none = "Conforming NoWayIn"
	forbid := func() *scene { return denied(t).states(`exposure: Forbid`) }
	judge(t, RuleInventory, map[string]judged{
		"nothing":            {scene: forbid(), want: none},
		"a cluster IP":       {scene: forbid().service(`name: web, type: ClusterIP, ports: [{protocol: TCP, port: 80, target: 8080}]`), want: none},
		"an external name":   {scene: forbid().service(`name: web, type: ExternalName`), want: none},
		"pods":               {scene: forbid().pods("app=web"), want: none},
		"named ports only":   {scene: forbid().class("app=web", `ports: [{name: http, protocol: TCP, port: 80}]`), want: none},
		"recorded otherwise": {scene: denied(t).service(`name: web, type: LoadBalancer`), want: "Conforming Recorded", wantFacts: map[string]string{"found": "Service web LoadBalancer"}},
		"recorded as stated": {scene: denied(t).states(`exposure: Record`).service(`name: web, type: LoadBalancer`), want: "Conforming Recorded"},
		"openRules do not matter": {
			scene: forbid().states(`openRules: Record`).service(`name: web, type: LoadBalancer`), want: "Deviating WayIn: Service web LoadBalancer",
		},
		"egress only": {scene: forbid().states(`defaultDeny: [Egress]`).service(`name: web, type: LoadBalancer`), want: "Deviating WayIn: Service web LoadBalancer"},
		"a load balancer": {
			scene: forbid().service(`name: web, type: LoadBalancer, ports: [{protocol: TCP, port: 443, target: 8443, nodePort: 30443}]`),
			want:  "Deviating WayIn: Service web LoadBalancer", wantFacts: map[string]string{"found": "Service web LoadBalancer (TCP 443 at node port 30443)"},
		},
		"a load balancer for some": {
			scene: forbid().service(`name: web, type: LoadBalancer, internal: true, sourceRanges: [10.0.0.0/8, 192.168.0.0/16], ports: [{protocol: TCP, port: 443, target: 8443}]`),
			want:  "Deviating WayIn: Service web LoadBalancer", wantFacts: map[string]string{"found": "Service web LoadBalancer (TCP 443, internal, from 10.0.0.0/8 192.168.0.0/16)"},
		},
		"a node port": {
			scene: forbid().service(`name: web, type: NodePort, ports: [{protocol: UDP, port: 53, target: dns, nodePort: 30053}]`),
			want:  "Deviating WayIn: Service web NodePort", wantFacts: map[string]string{"found": "Service web NodePort (UDP 53 at node port 30053)"},
		},
		"external IPs": {
			scene: forbid().service(`name: web, type: ClusterIP, externalIPs: [198.51.100.7], ports: [{protocol: TCP, port: 80, target: 8080}]`),
			want:  "Deviating WayIn: Service web ExternalIPs", wantFacts: map[string]string{"found": "Service web ExternalIPs (TCP 80, at 198.51.100.7)"},
		},
		"external IPs of a node port": {
			scene: forbid().service(`name: web, type: NodePort, externalIPs: [198.51.100.7]`),
			want:  "Deviating WayIn: Service web ExternalIPs, Service web NodePort",
		},
		"a host port": {
			scene: forbid().class("app=web", `hostPorts: [{protocol: TCP, port: 80}, {protocol: UDP, port: 53}]`),
			want:  "Deviating WayIn: pods app=web HostPort", wantFacts: map[string]string{"found": "pods app=web HostPort (TCP 80, UDP 53)"},
		},
		"the host network":       {scene: forbid().class("app=web", `hostNetwork: true, hostPorts: [{protocol: TCP, port: 80}]`), want: "Deviating WayIn: pods app=web HostNetwork"},
		"pods without labels":    {scene: forbid().class("", `hostNetwork: true`), want: "Deviating WayIn: some pods HostNetwork"},
		"an Ingress":             {scene: forbid().entrance(`kind: Ingress, name: shop, services: [web], hosts: [shop.example]`), want: "Deviating WayIn: Ingress shop", wantFacts: map[string]string{"found": "Ingress shop (to web, for shop.example)"}},
		"a Gateway":              {scene: forbid().entrance(`kind: Gateway, name: edge, ports: [80, 443]`), want: "Deviating WayIn: Gateway edge", wantFacts: map[string]string{"found": "Gateway edge (port 80, port 443)"}},
		"a route":                {scene: forbid().entrance(`kind: HTTPRoute, name: shop, services: [web], parents: [edge/main]`), want: "Deviating WayIn: HTTPRoute shop", wantFacts: map[string]string{"found": "HTTPRoute shop (to web, at edge/main)"}},
		"several, at most four":  {scene: forbid().entrance(`kind: Ingress, name: e`).entrance(`kind: Ingress, name: d`).entrance(`kind: Ingress, name: c`).entrance(`kind: Ingress, name: b`).entrance(`kind: Ingress, name: a`), want: "Deviating WayIn: Ingress a, Ingress b, Ingress c, Ingress d"},
		"services not observed":  {scene: denied(t).unavailable(control.NeedServices), want: "NotEvaluated Forbidden"},
		"entrances not observed": {scene: denied(t).unavailable(control.NeedEntrances), want: "NotEvaluated Forbidden"},
		"pods not observed":      {scene: denied(t).unavailable(control.NeedPods), want: "NotEvaluated Forbidden"},
		"policies not observed":  {scene: denied(t).unavailable(control.NeedNetworkPolicies), want: none},
	})
}

func TestAcceptedWays(t *testing.T) {
	const (
		accepted = "Conforming Accepted"
		balancer = "Deviating WayIn: Service web LoadBalancer"
		ingress  = "Deviating WayIn: Ingress shop"
	)
	with := func(entries string) *scene {
		return denied(t).states(`exposure: Forbid, acceptedExposure: [` + entries + `]`)
	}
	web := func(entries string) *scene {
		return with(entries).service(`name: web, type: LoadBalancer, ports: [{protocol: TCP, port: 443, target: 8443, nodePort: 30443}]`)
	}
	shop := func(entries string) *scene {
		return with(entries).entrance(`kind: Ingress, name: shop, services: [web]`).service(`name: web, type: ClusterIP, ports: [{protocol: TCP, port: 80, target: 8080}]`)
	}
	judge(t, RuleInventory, map[string]judged{
		"the kind": {
			scene: web(`{namespaces: [web], direction: Ingress, exposures: [LoadBalancer], reason: public site, ticket: NET-77}`), want: accepted,
			wantFacts: map[string]string{"accepted": "Service web LoadBalancer (TCP 443 at node port 30443) (NET-77)"},
		},
		"by a reason": {
			scene: web(`{namespaces: [web], direction: Ingress, exposures: [LoadBalancer], reason: public site}`), want: accepted,
			wantFacts: map[string]string{"accepted": "Service web LoadBalancer (TCP 443 at node port 30443) (public site)"},
		},
		"another kind":                  {scene: web(`{namespaces: [web], direction: Ingress, exposures: [NodePort], reason: r}`), want: balancer},
		"another namespace":             {scene: web(`{namespaces: [webs], direction: Ingress, exposures: [LoadBalancer], reason: r}`), want: balancer},
		"another direction":             {scene: web(`{namespaces: [web], direction: Egress, exposures: [LoadBalancer], reason: r}`), want: balancer},
		"open rules, not ways":          {scene: web(`{namespaces: [web], direction: Ingress, any: true, reason: r}`), want: balancer},
		"its port":                      {scene: web(`{namespaces: [web], direction: Ingress, exposures: [LoadBalancer], ports: [443], reason: r}`), want: accepted},
		"its port at the pods":          {scene: web(`{namespaces: [web], direction: Ingress, exposures: [LoadBalancer], ports: [8443], reason: r}`), want: accepted},
		"its port at the nodes":         {scene: web(`{namespaces: [web], direction: Ingress, exposures: [LoadBalancer], ports: [30443], reason: r}`), want: accepted},
		"another port":                  {scene: web(`{namespaces: [web], direction: Ingress, exposures: [LoadBalancer], ports: [80], reason: r}`), want: balancer},
		"ports of two entries":          {scene: web(`{namespaces: [web], direction: Ingress, exposures: [LoadBalancer], ports: [80], reason: r}, {namespaces: [a, web], direction: Ingress, exposures: [LoadBalancer, NodePort], ports: [443], reason: r}`), want: accepted},
		"one of its ports":              {scene: with(`{namespaces: [web], direction: Ingress, exposures: [LoadBalancer], ports: [443], reason: r}`).service(`name: web, type: LoadBalancer, ports: [{protocol: TCP, port: 443, target: 1}, {protocol: TCP, port: 80, target: 2}]`), want: balancer},
		"no ports known":                {scene: with(`{namespaces: [web], direction: Ingress, exposures: [LoadBalancer], ports: [443], reason: r}`).service(`name: web, type: LoadBalancer`), want: balancer},
		"one of two ways":               {scene: web(`{namespaces: [web], direction: Ingress, exposures: [LoadBalancer], reason: r}`).entrance(`kind: Ingress, name: shop`), want: ingress},
		"an Ingress":                    {scene: shop(`{namespaces: [web], direction: Ingress, exposures: [Ingress], reason: r}`), want: accepted},
		"an Ingress, by a pods' port":   {scene: shop(`{namespaces: [web], direction: Ingress, exposures: [Ingress], ports: [8080], reason: r}`), want: accepted},
		"an Ingress, by another port":   {scene: shop(`{namespaces: [web], direction: Ingress, exposures: [Ingress], ports: [443], reason: r}`), want: ingress},
		"an Ingress to an unknown port": {scene: with(`{namespaces: [web], direction: Ingress, exposures: [Ingress], ports: [80], reason: r}`).entrance(`kind: Ingress, name: shop, services: [gone]`), want: ingress},
		"a Gateway, by its ports":       {scene: with(`{namespaces: [web], direction: Ingress, exposures: [Gateway], ports: [443], reason: r}`).entrance(`kind: Gateway, name: edge, ports: [443]`), want: accepted},
		"a Gateway, by one of two":      {scene: with(`{namespaces: [web], direction: Ingress, exposures: [Gateway], ports: [443], reason: r}`).entrance(`kind: Gateway, name: edge, ports: [80, 443]`), want: "Deviating WayIn: Gateway edge"},
		"a route, as a Gateway":         {scene: with(`{namespaces: [web], direction: Ingress, exposures: [Gateway], reason: r}`).entrance(`kind: TLSRoute, name: shop`), want: accepted},
		"a host port":                   {scene: with(`{namespaces: [web], direction: Ingress, exposures: [HostPort], ports: [80], reason: r}`).class("", `hostPorts: [{protocol: TCP, port: 80}]`), want: accepted},
		"the host network":              {scene: with(`{namespaces: [web], direction: Ingress, exposures: [HostNetwork], reason: r}`).class("", `hostNetwork: true`), want: accepted},
		"the host network, one port":    {scene: with(`{namespaces: [web], direction: Ingress, exposures: [HostNetwork], ports: [80], reason: r}`).class("", `hostNetwork: true`), want: "Deviating WayIn: some pods HostNetwork"},
	})
}
