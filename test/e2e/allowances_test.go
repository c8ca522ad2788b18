package e2e

import (
	"context"
	"errors"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// The objects that Holdfast applies for allowances.
const (
	// Within a namespace each direction has an object of its own; ingress is what
	// most of these tests are about.
	allowSameNamespace       = "holdfast-allow-same-namespace-ingress"
	allowSameNamespaceEgress = "holdfast-allow-same-namespace-egress"
	allowFromGateway         = "holdfast-allow-rule-from-gateway"
	allowAdmission           = "holdfast-allow-admission-hook"
)

var _ = Describe("Allowances", func() {
	sameNamespace := v1alpha1.Allowance{Type: v1alpha1.AllowSameNamespace}
	fromGateway := v1alpha1.Allowance{Type: v1alpha1.AllowRule, Rule: &v1alpha1.AllowedTraffic{
		Name: "from-gateway", Direction: v1alpha1.DirectionIngress,
		PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		Peers: []v1alpha1.TrafficPeer{{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"gateway": "yes"}},
			PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"app": "gateway"}},
		}},
	}}

	It("applies them before it denies anything, and restores each as it was", func() {
		s := onShared("allowed")
		names := s.namespaces(2)
		mark := s.Mark(s.tb)
		s.Apply(s.tb, s.policy("").Enforce().Allow(sameNamespace, fromGateway))
		s.AwaitConforming(s.tb, s.name)
		for _, name := range names {
			var order []string
			for _, apply := range s.applies(mark, name) {
				order = append(order, apply.ObjectRef.Name)
			}
			Expect(order).To(Equal([]string{allowFromGateway, allowSameNamespace, harness.Deny}))
		}
		Expect(s.episodes().Ended(ledger.EndingRepaired).Want(2)).To(Succeed())

		wanted := s.NetworkPolicy(s.tb, names[0], allowFromGateway).Spec
		s.EditNetworkPolicy(s.tb, names[0], allowFromGateway, func(np *networkingv1.NetworkPolicy) { np.Spec.Ingress = nil })
		s.awaitEpisodes(1, ledger.OriginDrift, ledger.EndingRepaired)
		Expect(s.NetworkPolicy(s.tb, names[0], allowFromGateway).Spec).To(Equal(wanted))
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	})

	It("removes what is no longer stated, and says so", func() {
		s := onShared("revoked-allowance")
		name := s.namespaces(1)[0]
		s.Apply(s.tb, s.policy("").Enforce().Allow(sameNamespace, fromGateway))
		s.AwaitConforming(s.tb, s.name)
		foreign := denyAll(name)
		Expect(s.Create(context.Background(), foreign)).To(Succeed())
		was := s.NetworkPolicy(s.tb, name, allowSameNamespace)
		before, mark := len(s.op.Evidence(s.tb)), s.Mark(s.tb)

		s.Apply(s.tb, s.policy("").Enforce().Allow(fromGateway))
		s.eventually("the object is gone", func() error {
			if s.NetworkPolicy(s.tb, name, allowSameNamespace) != nil {
				return errors.New("it is there")
			}
			return s.episodes().From(ledger.OriginDefinitionChanged).Ended(ledger.EndingRepaired).Want(1)
		})
		s.settle()
		Expect(s.applies(mark, name).Want(1)).To(Succeed())
		since := s.op.Evidence(s.tb).After(before).On(name)
		repaired := since.Kind(ledger.KindRepaired)
		Expect(repaired.Want(1)).To(Succeed())
		Expect(repaired[0].Object.Before.UID).To(BeEquivalentTo(was.UID))
		Expect(repaired[0].Object.After).To(BeNil())
		Expect(since.Kind(ledger.KindUnobservedChange)).To(BeEmpty())
		Expect(s.NetworkPolicy(s.tb, name, foreign.Name)).NotTo(BeNil())

		s.Apply(s.tb, s.policy("").Enforce().Allow(sameNamespace, fromGateway))
		s.eventually("it is applied again", func() error {
			return s.episodes().From(ledger.OriginDefinitionChanged).Ended(ledger.EndingRepaired).Want(2)
		})
		Expect(s.op.Evidence(s.tb).After(before).On(name).Kind(ledger.KindUnobservedChange)).To(BeEmpty())
	})

	It("denies nothing while what that requires cannot be applied", func() {
		s := onOwn("required", harness.OperatorOptions{})
		name := s.namespace("hooks")
		s.calledByTheAPIServer(name)
		s.refuseToCreate(name, allowAdmission)
		mark := s.Mark(s.tb)
		s.Apply(s.tb, s.policy("").Enforce().Allow(v1alpha1.Allowance{Type: v1alpha1.AllowAdmissionBackends}))
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRepairFailed)
		Expect(enforced(policy).Message).To(ContainSubstring(allowAdmission))
		s.eventually("it has tried again", func() error {
			if n := len(s.applies(mark, name)); n < 5 {
				return fmt.Errorf("%d times", n)
			}
			return nil
		})
		for _, apply := range s.applies(mark, name) {
			Expect(apply.ObjectRef.Name).To(Equal(allowAdmission))
		}
		Expect(s.evidence().Kind(ledger.KindRepairFailed).Want(1)).To(Succeed())
		Expect(s.episodes().Open().Want(1)).To(Succeed())

		s.allowToCreate()
		s.AwaitDenied(s.tb, name)
		s.AwaitConforming(s.tb, s.name)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	})

	It("repairs what does not wait for pods while pods cannot be observed", func() {
		s, proxy := onProxy("podless")
		names := s.protected(2)
		s.op.Rights.Revoke(s.tb, "pods", "list", "watch")
		reconnect(proxy)
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionUnknown, v1alpha1.ReasonNotEvaluated)
		Expect(policy.Status.Controls[0].NotEvaluated).To(BeEquivalentTo(len(names)))
		s.drift(names[0])
		s.AwaitDenied(s.tb, names...)
		s.eventually("the repair is recorded", func() error { return s.evidence().On(names[0]).Kind(ledger.KindRepaired).Want(2) })
		Expect(s.episodes().On(names[0]).Open().Want(1)).To(Succeed(), "nobody knows that it conforms")

		s.op.Rights.Restore(s.tb)
		s.AwaitConforming(s.tb, s.name)
		Expect(s.episodes().On(names[0]).Ended(ledger.EndingRepaired).Want(2)).To(Succeed())
		Expect(s.episodes().Want(3)).To(Succeed(), "a baseline of each namespace, and one drift")
	})
})

// calledByTheAPIServer makes a Service of the namespace the backend of a webhook,
// which is never called.
func (s *scene) calledByTheAPIServer(namespace string) {
	GinkgoHelper()
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "hook"},
		Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "hook"}, Ports: []corev1.ServicePort{{Port: 443}}}}
	Expect(s.Create(context.Background(), service)).To(Succeed())
	hook := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "hook.example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: new(admissionregistrationv1.SideEffectClassNone),
			ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: namespace, Name: service.Name}},
			Rules: []admissionregistrationv1.RuleWithOperations{{Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule: admissionregistrationv1.Rule{APIGroups: []string{"example.com"}, APIVersions: []string{"v1"}, Resources: []string{"nothings"}}}},
		}}}
	s.make(hook)
}

// refuseToCreate has the API server refuse NetworkPolicies of a name.
func (s *scene) refuseToCreate(namespace, name string) {
	GinkgoHelper()
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionregistrationv1.RuleWithOperations{Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule: admissionregistrationv1.Rule{APIGroups: []string{networkingv1.GroupName}, APIVersions: []string{"v1"}, Resources: []string{"networkpolicies"}}}}}},
			Validations: []admissionregistrationv1.Validation{{Expression: fmt.Sprintf("object.metadata.name != %q", name)}},
		}}
	s.make(policy)
	s.make(&admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: s.name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}}})
	s.eventually("it is refused", func() error {
		np := denyAll(namespace)
		np.Name = name
		if err := s.Create(context.Background(), np, client.DryRunAll); err == nil {
			return errors.New("it is accepted")
		}
		return nil
	})
}

// allowToCreate ends refuseToCreate.
func (s *scene) allowToCreate() {
	GinkgoHelper()
	Expect(s.Delete(context.Background(), &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: s.name}})).To(Succeed())
}

// make creates an object that no namespace holds, until the spec ends.
func (s *scene) make(o client.Object) {
	GinkgoHelper()
	Expect(s.Create(context.Background(), o)).To(Succeed())
	DeferCleanup(func(ctx context.Context) { Expect(client.IgnoreNotFound(s.Delete(ctx, o))).To(Succeed()) })
}
