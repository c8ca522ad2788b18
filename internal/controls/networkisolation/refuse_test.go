package networkisolation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	hook      = `service: hook, port: 443, selector: {app: hook}, targets: [{protocol: TCP, port: 9443}], users: [ValidatingWebhookConfiguration hook]`
	hostDNS   = `dns: {hostNetwork: true}`
	deadDNS   = `dns: {ready: false}`
	goneDNS   = `dns: {ready: false, ports: [], pods: []}`
	allowHook = `podSelector: {matchLabels: {app: hook}}, policyTypes: [Ingress], ingress: [{ports: [{port: 9443, protocol: TCP}]}]`
)

// refusal is a case of the tables: what is wanted, in brief, and what is refused.
type refusal struct {
	scene *scene
	want  []string
	// wantRefusals are parts of the refusals, in order.
	wantRefusals []string
}

func refuse(t *testing.T, cases map[string]refusal) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			changes, err := Control{}.Wants(tc.scene.Input)
			if diff := cmp.Diff(tc.want, briefly(changes)); diff != "" {
				t.Errorf("wanted (-want +got):\n%s", diff)
			}
			refusals := refusalsOf(t, err)
			if len(refusals) != len(tc.wantRefusals) {
				t.Fatalf("refusals %q, want %q", refusals, tc.wantRefusals)
			}
			for i, want := range tc.wantRefusals {
				if !strings.Contains(refusals[i], want) {
					t.Errorf("refusal %q, want %q", refusals[i], want)
				}
			}
		})
	}
}

func TestRefuseEgress(t *testing.T) {
	dns := func() *scene { return enforced(t, "Egress", "{type: DNS}").lifelines(kubeDNS) }
	server := func() *scene { return enforced(t, "Egress", "{type: DNS}, {type: APIServer}").lifelines(kubeDNS) }
	const opened = `podSelector: {}, policyTypes: [Egress], egress: [{}]`
	all := []string{"+" + AllowDNSName, "+" + DenyEgressName}
	placed := []string{"=" + AllowDNSName, "=" + DenyEgressName}
	refuse(t, map[string]refusal{
		"nothing": {scene: dns(), want: all},
		"DNS is not allowed": {
			scene:        enforced(t, "Egress", "").lifelines(kubeDNS),
			wantRefusals: []string{"EgressRefused: Denying egress is refused: it would cut off DNS, which allow does not list."},
		},
		"lifelines not observed": {
			scene:        enforced(t, "Egress", "{type: DNS}"),
			wantRefusals: []string{"EgressRefused: Denying egress is refused: the cluster's DNS could not be observed (Failed)."},
		},
		"endpoints not observed": {
			scene:        dns().unavailable(control.NeedEndpointSlices),
			wantRefusals: []string{"the cluster's DNS could not be observed (Forbidden)"},
		},
		"Services not observed": {
			scene:        dns().unavailable(control.NeedServices),
			wantRefusals: []string{"the cluster's DNS could not be observed (Forbidden)"},
		},
		"pods not observed": {scene: dns().unavailable(control.NeedPods), want: all},
		"no DNS Service": {
			scene:        enforced(t, "Egress", "{type: DNS}").lifelines(apiServer),
			wantRefusals: []string{"no Service of the cluster's DNS was found"},
		},
		"no ready endpoint": {
			scene:        dns().lifelines(deadDNS),
			wantRefusals: []string{"Service kube-system/kube-dns of DNS has no ready endpoint"},
		},
		"no port": {
			scene:        dns().lifelines(`dns: {ports: []}`),
			wantRefusals: []string{"Service kube-system/kube-dns of DNS has no ready endpoint"},
		},
		"DNS without a selector": {
			scene:        dns().change(func(in *control.Input) { in.Snapshot.Lifelines.DNS.Selector = nil }),
			wantRefusals: []string{"Service kube-system/kube-dns of DNS has no selector, and allow gives no cidrs"},
		},
		"DNS on the host network": {
			scene:        dns().lifelines(hostDNS),
			wantRefusals: []string{"DNS (kube-system/kube-dns) is on the host network, beyond pod selectors, and allow gives no cidrs."},
		},
		"DNS on the host network, with cidrs": {
			scene: enforced(t, "Egress", "{type: DNS, cidrs: [10.0.0.0/24]}").lifelines(kubeDNS).lifelines(hostDNS), want: all,
		},
		"ingress is denied meanwhile": {
			scene:        enforced(t, "Egress, Ingress", "{type: DNS}, {type: SameNamespace}").lifelines(kubeDNS).lifelines(deadDNS),
			want:         []string{"+" + AllowSameNamespaceIngressName, "+" + DenyIngressName},
			wantRefusals: []string{"EgressRefused"},
		},
		"no address of the API server": {
			scene:        server(),
			wantRefusals: []string{"EgressRefused: Denying egress is refused: no address of the API server is known."},
		},
		"two obstacles": {
			scene:        server().lifelines(deadDNS),
			wantRefusals: []string{"has no ready endpoint (and 1 more)."},
		},

		"in place, and no ready endpoint":         {scene: dns().wanted().lifelines(deadDNS), want: placed},
		"in place, and no endpoint":               {scene: dns().wanted().lifelines(goneDNS), want: placed},
		"in place, and lifelines not observed":    {scene: dns().wanted().unavailable(control.NeedEndpointSlices), want: placed},
		"in place, and no DNS Service":            {scene: dns().wanted().change(func(in *control.Input) { in.Snapshot.Lifelines.DNS = nil }), want: placed},
		"in place, and no address of API servers": {scene: server().lifelines(apiServer).wanted().lifelines(`apiServer: []`), want: []string{"=" + AllowDNSName, "=" + AllowAPIServerName, "=" + DenyEgressName}},
		"in place, and other ports": {
			scene: dns().wanted().lifelines(`dns: {ports: [{protocol: UDP, port: 5353}]}`),
			want:  []string{"+" + AllowDNSName, "=" + DenyEgressName},
		},
		"the permission in place, and no ready endpoint": {
			scene: dns().wanted().remove(DenyEgressName).lifelines(deadDNS),
			want:  []string{"=" + AllowDNSName, "+" + DenyEgressName},
		},
		"in place, and the permission gone, and no ready endpoint": {
			scene: dns().wanted().remove(AllowDNSName).lifelines(deadDNS),
			want:  []string{"+" + AllowDNSName, "=" + DenyEgressName},
		},
		"in place, and the permission gone, and no endpoint": {
			scene:        dns().wanted().remove(AllowDNSName).lifelines(goneDNS),
			want:         []string{"=" + DenyEgressName},
			wantRefusals: []string{"EgressRefused: An allowance of egress cannot be applied: Service kube-system/kube-dns of DNS has no ready endpoint."},
		},
		"denied by others, and no ready endpoint": {
			scene: dns().lifelines(deadDNS).policy("deny", `podSelector: {}, policyTypes: [Egress]`), want: all,
		},
		"opened by others, and no ready endpoint": {
			scene:        dns().lifelines(deadDNS).policy("open", `podSelector: {}, policyTypes: [Egress], egress: [{}]`),
			wantRefusals: []string{"EgressRefused"},
		},
		"not in allow any more": {
			scene:        dns().wanted().states(`allow: []`),
			wantRefusals: []string{"EgressRefused: Denying egress is refused: it would cut off DNS, which allow does not list."},
		},
		"in place but opened, and no ready endpoint": {
			scene: dns().wanted().remove(DenyEgressName).policy(DenyEgressName, opened).ours().lifelines(deadDNS),
			want:  []string{"=" + AllowDNSName, "+" + DenyEgressName},
		},
		"in place but opened, and DNS not observed": {
			scene:        dns().wanted().remove(DenyEgressName).policy(DenyEgressName, opened).ours().unavailable(control.NeedEndpointSlices),
			wantRefusals: []string{"EgressRefused"},
		},
		"in place but opened, and DNS moved to the host network": {
			scene:        dns().wanted().remove(DenyEgressName).policy(DenyEgressName, opened).ours().lifelines(hostDNS),
			wantRefusals: []string{"EgressRefused"},
		},
	})
}

func TestRefuseIngress(t *testing.T) {
	open := func() *scene { return enforced(t, "Ingress", "{type: SameNamespace}") }
	allowed := func() *scene { return enforced(t, "Ingress", "{type: AdmissionBackends}") }
	all := []string{"+" + AllowSameNamespaceIngressName, "+" + DenyIngressName}
	hooked := []string{"+" + AllowAdmissionPrefix + "hook", "+" + DenyIngressName}
	const cutOff = "IngressRefused: Denying ingress is refused: it would cut off Service hook, which the API server calls for " +
		"ValidatingWebhookConfiguration hook, and allow does not list AdmissionBackends."
	refuse(t, map[string]refusal{
		"nothing":                            {scene: open(), want: all},
		"no backend":                         {scene: allowed(), want: []string{"+" + DenyIngressName}},
		"a backend that is not allowed":      {scene: open().backend(hook), wantRefusals: []string{cutOff}},
		"a backend that is allowed":          {scene: allowed().backend(hook), want: hooked},
		"a backend on the host network":      {scene: open().backend(hook + `, hostNetwork: true`), want: all},
		"allowed, on the host network":       {scene: allowed().backend(hook + `, hostNetwork: true`), want: []string{"+" + DenyIngressName}},
		"a backend that others let in":       {scene: open().backend(hook).policy("hook", allowHook), want: all},
		"a backend that others let in by IP": {scene: open().backend(hook).policy("hook", `podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: "::/0"}}]}]`), want: all},
		"a backend that others let in by one family, which is that of the API server": {
			scene: open().lifelines(apiServer).backend(hook).policy("hook", `podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1}}, {ipBlock: {cidr: 128.0.0.0/1}}]}]`),
			want:  all,
		},
		"a backend that others let in by another family": {
			scene:        open().lifelines(apiServer).backend(hook).policy("hook", `podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: "::/0"}}]}]`),
			wantRefusals: []string{cutOff},
		},
		"a backend that others let in on another port": {
			scene:        open().backend(hook).policy("hook", `podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 443}]}]`),
			wantRefusals: []string{cutOff},
		},
		"a backend that others let in from pods only": {
			scene:        open().backend(hook).policy("hook", `podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]`),
			wantRefusals: []string{cutOff},
		},
		"a backend that others let in by a label that no pod is known to have": {
			scene:        open().backend(hook).policy("hook", `podSelector: {matchLabels: {tier: admission}}, policyTypes: [Ingress], ingress: [{}]`),
			wantRefusals: []string{cutOff},
		},
		"a backend that others let in by a label that its pods have": {
			scene: open().backend(hook).pods("app=hook,tier=admission", "app=web").policy("hook", `podSelector: {matchLabels: {tier: admission}}, policyTypes: [Ingress], ingress: [{}]`),
			want:  all,
		},
		"a backend of which others let in some pods": {
			scene: open().backend(hook).pods("app=hook,tier=admission", "app=hook,tier=canary").
				policy("hook", `podSelector: {matchLabels: {tier: admission}}, policyTypes: [Ingress], ingress: [{}]`),
			wantRefusals: []string{cutOff},
		},
		"a backend that others let in by the port's name": {
			scene: open().backend(hook).class("app=hook", `ports: [{name: hook, protocol: TCP, port: 9443}]`).
				policy("hook", `podSelector: {matchLabels: {app: hook}}, policyTypes: [Ingress], ingress: [{ports: [{port: hook}]}]`),
			want: all,
		},
		"a backend without a Service":        {scene: allowed().backend(`service: hook, port: 443`), want: []string{"+" + DenyIngressName}},
		"one without a Service, not allowed": {scene: open().backend(`service: hook, port: 443`), want: all},
		"a backend without a selector": {
			scene:        allowed().backend(`service: hook, port: 443`).service(`name: hook, type: ClusterIP`),
			wantRefusals: []string{"IngressRefused: Denying ingress is refused: Service hook, which the API server calls, has no selector."},
		},
		"a named port of which no pod is known": {
			scene:        allowed().backend(`service: hook, port: 443, selector: {app: hook}, users: [APIService v1.x]`),
			wantRefusals: []string{"which port of its pods Service hook, which the API server calls for APIService v1.x, leads to is not known."},
		},
		"backends not observed": {
			scene:        allowed().unavailable(control.NeedAdmissionBackends),
			wantRefusals: []string{"IngressRefused: Denying ingress is refused: what the API server calls in the namespace could not be observed (Forbidden)."},
		},
		"two backends that are not allowed": {
			scene:        open().backend(hook).backend(`service: other, port: 443, selector: {app: other}, targets: [{protocol: TCP, port: 1}]`),
			wantRefusals: []string{"it would cut off Service hook, which the API server calls for ValidatingWebhookConfiguration hook, and allow does not list AdmissionBackends (and 1 more)."},
		},

		"in place, and backends not observed": {
			scene: allowed().backend(hook).wanted().unavailable(control.NeedAdmissionBackends),
			want:  []string{"=" + AllowAdmissionPrefix + "hook", "=" + DenyIngressName},
		},
		"in place, and a new backend": {
			scene: allowed().wanted().backend(hook),
			want:  []string{"+" + AllowAdmissionPrefix + "hook", "=" + DenyIngressName},
		},
		"in place, and a named port without pods": {
			scene: allowed().backend(hook).wanted().change(func(in *control.Input) { in.Snapshot.AdmissionBackends[0].Targets = nil }),
			want:  []string{"=" + AllowAdmissionPrefix + "hook", "=" + DenyIngressName},
		},
		"in place, and a new backend without pods": {
			scene:        allowed().wanted().backend(`service: hook, port: 443, selector: {app: hook}`),
			want:         []string{"=" + DenyIngressName},
			wantRefusals: []string{"IngressRefused: An allowance of ingress cannot be applied: which port of its pods Service hook"},
		},
		"in place, and the backend on the host network": {
			scene: allowed().backend(hook).wanted().change(func(in *control.Input) { in.Snapshot.AdmissionBackends[0].HostNetwork = true }),
			want:  []string{"=" + DenyIngressName},
		},
		"in place but opened, and a backend that is not allowed": {
			scene: open().wanted().backend(hook).remove(DenyIngressName).
				policy(DenyIngressName, `podSelector: {}, policyTypes: [Ingress], ingress: [{}]`).ours(),
			wantRefusals: []string{cutOff},
		},
		"denied by others, and a backend that is not allowed": {
			scene: open().backend(hook).policy("deny", `podSelector: {}, policyTypes: [Ingress]`), want: all,
		},
	})
}

func TestRefuseNameCollision(t *testing.T) {
	const opened = `podSelector: {}, policyTypes: [Ingress], ingress: [{}]`
	dns := func() *scene { return enforced(t, "Egress", "{type: DNS}").lifelines(kubeDNS) }
	refuse(t, map[string]refusal{
		"the denial": {
			scene:        enforced(t, "Ingress", "{type: SameNamespace}").policy(DenyIngressName, opened),
			want:         []string{"+" + AllowSameNamespaceIngressName},
			wantRefusals: []string{"NameCollision: NetworkPolicy holdfast-default-deny-ingress is left as it is: Holdfast did not create it."},
		},
		"the denial, which denies": {
			scene: enforced(t, "Ingress", "{type: SameNamespace}").policy(DenyIngressName, `podSelector: {}`),
			want:  []string{"+" + AllowSameNamespaceIngressName},
		},
		"the denial, and others deny": {
			scene: enforced(t, "Ingress", "{type: SameNamespace}").policy(DenyIngressName, opened).policy("deny", `podSelector: {}`),
			want:  []string{"+" + AllowSameNamespaceIngressName},
		},
		"an allowance": {
			scene:        enforced(t, "Ingress", "{type: SameNamespace}").policy(AllowSameNamespaceIngressName, opened),
			want:         []string{"+" + DenyIngressName},
			wantRefusals: []string{"NameCollision: NetworkPolicy holdfast-allow-same-namespace-ingress is left as it is"},
		},
		"an allowance, as stated": {
			scene: enforced(t, "Ingress", "{type: SameNamespace}").policy(AllowSameNamespaceIngressName, `podSelector: {}, ingress: [{from: [{podSelector: {}}]}]`),
			want:  []string{"+" + DenyIngressName},
		},
		"a lifeline": {
			scene: dns().policy(AllowDNSName, opened),
			wantRefusals: []string{
				"NameCollision: NetworkPolicy holdfast-allow-dns is left as it is: Holdfast did not create it.",
				"EgressRefused: Denying egress is refused: NetworkPolicy holdfast-allow-dns, which Holdfast did not create, takes the name of one that it needs.",
			},
		},
		"a lifeline, which lets it through": {
			scene: dns().policy(AllowDNSName, `podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}]`),
			want:  []string{"+" + DenyEgressName},
		},
		"a lifeline, in force": {
			scene:        dns().wanted().remove(AllowDNSName).policy(AllowDNSName, opened),
			want:         []string{"=" + DenyEgressName},
			wantRefusals: []string{"NameCollision: NetworkPolicy holdfast-allow-dns is left as it is: Holdfast did not create it."},
		},
	})
}

// TestRollback: what is in place is taken back where it does harm that no
// allowance mends, and only then.
func TestRollback(t *testing.T) {
	dns := func() *scene {
		return enforced(t, "Egress, Ingress", "{type: DNS}, {type: APIServer}, {type: SameNamespace}").
			lifelines(kubeDNS).lifelines(apiServer).wanted()
	}
	open := func() *scene { return enforced(t, "Ingress", "{type: SameNamespace}").wanted() }
	kept := []string{"=" + AllowDNSName, "=" + AllowAPIServerName, "=" + AllowSameNamespaceIngressName, "=" + AllowSameNamespaceEgressName, "=" + DenyIngressName, "=" + DenyEgressName}
	refuse(t, map[string]refusal{
		"DNS moved to the host network": {
			scene: dns().lifelines(hostDNS),
			want: []string{"=" + AllowSameNamespaceIngressName, "=" + DenyIngressName,
				"back " + AllowAPIServerName, "back " + AllowDNSName, "back " + AllowSameNamespaceEgressName, "back " + DenyEgressName},
			wantRefusals: []string{"EgressRefused: Denying egress is refused: DNS (kube-system/kube-dns) is on the host network"},
		},
		"taken back": {
			scene: enforced(t, "Egress, Ingress", "{type: DNS}, {type: SameNamespace}").lifelines(kubeDNS).wanted().
				lifelines(hostDNS).rolledBack(),
			want:         []string{"=" + AllowSameNamespaceIngressName, "=" + DenyIngressName},
			wantRefusals: []string{"EgressRefused"},
		},
		"DNS moved to the host network, and is not ready": {scene: dns().lifelines(hostDNS).lifelines(deadDNS), want: kept},
		"DNS moved to the host network, and others deny egress": {
			scene: dns().lifelines(hostDNS).policy("deny", `podSelector: {}, policyTypes: [Egress]`), want: kept,
			wantRefusals: []string{"EgressRefused: An allowance of egress cannot be applied: DNS (kube-system/kube-dns) is on the host network"},
		},
		"DNS moved to the host network, and others let it through": {
			scene: dns().lifelines(hostDNS).policy("dns", `podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/24}}], ports: [{port: 53, protocol: UDP}]}]`),
			want:  kept,
		},
		"a backend that is not allowed": {
			scene:        open().backend(hook),
			want:         []string{"back " + AllowSameNamespaceIngressName, "back " + DenyIngressName},
			wantRefusals: []string{"IngressRefused: Denying ingress is refused: it would cut off Service hook"},
		},
		"a backend that is not allowed, and has no pods yet": {
			scene: open().backend(`service: hook, port: 443, selector: {app: hook}`),
			want:  []string{"=" + AllowSameNamespaceIngressName, "=" + DenyIngressName},
		},
		"a backend that others let in": {
			scene: open().backend(hook).policy("hook", allowHook),
			want:  []string{"=" + AllowSameNamespaceIngressName, "=" + DenyIngressName},
		},
		"a backend that is allowed": {
			scene: enforced(t, "Ingress", "{type: AdmissionBackends}").wanted().backend(hook),
			want:  []string{"+" + AllowAdmissionPrefix + "hook", "=" + DenyIngressName},
		},
		"a backend that is asked about the permission to reach it": {
			scene:        enforced(t, "Ingress", "{type: AdmissionBackends}, {type: SameNamespace}").wanted().backend(hook + ", gates: true"),
			want:         []string{"back " + AllowSameNamespaceIngressName, "back " + DenyIngressName},
			wantRefusals: []string{"IngressRefused: Denying ingress is refused: it cuts off Service hook, which the API server calls for ValidatingWebhookConfiguration hook, without which no NetworkPolicy can be written."},
		},
		"a backend that is asked about NetworkPolicies, once nothing is denied": {
			scene: enforced(t, "Ingress", "{type: AdmissionBackends}").backend(hook + ", gates: true"),
			want:  []string{"+" + AllowAdmissionPrefix + "hook", "+" + DenyIngressName},
		},
		"a backend that is asked about NetworkPolicies, and reached": {
			scene: enforced(t, "Ingress", "{type: AdmissionBackends}").backend(hook + ", gates: true").wanted(),
			want:  []string{"=" + AllowAdmissionPrefix + "hook", "=" + DenyIngressName},
		},
		"a backend that is asked about NetworkPolicies, and cut off by others": {
			scene: enforced(t, "Ingress", "{type: AdmissionBackends}").wanted().backend(hook+", gates: true").policy("deny", `podSelector: {}, policyTypes: [Ingress]`),
			want:  []string{"+" + AllowAdmissionPrefix + "hook", "=" + DenyIngressName},
		},
	})
	changes, _ := Control{}.Wants(open().backend(hook).Input)
	want := control.Change{
		APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy", Namespace: "web", Name: DenyIngressName,
		Rules: []string{"NP-01", "NP-03"}, Effect: control.Restricts, Aspects: []string{"Ingress"}, Remove: true,
		Rollback: "Denying ingress is taken back: it would cut off Service hook, which the API server calls for " +
			"ValidatingWebhookConfiguration hook, and allow does not list AdmissionBackends.",
	}
	if diff := cmp.Diff(want, changes[1]); diff != "" {
		t.Errorf("rollback (-want +got):\n%s", diff)
	}
}

// rolledBack applies what is wanted though something is refused.
func (s *scene) rolledBack() *scene {
	s.t.Helper()
	changes, err := Control{}.Wants(s.Input)
	if err == nil {
		s.t.Fatal("nothing is refused")
	}
	return s.apply(changes)
}

// TestRevoke: allowances of ours that are not stated any more go, where that
// does no harm.
func TestRevoke(t *testing.T) {
	const (
		ingressRule = `podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]`
		bothRules   = `podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {}}]}]`
		kept        = "IngressRefused: NetworkPolicy holdfast-allow-admission-hook is kept: the API server calls its pods for ValidatingWebhookConfiguration hook, and allow does not list AdmissionBackends."
	)
	denied := func() *scene { return enforced(t, "Ingress", "").wanted() }
	refuse(t, map[string]refusal{
		"a rule": {
			scene: denied().policy("holdfast-allow-rule-b", ingressRule).ours().policy("holdfast-allow-rule-a", ingressRule).ours(),
			want:  []string{"=" + DenyIngressName, "-holdfast-allow-rule-a", "-holdfast-allow-rule-b"},
		},
		"one of others":          {scene: denied().policy("holdfast-allow-rule-a", ingressRule), want: []string{"=" + DenyIngressName}},
		"one of another name":    {scene: denied().policy("same-namespace", ingressRule).ours(), want: []string{"=" + DenyIngressName}},
		"one in both directions": {scene: denied().policy("holdfast-allow-rule-a", bothRules).ours(), want: []string{"=" + DenyIngressName}},
		"one in a direction that is refused": {
			scene: enforced(t, "Egress", "{type: DNS}").lifelines(kubeDNS).lifelines(deadDNS).
				policy("holdfast-allow-rule-a", `podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]`).ours(),
			wantRefusals: []string{"EgressRefused"},
		},
		"the same namespace": {
			scene: enforced(t, "Ingress, Egress", "{type: DNS}, {type: SameNamespace}").lifelines(kubeDNS).wanted().states(`allow: [{type: DNS}]`),
			want: []string{"=" + AllowDNSName, "=" + DenyIngressName, "=" + DenyEgressName,
				"-" + AllowSameNamespaceEgressName, "-" + AllowSameNamespaceIngressName},
		},
		"the same namespace, in the direction that is denied still": {
			scene: enforced(t, "Ingress, Egress", "{type: DNS}, {type: SameNamespace}").lifelines(kubeDNS).wanted().states(`defaultDeny: [Ingress], allow: []`),
			want:  []string{"=" + DenyIngressName, "-" + AllowSameNamespaceIngressName},
		},
		"nothing of a direction that is not denied any more": {
			scene: enforced(t, "Ingress, Egress", "{type: DNS}, {type: SameNamespace}").lifelines(kubeDNS).wanted().
				states(`defaultDeny: [Ingress], allow: [{type: SameNamespace}]`),
			want: []string{"=" + AllowSameNamespaceIngressName, "=" + DenyIngressName},
		},
		"the API server": {
			scene: enforced(t, "Egress", "{type: DNS}, {type: APIServer}").lifelines(kubeDNS).lifelines(apiServer).wanted().states(`allow: [{type: DNS}]`),
			want:  []string{"=" + AllowDNSName, "=" + DenyEgressName, "-" + AllowAPIServerName},
		},
		"a backend that is none any more": {
			scene: enforced(t, "Ingress", "{type: AdmissionBackends}").wanted().policy(AllowAdmissionPrefix+"hook", allowHook).ours(),
			want:  []string{"=" + DenyIngressName, "-" + AllowAdmissionPrefix + "hook"},
		},
		"a backend, while backends are not observed": {
			scene: denied().policy(AllowAdmissionPrefix+"hook", allowHook).ours().unavailable(control.NeedAdmissionBackends),
			want:  []string{"=" + DenyIngressName},
		},
		"a backend that needs it": {
			scene:        denied().policy(AllowAdmissionPrefix+"hook", allowHook).ours().backend(hook),
			want:         []string{"=" + DenyIngressName},
			wantRefusals: []string{kept},
		},
		"a backend that others let in": {
			scene: denied().policy(AllowAdmissionPrefix+"hook", allowHook).ours().backend(hook).policy("hook", allowHook),
			want:  []string{"=" + DenyIngressName, "-" + AllowAdmissionPrefix + "hook"},
		},
		"a backend on the host network": {
			scene: denied().policy(AllowAdmissionPrefix+"hook", allowHook).ours().backend(hook + ", hostNetwork: true"),
			want:  []string{"=" + DenyIngressName, "-" + AllowAdmissionPrefix + "hook"},
		},
	})
}

// TestRefusalsAreBounded: long names do not make long sentences.
func TestRefusalsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 253)
	called := `service: ` + long[:63] + `, port: 443, selector: {app: hook}, users: [` + long + `]`
	targets := `, targets: [{protocol: TCP, port: 9443}]`
	cases := map[string]*scene{
		"cut off":      enforced(t, "Ingress", "").backend(called + targets),
		"taken back":   enforced(t, "Ingress", "").wanted().backend(called + targets),
		"not computed": enforced(t, "Ingress", "{type: AdmissionBackends}").backend(called),
		"not applied":  enforced(t, "Ingress", "{type: AdmissionBackends}").wanted().backend(called),
		"without selector": enforced(t, "Ingress", "{type: AdmissionBackends}").service(`name: ` + long[:63] + `, type: ClusterIP`).
			backend(`service: ` + long[:63] + `, port: 443, users: [` + long + `]`),
		"kept": enforced(t, "Ingress", "").wanted().backend(called+targets).
			policy(AllowAdmissionPrefix+long[:63], allowHook).ours(),
		"DNS on the host network": enforced(t, "Egress", "{type: DNS}").lifelines(kubeDNS).lifelines(hostDNS).
			lifelines(`dns: {namespace: ` + long[:63] + `, service: ` + long[:63] + `}`),
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			changes, err := Control{}.Wants(s.Input)
			refusals := refusalsOf(t, err)
			if len(refusals) != 1 || strings.HasSuffix(refusals[0], "…") {
				t.Errorf("refusals %q", refusals)
			}
			for _, c := range changes {
				if len(c.Rollback) > maxMessage || strings.HasSuffix(c.Rollback, "…") {
					t.Errorf("rollback %q", c.Rollback)
				}
			}
		})
	}
}
