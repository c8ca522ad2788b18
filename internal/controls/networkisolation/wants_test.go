package networkisolation

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

const (
	kubeDNS = `dns: {namespace: kube-system, service: kube-dns, ready: true, selector: {k8s-app: kube-dns},
		namespaceLabels: {kubernetes.io/metadata.name: kube-system}, clusterIPs: [10.96.0.10],
		pods: [{k8s-app: kube-dns}], ports: [{protocol: TCP, port: 53}, {protocol: UDP, port: 53}]}`
	apiServer = `apiServer: [{address: 172.18.0.2, protocol: TCP, port: 6443}]`

	allowDNSSpec = `
egress:
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
  to:
  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
    podSelector: {matchLabels: {k8s-app: kube-dns}}
ingress: []
podSelector: {}
policyTypes: [Egress]`
)

// enforced is an empty namespace under a control in Enforce mode that denies the
// directions, and allows what the fields of allow say.
func enforced(t *testing.T, directions, allow string) *scene {
	t.Helper()
	s := bare(t).states(`allow: [` + allow + `]`)
	s.Control.Mode = v1alpha1.ModeEnforce
	s.Control.NetworkIsolation.DefaultDeny = nil
	return s.states(`defaultDeny: [` + directions + `]`)
}

func (s *scene) lifelines(fields string) *scene {
	if s.Snapshot.Lifelines == nil {
		s.Snapshot.Lifelines = &control.Lifelines{}
	}
	s.read(fields, s.Snapshot.Lifelines)
	return s
}

func (s *scene) backend(fields string) *scene {
	return decode(s, fields, &s.Snapshot.AdmissionBackends)
}

// wanted applies everything that the control wants to the scene.
func (s *scene) wanted() *scene {
	s.t.Helper()
	changes, err := Control{}.Wants(s.Input)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.apply(changes)
}

func (s *scene) apply(changes []control.Change) *scene {
	s.t.Helper()
	for _, c := range changes {
		s.remove(c.Name)
		if c.Remove {
			continue
		}
		p := control.NetworkPolicy{Name: c.Name, Ours: true}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(c.Spec, &p.Spec); err != nil {
			s.t.Fatal(err)
		}
		s.Snapshot.NetworkPolicies = append(s.Snapshot.NetworkPolicies, p)
	}
	return s
}

func (s *scene) remove(name string) *scene {
	s.Snapshot.NetworkPolicies = slices.DeleteFunc(s.Snapshot.NetworkPolicies, func(p control.NetworkPolicy) bool { return p.Name == name })
	return s
}

// briefly returns changes in a few words each, such as "+holdfast-allow-dns".
func briefly(changes []control.Change) []string {
	var words []string
	for _, c := range changes {
		word := "+" + c.Name
		switch {
		case c.Rollback != "":
			word = "back " + c.Name
		case c.Remove:
			word = "-" + c.Name
		case c.InPlace:
			word = "=" + c.Name
		}
		words = append(words, word)
	}
	return words
}

// refusalsOf returns the refusals, as reason and message.
func refusalsOf(t *testing.T, err error) []string {
	t.Helper()
	var texts []string
	joined, several := err.(interface{ Unwrap() []error })
	if err == nil || !several {
		return nil
	}
	for _, err := range joined.Unwrap() {
		var refusal *control.Refusal
		if !errors.As(err, &refusal) {
			t.Fatalf("error %v is no refusal", err)
		}
		if len(refusal.Message) > maxMessage || !strings.HasSuffix(refusal.Message, ".") {
			t.Errorf("refusal %q is no sentence of at most %d bytes", refusal.Message, maxMessage)
		}
		texts = append(texts, refusal.Reason+": "+refusal.Message)
	}
	return texts
}

// TestWantsSpecs: what is wanted for each allowance.
func TestWantsSpecs(t *testing.T) {
	cases := map[string]struct {
		scene *scene
		name  string
		want  string
	}{
		"deny ingress": {
			scene: enforced(t, "Ingress", ""), name: DenyIngressName,
			want: `{podSelector: {}, policyTypes: [Ingress], ingress: [], egress: []}`,
		},
		"deny egress": {
			scene: enforced(t, "Egress", "{type: DNS}").lifelines(kubeDNS), name: DenyEgressName,
			want: `{podSelector: {}, policyTypes: [Egress], ingress: [], egress: []}`,
		},
		"kube-dns": {
			scene: enforced(t, "Egress", "{type: DNS}").lifelines(kubeDNS), name: AllowDNSName, want: allowDNSSpec,
		},
		"DNS on other ports, elsewhere": {
			scene: enforced(t, "Egress", "{type: DNS}").lifelines(`dns: {namespace: openshift-dns, service: dns-default, ready: true,
				selector: {dns: default}, ports: [{protocol: UDP, port: 5353}, {protocol: TCP, port: 5353}, {protocol: TCP, port: 8053}]}`),
			name: AllowDNSName,
			want: `
egress:
- ports: [{port: 5353, protocol: UDP}, {port: 5353, protocol: TCP}, {port: 8053, protocol: TCP}]
  to:
  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: openshift-dns}}
    podSelector: {matchLabels: {dns: default}}
ingress: []
podSelector: {}
policyTypes: [Egress]`,
		},
		"a node-local cache, dual stack": {
			scene: enforced(t, "Egress", "{type: DNS}").lifelines(kubeDNS).
				lifelines(`dns: {nodeLocal: true, clusterIPs: ["fd00:96::a", 10.96.0.10], ports: [{protocol: UDP, port: 5353}]}`),
			name: AllowDNSName,
			want: `
egress:
- ports: [{port: 5353, protocol: UDP}]
  to:
  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
    podSelector: {matchLabels: {k8s-app: kube-dns}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
  to: [{ipBlock: {cidr: 10.96.0.10/32}}, {ipBlock: {cidr: 169.254.20.10/32}}, {ipBlock: {cidr: "fd00:96::a/128"}}]
ingress: []
podSelector: {}
policyTypes: [Egress]`,
		},
		"DNS on the host network, with cidrs": {
			scene: enforced(t, "Egress", `{type: DNS, cidrs: ["fd00:1::/64", 10.0.0.0/24]}`).lifelines(kubeDNS).
				lifelines(`dns: {hostNetwork: true, ports: [{protocol: UDP, port: 5353}]}`),
			name: AllowDNSName,
			want: `
egress:
- ports: [{port: 5353, protocol: UDP}]
  to:
  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
    podSelector: {matchLabels: {k8s-app: kube-dns}}
- ports: [{port: 53, protocol: UDP}, {port: 5353, protocol: UDP}, {port: 53, protocol: TCP}]
  to: [{ipBlock: {cidr: 10.0.0.0/24}}, {ipBlock: {cidr: "fd00:1::/64"}}]
ingress: []
podSelector: {}
policyTypes: [Egress]`,
		},
		"DNS without a selector, with cidrs": {
			scene: enforced(t, "Egress", `{type: DNS, cidrs: [10.0.0.53/32]}`).
				lifelines(`dns: {namespace: kube-system, service: kube-dns, ready: true, ports: [{protocol: UDP, port: 53}]}`),
			name: AllowDNSName,
			want: `
egress:
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
  to: [{ipBlock: {cidr: 10.0.0.53/32}}]
ingress: []
podSelector: {}
policyTypes: [Egress]`,
		},
		"API servers, dual stack and on two ports": {
			scene: enforced(t, "Egress", "{type: DNS}, {type: APIServer}").lifelines(kubeDNS).
				lifelines(`apiServer: [{address: 172.18.0.3, protocol: TCP, port: 6443}, {address: "fd00::2", protocol: TCP, port: 6443},
					{address: 172.18.0.2, protocol: TCP, port: 6444}, {address: 172.18.0.2, protocol: TCP, port: 6443}]`),
			name: AllowAPIServerName,
			want: `
egress:
- ports: [{port: 6443, protocol: TCP}]
  to: [{ipBlock: {cidr: 172.18.0.2/32}}, {ipBlock: {cidr: 172.18.0.3/32}}, {ipBlock: {cidr: "fd00::2/128"}}]
- ports: [{port: 6444, protocol: TCP}]
  to: [{ipBlock: {cidr: 172.18.0.2/32}}]
ingress: []
podSelector: {}
policyTypes: [Egress]`,
		},
		"the API server, with cidrs": {
			scene: enforced(t, "Egress", "{type: DNS}, {type: APIServer, cidrs: [10.1.0.0/28]}").lifelines(kubeDNS).lifelines(apiServer),
			name:  AllowAPIServerName,
			want: `
egress:
- ports: [{port: 6443, protocol: TCP}]
  to: [{ipBlock: {cidr: 172.18.0.2/32}}]
- ports: [{port: 443, protocol: TCP}, {port: 6443, protocol: TCP}]
  to: [{ipBlock: {cidr: 10.1.0.0/28}}]
ingress: []
podSelector: {}
policyTypes: [Egress]`,
		},
		"the same namespace, ingress": {
			scene: enforced(t, "Ingress", "{type: SameNamespace}"), name: AllowSameNamespaceIngressName,
			want: `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}], egress: []}`,
		},
		"the same namespace, egress": {
			scene: enforced(t, "Egress", "{type: DNS}, {type: SameNamespace}").lifelines(kubeDNS), name: AllowSameNamespaceEgressName,
			want: `{podSelector: {}, policyTypes: [Egress], ingress: [], egress: [{to: [{podSelector: {}}]}]}`,
		},
		"the same namespace, ingress of both directions": {
			scene: enforced(t, "Egress, Ingress", "{type: DNS}, {type: SameNamespace}").lifelines(kubeDNS), name: AllowSameNamespaceIngressName,
			want: `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}], egress: []}`,
		},
		"the same namespace, egress of both directions": {
			scene: enforced(t, "Egress, Ingress", "{type: DNS}, {type: SameNamespace}").lifelines(kubeDNS), name: AllowSameNamespaceEgressName,
			want: `{podSelector: {}, policyTypes: [Egress], ingress: [], egress: [{to: [{podSelector: {}}]}]}`,
		},
		"two webhooks on one Service": {
			scene: enforced(t, "Ingress", "{type: AdmissionBackends}").
				backend(`service: hook, port: 8443, selector: {app: hook}, targets: [{protocol: TCP, port: 9444}, {protocol: TCP, port: 9443}]`).
				backend(`service: hook, port: 443, selector: {app: hook}, targets: [{protocol: TCP, port: 9443}]`),
			name: AllowAdmissionPrefix + "hook",
			want: `{podSelector: {matchLabels: {app: hook}}, policyTypes: [Ingress], egress: [],
				ingress: [{ports: [{port: 9443, protocol: TCP}, {port: 9444, protocol: TCP}]}]}`,
		},
		"a rule of ingress": {
			scene: enforced(t, "Ingress", `{type: Rule, rule: {name: web, direction: Ingress, podSelector: {matchLabels: {app: web}},
				peers: [{namespaceSelector: {matchExpressions: [{key: team, operator: In, values: [a, b]}]}, podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}],
				ports: [{port: 80}, {protocol: UDP, port: 8000, endPort: 8010}, {protocol: TCP, name: https}]}}`),
			name: AllowRulePrefix + "web",
			want: `
podSelector: {matchLabels: {app: web}}
policyTypes: [Ingress]
egress: []
ingress:
- from:
  - namespaceSelector: {matchExpressions: [{key: team, operator: In, values: [a, b]}]}
    podSelector: {}
  - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
  ports: [{port: 80, protocol: TCP}, {port: 8000, endPort: 8010, protocol: UDP}, {port: https, protocol: TCP}]`,
		},
		"a rule of egress to everybody": {
			scene: enforced(t, "Egress", `{type: DNS}, {type: Rule, rule: {name: out, direction: Egress, peers: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: "::/0"}}]}}`).lifelines(kubeDNS),
			name:  AllowRulePrefix + "out",
			want:  `{podSelector: {}, policyTypes: [Egress], ingress: [], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: "::/0"}}]}]}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			changes, err := Control{}.Wants(tc.scene.Input)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(changes, func(c control.Change) bool { return c.Name == tc.name })
			if i < 0 {
				t.Fatalf("%s is not wanted, but %v", tc.name, briefly(changes))
			}
			want := decoded(t, tc.want)
			if diff := cmp.Diff(want, decoded(t, encoded(t, changes[i].Spec))); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

func decoded(t *testing.T, text string) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func encoded(t *testing.T, fields map[string]any) string {
	t.Helper()
	text, err := yaml.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestWantsChange: all that is said of a change beside its spec.
func TestWantsChange(t *testing.T) {
	s := enforced(t, "Egress, Ingress", "{type: SameNamespace}, {type: DNS}").lifelines(kubeDNS).
		policy(DenyIngressName, `podSelector: {}, policyTypes: [Ingress]`).ours().
		policy("holdfast-allow-rule-old", `podSelector: {}, policyTypes: [Egress], egress: [{}]`).ours()
	changes, err := Control{}.Wants(s.Input)
	if err != nil {
		t.Fatal(err)
	}
	for i := range changes {
		if changes[i].Remove == (changes[i].Spec != nil) {
			t.Errorf("%s: removed %t, with spec %v", changes[i].Name, changes[i].Remove, changes[i].Spec)
		}
		changes[i].Spec = nil
	}
	object := func(c control.Change) control.Change {
		c.APIVersion, c.Kind, c.Namespace = "networking.k8s.io/v1", "NetworkPolicy", "web"
		return c
	}
	want := []control.Change{
		object(control.Change{Name: AllowDNSName, Rules: []string{"NP-03"}, Effect: control.Permits, Aspects: []string{"Egress"}, Required: true}),
		object(control.Change{Name: AllowSameNamespaceIngressName, Rules: []string{"NP-04"}, Effect: control.Permits, Aspects: []string{"Ingress"}}),
		object(control.Change{Name: AllowSameNamespaceEgressName, Rules: []string{"NP-04"}, Effect: control.Permits, Aspects: []string{"Egress"}}),
		object(control.Change{Name: DenyIngressName, Rules: []string{"NP-01"}, Effect: control.Restricts, Aspects: []string{"Ingress"}, InPlace: true}),
		object(control.Change{Name: DenyEgressName, Rules: []string{"NP-02"}, Effect: control.Restricts, Aspects: []string{"Egress"}}),
		object(control.Change{Name: "holdfast-allow-rule-old", Rules: []string{"NP-04"}, Effect: control.Permits, Aspects: []string{"Egress"}, Remove: true}),
	}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestWantsNothing(t *testing.T) {
	allowed := func() *scene { return enforced(t, "Ingress", "{type: SameNamespace}") }
	cases := map[string]control.Input{
		"without a snapshot":             allowed().change(func(in *control.Input) { in.Snapshot = nil }).Input,
		"without a control of this type": allowed().change(func(in *control.Input) { in.Control.NetworkIsolation = nil }).Input,
		"in a namespace that is deleted": allowed().change(func(in *control.Input) { in.Snapshot.Namespace.Terminating = true }).Input,
		"in one that still runs pods": allowed().change(func(in *control.Input) {
			in.Snapshot.Namespace.Terminating, in.Snapshot.Namespace.HasRunningPods = true, true
		}).Input,
		"where namespaces are not known":   allowed().unavailable(control.NeedNamespaces).Input,
		"where its policies are not known": allowed().unavailable(control.NeedNetworkPolicies).Input,
	}
	for name, in := range cases {
		t.Run(name, func(t *testing.T) {
			changes, err := Control{}.Wants(in)
			if len(changes) > 0 || err != nil {
				t.Errorf("Wants = %v, %v; want nothing", briefly(changes), err)
			}
		})
	}
}

// TestWantedIsAsWanted: what is applied is what Enforce mode takes for unaltered.
func TestWantedIsAsWanted(t *testing.T) {
	s := everything(t).wanted()
	changes, err := Control{}.Wants(s.Input)
	if err != nil || len(changes) == 0 {
		t.Fatalf("Wants = %v, %v", briefly(changes), err)
	}
	for _, word := range briefly(changes) {
		if !strings.HasPrefix(word, "=") {
			t.Errorf("%s once all is applied", word)
		}
	}
	for _, p := range s.Snapshot.NetworkPolicies {
		if !asWanted(s.Input, p) {
			t.Errorf("%s is not as wanted", p.Name)
		}
		altered := p
		altered.Spec.Ingress = append(slices.Clone(p.Spec.Ingress), networkingv1.NetworkPolicyIngressRule{})
		foreign := p
		foreign.Ours = false
		if asWanted(s.Input, altered) || asWanted(s.Input, foreign) {
			t.Errorf("%s is as wanted when altered, or by others", p.Name)
		}
	}
	for _, rule := range []string{RuleDenyIngress, RuleDenyEgress, RuleLifelines, RuleAllowances} {
		if f := controltest.FindingOf(t, Control{}, s.Input, rule); f.Outcome != control.Conforming {
			t.Errorf("%s is %s once all is applied: %s", rule, controltest.Summary(f), f.Message)
		}
	}
}

// everything is a scene in which something of each kind is wanted.
func everything(t *testing.T) *scene {
	t.Helper()
	return enforced(t, "Ingress, Egress", `{type: DNS, cidrs: [10.0.0.0/24]}, {type: APIServer}, {type: AdmissionBackends}, {type: SameNamespace},
		{type: Rule, rule: {name: b, direction: Egress, peers: [{namespaceSelector: {}}], ports: [{port: 80, protocol: TCP}]}},
		{type: Rule, rule: {name: a, direction: Ingress, peers: [{podSelector: {}}], ports: [{name: https}]}}`).
		lifelines(kubeDNS).lifelines(apiServer).lifelines(`dns: {nodeLocal: true}`).
		backend(`service: hook, port: 443, selector: {app: hook}, targets: [{protocol: TCP, port: 9443}], users: [ValidatingWebhookConfiguration hook]`).
		backend(`service: conversion, port: 443, selector: {app: crd}, targets: [{protocol: TCP, port: 9443}], users: [CustomResourceDefinition a.b]`)
}

// TestWantsInAnyOrder: nothing depends on the order in which things are observed
// or stated, and the same input gives the same.
func TestWantsInAnyOrder(t *testing.T) {
	want := describe(t, everything(t).Input)
	rapid.Check(t, func(rt *rapid.T) {
		in := everything(t).policy("other", `podSelector: {}, policyTypes: [Ingress]`).Input
		in.Snapshot.NetworkPolicies = rapid.Permutation(in.Snapshot.NetworkPolicies).Draw(rt, "policies")
		in.Snapshot.AdmissionBackends = rapid.Permutation(in.Snapshot.AdmissionBackends).Draw(rt, "backends")
		in.Snapshot.Lifelines.DNS.Ports = rapid.Permutation(in.Snapshot.Lifelines.DNS.Ports).Draw(rt, "ports")
		isolation := in.Control.NetworkIsolation
		isolation.Allow = rapid.Permutation(isolation.Allow).Draw(rt, "allow")
		isolation.DefaultDeny = rapid.Permutation(isolation.DefaultDeny).Draw(rt, "directions")
		if diff := cmp.Diff(want, describe(t, in)); diff != "" {
			rt.Errorf("Wants (-want +got):\n%s", diff)
		}
	})
}

func describe(t *testing.T, in control.Input) []string {
	t.Helper()
	changes, err := Control{}.Wants(in)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, c := range changes {
		texts = append(texts, c.Name+"\n"+encoded(t, c.Spec))
	}
	return texts
}
