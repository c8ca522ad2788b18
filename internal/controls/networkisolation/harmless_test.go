package networkisolation

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

// TestWantsSettles: whatever the state of a namespace, applying what is wanted
// leads in a few rounds to a state in which nothing is left to do; and unless
// something is refused there, what the rules judge does not deviate.
func TestWantsSettles(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &scene{t: t, Input: anyState().Draw(rt, "state")}
		state := s.copied()
		const rounds = 3
		var left []string
		var refused error
		for range rounds {
			var changes []control.Change
			changes, refused = Control{}.Wants(s.Input)
			left = slices.DeleteFunc(briefly(changes), func(word string) bool { return strings.HasPrefix(word, "=") })
			s.apply(changes)
		}
		if len(left) > 0 {
			rt.Fatalf("after %d rounds %v is left to do (%v), in\n%s", rounds, left, refused, written(t, state))
		}
		if refused != nil {
			return
		}
		for _, f := range (Control{}).Evaluate(s.Input) {
			if f.Rule <= RuleAllowances && f.Outcome == control.Deviating {
				rt.Fatalf("%s is %s with nothing left to do: %s, in\n%s", f.Rule, controltest.Summary(f), f.Message, written(t, state))
			}
		}
	})
}

// TestWantsDoesNoHarm: what worked before everything wanted is applied works
// after it: the cluster's DNS, and what the API server calls. It also works
// between any two of the changes, in their order.
func TestWantsDoesNoHarm(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &scene{t: t, Input: anyState().Draw(rt, "state")}
		state := s.copied()
		changes, _ := Control{}.Wants(s.Input)
		before := working(s.Input)
		for _, c := range changes {
			s.apply([]control.Change{c})
			for _, name := range before {
				if !slices.Contains(working(s.Input), name) {
					rt.Fatalf("%v cut off %s, at %s, in\n%s", briefly(changes), name, c.Name, written(t, state))
				}
			}
		}
	})
}

// copied returns the input as it is before anything is applied.
func (s *scene) copied() control.Input {
	in := s.Input
	in.Snapshot = new(*s.Snapshot)
	in.Snapshot.NetworkPolicies = slices.Clone(s.Snapshot.NetworkPolicies)
	return in
}

// written returns an input as YAML.
func written(t *testing.T, in control.Input) string {
	t.Helper()
	text, err := yaml.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// working returns which lifelines that are known work for pods of every kind, in
// the directions that the control denies.
func working(in control.Input) []string {
	var names []string
	works := func(name string, l *lifeline, labels map[string]string) {
		class := control.PodClass{Labels: labels}
		if !slices.Contains(in.Control.NetworkIsolation.DefaultDeny, l.direction.name) {
			return
		}
		if !isolated(in.Snapshot.NetworkPolicies, class, l.direction) || l.works(in.Snapshot.NetworkPolicies, in.Snapshot.Namespace, class) {
			names = append(names, name)
		}
	}
	if dns := observedDNS(in.Snapshot); dns != nil && dns.Ready && len(dns.Ports) > 0 {
		stated, _ := allowanceOf(in, v1alpha1.AllowDNS)
		works("DNS", dnsLifeline(*dns, stated.CIDRs), nil)
		works("DNS of web", dnsLifeline(*dns, stated.CIDRs), map[string]string{"app": "web"})
	}
	for _, b := range backends(in.Snapshot) {
		if b.missing == "" && unobservedBackends(in.Snapshot) == "" {
			works(b.service, b.lifeline(), b.selector)
		}
	}
	return names
}

// anyState draws a namespace in any state, under a control in Enforce mode.
func anyState() *rapid.Generator[control.Input] {
	return rapid.Custom(func(t *rapid.T) control.Input {
		in := input(v1alpha1.ModeEnforce, rapid.SliceOfNDistinct(anyObject(), 0, 5, func(p control.NetworkPolicy) string { return p.Name }).Draw(t, "policies")...)
		in.Control.NetworkIsolation.DefaultDeny = rapid.SampledFrom([][]v1alpha1.Direction{{"Ingress"}, {"Egress"}, {"Ingress", "Egress"}}).Draw(t, "directions")
		in.Control.NetworkIsolation.Allow = anyAllowances(t, in.Control.NetworkIsolation.DefaultDeny)
		in.Snapshot.Lifelines = rapid.SampledFrom([]*control.Lifelines{nil, {}, {DNS: anyDNS(t), APIServer: []control.Endpoint{
			{Address: "172.18.0.2", Port: control.Port{Protocol: corev1.ProtocolTCP, Port: 6443}},
		}}}).Draw(t, "lifelines")
		for range rapid.IntRange(0, 2).Draw(t, "backends") {
			in.Snapshot.AdmissionBackends = append(in.Snapshot.AdmissionBackends, anyBackend(t))
		}
		if rapid.Bool().Draw(t, "pods") {
			in.Snapshot.Pods = []control.PodClass{podClass("app=web"), podClass("app=hook"), podClass("app=hook,tier=a")}
		}
		for _, need := range []control.Need{control.NeedEndpointSlices, control.NeedAdmissionBackends} {
			if rapid.IntRange(0, 9).Draw(t, string(need)) == 0 {
				in.Snapshot.Unavailable = map[control.Need]string{need: control.ReasonForbidden}
			}
		}
		return in
	})
}

// anyAllowances draws what an API server would admit with these directions.
func anyAllowances(t *rapid.T, denied []v1alpha1.Direction) []v1alpha1.Allowance {
	stated := []v1alpha1.Allowance{{Type: v1alpha1.AllowSameNamespace}, {Type: v1alpha1.AllowRule, Rule: &v1alpha1.AllowedTraffic{
		Name: "a", Direction: denied[0], Peers: []v1alpha1.TrafficPeer{{IPBlock: &v1alpha1.TrafficBlock{CIDR: "10.0.0.0/8"}}},
	}}}
	if slices.Contains(denied, v1alpha1.DirectionEgress) {
		stated = append(stated, v1alpha1.Allowance{Type: v1alpha1.AllowDNS}, v1alpha1.Allowance{Type: v1alpha1.AllowAPIServer})
	}
	if slices.Contains(denied, v1alpha1.DirectionIngress) {
		stated = append(stated, v1alpha1.Allowance{Type: v1alpha1.AllowAdmissionBackends})
	}
	stated = slices.DeleteFunc(stated, func(a v1alpha1.Allowance) bool { return rapid.IntRange(0, 3).Draw(t, string(a.Type)) == 0 })
	for i := range stated {
		if stated[i].Type == v1alpha1.AllowDNS && rapid.IntRange(0, 3).Draw(t, "cidrs") == 0 {
			stated[i].CIDRs = []string{"10.0.0.0/24"}
		}
	}
	return stated
}

func anyDNS(t *rapid.T) *control.DNS {
	dns := &control.DNS{
		Namespace: "kube-system", Service: "kube-dns", NamespaceLabels: map[string]string{corev1.LabelMetadataName: "kube-system"},
		ClusterIPs:  []string{"10.96.0.10"},
		Ready:       rapid.IntRange(0, 3).Draw(t, "ready") > 0,
		HostNetwork: rapid.IntRange(0, 3).Draw(t, "hostNetwork") == 0,
		NodeLocal:   rapid.IntRange(0, 3).Draw(t, "nodeLocal") == 0,
		Ports:       rapid.SampledFrom([][]control.Port{both(53), both(5353), nil}).Draw(t, "ports"),
	}
	if rapid.IntRange(0, 4).Draw(t, "selector") > 0 {
		dns.Selector = map[string]string{"k8s-app": "kube-dns"}
		dns.Pods = []map[string]string{{"k8s-app": "kube-dns"}}
	}
	return dns
}

func anyBackend(t *rapid.T) control.AdmissionBackend {
	b := control.AdmissionBackend{Service: rapid.SampledFrom([]string{"hook", "other"}).Draw(t, "service"), Port: 443, HostNetwork: rapid.IntRange(0, 5).Draw(t, "hostNetwork") == 0}
	if rapid.IntRange(0, 5).Draw(t, "selector") > 0 {
		b.Selector = map[string]string{"app": b.Service}
		b.Targets = rapid.SampledFrom([][]control.Port{nil, {{Protocol: corev1.ProtocolTCP, Port: 9443}}}).Draw(t, "targets")
	}
	return b
}

// anyObject draws a policy: one of ours, as it is applied or not, or another's.
func anyObject() *rapid.Generator[control.NetworkPolicy] {
	names := []string{DenyIngressName, DenyEgressName, AllowDNSName, AllowAPIServerName, AllowSameNamespaceIngressName, AllowSameNamespaceEgressName, AllowAdmissionPrefix + "hook", AllowRulePrefix + "old", "a", "b"}
	specs := []string{
		`{podSelector: {}, policyTypes: [Ingress]}`,
		`{podSelector: {}, policyTypes: [Egress]}`,
		`{podSelector: {}, policyTypes: [Ingress, Egress]}`,
		`{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress]}`,
		`{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}`,
		`{podSelector: {matchLabels: {app: hook}}, policyTypes: [Ingress], ingress: [{ports: [{port: 9443}]}]}`,
		`{podSelector: {matchLabels: {tier: a}}, policyTypes: [Ingress], ingress: [{}]}`,
		`{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}`,
		`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}]}`,
		`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 53, protocol: UDP}]}]}`,
	}
	return rapid.Custom(func(t *rapid.T) control.NetworkPolicy {
		p := control.NetworkPolicy{Name: rapid.SampledFrom(names).Draw(t, "name")}
		p.Ours = strings.HasPrefix(p.Name, "holdfast-") && rapid.IntRange(0, 3).Draw(t, "ours") > 0
		var spec networkingv1.NetworkPolicySpec
		if err := yaml.UnmarshalStrict([]byte(rapid.SampledFrom(specs).Draw(t, "spec")), &spec); err != nil {
			t.Fatal(err)
		}
		// What somebody adds to an object of ours in the other direction is his own.
		switch {
		case !p.Ours:
		case slices.Contains([]string{DenyEgressName, AllowDNSName, AllowAPIServerName, AllowSameNamespaceEgressName}, p.Name):
			spec = without(ingress(), spec)
		case slices.Contains([]string{DenyIngressName, AllowSameNamespaceIngressName}, p.Name) || strings.HasPrefix(p.Name, AllowAdmissionPrefix):
			spec = without(egress(), spec)
		}
		p.Spec = spec
		return p
	})
}

// without returns a spec that leaves the direction alone.
func without(d direction, spec networkingv1.NetworkPolicySpec) networkingv1.NetworkPolicySpec {
	spec.PolicyTypes = slices.DeleteFunc(slices.Clone(policyTypes(spec)), func(t networkingv1.PolicyType) bool { return t == d.policyType })
	if d.name == v1alpha1.DirectionIngress {
		spec.Ingress = nil
	} else {
		spec.Egress = nil
	}
	return spec
}
