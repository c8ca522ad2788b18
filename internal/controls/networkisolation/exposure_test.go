package networkisolation

import (
	"fmt"
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

func TestExposure(t *testing.T) {
	const (
		closed = "Conforming NotExposed"
		doubt  = "NotEvaluated Inconclusive"
		every  = "Deviating Exposed: every pod ingress"
	)
	two := func() *scene { return denied(t).pods("app=web", "app=db") }
	named := func() *scene {
		return denied(t).class("app=web", `ports: [{name: http, protocol: TCP, port: 8080}]`).class("app=db", `ports: [{name: http, protocol: TCP, port: 9090}]`).pods("app=none")
	}
	judge(t, RuleExposure, map[string]judged{
		"no pods":             {scene: denied(t), want: "NotApplicable NoPods"},
		"denied":              {scene: two(), want: closed},
		"on the host network": {scene: denied(t).class("", `hostNetwork: true`).policy("p", `ingress: [{}]`), want: "NotApplicable NoPods"},
		"no policy": {
			scene: bare(t).pods("app=web").states(`defaultDeny: [Ingress]`), want: every,
			wantFacts: map[string]string{"found": "pods app=web ingress: all ports", "through": "no NetworkPolicy ingress"},
		},
		"not isolated in part": {
			scene: bare(t).policy("p", `podSelector: {matchLabels: {app: web}}`).pods("app=web", "app=db").states(`defaultDeny: [Ingress]`),
			want:  "Deviating Exposed: pods app=db ingress",
		},
		"an open rule": {
			scene: two().policy("p", `ingress: [{}]`), want: every,
			wantFacts: map[string]string{"found": "pods app=db ingress: all ports; pods app=web ingress: all ports", "through": "p ingress[0]"},
		},
		"an open rule for some": {scene: two().policy("p", `podSelector: {matchLabels: {app: web}}, ingress: [{}]`), want: "Deviating Exposed: pods app=web ingress"},
		"an open rule for none": {scene: two().policy("p", `podSelector: {matchLabels: {app: x}}, ingress: [{}]`), want: closed},
		"egress":                {scene: two().policy("p", `policyTypes: [Egress], egress: [{}]`), want: "Deviating Exposed: every pod egress"},
		"a direction allowed":   {scene: two().policy("p", `policyTypes: [Egress], egress: [{}]`).states(`defaultDeny: [Ingress]`), want: closed},
		"in what denies it":     {scene: two().policy(DenyIngressName, `policyTypes: [Ingress], ingress: [{}]`).ours(), want: every},
		"recorded":              {scene: two().policy("p", `ingress: [{}]`).states(`openRules: Record`), want: "Conforming Recorded"},
		"closed to some peers":  {scene: two().policy("p", `ingress: [{from: [{podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8}}]}]`), want: closed},
		"unknown": {
			scene: two().policy("p", `podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {matchLabels: {a: b}}}]}]`), want: doubt,
			wantFacts: map[string]string{"undecided": "pods app=web ingress: whom p ingress[0] is for is not known"},
		},
		"unknown for no pod":   {scene: two().policy("p", `podSelector: {matchLabels: {app: x}}, ingress: [{from: [{namespaceSelector: {matchLabels: {a: b}}}]}]`), want: closed},
		"unknown beside open":  {scene: two().policy("p", `ingress: [{from: [{namespaceSelector: {matchLabels: {a: b}}}]}, {}]`), want: every},
		"a selector in doubt":  {scene: two().policy("p", `podSelector: {matchExpressions: [{key: a, operator: Near}]}, ingress: [{}]`), want: doubt},
		"open beside a doubt":  {scene: two().policy("p", `podSelector: {matchExpressions: [{key: a, operator: Near}]}`).policy("q", `ingress: [{}]`), want: every},
		"isolated in doubt":    {scene: bare(t).pods("app=web").states(`defaultDeny: [Ingress]`).policy("p", `podSelector: {matchExpressions: [{key: a, operator: Near}]}`), want: doubt},
		"a label on all peers": {scene: two().policy("p", `ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: x, operator: DoesNotExist}]}}]}]`).resolves(`namespaces: {"!x": true}`), want: every},

		// Networks of several rules.
		"halves in two rules": {
			scene: two().policy("p", `ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}, {from: [{ipBlock: {cidr: 128.0.0.0/1}}]}]`), want: every,
			wantFacts: map[string]string{"found": "pods app=db ingress: all ports; pods app=web ingress: all ports", "through": "p ingress[0]; p ingress[1]"},
		},
		"halves in two policies":         {scene: two().policy("p", `ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}]`).policy("q", `ingress: [{from: [{ipBlock: {cidr: 128.0.0.0/1}}]}]`), want: every},
		"halves for different pods":      {scene: two().policy("p", `podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}]`).policy("q", `podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 128.0.0.0/1}}]}]`), want: closed},
		"halves for some pods":           {scene: two().policy("p", `podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}]`).policy("q", `ingress: [{from: [{ipBlock: {cidr: 128.0.0.0/1}}]}]`), want: "Deviating Exposed: pods app=web ingress"},
		"halves in different directions": {scene: two().policy("p", `policyTypes: [Ingress, Egress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}], egress: [{to: [{ipBlock: {cidr: 128.0.0.0/1}}]}]`), want: closed},
		"halves at different ports":      {scene: two().policy("p", `ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}], ports: [{port: 80}]}, {from: [{ipBlock: {cidr: 128.0.0.0/1}}], ports: [{port: 81}]}]`), want: closed},
		"halves at ports in common": {
			scene: two().policy("p", `podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}], ports: [{port: 80, endPort: 90}]}, {from: [{ipBlock: {cidr: 128.0.0.0/1}}], ports: [{port: 85, endPort: 99}]}]`),
			want:  "Deviating Exposed: pods app=web ingress", wantFacts: map[string]string{"found": "pods app=web ingress: TCP 85-90", "through": "p ingress[0]; p ingress[1]"},
		},
		"halves, one at all ports": {
			scene: two().policy("p", `podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}, {from: [{ipBlock: {cidr: 128.0.0.0/1}}], ports: [{port: 53, protocol: UDP}]}]`),
			want:  "Deviating Exposed: pods app=web ingress", wantFacts: map[string]string{"found": "pods app=web ingress: UDP 53", "through": "p ingress[0]; p ingress[1]"},
		},
		"halves beside an open rule": {
			scene: two().policy("p", `podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 80}]}, {from: [{ipBlock: {cidr: 0.0.0.0/1}}]}, {from: [{ipBlock: {cidr: 128.0.0.0/1}}], ports: [{port: 80}, {port: 81}]}]`),
			want:  "Deviating Exposed: pods app=web ingress", wantFacts: map[string]string{"found": "pods app=web ingress: TCP 80-81", "through": "p ingress[0]; p ingress[1]; p ingress[2]"},
		},
		"the except of another": {
			scene: two().policy("p", `ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}]`).policy("q", `ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]`), want: every,
		},
		"an except that stays": {
			scene: two().policy("p", `ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}]`).policy("q", `ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/9}}]}]`), want: closed,
		},
		"halves of egress at a name": {
			scene: two().policy("p", `policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/1}}], ports: [{port: http}]}, {to: [{ipBlock: {cidr: 128.0.0.0/1}}], ports: [{port: http}]}]`), want: closed,
		},

		// Named ports.
		"a named port": {
			scene: named().policy("p", `ingress: [{ports: [{port: http}]}]`), want: "Deviating Exposed: pods app=db ingress, pods app=web ingress",
			wantFacts: map[string]string{"found": "pods app=db ingress: TCP 9090; pods app=web ingress: TCP 8080", "through": "p ingress[0]"},
		},
		"a name of another protocol": {scene: named().policy("p", `ingress: [{ports: [{port: http, protocol: UDP}]}]`), want: closed},
		"a name that no pod has":     {scene: named().policy("p", `ingress: [{ports: [{port: https}]}]`), want: closed},
		"halves at a name and a number": {
			scene: named().policy("p", `ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}], ports: [{port: http}]}, {from: [{ipBlock: {cidr: 128.0.0.0/1}}], ports: [{port: 8080}]}]`),
			want:  "Deviating Exposed: pods app=web ingress",
		},
		"a name at the peers": {
			scene: named().policy("p", `policyTypes: [Egress], egress: [{ports: [{port: http}]}]`), want: "Deviating Exposed: every pod egress",
			wantFacts: map[string]string{"found": "pods app=db egress: TCP http; pods app=none egress: TCP http; pods app=web egress: TCP http", "through": "p egress[0]"},
		},

		// Policies of the cluster are facts.
		"denied before": {
			scene: two().policy("p", `ingress: [{}]`).cluster(`name: c, tier: Admin, priority: 1, ingress: [{action: Deny, peers: [{namespaces: {}}]}]`), want: every,
			wantFacts: map[string]string{
				"found": "pods app=db ingress: all ports; pods app=web ingress: all ports", "through": "p ingress[0]",
				"adminDeny": "ClusterNetworkPolicy c ingress[0]: all ports",
			},
		},
		"cluster policies not observed": {scene: two().unavailable(control.NeedClusterPolicies), want: "NotEvaluated Forbidden"},
	})
}

// TestExposureIsBounded: policies that are made to be slow leave the verdict
// open, and do not take the time.
func TestExposureIsBounded(t *testing.T) {
	s := denied(t).pods("app=web")
	for i := range 3000 {
		part := []string{"0.0.0.0/1", "128.0.0.0/2"}[i%2]
		s.policy(fmt.Sprintf("slow-%d", i), fmt.Sprintf(`ingress: [{from: [{ipBlock: {cidr: %s}}], ports: [{port: %d, endPort: 60000}]}]`, part, i+1))
	}
	s.policy("last", `ingress: [{from: [{ipBlock: {cidr: 192.0.0.0/2}}], ports: [{port: 1}]}]`)
	if got, want := controltest.Summary(controltest.FindingOf(t, Control{}, s.Input, RuleExposure)), "NotEvaluated Inconclusive"; got != want {
		t.Errorf("a slow namespace is %q, want %q", got, want)
	}
	s.policy("open", `ingress: [{}]`)
	if got, want := controltest.Summary(controltest.FindingOf(t, Control{}, s.Input, RuleExposure)), "Deviating Exposed: every pod ingress"; got != want {
		t.Errorf("a slow namespace with an open rule is %q, want %q", got, want)
	}
}
