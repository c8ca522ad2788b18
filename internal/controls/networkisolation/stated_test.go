package networkisolation

import (
	"testing"
)

// statedHTTPS allows everybody in at one port, in the control's own words.
const statedHTTPS = `allow: [{type: Rule, rule: {name: public, direction: Ingress, peers: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}}]`

// TestStatedTraffic: what Holdfast applied, as the control states it, is a fact
// and no deviation; but only that.
func TestStatedTraffic(t *testing.T) {
	const (
		applied = `policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{protocol: TCP, port: 443}]}]`
		altered = `policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]`
		name    = "holdfast-allow-rule-public"
	)
	stated := func() *scene { return denied(t).pods("app=web").states(statedHTTPS) }
	judge(t, RuleOpenRules, map[string]judged{
		"as stated": {
			scene: stated().policy(name, applied).ours(), want: "Conforming NoOpenRule",
			wantFacts: map[string]string{"stated": name + " ingress[0]: every IPv4 address, TCP 443"},
		},
		"altered":        {scene: stated().policy(name, altered).ours(), want: "Deviating OpenRule: " + name + " ingress[0]"},
		"not Holdfast's": {scene: stated().policy(name, applied), want: "Deviating OpenRule: " + name + " ingress[0]"},
		"not stated":     {scene: denied(t).policy(name, applied).ours(), want: "Deviating OpenRule: " + name + " ingress[0]"},
		"beside another": {scene: stated().policy(name, applied).ours().policy("p", `ingress: [{}]`), want: "Deviating OpenRule: p ingress[0]"},
	})
	judge(t, RuleExposure, map[string]judged{
		"as stated": {
			scene: stated().policy(name, applied).ours(), want: "Conforming NotExposed",
			wantFacts: map[string]string{"stated": "pods app=web ingress: TCP 443"},
		},
		"altered": {scene: stated().policy(name, altered).ours(), want: "Deviating Exposed: every pod ingress"},
		"beside another": {
			scene: stated().policy(name, applied).ours().policy("p", `ingress: [{ports: [{port: 443, endPort: 444}]}]`), want: "Deviating Exposed: every pod ingress",
			wantFacts: map[string]string{"stated": "pods app=web ingress: TCP 443", "found": "pods app=web ingress: TCP 444", "through": "p ingress[0]"},
		},
		"not isolated, though stated": {scene: bare(t).pods("app=web").states(statedHTTPS), want: "Deviating Exposed: every pod egress, every pod ingress"},
	})
}
