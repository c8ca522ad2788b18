package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// state is what a namespace is generated to be.
type state struct {
	*rand.Rand
	s    *scene
	name string
	// labels say which policies are over the namespace, and who it is to others.
	labels map[string]string
	// before was there when Holdfast enforced something else in the namespace,
	// and after came since then.
	before, after []client.Object
	// leftOver are as another Holdfast applied them.
	leftOver []*networkingv1.NetworkPolicy
	// alter is what became of what Holdfast applied then.
	alter []func(*networkingv1.NetworkPolicy)
	// unhooked is whether the API server calls nothing here any more.
	hook     *admissionregistrationv1.ValidatingWebhookConfiguration
	unhooked bool
}

// The labels that policies, and peers in them, select namespaces by.
const (
	labelBefore = "before"
	labelZone   = "zone"
)

// generate makes up the state of a namespace.
func (s *scene) generate(r *rand.Rand, name string) *state {
	n := &state{Rand: r, s: s, name: name, labels: map[string]string{label: s.name, labelZone: pick(r, "a", "b")}}
	for _, over := range []struct {
		label  string
		chance float64
	}{{"wide", 0.8}, {"strict", 0.35}, {"closed", 0.2}, {"paused", 0.25}, {labelBefore, 0.4}} {
		if n.maybe(over.chance) {
			n.labels[over.label] = "yes"
		}
	}
	n.generateWorkload()
	for range n.IntN(4) {
		n.after = append(n.after, n.usersPolicy(fmt.Sprintf("users-%d", len(n.after))))
	}
	if n.labels[labelBefore] == "" {
		n.generateNames()
	} else {
		for range n.IntN(3) {
			n.alter = append(n.alter, n.alteration())
		}
	}
	return n
}

func (n *state) maybe(chance float64) bool { return n.Float64() < chance }

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// generateWorkload makes up pods, Services and what leads to them.
func (n *state) generateWorkload() {
	for i, app := range []string{"web", "db", "hook", "agent"} {
		if !n.maybe(0.45) {
			continue
		}
		p := pod(n.name, app, map[string]string{"app": app, "tier": pick(n.Rand, "front", "back")},
			corev1.ContainerPort{Name: "http", Protocol: corev1.ProtocolTCP, ContainerPort: pick[int32](n.Rand, 80, 8080)})
		switch {
		case app == "agent":
			onHost(p)
		case app == "web" && n.maybe(0.2):
			p.Spec.Containers[0].Ports[0].HostPort = 30000 + int32(i)
		}
		n.before = append(n.before, p)
	}
	if n.maybe(0.5) {
		web := n.service("web", map[string]string{"app": "web"}, 80, pick(n.Rand, intstr.FromString("http"), intstr.FromInt32(8080)))
		web.Spec.Type = pick(n.Rand, corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer)
		if n.maybe(0.2) {
			web.Spec.ExternalIPs = []string{"198.51.100.7"}
		}
		n.before = append(n.before, web)
		if n.maybe(0.3) {
			n.before = append(n.before, n.ingress())
		}
	}
	if n.maybe(0.4) {
		selector := pick(n.Rand, map[string]string{"app": "hook"}, map[string]string{"app": "hook"}, map[string]string{"app": "agent"}, nil)
		n.before = append(n.before, n.service("hook", selector, 443, pick(n.Rand, intstr.FromInt32(8443), intstr.FromString("http"))))
		n.hook, n.unhooked = n.webhook(), n.maybe(0.25)
		n.before = append(n.before, n.hook)
	}
}

func (n *state) service(name string, selector map[string]string, port int32, target intstr.IntOrString) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: n.name, Name: name},
		Spec: corev1.ServiceSpec{Selector: selector, Ports: []corev1.ServicePort{servicePort("main", corev1.ProtocolTCP, port, target)}}}
}

// ingress leads to Service web.
func (n *state) ingress() *networkingv1.Ingress {
	return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: n.name, Name: "web"}, Spec: networkingv1.IngressSpec{
		DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
			Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}}}}
}

// webhook has the API server call Service hook, though for nothing that there is.
func (n *state) webhook() *admissionregistrationv1.ValidatingWebhookConfiguration {
	return &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: n.name},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "hook.example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: new(admissionregistrationv1.SideEffectClassNone),
			ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: n.name, Name: "hook"}},
			Rules: []admissionregistrationv1.RuleWithOperations{{Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule: admissionregistrationv1.Rule{APIGroups: []string{"example.com"}, APIVersions: []string{"v1"}, Resources: []string{"nothings"}}}},
		}}}
}

const (
	ingressType = networkingv1.PolicyTypeIngress
	egressType  = networkingv1.PolicyTypeEgress
)

// usersPolicy makes up a NetworkPolicy of a user.
func (n *state) usersPolicy(name string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: n.name, Name: name}, Spec: pick(n.Rand,
		networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{ingressType}},
		networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{egressType}},
		networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{ingressType, egressType}},
		networkingv1.NetworkPolicySpec{PodSelector: app("web"), PolicyTypes: []networkingv1.PolicyType{ingressType}},
		ingressFrom(app("hook"), nil),
		ingressFrom(metav1.LabelSelector{}, nil),
		ingressFrom(metav1.LabelSelector{}, nil, networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}}),
		ingressFrom(metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"back"}}}},
			nil, networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}}),
		ingressFrom(app("web"), named("http"), networkingv1.NetworkPolicyPeer{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{labelZone: "a"}}, PodSelector: new(app("db"))}),
		ingressFrom(app("web"), numbered(8000, 8999), block("0.0.0.0/1"), block("128.0.0.0/1")),
		ingressFrom(metav1.LabelSelector{}, numbered(8443, 8443)),
		ingressFrom(metav1.LabelSelector{}, nil, networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "nowhere", Operator: metav1.LabelSelectorOpDoesNotExist}}}}),
		networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{}}, PolicyTypes: []networkingv1.PolicyType{egressType}},
		networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{egressType}, Egress: []networkingv1.NetworkPolicyEgressRule{toDNSPods(53)}},
		networkingv1.NetworkPolicySpec{PodSelector: app("db"), PolicyTypes: []networkingv1.PolicyType{egressType}, Egress: []networkingv1.NetworkPolicyEgressRule{{
			To: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.1.0.0/16"}}}}}}},
	)}
}

func app(name string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
}

func named(name string) []networkingv1.NetworkPolicyPort {
	return []networkingv1.NetworkPolicyPort{{Protocol: new(corev1.ProtocolTCP), Port: new(intstr.FromString(name))}}
}

func numbered(first, last int32) []networkingv1.NetworkPolicyPort {
	return []networkingv1.NetworkPolicyPort{{Protocol: new(corev1.ProtocolTCP), Port: new(intstr.FromInt32(first)), EndPort: &last}}
}

func ingressFrom(pods metav1.LabelSelector, ports []networkingv1.NetworkPolicyPort, from ...networkingv1.NetworkPolicyPeer) networkingv1.NetworkPolicySpec {
	return networkingv1.NetworkPolicySpec{PodSelector: pods, PolicyTypes: []networkingv1.PolicyType{ingressType},
		Ingress: []networkingv1.NetworkPolicyIngressRule{{Ports: ports, From: from}}}
}

// generateNames makes up objects that bear a name of Holdfast's: made by users,
// or by another Holdfast.
func (n *state) generateNames() {
	for _, name := range []string{harness.Deny, denyEgress, allowDNS, allowSameNamespace, allowSameNamespaceEgress, allowAdmission, allowFromGateway, "holdfast-allow-rule-old"} {
		switch n.IntN(12) {
		case 0:
			n.after = append(n.after, n.usersPolicy(name))
		case 1:
			n.leftOver = append(n.leftOver, n.usersPolicy(name))
		}
	}
}

// alteration makes up what becomes of an object that Holdfast applied; one
// without a UID is to be deleted.
func (n *state) alteration() func(*networkingv1.NetworkPolicy) {
	return pick(n.Rand,
		func(np *networkingv1.NetworkPolicy) { np.UID = "" },
		func(np *networkingv1.NetworkPolicy) { np.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}} },
		func(np *networkingv1.NetworkPolicy) { np.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}} },
		func(np *networkingv1.NetworkPolicy) { np.Spec.PodSelector = app("web") },
		func(np *networkingv1.NetworkPolicy) {
			np.Spec.PolicyTypes = []networkingv1.PolicyType{ingressType, egressType}
		},
		func(np *networkingv1.NetworkPolicy) { np.Spec.Egress, np.Spec.Ingress = nil, nil },
		func(np *networkingv1.NetworkPolicy) { np.Labels = map[string]string{"touched": "yes"} },
	)
}

// begin makes what was there before.
func (n *state) begin() error {
	ctx := context.Background()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.name, Labels: n.labels}}
	if err := n.s.Create(ctx, ns); err != nil {
		return err
	}
	for _, o := range n.before {
		if err := n.s.create(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// create creates an object, and has a pod be ready. Pods are refused until the
// namespace has its service account.
func (s *scene) create(ctx context.Context, o client.Object) error {
	p, isPod := o.(*corev1.Pod)
	if !isPod {
		return s.Create(ctx, o)
	}
	var err error
	if waited := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, harness.Patience, true, func(ctx context.Context) (bool, error) {
		err = s.Create(ctx, p)
		return err == nil, nil
	}); waited != nil {
		return errors.Join(waited, err)
	}
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}}
	return s.Status().Update(ctx, p)
}

// goOn makes what came since then of it.
func (n *state) goOn() error {
	ctx := context.Background()
	for _, o := range n.after {
		if err := n.s.Create(ctx, o); err != nil {
			return err
		}
	}
	for _, np := range n.leftOver {
		if err := n.s.applyAsHoldfast(ctx, np); err != nil {
			return err
		}
	}
	if n.unhooked {
		if err := n.s.Delete(ctx, n.hook); err != nil {
			return err
		}
	}
	return n.alterApplied(ctx)
}

// applyAsHoldfast applies a NetworkPolicy as Holdfast does, of which the ledger
// knows nothing.
func (s *scene) applyAsHoldfast(ctx context.Context, np *networkingv1.NetworkPolicy) error {
	np.SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"))
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(np)
	if err != nil {
		return err
	}
	return s.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: fields}), client.FieldOwner(enforce.FieldManager))
}

// alterApplied alters what Holdfast applied.
func (n *state) alterApplied(ctx context.Context) error {
	applied := &networkingv1.NetworkPolicyList{}
	if err := n.s.List(ctx, applied, client.InNamespace(n.name)); err != nil || n.labels[labelBefore] == "" {
		return err
	}
	for _, alter := range n.alter {
		np := &applied.Items[n.IntN(len(applied.Items))]
		before := np.DeepCopy()
		alter(np)
		var err error
		if np.UID == "" {
			np.UID = before.UID
			err = client.IgnoreNotFound(n.s.Delete(ctx, np))
		} else {
			err = client.IgnoreNotFound(n.s.Patch(ctx, np, client.MergeFrom(before)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// overlapping are policies that overlap and contradict each other, one of them
// paused.
func (s *scene) overlapping() []*v1alpha1.ControlPolicy {
	admission, sameNamespace := v1alpha1.Allowance{Type: v1alpha1.AllowAdmissionBackends}, v1alpha1.Allowance{Type: v1alpha1.AllowSameNamespace}
	dns := v1alpha1.Allowance{Type: v1alpha1.AllowDNS}
	wide := s.enforcing("-wide", "wide").Deny(v1alpha1.DirectionIngress, v1alpha1.DirectionEgress).
		Allow(dns, sameNamespace, admission, fromZone("from-gateway", "a")).Build()
	wide.Spec.Controls[0].NetworkIsolation.AcceptedExposure = []v1alpha1.AcceptedExposure{
		{Namespaces: []string{s.name + "-000", s.name + "-001", s.name + "-002"}, Direction: v1alpha1.DirectionIngress,
			Any: new(true), Ports: []int32{80, 8080}, Reason: "public site", Ticket: "NET-77"},
		{Namespaces: []string{s.name + "-003", s.name + "-004"}, Direction: v1alpha1.DirectionIngress,
			Exposures: []v1alpha1.ExposureKind{v1alpha1.ExposureLoadBalancer}, Reason: "public site"},
	}
	wide.Spec.Controls[0].NetworkIsolation.Exposure = v1alpha1.JudgementForbid
	policies := []*v1alpha1.ControlPolicy{
		wide,
		s.enforcing("-strict", "strict").Deny(v1alpha1.DirectionIngress).
			Allow(admission, fromZone("from-gateway", "a"), fromZone("from-monitoring", "b")).Build(),
		s.enforcing("-closed", "closed").Deny(v1alpha1.DirectionIngress).Build(),
		s.enforcing("-paused", "paused").Deny(v1alpha1.DirectionIngress, v1alpha1.DirectionEgress).Allow(dns, sameNamespace).
			Pause("CHG-883", time.Now().Add(time.Hour)).Build(),
	}
	for _, policy := range policies {
		atOnce(policy)
	}
	return policies
}

// enforcing begins a policy over the namespaces with a label of their own.
func (s *scene) enforcing(suffix, over string) *harness.PolicyBuilder {
	return harness.Policy(s.name+suffix).Enforce().Select(over, "yes")
}

// atOnce has a policy begin to be enforced without waiting.
func atOnce(policy *v1alpha1.ControlPolicy) {
	policy.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ControlPolicy"))
	if policy.Spec.Enforcement == nil {
		policy.Spec.Enforcement = &v1alpha1.Enforcement{}
	}
	policy.Spec.Enforcement.Rollout = &v1alpha1.Rollout{MaxNamespaces: new(int32(1000)), Interval: &metav1.Duration{Duration: time.Second}}
}

// fromZone allows ingress to the web pods from the namespaces of a zone.
func fromZone(name, zone string) v1alpha1.Allowance {
	return v1alpha1.Allowance{Type: v1alpha1.AllowRule, Rule: &v1alpha1.AllowedTraffic{
		Name: name, Direction: v1alpha1.DirectionIngress, PodSelector: app("web"),
		Peers: []v1alpha1.TrafficPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{labelZone: zone}}}},
		Ports: []v1alpha1.TrafficPort{{Name: "http"}},
	}}
}
