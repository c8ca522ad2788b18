package networkisolation

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestCoverage(t *testing.T) {
	const (
		isolated = "Conforming Isolated"
		doubt    = "NotEvaluated Inconclusive"
		nobody   = "NotApplicable NoPods"
	)
	web := func(name string) *scene { return bare(t).policy(name, `podSelector: {matchLabels: {app: web}}`) }
	judge(t, RuleCoverage, map[string]judged{
		"no pods":                 {scene: bare(t), want: nobody},
		"no policy":               {scene: bare(t).pods("app=web"), want: "Deviating NotIsolated: every pod egress, every pod ingress"},
		"denied":                  {scene: denied(t).pods("app=web", ""), want: isolated},
		"only one direction":      {scene: bare(t).policy("p", ``).pods("app=web"), want: "Deviating NotIsolated: every pod egress"},
		"only that is asked":      {scene: bare(t).policy("p", ``).pods("app=web").states(`defaultDeny: [Ingress]`), want: isolated},
		"some pods":               {scene: web("p").pods("app=web", "app=db").states(`defaultDeny: [Ingress]`), want: "Deviating NotIsolated: pods app=db ingress"},
		"pods without labels":     {scene: web("p").pods("app=web", "").states(`defaultDeny: [Ingress]`), want: "Deviating NotIsolated: some pods ingress"},
		"all by several policies": {scene: web("p").policy("o", `podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}`).pods("app=web", "app=db", "").states(`defaultDeny: [Ingress]`), want: isolated},
		"a rule isolates too":     {scene: bare(t).policy("p", `ingress: [{}]`).pods("app=web").states(`defaultDeny: [Ingress]`), want: isolated},
		"unset types, egress rules": {
			scene: bare(t).policy("p", `egress: [{}]`).pods("app=web"), want: isolated,
		},
		"unset types, no egress rules": {
			scene: bare(t).policy("p", `egress: []`).pods("app=web").states(`defaultDeny: [Egress]`),
			want:  "Deviating NotIsolated: every pod egress",
		},
		"by a label that exists": {
			scene: bare(t).policy("p", `podSelector: {matchExpressions: [{key: app, operator: Exists}]}`).pods("app=web", "tier=a").states(`defaultDeny: [Ingress]`),
			want:  "Deviating NotIsolated: pods tier=a ingress",
		},
		"by a label that does not": {
			scene: bare(t).policy("p", `podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}`).pods("app=web", "tier=a").states(`defaultDeny: [Ingress]`),
			want:  "Deviating NotIsolated: pods app=web ingress",
		},
		"on the host network": {
			scene: denied(t).class("app=node", `hostNetwork: true`), want: nobody,
			wantFacts: map[string]string{"hostNetwork": "pods app=node"},
		},
		"on the host network beside others": {
			scene: bare(t).class("app=node", `hostNetwork: true`).pods("app=web").states(`defaultDeny: [Ingress]`),
			want:  "Deviating NotIsolated: every pod ingress",
			wantFacts: map[string]string{
				"found": "every pod ingress", "hostNetwork": "pods app=node",
			},
		},
		"more than four classes": {
			scene: web("p").pods("app=web", "app=a", "app=b", "app=c", "app=d", "app=e").states(`defaultDeny: [Ingress]`),
			want:  "Deviating NotIsolated: pods app=a ingress, pods app=b ingress, pods app=c ingress, pods app=d ingress",
		},
		"labels alike, ports not": {
			scene: web("p").pods("app=web").class("app=db", `ports: [{name: a, protocol: TCP, port: 1}]`).class("app=db", `ports: []`).states(`defaultDeny: [Ingress]`),
			want:  "Deviating NotIsolated: pods app=db ingress",
		},
		"one pod of a StatefulSet": {
			scene: web("p").pods("app=web", "statefulset.kubernetes.io/pod-name=db-0", "statefulset.kubernetes.io/pod-name=db-1").states(`defaultDeny: [Ingress]`),
			want:  "Deviating NotIsolated: pods statefulset.kubernetes.io/pod-name=* ingress",
		},
		"several labels": {
			scene: web("p").pods("app=web", "tier=b,app=db").states(`defaultDeny: [Ingress]`),
			want:  "Deviating NotIsolated: pods app=db,tier=b ingress",
		},
		"a selector without sense": {
			scene: bare(t).policy("p", `podSelector: {matchExpressions: [{key: a, operator: Near}]}`).pods("app=web").states(`defaultDeny: [Ingress]`),
			want:  doubt, wantFacts: map[string]string{"undecided": "every pod ingress: the selector of p ingress cannot be parsed"},
		},
		"without sense beside another": {
			scene: denied(t).policy("p", `podSelector: {matchExpressions: [{key: a, operator: Near}]}`).pods("app=web"),
			want:  isolated,
		},
		"without sense in one direction": {
			scene: bare(t).policy("p", `podSelector: {matchExpressions: [{key: a, operator: Near}]}`).pods("app=web"),
			want:  "Deviating NotIsolated: every pod egress",
		},
		"openRules do not matter":   {scene: bare(t).pods("app=web").states(`openRules: Record, defaultDeny: [Ingress]`), want: "Deviating NotIsolated: every pod ingress"},
		"nor does what is accepted": {scene: bare(t).pods("app=web").states(`defaultDeny: [Ingress], acceptedExposure: [{namespaces: [web], direction: Ingress, any: true, reason: r}]`), want: "Deviating NotIsolated: every pod ingress"},
		"nor do cluster policies": {
			scene: bare(t).pods("app=web").states(`defaultDeny: [Ingress]`).cluster(`name: c, tier: Admin, priority: 1, ingress: [{action: Deny, peers: [{namespaces: {}}]}]`),
			want:  "Deviating NotIsolated: every pod ingress",
		},
		"pods not observed":             {scene: denied(t).unavailable(control.NeedPods), want: "NotEvaluated Forbidden"},
		"cluster policies not observed": {scene: denied(t).pods("app=web").unavailable(control.NeedClusterPolicies), want: isolated},
	})
}
