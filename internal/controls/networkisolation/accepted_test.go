package networkisolation

import (
	"testing"
)

const (
	acceptAll   = `acceptedExposure: [{namespaces: [web], direction: Ingress, any: true, reason: public site, ticket: NET-77}]`
	acceptHTTPS = `acceptedExposure: [{namespaces: [other, web], direction: Ingress, any: true, ports: [443], reason: public site, ticket: NET-77}]`
)

// TestAcceptedRules: the rule that would deviate, and what is accepted.
func TestAcceptedRules(t *testing.T) {
	const (
		accepted = "Conforming Accepted"
		open     = "Deviating OpenRule: p ingress[0]"
	)
	p := func(spec, states string) *scene {
		return denied(t).class("app=web", `ports: [{name: https, protocol: TCP, port: 443}, {name: http, protocol: TCP, port: 80}]`).policy("p", spec).states(states)
	}
	judge(t, RuleOpenRules, map[string]judged{
		"all": {
			scene: p(`ingress: [{}]`, acceptAll), want: accepted,
			wantFacts: map[string]string{"accepted": "p ingress[0]: any peer, all ports (NET-77)"},
		},
		"its port":                 {scene: p(`ingress: [{ports: [{port: 443}]}]`, acceptHTTPS), want: accepted},
		"its port of UDP":          {scene: p(`ingress: [{ports: [{port: 443, protocol: UDP}]}]`, acceptHTTPS), want: accepted},
		"its port by name":         {scene: p(`ingress: [{ports: [{port: https}]}]`, acceptHTTPS), want: accepted},
		"another port by name":     {scene: p(`ingress: [{ports: [{port: http}]}]`, acceptHTTPS), want: open},
		"a name that no pod has":   {scene: p(`ingress: [{ports: [{port: dns}]}]`, acceptHTTPS), want: accepted},
		"a name of other pods":     {scene: p(`podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: http}]}]`, acceptHTTPS), want: accepted},
		"all ports, one accepted":  {scene: p(`ingress: [{}]`, acceptHTTPS), want: open},
		"a range, one accepted":    {scene: p(`ingress: [{ports: [{port: 443, endPort: 444}]}]`, acceptHTTPS), want: open},
		"two ports, one accepted":  {scene: p(`ingress: [{ports: [{port: 443}, {port: 80}]}]`, acceptHTTPS), want: open},
		"egress":                   {scene: p(`policyTypes: [Egress], egress: [{}]`, acceptAll), want: "Deviating OpenRule: p egress[0]"},
		"ways, not rules":          {scene: p(`ingress: [{}]`, `acceptedExposure: [{namespaces: [web], direction: Ingress, exposures: [LoadBalancer], reason: r}]`), want: open},
		"another namespace":        {scene: p(`ingress: [{}]`, `acceptedExposure: [{namespaces: [web-2], direction: Ingress, any: true, reason: r}]`), want: open},
		"ports of two entries":     {scene: p(`ingress: [{ports: [{port: 80}, {port: 443}]}]`, `acceptedExposure: [{namespaces: [web], direction: Ingress, any: true, ports: [80], reason: a}, {namespaces: [web], direction: Ingress, any: true, ports: [443], reason: b, ticket: T-2}]`), want: accepted, wantFacts: map[string]string{"accepted": "p ingress[0]: any peer, TCP 80, TCP 443 (T-2, a)"}},
		"one rule of two":          {scene: p(`ingress: [{ports: [{port: 443}]}, {ports: [{port: 80}]}]`, acceptHTTPS), want: "Deviating OpenRule: p ingress[1]"},
		"nothing open":             {scene: p(``, acceptAll), want: "Conforming NoOpenRule"},
		"unknown, though accepted": {scene: p(`ingress: [{from: [{}]}]`, acceptAll), want: "NotEvaluated Inconclusive"},
		"egress by name, a port":   {scene: p(`policyTypes: [Egress], egress: [{ports: [{port: https}]}]`, `acceptedExposure: [{namespaces: [web], direction: Egress, any: true, ports: [443], reason: r}]`), want: "Deviating OpenRule: p egress[0]"},
		"egress by name, all":      {scene: p(`policyTypes: [Egress], egress: [{ports: [{port: https}]}]`, `acceptedExposure: [{namespaces: [web], direction: Egress, any: true, reason: r}]`), want: accepted},
		"accepted where recorded":  {scene: p(`ingress: [{}]`, acceptAll+`, openRules: Record`), want: accepted},
	})
}

func TestAcceptedExposure(t *testing.T) {
	const accepted = "Conforming Accepted"
	p := func(spec, states string) *scene {
		return denied(t).class("app=web", `ports: [{name: https, protocol: TCP, port: 443}]`).class("app=db", `ports: [{name: https, protocol: TCP, port: 8443}]`).policy("p", spec).states(states)
	}
	judge(t, RuleExposure, map[string]judged{
		"all": {
			scene: p(`podSelector: {matchLabels: {app: web}}, ingress: [{}]`, acceptAll), want: accepted,
			wantFacts: map[string]string{"accepted": "pods app=web ingress: all ports (NET-77)"},
		},
		"a port by name, of some": {
			scene: p(`ingress: [{ports: [{port: https}]}]`, acceptHTTPS), want: "Deviating Exposed: pods app=db ingress",
			wantFacts: map[string]string{
				"accepted": "pods app=web ingress: TCP 443 (NET-77)", "found": "pods app=db ingress: TCP 8443", "through": "p ingress[0]",
			},
		},
		"what is left": {
			scene: p(`podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 443}]}, {ports: [{port: 80}]}]`, acceptHTTPS),
			want:  "Deviating Exposed: pods app=web ingress", wantFacts: map[string]string{"found": "pods app=web ingress: TCP 80", "through": "p ingress[1]"},
		},
		"not isolated, a port": {
			scene: bare(t).pods("app=web").states(acceptHTTPS + `, defaultDeny: [Ingress]`), want: "Deviating Exposed: every pod ingress",
			wantFacts: map[string]string{"found": "pods app=web ingress: TCP 1-442, TCP 444-65535, UDP 1-442, UDP 444-65535, SCTP 1-442, SCTP 444-65535", "through": "no NetworkPolicy ingress"},
		},
		"not isolated, all":     {scene: bare(t).pods("app=web").states(acceptAll + `, defaultDeny: [Ingress]`), want: accepted},
		"halves at the port":    {scene: p(`ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}, {from: [{ipBlock: {cidr: 128.0.0.0/1}}], ports: [{port: 443}]}]`, acceptHTTPS), want: accepted},
		"halves at other ports": {scene: p(`ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}, {from: [{ipBlock: {cidr: 128.0.0.0/1}}], ports: [{port: 80}]}]`, acceptHTTPS), want: "Deviating Exposed: every pod ingress"},
	})
}
