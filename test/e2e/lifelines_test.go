package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// The objects that Holdfast applies where egress is denied.
const (
	denyEgress     = "holdfast-default-deny-egress"
	allowDNS       = "holdfast-allow-dns"
	allowAPIServer = "holdfast-allow-api-server"
)

var _ = Describe("Invariant 8: Do no harm to DNS", func() {
	DescribeTable("allows what DNS needs before it denies egress", func(name string, cidrs []string, begin func(*clusterDNS), want ...networkingv1.NetworkPolicyEgressRule) {
		s := onShared(name)
		begin(s.dns(intstr.FromString("dns"), intstr.FromString("dns-tcp")))
		names := s.namespaces(3)
		s.observed()
		mark := s.Mark(s.tb)
		s.Apply(s.tb, s.deniesEgress(cidrs...))
		s.AwaitConforming(s.tb, s.name)
		for _, name := range names {
			Expect(s.applied(mark, name)).To(Equal([]string{allowDNS, denyEgress}))
			Expect(s.NetworkPolicy(s.tb, name, allowDNS).Spec).To(Equal(networkingv1.NetworkPolicySpec{
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}, Egress: want}))
			Expect(deniesAllEgress(s.NetworkPolicy(s.tb, name, denyEgress))).To(Succeed())
		}
		Expect(s.episodes().Want(3)).To(Succeed())
		Expect(s.episodes().From(ledger.OriginBaseline).Ended(ledger.EndingRepaired).Want(3)).To(Succeed())
	},
		Entry("at its own port", "dns53", nil, func(d *clusterDNS) {
			d.start(coreDNS("coredns", 53))
			d.serves(53, true)
		}, toDNSPods(53)),
		Entry("at another port of its pods", "dns5353", nil, func(d *clusterDNS) {
			d.start(coreDNS("coredns", 5353))
			d.serves(5353, true)
		}, toDNSPods(5353)),
		Entry("with a node-local cache", "dnscache", nil, func(d *clusterDNS) {
			d.start(coreDNS("coredns", 53))
			d.serves(53, true)
			d.start(onHost(nodeLocalDNS()))
		}, toDNSPods(53), toAddresses(dnsServiceIP+"/32", "169.254.20.10/32")),
		Entry("on the host network, where its addresses are stated", "dnshost", []string{"192.0.2.0/28"}, func(d *clusterDNS) {
			d.start(onHost(coreDNS("coredns", 53)))
			d.serves(53, true)
		}, toDNSPods(53), toAddresses("192.0.2.0/28")),
	)

	It("refuses to deny egress while DNS is on the host network, and applies nothing of it", func() {
		s := onShared("dnsbeyond")
		d := s.dns(intstr.FromInt32(53), intstr.FromInt32(53))
		d.start(onHost(coreDNS("coredns", 53)))
		d.serves(53, true)
		names := s.namespaces(2)
		s.observed()
		mark := s.Mark(s.tb)
		s.Apply(s.tb, s.deniesEgress().Deny(v1alpha1.DirectionIngress).Allow(v1alpha1.Allowance{Type: v1alpha1.AllowSameNamespace}))
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonEgressRefused)
		Expect(enforced(policy).Message).To(ContainSubstring("kube-system/kube-dns) is on the host network"))
		s.AwaitDenied(s.tb, names...)
		s.settle()
		for _, name := range names {
			Expect(s.applied(mark, name)).To(Equal([]string{allowSameNamespace, harness.Deny}), "ingress is denied all the same")
		}
		Expect(s.episodes().From(ledger.OriginBaseline).Open().Want(2)).To(Succeed())
	})

	It("waits until DNS has a ready endpoint, and denies egress by itself then", func() {
		s := onShared("dnsunready")
		d := s.dns(intstr.FromInt32(53), intstr.FromInt32(53))
		d.start(coreDNS("coredns", 53))
		d.serves(53, false)
		name := s.namespaces(1)[0]
		s.observed()
		mark := s.Mark(s.tb)
		s.Apply(s.tb, s.deniesEgress())
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonEgressRefused)
		Expect(enforced(policy).Message).To(ContainSubstring("kube-system/kube-dns of DNS has no ready endpoint"))
		s.settle()
		Expect(s.applies(mark, name).Want(0)).To(Succeed())

		d.serves(53, true)
		s.AwaitConforming(s.tb, s.name)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		Expect(s.applied(mark, name)).To(Equal([]string{allowDNS, denyEgress}))
		Expect(s.episodes().Want(1)).To(Succeed())
		Expect(s.episodes().From(ledger.OriginBaseline).Ended(ledger.EndingRepaired).Want(1)).To(Succeed())
	})

	It("allows nothing either while the API server refuses to allow DNS", func() {
		s := onShared("dnsrefused")
		d := s.dns(intstr.FromInt32(53), intstr.FromInt32(53))
		d.start(coreDNS("coredns", 53))
		d.serves(53, true)
		s.make(s.apiServers("192.0.2.10"))
		name := s.namespaces(1)[0]
		s.refuseToCreate(name, allowDNS)
		s.observed()
		mark := s.Mark(s.tb)
		s.Apply(s.tb, s.deniesEgress().Allow(
			v1alpha1.Allowance{Type: v1alpha1.AllowAPIServer}, v1alpha1.Allowance{Type: v1alpha1.AllowSameNamespace}))
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRepairFailed)
		Expect(enforced(policy).Message).To(ContainSubstring(allowDNS))
		s.settle()
		Expect(s.applies(mark, name).Want(0)).To(Succeed(), "any allowance of egress would isolate the pods from DNS")
		Expect(s.evidence().Kind(ledger.KindRepairFailed).Want(1)).To(Succeed())

		s.allowToCreate()
		s.AwaitConforming(s.tb, s.name)
		Expect(s.applied(mark, name)).To(ConsistOf(allowAPIServer, allowDNS, allowSameNamespaceEgress, denyEgress))
		Expect(s.episodes().Want(1)).To(Succeed())
		s.awaitEpisodes(1, ledger.OriginBaseline, ledger.EndingRepaired)
	})

	It("follows DNS to another port, and lets it through all the time", func() {
		s := onShared("dnsmoves")
		d := s.dns(intstr.FromInt32(53), intstr.FromInt32(53))
		d.start(coreDNS("coredns", 53))
		d.serves(53, true)
		name := s.namespaces(1)[0]
		s.Apply(s.tb, s.deniesEgress())
		s.AwaitConforming(s.tb, s.name)
		mark, seen := s.Mark(s.tb), s.watchPolicies(name)

		// As a rollout does: the new pods are there before the old ones go.
		d.start(coreDNS("coredns-next", 1053))
		d.serves(1053, true)
		s.awaitEgress(name, toDNSPods(53, 1053))
		s.awaitEpisodes(1, ledger.OriginDrift, ledger.EndingRepaired)
		d.ceases(53)
		d.stop("coredns")
		s.awaitEgress(name, toDNSPods(1053))
		s.AwaitConforming(s.tb, s.name)
		s.awaitEpisodes(2, ledger.OriginDrift, ledger.EndingRepaired)
		Expect(s.episodes().Want(3)).To(Succeed())
		Expect(s.applied(mark, name)).To(Equal([]string{allowDNS, allowDNS}))
		for _, event := range seen(allowDNS) {
			Expect(event.Type).To(Equal(watch.Modified))
			Expect(event.Object.(*networkingv1.NetworkPolicy).Spec.Egress).NotTo(BeEmpty())
		}
	})

	It("changes nothing while DNS has no ready endpoint for a while", func() {
		s := onShared("dnsblinks")
		d := s.dns(intstr.FromInt32(53), intstr.FromInt32(53))
		d.start(coreDNS("coredns", 53))
		d.serves(53, true)
		name := s.namespaces(1)[0]
		s.Apply(s.tb, s.deniesEgress())
		s.AwaitConforming(s.tb, s.name)
		s.settle()
		mark := s.Mark(s.tb)

		d.serves(53, false)
		d.stop("coredns")
		s.settle()
		Expect(s.applies(mark, name).Want(0)).To(Succeed())
		// What is undone meanwhile is restored as it was.
		Expect(s.Delete(context.Background(), networkPolicy(name, allowDNS))).To(Succeed())
		s.Label(s.tb, name, "touched", "yes")
		s.awaitEgress(name, toDNSPods(53))
		s.settle()
		Expect(s.applied(mark, name)).To(Equal([]string{allowDNS}))
		s.awaitEgress(name, toDNSPods(53))
	})

	It("takes back what it denied when DNS moves beyond reach, and denies it again when DNS comes back", func() {
		s := onShared("dnsleaves")
		d := s.dns(intstr.FromInt32(53), intstr.FromInt32(53))
		d.start(coreDNS("coredns", 53))
		d.serves(53, true)
		names := s.namespaces(2)
		s.Apply(s.tb, s.deniesEgress().Deny(v1alpha1.DirectionIngress))
		s.AwaitConforming(s.tb, s.name)
		foreign := denyAll(names[0])
		Expect(s.Create(context.Background(), foreign)).To(Succeed())
		mark := s.Mark(s.tb)

		d.start(onHost(coreDNS("coredns-host", 53)))
		d.stop("coredns")
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonEgressRefused)
		Expect(enforced(policy).Message).To(ContainSubstring("is on the host network"))
		for _, name := range names {
			s.eventually("what isolates egress is gone", func() error {
				if s.NetworkPolicy(s.tb, name, denyEgress) != nil || s.NetworkPolicy(s.tb, name, allowDNS) != nil {
					return errors.New("it is there")
				}
				return nil
			})
			Expect(s.applied(mark, name)).To(Equal([]string{denyEgress, allowDNS}), "the denial goes first")
			Expect(harness.DeniesIngress(s.NetworkPolicy(s.tb, name, harness.Deny))).To(Succeed())
		}
		Expect(s.NetworkPolicy(s.tb, names[0], foreign.Name)).NotTo(BeNil())
		s.eventually("each removal is recorded", func() error { return s.evidence().Kind(ledger.KindRolledBack).Want(4) })
		for _, entry := range s.evidence().Kind(ledger.KindRolledBack) {
			Expect(entry.Reason).To(Equal(ledger.RolledBackLifeline))
			Expect(entry.Object.After).To(BeNil())
		}
		s.eventually("it is an episode", func() error { return s.episodes().From(ledger.OriginDrift).Open().Want(2) })
		s.settle()
		mark = s.Mark(s.tb)

		d.start(coreDNS("coredns-again", 53))
		d.stop("coredns-host")
		s.AwaitConforming(s.tb, s.name)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		for _, name := range names {
			Expect(s.applied(mark, name)).To(Equal([]string{allowDNS, denyEgress}))
		}
		s.awaitEpisodes(2, ledger.OriginDrift, ledger.EndingRepaired)
		Expect(s.episodes().Want(4)).To(Succeed())
	})
})

var _ = Describe("Invariant 8: Do no harm to clients of the API server", func() {
	It("allows the API server's own addresses, and everything else that is allowed, before it denies anything", func() {
		s := onShared("apiserver")
		d := s.dns(intstr.FromInt32(53), intstr.FromInt32(53))
		d.start(coreDNS("coredns", 53))
		d.serves(53, true)
		s.make(s.apiServers("192.0.2.20", "192.0.2.10"))
		names := s.namespaces(2)
		mark := s.Mark(s.tb)
		s.Apply(s.tb, s.deniesEgress().Deny(v1alpha1.DirectionIngress).Allow(
			v1alpha1.Allowance{Type: v1alpha1.AllowSameNamespace}, v1alpha1.Allowance{Type: v1alpha1.AllowAPIServer}))
		s.AwaitConforming(s.tb, s.name)
		for _, name := range names {
			order := s.applied(mark, name)
			Expect(order).To(HaveLen(6))
			Expect(order[:4]).To(ConsistOf(allowDNS, allowAPIServer, allowSameNamespace, allowSameNamespaceEgress))
			Expect(order[4:]).To(ConsistOf(harness.Deny, denyEgress))
			Expect(s.NetworkPolicy(s.tb, name, allowAPIServer).Spec.Egress).To(Equal([]networkingv1.NetworkPolicyEgressRule{{
				To:    []networkingv1.NetworkPolicyPeer{block("192.0.2.10/32"), block("192.0.2.20/32")},
				Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolTCP, 6443)},
			}}))
		}

		// An API server is replaced.
		Expect(s.Update(context.Background(), s.apiServers("192.0.2.10", "192.0.2.30"))).To(Succeed())
		for _, name := range names {
			s.eventually("namespace "+name+" may reach the new one", func() error {
				to := s.NetworkPolicy(s.tb, name, allowAPIServer).Spec.Egress[0].To
				if len(to) != 2 || to[1].IPBlock.CIDR != "192.0.2.30/32" {
					return fmt.Errorf("it may reach %v", to)
				}
				return nil
			})
		}
		s.awaitEpisodes(2, ledger.OriginDrift, ledger.EndingRepaired)
	})
})

// deniesEgress begins a policy of the scene that denies egress but to DNS.
func (s *scene) deniesEgress(cidrs ...string) *harness.PolicyBuilder {
	return harness.Policy(s.name).Select(label, s.name).Enforce().Deny(v1alpha1.DirectionEgress).
		Allow(v1alpha1.Allowance{Type: v1alpha1.AllowDNS, CIDRs: cidrs})
}

// applied are the names of the objects of a namespace that the operator wrote
// since the mark, in the order of its writes.
func (s *scene) applied(mark harness.AuditMark, namespace string) []string {
	var names []string
	for _, write := range s.applies(mark, namespace).Succeeded() {
		names = append(names, write.ObjectRef.Name)
	}
	return names
}

// awaitEgress waits until the allowance of DNS has just these rules.
func (s *scene) awaitEgress(namespace string, want ...networkingv1.NetworkPolicyEgressRule) {
	GinkgoHelper()
	s.eventually("DNS is allowed as wanted", func() error {
		np := s.NetworkPolicy(s.tb, namespace, allowDNS)
		if np == nil {
			return errors.New("it is not allowed")
		}
		if matches, err := Equal(want).Match(np.Spec.Egress); err != nil || !matches {
			return fmt.Errorf("the rules are %v", np.Spec.Egress)
		}
		return nil
	})
}

// watchPolicies watches the NetworkPolicies of a namespace. What it returns is all
// that the watch showed up to the version that a NetworkPolicy has now.
func (s *scene) watchPolicies(namespace string) (until func(name string) []watch.Event) {
	GinkgoHelper()
	watcher, err := client.NewWithWatch(s.RESTConfig(), client.Options{Scheme: harness.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	list := &networkingv1.NetworkPolicyList{}
	Expect(watcher.List(context.Background(), list, client.InNamespace(namespace))).To(Succeed())
	w, err := watcher.Watch(context.Background(), &networkingv1.NetworkPolicyList{}, client.InNamespace(namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(w.Stop)
	return func(name string) []watch.Event {
		GinkgoHelper()
		last := s.NetworkPolicy(s.tb, namespace, name).ResourceVersion
		var all []watch.Event
		for {
			var event watch.Event
			Eventually(w.ResultChan(), harness.Patience).Should(Receive(&event))
			all = append(all, event)
			np, ok := event.Object.(*networkingv1.NetworkPolicy)
			Expect(ok).To(BeTrue(), "the watch ended: %v", event)
			if np.ResourceVersion == last {
				return all
			}
		}
	}
}

// apiServers are the addresses of Service default/kubernetes, which nobody makes
// here: the API server listens on the loopback address.
func (s *scene) apiServers(addresses ...string) *discoveryv1.EndpointSlice {
	slice := endpoints(metav1.NamespaceDefault, "kubernetes", "", true, addresses[0], endpointPort("https", corev1.ProtocolTCP, 6443))
	for _, address := range addresses[1:] {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{address}})
	}
	return slice
}

// nodeLocalDNS is a pod of a node-local cache.
func nodeLocalDNS() *corev1.Pod {
	return pod(metav1.NamespaceSystem, "node-local-dns", map[string]string{"k8s-app": "node-local-dns"},
		corev1.ContainerPort{Name: "dns", Protocol: corev1.ProtocolUDP, ContainerPort: 53})
}

// toDNSPods is the rule that lets the pods of the cluster's DNS be asked.
func toDNSPods(ports ...int32) networkingv1.NetworkPolicyEgressRule {
	rule := networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: metav1.NamespaceSystem}},
		PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
	}}}
	for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
		for _, number := range ports {
			rule.Ports = append(rule.Ports, port(protocol, number))
		}
	}
	return rule
}

// toAddresses is the rule that lets addresses be asked to resolve names.
func toAddresses(cidrs ...string) networkingv1.NetworkPolicyEgressRule {
	rule := networkingv1.NetworkPolicyEgressRule{Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolUDP, 53), port(corev1.ProtocolTCP, 53)}}
	for _, cidr := range cidrs {
		rule.To = append(rule.To, block(cidr))
	}
	return rule
}

func block(cidr string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: cidr}}
}

func port(protocol corev1.Protocol, number int32) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: new(intstr.FromInt32(number))}
}

func networkPolicy(namespace, name string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// deniesAllEgress returns nil if a NetworkPolicy denies all egress to all pods.
func deniesAllEgress(np *networkingv1.NetworkPolicy) error {
	want := networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}}
	if np == nil {
		return fmt.Errorf("there is no %s", denyEgress)
	}
	if matches, err := Equal(want).Match(np.Spec); err != nil || !matches {
		return fmt.Errorf("it is %v", strings.TrimSpace(np.Spec.String()))
	}
	return nil
}
