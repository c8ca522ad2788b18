package networkisolation

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestAllowancesEnforced(t *testing.T) {
	const within = `podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]`
	same := func() *scene { return enforced(t, "Ingress", "{type: SameNamespace}") }
	rule := func() *scene {
		return enforced(t, "Ingress", `{type: Rule, rule: {name: web, direction: Ingress, podSelector: {matchLabels: {app: web}},
			peers: [{namespaceSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80}]}}`)
	}
	const absent = "Deviating Absent: holdfast-allow-same-namespace-ingress"
	judge(t, RuleAllowances, map[string]judged{
		"nothing applied": {scene: same(), want: absent},
		"as wanted": {
			scene: same().wanted(), want: "Conforming Allowed",
			wantFacts: map[string]string{"stated": "holdfast-allow-same-namespace-ingress"},
		},
		"narrowed":                  {scene: same().policy(AllowSameNamespaceIngressName, `podSelector: {matchLabels: {a: b}}, ingress: [{from: [{podSelector: {}}]}]`).ours(), want: "Deviating Altered: holdfast-allow-same-namespace-ingress"},
		"widened":                   {scene: same().policy(AllowSameNamespaceIngressName, `podSelector: {}, ingress: [{from: [{podSelector: {}}]}, {}]`).ours(), want: "Deviating Altered: holdfast-allow-same-namespace-ingress"},
		"others do the same":        {scene: same().policy("same", within), want: "Conforming Allowed"},
		"others do it and more":     {scene: same().policy("same", `podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}, {from: [{podSelector: {}}]}]`), want: "Conforming Allowed"},
		"others do it for some":     {scene: same().policy("same", `podSelector: {matchLabels: {a: b}}, ingress: [{from: [{podSelector: {}}]}]`), want: absent},
		"others do it in one rule":  {scene: same().policy("same", `podSelector: {}, ingress: [{from: [{podSelector: {}}, {namespaceSelector: {}}]}]`), want: absent},
		"others do it on one port":  {scene: same().policy("same", `podSelector: {}, ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}]`), want: absent},
		"others' rule is inert":     {scene: same().policy("same", `podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {}}]}]`), want: absent},
		"others take the name":      {scene: same().policy(AllowSameNamespaceIngressName, `podSelector: {}`), want: absent},
		"both directions, by two":   {scene: enforced(t, "Ingress, Egress", "{type: DNS}, {type: SameNamespace}").lifelines(kubeDNS).policy("in", within).policy("out", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}]}]`), want: "Conforming Allowed"},
		"both directions, one only": {scene: enforced(t, "Ingress, Egress", "{type: DNS}, {type: SameNamespace}").lifelines(kubeDNS).policy("in", within), want: "Deviating Absent: holdfast-allow-same-namespace-egress"},
		"one direction refused": {
			scene: enforced(t, "Ingress, Egress", "{type: DNS}, {type: SameNamespace}").policy(AllowSameNamespaceIngressName, within).ours(), want: "Deviating Absent: holdfast-allow-same-namespace-egress",
		},
		"policies not observed":     {scene: same().unavailable(control.NeedNetworkPolicies), want: "NotEvaluated Forbidden"},
		"nothing else observed":     {scene: same().wanted().unavailable(control.NeedPods, control.NeedServices, control.NeedEndpointSlices, control.NeedAdmissionBackends), want: "Conforming Allowed"},
		"a namespace being deleted": {scene: same().change(func(in *control.Input) { in.Snapshot.Namespace.Terminating = true }), want: "NotApplicable Terminating"},

		"a rule":                     {scene: rule(), want: "Deviating Absent: holdfast-allow-rule-web"},
		"a rule, as wanted":          {scene: rule().wanted(), want: "Conforming Allowed"},
		"a rule, by other selectors": {scene: rule().policy("web", `podSelector: {matchExpressions: [{key: app, operator: In, values: [web]}]}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {namespaceSelector: {}}], ports: [{port: 80, protocol: TCP}]}]`), want: "Deviating Absent: holdfast-allow-rule-web"},
		"a rule, in another order":   {scene: rule().policy("web", `podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {namespaceSelector: {}}], ports: [{port: 80}]}]`), want: "Conforming Allowed"},
		"a rule, of another port":    {scene: rule().policy("web", `podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {namespaceSelector: {}}], ports: [{port: 81}]}]`), want: "Deviating Absent: holdfast-allow-rule-web"},
		"a rule, with an exception":  {scene: rule().policy("web", `podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}, {namespaceSelector: {}}], ports: [{port: 80}]}]`), want: "Deviating Absent: holdfast-allow-rule-web"},
		"a rule in what is refused":  {scene: enforced(t, "Egress", `{type: DNS}, {type: Rule, rule: {name: out, direction: Egress, peers: [{podSelector: {}}]}}`), want: "Deviating Absent: holdfast-allow-rule-out"},
		"not stated any more":        {scene: enforced(t, "Ingress", "").policy("holdfast-allow-rule-b", within).ours().policy("holdfast-allow-rule-a", within).ours(), want: "Deviating Revoked: holdfast-allow-rule-a, holdfast-allow-rule-b"},
		"one absent, one not stated": {scene: same().policy("holdfast-allow-rule-a", `podSelector: {}, ingress: [{}]`).ours(), want: "Deviating Absent: holdfast-allow-rule-a, holdfast-allow-same-namespace-ingress"},
		"needed, but not stated":     {scene: enforced(t, "Ingress", "").backend(hook).policy(AllowAdmissionPrefix+"hook", allowHook).ours(), want: "Deviating Revoked: holdfast-allow-admission-hook"},
		"a backend that is gone":     {scene: enforced(t, "Ingress", "{type: AdmissionBackends}").policy(AllowAdmissionPrefix+"hook", allowHook).ours(), want: "Deviating Revoked: holdfast-allow-admission-hook"},
	})
}

func TestAllowancesObserved(t *testing.T) {
	const within = `podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {}}]}], egress: [{to: [{podSelector: {}}]}]`
	same := func() *scene { return bare(t).states(`allow: [{type: SameNamespace}]`) }
	const missing = "holdfast-allow-same-namespace-egress, holdfast-allow-same-namespace-ingress"
	judge(t, RuleAllowances, map[string]judged{
		"nothing":               {scene: same(), want: "Deviating Absent: " + missing},
		"of any name":           {scene: same().policy("same", within), want: "Conforming Allowed"},
		"of ours":               {scene: same().policy(AllowSameNamespaceIngressName, within).ours(), want: "Conforming Allowed"},
		"of the name, and less": {scene: same().policy(AllowSameNamespaceIngressName, `podSelector: {}`).policy(AllowSameNamespaceEgressName, `podSelector: {}`), want: "Deviating Altered: " + missing},
		"not stated by it":      {scene: same().policy("same", within).policy("holdfast-allow-rule-a", within).ours(), want: "Conforming Allowed"},
	})
}

func TestAllowancesNotStated(t *testing.T) {
	const within = `podSelector: {}, ingress: [{from: [{podSelector: {}}]}]`
	for name, s := range map[string]*scene{
		"nothing stated":                  bare(t),
		"lifelines only":                  enforced(t, "Egress", "{type: DNS}"),
		"one left, in Observe mode":       bare(t).policy("holdfast-allow-rule-a", within).ours(),
		"one of others, in Enforce mode":  enforced(t, "Ingress", "").policy("holdfast-allow-rule-a", within),
		"one left, policies not observed": enforced(t, "Ingress", "").policy("holdfast-allow-rule-a", within).ours().unavailable(control.NeedNetworkPolicies),
	} {
		t.Run(name, func(t *testing.T) {
			if got := judgeAllowances(s.Input); got != nil {
				t.Errorf("findings %v, want none", got)
			}
		})
	}
}
