package networkisolation

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

// observed is a namespace with pods under a control in Observe mode that denies
// both directions, and allows what the fields of allow say.
func observed(t *testing.T, allow string) *scene {
	t.Helper()
	return bare(t).states(`allow: [` + allow + `]`).lifelines(kubeDNS).lifelines(apiServer).pods("app=web")
}

func TestLifelinesEnforced(t *testing.T) {
	dns := func() *scene { return enforced(t, "Egress", "{type: DNS}").lifelines(kubeDNS) }
	server := func() *scene { return dns().states(`allow: [{type: DNS}, {type: APIServer}]`).lifelines(apiServer) }
	hooked := func() *scene { return enforced(t, "Ingress", "{type: AdmissionBackends}").backend(hook) }
	const (
		absentDNS = "Deviating Absent: holdfast-allow-dns"
		toDNS     = `podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]`
	)
	judge(t, RuleLifelines, map[string]judged{
		"nothing applied": {scene: dns(), want: absentDNS},
		"as wanted": {
			scene: dns().wanted(), want: "Conforming Reachable",
			wantFacts: map[string]string{"DNS": "Service kube-system/kube-dns on TCP 53, UDP 53"},
		},
		"as wanted, without pods":     {scene: dns().wanted().unavailable(control.NeedPods), want: "Conforming Reachable"},
		"altered":                     {scene: dns().policy(AllowDNSName, toDNS+`}]`).ours(), want: "Deviating Altered: holdfast-allow-dns"},
		"altered, and others let out": {scene: dns().policy(AllowDNSName, `podSelector: {}`).ours().policy("dns", toDNS+`}]`), want: "Deviating Altered: holdfast-allow-dns"},
		"others let it out":           {scene: dns().policy("dns", toDNS+`, ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}]`), want: "Conforming Reachable"},
		"others let out everything":   {scene: dns().policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{}]`), want: "Conforming Reachable"},
		"others together let it out": {
			scene: dns().policy("udp", toDNS+`, ports: [{port: 53, protocol: UDP}]}]`).policy("tcp", toDNS+`, ports: [{port: 1, endPort: 60}]}]`),
			want:  "Conforming Reachable",
		},
		"others let out UDP only":        {scene: dns().policy("dns", toDNS+`, ports: [{port: 53, protocol: UDP}]}]`), want: absentDNS},
		"others let out some pods":       {scene: dns().policy("dns", `podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{}]`), want: absentDNS},
		"others let it out by address":   {scene: dns().policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]`), want: absentDNS},
		"others let out to another pod":  {scene: dns().policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {a: b}}}]}]`), want: absentDNS},
		"others' rule is inert":          {scene: dns().policy("dns", `podSelector: {}, policyTypes: [Ingress], egress: [{}]`), want: absentDNS},
		"others' object takes the name":  {scene: dns().policy(AllowDNSName, `podSelector: {}, policyTypes: [Egress]`), want: absentDNS},
		"pods behind it that differ":     {scene: dns().lifelines(`dns: {pods: [{k8s-app: kube-dns, tier: a}, {k8s-app: kube-dns, tier: b}]}`).policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {tier: a}}}]}]`), want: absentDNS},
		"no DNS Service":                 {scene: dns().change(func(in *control.Input) { in.Snapshot.Lifelines.DNS = nil }), want: "NotEvaluated Inconclusive"},
		"no DNS Service, and as applied": {scene: dns().wanted().change(func(in *control.Input) { in.Snapshot.Lifelines.DNS = nil }), want: "NotEvaluated Inconclusive"},
		"lifelines not observed":         {scene: dns().wanted().change(func(in *control.Input) { in.Snapshot.Lifelines = nil }), want: "NotEvaluated Inconclusive"},
		"endpoints not observed":         {scene: dns().wanted().unavailable(control.NeedEndpointSlices), want: "NotEvaluated Forbidden"},
		"policies not observed":          {scene: dns().wanted().unavailable(control.NeedNetworkPolicies), want: "NotEvaluated Forbidden"},
		"webhooks not observed":          {scene: dns().wanted().unavailable(control.NeedAdmissionBackends), want: "Conforming Reachable"},
		"no ready endpoint":              {scene: dns().wanted().lifelines(deadDNS), want: "Conforming Reachable"},
		"no endpoint": {
			scene: dns().wanted().lifelines(goneDNS), want: "Conforming Reachable",
			wantFacts: map[string]string{"DNS": "Service kube-system/kube-dns without endpoints"},
		},
		"no endpoint, and not applied":     {scene: dns().lifelines(goneDNS), want: "NotEvaluated Inconclusive"},
		"other ports than applied":         {scene: dns().wanted().lifelines(`dns: {ports: [{protocol: UDP, port: 5353}]}`), want: "Deviating Altered: holdfast-allow-dns"},
		"DNS moved to the host network":    {scene: dns().wanted().lifelines(hostDNS), want: "Deviating Unreachable: DNS"},
		"DNS on the host network":          {scene: dns().lifelines(hostDNS), want: absentDNS},
		"DNS on the host network, by cidr": {scene: dns().states(`allow: [{type: DNS, cidrs: [10.0.0.0/24]}]`).lifelines(hostDNS).wanted(), want: "Conforming Reachable"},
		"DNS on the host network, and others let out an address": {
			scene: dns().wanted().lifelines(hostDNS).policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/24}}]}]`),
			want:  "NotEvaluated Inconclusive",
		},
		"DNS on the host network, and others let out everything": {
			scene: dns().lifelines(hostDNS).policy("out", `podSelector: {}, policyTypes: [Egress], egress: [{}]`), want: "Conforming Reachable",
		},
		"a node-local cache, by pods only": {
			scene: dns().lifelines(`dns: {nodeLocal: true}`).policy("dns", toDNS+`}]`), want: absentDNS,
		},
		"a node-local cache": {
			scene: dns().lifelines(`dns: {nodeLocal: true}`).wanted(), want: "Conforming Reachable",
			wantFacts: map[string]string{"DNS": "Service kube-system/kube-dns on TCP 53, UDP 53, with a node-local cache"},
		},

		"the API server too": {
			scene: server().wanted(), want: "Conforming Reachable",
			wantFacts: map[string]string{"DNS": "Service kube-system/kube-dns on TCP 53, UDP 53", "APIServer": "172.18.0.2:6443"},
		},
		"the API server, not applied":     {scene: server().wanted().remove(AllowAPIServerName), want: "Deviating Absent: holdfast-allow-api-server"},
		"neither applied":                 {scene: server(), want: "Deviating Absent: holdfast-allow-api-server, holdfast-allow-dns"},
		"the API server moved":            {scene: server().wanted().lifelines(`apiServer: [{address: 172.18.0.3, protocol: TCP, port: 6443}]`), want: "Deviating Altered: holdfast-allow-api-server"},
		"one absent, one altered":         {scene: server().policy(AllowDNSName, `podSelector: {}`).ours(), want: "Deviating Absent: holdfast-allow-api-server, holdfast-allow-dns"},
		"the API server has no address":   {scene: server().lifelines(`apiServer: []`).wantedOf(dns()), want: "NotEvaluated Inconclusive"},
		"others let out to all addresses": {scene: server().wanted().remove(AllowAPIServerName).policy("out", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 172.16.0.0/12}}]}]`), want: "Conforming Reachable"},
		"others let out to half":          {scene: server().wanted().remove(AllowAPIServerName).policy("out", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 172.16.0.0/12, except: [172.18.0.0/16]}}]}]`), want: "Deviating Absent: holdfast-allow-api-server"},

		"no backend": {scene: enforced(t, "Ingress", "{type: AdmissionBackends}"), want: "Conforming Reachable"},
		"a backend": {
			scene: hooked().wanted(), want: "Conforming Reachable",
			wantFacts: map[string]string{"AdmissionBackends": "Service hook on TCP 9443 for ValidatingWebhookConfiguration hook"},
		},
		"a backend, not applied":         {scene: hooked(), want: "Deviating Absent: holdfast-allow-admission-hook"},
		"a backend that others let in":   {scene: hooked().policy("hook", allowHook), want: "Conforming Reachable"},
		"a backend of another port":      {scene: hooked().wanted().change(func(in *control.Input) { in.Snapshot.AdmissionBackends[0].Targets[0].Port = 1 }), want: "Deviating Altered: holdfast-allow-admission-hook"},
		"a backend of an unknown port":   {scene: hooked().change(func(in *control.Input) { in.Snapshot.AdmissionBackends[0].Targets = nil }), want: "NotEvaluated Inconclusive"},
		"a backend whose pods are gone":  {scene: hooked().wanted().change(func(in *control.Input) { in.Snapshot.AdmissionBackends[0].Targets = nil }), want: "Conforming Reachable"},
		"a backend on the host network":  {scene: hooked().change(func(in *control.Input) { in.Snapshot.AdmissionBackends[0].HostNetwork = true }), want: "Conforming Reachable"},
		"backends not observed":          {scene: hooked().wanted().unavailable(control.NeedAdmissionBackends), want: "NotEvaluated Forbidden"},
		"backends, endpoints unobserved": {scene: hooked().wanted().unavailable(control.NeedEndpointSlices), want: "Conforming Reachable"},
		"a namespace that is deleted":    {scene: hooked().change(func(in *control.Input) { in.Snapshot.Namespace.Terminating = true }), want: "NotApplicable Terminating"},
		"one that still runs pods": {scene: hooked().change(func(in *control.Input) {
			in.Snapshot.Namespace.Terminating, in.Snapshot.Namespace.HasRunningPods = true, true
		}), want: "Deviating Absent: holdfast-allow-admission-hook"},
	})
}

// wantedOf applies what is wanted in another scene.
func (s *scene) wantedOf(o *scene) *scene {
	s.Snapshot.NetworkPolicies = o.wanted().Snapshot.NetworkPolicies
	return s
}

func TestLifelinesObserved(t *testing.T) {
	dns := func() *scene { return observed(t, "{type: DNS}") }
	isolatedDNS := func() *scene { return dns().policy("deny", `podSelector: {}, policyTypes: [Egress]`) }
	hooked := func() *scene { return observed(t, "{type: AdmissionBackends}").pods("app=hook").backend(hook) }
	const (
		unreachable = "Deviating Unreachable: DNS"
		toDNS       = `policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}], ports: [{port: 53, protocol: UDP}]}]`
	)
	judge(t, RuleLifelines, map[string]judged{
		"no pod is isolated":                  {scene: dns(), want: "Conforming Reachable"},
		"isolated in the other direction":     {scene: dns().policy("deny", `podSelector: {}, policyTypes: [Ingress]`), want: "Conforming Reachable"},
		"isolated":                            {scene: isolatedDNS(), want: unreachable},
		"isolated, and UDP let out":           {scene: isolatedDNS().policy("dns", `podSelector: {}, `+toDNS), want: "Conforming Reachable"},
		"isolated, and let out for some pods": {scene: isolatedDNS().pods("app=db").policy("dns", `podSelector: {matchLabels: {app: web}}, `+toDNS), want: unreachable},
		"isolated, and let out for each":      {scene: isolatedDNS().pods("app=db").policy("a", `podSelector: {matchLabels: {app: web}}, `+toDNS).policy("b", `podSelector: {matchLabels: {app: db}}, `+toDNS), want: "Conforming Reachable"},
		"isolated, and TCP let out":           {scene: isolatedDNS().policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: TCP}]}]`), want: unreachable},
		"some pods isolated":                  {scene: dns().pods("app=db").policy("deny", `podSelector: {matchLabels: {app: db}}, policyTypes: [Egress]`), want: unreachable},
		"no pods":                             {scene: isolatedDNS().change(func(in *control.Input) { in.Snapshot.Pods = nil }), want: "Conforming Reachable"},
		"pods on the host network":            {scene: isolatedDNS().change(func(in *control.Input) { in.Snapshot.Pods[0].HostNetwork = true }), want: "Conforming Reachable"},
		"pods not observed":                   {scene: isolatedDNS().unavailable(control.NeedPods), want: "NotEvaluated Forbidden"},
		"no DNS Service":                      {scene: dns().change(func(in *control.Input) { in.Snapshot.Lifelines.DNS = nil }), want: "NotEvaluated Inconclusive"},
		"no endpoint":                         {scene: isolatedDNS().lifelines(goneDNS), want: "NotEvaluated Inconclusive"},
		"no endpoint, and no pod is isolated": {scene: dns().lifelines(goneDNS), want: "Conforming Reachable"},
		"a node-local cache, by pods":         {scene: isolatedDNS().lifelines(`dns: {nodeLocal: true}`).policy("dns", `podSelector: {}, `+toDNS), want: unreachable},
		"a node-local cache, by its address":  {scene: isolatedDNS().lifelines(`dns: {nodeLocal: true}`).policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 169.254.0.0/16}}]}]`), want: "Conforming Reachable"},
		"a node-local cache, by the Service":  {scene: isolatedDNS().lifelines(`dns: {nodeLocal: true}`).policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.96.0.10/32}}]}]`), want: "Conforming Reachable"},
		"DNS on the host network":             {scene: isolatedDNS().lifelines(hostDNS).policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]`), want: "NotEvaluated Inconclusive"},
		"DNS on the host network, all open":   {scene: isolatedDNS().lifelines(hostDNS).policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{}]`), want: "Conforming Reachable"},
		"DNS on the host network, stated":     {scene: isolatedDNS().states(`allow: [{type: DNS, cidrs: [10.0.0.0/24]}]`).lifelines(hostDNS).policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]`), want: "Conforming Reachable"},
		"DNS on the host network, cut off":    {scene: isolatedDNS().states(`allow: [{type: DNS, cidrs: [10.0.0.0/24]}]`).lifelines(hostDNS).policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/25}}]}]`), want: unreachable},

		"the API server":           {scene: observed(t, "{type: APIServer}").policy("deny", `podSelector: {}, policyTypes: [Egress]`), want: "Deviating Unreachable: API server"},
		"the API server, let out":  {scene: observed(t, "{type: APIServer}").policy("out", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 172.18.0.2/32}}], ports: [{port: 6443}]}]`), want: "Conforming Reachable"},
		"the API server, by pods":  {scene: observed(t, "{type: APIServer}").policy("out", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}]`), want: "Deviating Unreachable: API server"},
		"both":                     {scene: observed(t, "{type: APIServer}, {type: DNS}").policy("deny", `podSelector: {}, policyTypes: [Egress]`), want: "Deviating Unreachable: API server, DNS"},
		"a backend":                {scene: hooked(), want: "Conforming Reachable"},
		"a backend, isolated":      {scene: hooked().policy("deny", `podSelector: {}`), want: "Deviating Unreachable: ValidatingWebhookConfiguration hook"},
		"a backend, let in":        {scene: hooked().policy("deny", `podSelector: {}`).policy("hook", allowHook), want: "Conforming Reachable"},
		"a backend, let in by all": {scene: hooked().policy("deny", `podSelector: {}`).policy("hook", `podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]`), want: "Conforming Reachable"},
		"a backend, let in by part": {
			scene: hooked().policy("deny", `podSelector: {}`).policy("hook", `podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}]}]`),
			want:  "Deviating Unreachable: ValidatingWebhookConfiguration hook",
		},
		"others isolated": {scene: hooked().policy("deny", `podSelector: {matchLabels: {app: web}}`), want: "Conforming Reachable"},
		"a backend of an unknown port, isolated": {
			scene: hooked().policy("deny", `podSelector: {}`).change(func(in *control.Input) { in.Snapshot.AdmissionBackends[0].Targets = nil }),
			want:  "NotEvaluated Inconclusive",
		},
	})
}

func TestLifelinesNotListed(t *testing.T) {
	for name, s := range map[string]*scene{
		"no list":       bare(t),
		"an empty list": observed(t, "").unavailable(control.NeedNetworkPolicies),
		"others":        observed(t, "{type: SameNamespace}").unavailable(control.NeedServices),
	} {
		t.Run(name, func(t *testing.T) {
			if got := judgeLifelines(s.Input); got != nil {
				t.Errorf("findings %v, want none", got)
			}
		})
	}
}

// TestLifelineMessages: messages are bounded, and name what is cut off.
func TestLifelineMessages(t *testing.T) {
	cases := map[string]struct {
		scene *scene
		want  string
	}{
		"unreachable":  {observed(t, "{type: APIServer}, {type: DNS}").policy("deny", `podSelector: {}, policyTypes: [Egress]`), "Pods are isolated, and no rule lets through API server, DNS."},
		"absent":       {enforced(t, "Egress", "{type: DNS}").lifelines(kubeDNS), "What is stated is not allowed explicitly: holdfast-allow-dns is missing, and nothing else does the same."},
		"inconclusive": {enforced(t, "Egress", "{type: DNS}").lifelines(apiServer), "Not decided: holdfast-allow-dns: no Service of the cluster's DNS was found."},
		"conforming":   {enforced(t, "Egress", "{type: DNS}").lifelines(kubeDNS).wanted(), "What allow lists is reachable for the pods that need it."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := controltest.FindingOf(t, Control{}, tc.scene.Input, RuleLifelines).Message; got != tc.want {
				t.Errorf("message %q, want %q", got, tc.want)
			}
		})
	}
	many := enforced(t, "Ingress", "{type: AdmissionBackends}")
	for _, service := range []string{"e", "d", "c", "b", "a"} {
		many.backend(`service: ` + service + `, port: 1, selector: {a: b}, targets: [{protocol: TCP, port: 1}]`)
	}
	finding := controltest.FindingOf(t, Control{}, many.Input, RuleLifelines)
	want := []string{AllowAdmissionPrefix + "a", AllowAdmissionPrefix + "b", AllowAdmissionPrefix + "c", AllowAdmissionPrefix + "d"}
	if diff := cmp.Diff(want, finding.Culprits); diff != "" || len(finding.Message) > maxMessage {
		t.Errorf("culprits (-want +got):\n%s\nmessage %q", diff, finding.Message)
	}
}

func TestLifelineNeeds(t *testing.T) {
	all := []control.Need{control.NeedAdmissionBackends, control.NeedEndpointSlices, control.NeedNetworkPolicies, control.NeedPods, control.NeedServices}
	in := observed(t, "{type: DNS}, {type: APIServer}, {type: AdmissionBackends}").Input
	if diff := cmp.Diff(all, lifelineNeeds(in)); diff != "" {
		t.Errorf("in Observe mode (-want +got):\n%s", diff)
	}
	in.Control.Mode = v1alpha1.ModeEnforce
	if slices.Contains(lifelineNeeds(in), control.NeedPods) {
		t.Error("pods are needed in Enforce mode")
	}
}
