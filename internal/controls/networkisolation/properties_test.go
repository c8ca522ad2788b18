package networkisolation

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestOrderNeverMatters: neither the order of objects nor a second evaluation
// changes a finding.
func TestOrderNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		before := Control{}.Evaluate(in)
		if diff := cmp.Diff(before, Control{}.Evaluate(in)); diff != "" {
			t.Fatalf("a second evaluation differs:\n%s", diff)
		}
		s := *in.Snapshot
		s.NetworkPolicies = rapid.Permutation(s.NetworkPolicies).Draw(t, "policies")
		s.Pods = rapid.Permutation(s.Pods).Draw(t, "pods")
		s.Services = rapid.Permutation(s.Services).Draw(t, "services")
		s.ClusterPolicies = rapid.Permutation(s.ClusterPolicies).Draw(t, "cluster policies")
		in.Snapshot = &s
		if diff := cmp.Diff(before, Control{}.Evaluate(in)); diff != "" {
			t.Fatalf("another order differs:\n%s", diff)
		}
	})
}

// TestFindingsAreBounded: whatever is there, a finding names no more than it may.
func TestFindingsAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		for i := range in.Snapshot.NetworkPolicies {
			in.Snapshot.NetworkPolicies[i].Name += fmt.Sprintf("%0240d", i)
		}
		findings := Control{}.Evaluate(in)
		checkBounds(t, findings)
		for _, rule := range control.StateOf(findings).Rules {
			if len(rule.Culprits) > maxCulprits {
				t.Fatalf("%d culprits of %s in the state", len(rule.Culprits), rule.Rule)
			}
		}
	})
}

// TestDenyAllDenies: in Observe mode a policy that denies all makes NP-01, NP-02
// and NP-06 conform, whatever else is there.
func TestDenyAllDenies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		in.Control.Mode = v1alpha1.ModeObserve
		in.Snapshot.NetworkPolicies = append(in.Snapshot.NetworkPolicies, policy("deny-all", false, "Ingress", "Egress"))
		for _, f := range (Control{}).Evaluate(in) {
			denial := slices.Contains([]string{RuleDenyIngress, RuleDenyEgress, RuleCoverage}, f.Rule)
			if denial && f.Outcome != control.Conforming && f.Reason != ReasonNoPods {
				t.Fatalf("%s is %s (%s) beside a policy that denies all", f.Rule, f.Outcome, f.Reason)
			}
		}
	})
}

// TestConformingIsDenied: what conforms is denied by a policy that meets the
// definition of NP-01 and NP-02, spelled out here once more.
func TestConformingIsDenied(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		in.Control.Mode = v1alpha1.ModeObserve
		findings := Control{}.Evaluate(in)
		want := []bool{
			slices.ContainsFunc(in.Snapshot.NetworkPolicies, func(p control.NetworkPolicy) bool {
				typed := len(p.Spec.PolicyTypes) == 0 || slices.Contains(p.Spec.PolicyTypes, "Ingress")
				return typed && len(p.Spec.Ingress) == 0 && metav1.FormatLabelSelector(&p.Spec.PodSelector) == "<none>"
			}),
			slices.ContainsFunc(in.Snapshot.NetworkPolicies, func(p control.NetworkPolicy) bool {
				return slices.Contains(p.Spec.PolicyTypes, "Egress") && len(p.Spec.Egress) == 0 &&
					metav1.FormatLabelSelector(&p.Spec.PodSelector) == "<none>"
			}),
		}
		for i, f := range findings[:2] {
			if got := f.Outcome == control.Conforming; got != want[i] {
				t.Fatalf("%s is %s (%s), want conforming: %v", f.Rule, f.Outcome, f.Reason, want[i])
			}
		}
	})
}

// TestAllowingNeverIsolates: a rule more in a policy isolates no more pods, and
// closes nothing. The policy states its types: without them its first egress
// rule would isolate egress.
func TestAllowingNeverIsolates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		if len(in.Snapshot.NetworkPolicies) == 0 {
			return
		}
		p := &in.Snapshot.NetworkPolicies[rapid.IntRange(0, len(in.Snapshot.NetworkPolicies)-1).Draw(t, "policy")]
		p.Spec.PolicyTypes = policyTypes(p.Spec)
		before := openness(in)
		if rapid.Bool().Draw(t, "ingress") {
			p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: anyPeers().Draw(t, "from"), Ports: anyPorts().Draw(t, "ports")})
		} else {
			p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: anyPeers().Draw(t, "to"), Ports: anyPorts().Draw(t, "ports")})
		}
		after := openness(in)
		for i := range before {
			if after[i].isolated && !before[i].isolated {
				t.Fatalf("%s is isolated by a rule that allows", before[i].name)
			}
			if closed := before[i].ports.minus(after[i].ports); !closed.empty() {
				t.Fatalf("%s is closed at %s by a rule that allows", before[i].name, closed)
			}
		}
	})
}

// TestPoliciesNeverOpen: a policy more opens nothing but what its own rules
// allow, and isolates no fewer pods.
func TestPoliciesNeverOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		before := openness(in)
		added := anyPolicy().Draw(t, "added")
		added.Name, added.Spec.PolicyTypes = "added", policyTypes(added.Spec)
		if rapid.Bool().Draw(t, "its own namespace") {
			narrow := networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}}
			added.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{narrow}}}
			added.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{narrow}}}
		} else {
			added.Spec.Ingress, added.Spec.Egress = nil, nil
		}
		in.Snapshot.NetworkPolicies = append(slices.Clone(in.Snapshot.NetworkPolicies), added)
		after := openness(in)
		for i := range before {
			if before[i].isolated && !after[i].isolated {
				t.Fatalf("%s is not isolated any more", before[i].name)
			}
			if opened := after[i].ports.minus(before[i].ports); !opened.empty() {
				t.Fatalf("%s is open at %s, which no rule allows", before[i].name, opened)
			}
		}
	})
}

// TestExposureIsWhatEverybodyMayDo: pods are exposed at a port exactly if a pod
// of any namespace, or all addresses, may use it: asked one by one.
func TestExposureIsWhatEverybodyMayDo(t *testing.T) {
	stranger := party{namespace: "elsewhere", namespaceLabels: map[string]string{}, podLabels: map[string]string{}}
	var quarters []party // the networks that are drawn are made of these
	for _, address := range []string{"10.0.0.1", "100.0.0.1", "140.0.0.1", "220.0.0.1"} {
		quarters = append(quarters, party{address: netip.MustParseAddr(address)})
	}
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		policies := in.Snapshot.NetworkPolicies
		for _, o := range openness(in) {
			for _, number := range []int32{53, 80, 85, 90, 91, 8080} {
				for _, protocol := range protocols() {
					port := control.Port{Protocol: protocol, Port: number}
					may := func(p party) bool {
						return permits(policies, in.Snapshot.Namespace, o.class, o.direction, p, port)
					}
					want := may(stranger) || !slices.ContainsFunc(quarters, func(p party) bool { return !may(p) })
					if got := o.ports.contains(port); got != want {
						t.Fatalf("%s is exposed at %v: %v, want %v", o.name, port, got, want)
					}
				}
			}
		}
	})
}

// open is what a class of pods lets anybody do.
type open struct {
	name      string
	class     control.PodClass
	direction direction
	isolated  bool
	ports     portSet
}

// openness returns what each class of pods lets anybody do, in each direction.
func openness(in control.Input) []open {
	var all []open
	work := maxWork
	for _, t := range readTraffic(in) {
		for _, class := range t.classes {
			e := t.exposureOf(class, &work)
			all = append(all, open{
				name: class.name + " " + t.word, class: class.PodClass, direction: t.direction,
				isolated: isolated(in.Snapshot.NetworkPolicies, class.PodClass, t.direction),
				ports:    unionOf(e.ports, e.stated),
			})
		}
	}
	slices.SortFunc(all, func(a, b open) int { return slices.Compare([]string{a.name}, []string{b.name}) })
	return all
}

// bounds is what checkBounds needs of a test.
type bounds interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkBounds(t bounds, findings []control.Finding) {
	t.Helper()
	for _, f := range findings {
		if f.Reason == "" || f.Message == "" || len(f.Message) > maxMessage || len(f.Culprits) > maxCulprits || !slices.IsSorted(f.Culprits) {
			t.Fatalf("%s: reason %q, message of %d bytes, culprits %q", f.Rule, f.Reason, len(f.Message), f.Culprits)
		}
		for name, text := range f.Facts {
			if len(text) > maxFact {
				t.Fatalf("%s: fact %s of %d bytes", f.Rule, name, len(text))
			}
		}
	}
}

func FuzzEvaluate(f *testing.F) {
	f.Add([]byte(`[{"name":"holdfast-default-deny-ingress","ours":true,"spec":{"podSelector":{},"policyTypes":["Ingress"],"ingress":[{}]}}]`), []byte(`[]`), []byte(`{"app":"web"}`))
	f.Add([]byte(`[{"name":"a","spec":{"podSelector":{"matchExpressions":[{"key":"a","operator":"Near"}]},"egress":[]}}]`), []byte(`[{"tier":"Admin","ingress":[{"action":"Accept","peers":[{"namespaces":{}}],"protocols":[{"name":"x"},{"protocol":"TCP","from":5}]}]}]`), []byte(`{}`))
	f.Add([]byte(`[{"spec":{"policyTypes":["","Egress","Egress"],"egress":[{"to":[{}],"ports":[{"port":"dns"},{"port":70000,"endPort":1}]}]}}]`), []byte(`[{"tier":"x"}]`), []byte(`null`))
	f.Add([]byte(`[{"spec":{"ingress":[{"from":[{"ipBlock":{"cidr":"0.0.0.0/1","except":["::/0","x"]}},{"ipBlock":{"cidr":"::ffff:0.0.0.0/97"}}]},{"from":[{"ipBlock":{"cidr":"128.0.0.0/1"}}]}]}}]`), []byte(`[{"tier":"Admin","pods":{"matchLabels":{"":""}},"egress":[{"action":"Deny","peers":[{"networks":["::/0","",null]},{"unmodelled":"nodes"}]}]}]`), []byte(`{"":""}`))
	f.Fuzz(func(t *testing.T, policies, cluster, labels []byte) {
		in := input(v1alpha1.ModeEnforce)
		class := control.PodClass{}
		if json.Unmarshal(policies, &in.Snapshot.NetworkPolicies) != nil || json.Unmarshal(cluster, &in.Snapshot.ClusterPolicies) != nil ||
			json.Unmarshal(labels, &class.Labels) != nil {
			return // no such objects: an API server never serves them
		}
		in.Snapshot.Pods = []control.PodClass{class, {}, {HostNetwork: true}}
		findings := Control{}.Evaluate(in)
		if got, want := len(findings), 7; got != want {
			t.Fatalf("%d findings, want one of each of %d rules", got, want)
		}
		checkBounds(t, findings)
		for _, f := range findings {
			if f.Reason == control.ReasonFailed {
				t.Errorf("%s failed: %s", f.Rule, f.Message)
			}
		}
	})
}

// anyInput draws a namespace whose objects differ in all that is judged, with
// selectors resolved.
func anyInput() *rapid.Generator[control.Input] {
	pods := []control.PodClass{
		podClass(""), podClass("app=web"), podClass("app=db,tier=a"),
		{Labels: map[string]string{"app": "node"}, HostNetwork: true},
		{Labels: map[string]string{"app": "named"}, Ports: []control.NamedPort{{Name: "http", Port: control.Port{Protocol: corev1.ProtocolTCP, Port: 8080}}}},
	}
	return rapid.Custom(func(t *rapid.T) control.Input {
		mode := rapid.SampledFrom([]v1alpha1.Mode{v1alpha1.ModeObserve, v1alpha1.ModeEnforce}).Draw(t, "mode")
		byName := func(p control.NetworkPolicy) string { return p.Name }
		in := input(mode, rapid.SliceOfNDistinct(anyPolicy(), 0, 6, byName).Draw(t, "policies")...)
		s := in.Snapshot
		s.Namespace.Labels = map[string]string{"team": "a"}
		s.Peers = control.Peers{Namespaces: map[string]bool{"team=a": false, "!x": true}, Pods: map[string]bool{"app=web": false, "!x": true}}
		s.Pods = rapid.Permutation(pods).Draw(t, "classes")[:rapid.IntRange(0, len(pods)).Draw(t, "pods")]
		for i := range rapid.IntRange(0, 3).Draw(t, "services") {
			kind := rapid.SampledFrom([]corev1.ServiceType{corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer}).Draw(t, "type")
			s.Services = append(s.Services, control.Service{Name: fmt.Sprint("s", i), Type: kind})
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "cluster policies") {
			p := control.ClusterPolicy{Name: fmt.Sprint("c", i), Tier: tierAdmin, Priority: rapid.Int32Range(1, 2).Draw(t, "priority")}
			action := rapid.SampledFrom([]string{actionAccept, actionDeny, actionPass}).Draw(t, "action")
			p.Ingress = []control.ClusterRule{{Action: action, Peers: []control.ClusterPeer{{Namespaces: &metav1.LabelSelector{}}}}}
			s.ClusterPolicies = append(s.ClusterPolicies, p)
		}
		return in
	})
}

func anyPolicy() *rapid.Generator[control.NetworkPolicy] {
	types := [][]networkingv1.PolicyType{nil, {"Ingress"}, {"Egress"}, {"Ingress", "Egress"}, {"Egress", "Ingress"}}
	return rapid.Custom(func(t *rapid.T) control.NetworkPolicy {
		p := control.NetworkPolicy{
			Name: rapid.SampledFrom([]string{DenyIngressName, DenyEgressName, "a", "b", "c", "d"}).Draw(t, "name"),
			Ours: rapid.Bool().Draw(t, "ours"),
		}
		p.Spec.PodSelector = anySelector().Draw(t, "podSelector")
		p.Spec.PolicyTypes = rapid.SampledFrom(types).Draw(t, "policyTypes")
		for range rapid.IntRange(0, 3).Draw(t, "ingress rules") {
			p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: anyPeers().Draw(t, "from"), Ports: anyPorts().Draw(t, "ports")})
		}
		for range rapid.IntRange(0, 3).Draw(t, "egress rules") {
			p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: anyPeers().Draw(t, "to"), Ports: anyPorts().Draw(t, "ports")})
		}
		return p
	})
}

// anySelector draws a selector of pods.
func anySelector() *rapid.Generator[metav1.LabelSelector] {
	return rapid.SampledFrom([]metav1.LabelSelector{
		{},
		{MatchLabels: map[string]string{"app": "web"}},
		{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "x", Operator: metav1.LabelSelectorOpDoesNotExist}}},
	})
}

func anyPeers() *rapid.Generator[[]networkingv1.NetworkPolicyPeer] {
	namespaces := []*metav1.LabelSelector{
		nil, {}, {MatchLabels: map[string]string{"team": "a"}},
		{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "x", Operator: metav1.LabelSelectorOpDoesNotExist}}},
	}
	networks := []networkingv1.IPBlock{
		{CIDR: "0.0.0.0/1"}, {CIDR: "128.0.0.0/1"}, {CIDR: "64.0.0.0/2"}, {CIDR: "0.0.0.0/0"},
		{CIDR: "0.0.0.0/0", Except: []string{"128.0.0.0/2"}}, {CIDR: "128.0.0.0/2"},
	}
	peer := rapid.Custom(func(t *rapid.T) networkingv1.NetworkPolicyPeer {
		if rapid.IntRange(0, 2).Draw(t, "pods") > 0 {
			return networkingv1.NetworkPolicyPeer{IPBlock: new(rapid.SampledFrom(networks).Draw(t, "ipBlock"))}
		}
		return networkingv1.NetworkPolicyPeer{
			NamespaceSelector: rapid.SampledFrom(namespaces).Draw(t, "namespaceSelector"), PodSelector: new(anySelector().Draw(t, "podSelector")),
		}
	})
	return rapid.SliceOfN(peer, 0, 2)
}

func anyPorts() *rapid.Generator[[]networkingv1.NetworkPolicyPort] {
	return rapid.SliceOfN(rapid.SampledFrom([]networkingv1.NetworkPolicyPort{
		{},
		{Protocol: new(corev1.ProtocolUDP)},
		{Port: new(intstr.FromInt32(80))},
		{Port: new(intstr.FromInt32(80)), EndPort: new(int32(90))},
		{Port: new(intstr.FromInt32(85)), EndPort: new(int32(8080))},
		{Port: new(intstr.FromInt32(53)), Protocol: new(corev1.ProtocolUDP)},
		{Port: new(intstr.FromString("http"))},
	}), 0, 2)
}
