package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// extensionGroup is the group of an APIService of the test's own.
const extensionGroup = "extension.example.com"

var admissionBackends = v1alpha1.Allowance{Type: v1alpha1.AllowAdmissionBackends}

var _ = Describe("Invariant 8: Do no harm to what the API server calls", func() {
	It("keeps a webhook within reach whose backend lives in a namespace that it denies", func() {
		s := onShared("hook")
		hooks, apps := s.namespace("hooks"), s.namespace("apps")
		b := s.backend(hooks, "hook", "10.244.1.1")
		s.webhook(b, "networkpolicies")
		s.awaitCalled(b, apps)
		s.networkIsReal(hooks, apps)
		mark, refused := s.Mark(s.tb), s.PodNetwork.Refused()

		s.Apply(s.tb, s.policy("").Enforce().Allow(v1alpha1.Allowance{Type: v1alpha1.AllowSameNamespace}, admissionBackends))
		s.AwaitDenied(s.tb, hooks, apps)
		s.AwaitConforming(s.tb, s.name)
		Expect(s.applied(mark, hooks)).To(Equal([]string{allowAdmission, allowSameNamespace, harness.Deny}),
			"what else is allowed isolates the webhook's pods, too")
		Expect(s.applied(mark, apps)).To(Equal([]string{allowSameNamespace, harness.Deny}))
		Expect(s.NetworkPolicy(s.tb, hooks, allowAdmission).Spec).To(Equal(b.wanted()))

		before := b.calls.Load()
		Expect(s.write(apps)).To(Succeed())
		Expect(b.calls.Load()).To(BeNumerically(">", before), "the webhook is called while everything is enforced")
		s.drift(hooks, apps)
		s.AwaitDenied(s.tb, hooks, apps)
		s.awaitEpisodes(2, ledger.OriginDrift, ledger.EndingRepaired)
		Expect(s.write(hooks)).To(Succeed())
		Expect(s.PodNetwork.Refused()).To(Equal(refused), "no call was ever cut off")
		Expect(s.episodes().Want(4)).To(Succeed())
	})

	DescribeTable("lets in a webhook that is configured into a namespace which is denied already", func(name, resource string, wantTakenBack int) {
		s := onShared(name)
		hooks, apps := s.namespace("hooks"), s.namespace("apps")
		b := s.backend(hooks, "hook", "10.244.1.2")
		s.Apply(s.tb, s.policy("").Enforce().Allow(admissionBackends))
		s.AwaitDenied(s.tb, hooks, apps)
		s.AwaitConforming(s.tb, s.name)
		Expect(s.NetworkPolicy(s.tb, hooks, allowAdmission)).To(BeNil(), "nothing is allowed that nobody needs")
		mark := s.Mark(s.tb)

		s.webhook(b, resource)
		s.eventually("the allowance is there", func() error {
			if s.NetworkPolicy(s.tb, hooks, allowAdmission) == nil {
				return errors.New("it is not")
			}
			return nil
		})
		s.awaitCalled(b, apps)
		Expect(s.NetworkPolicy(s.tb, hooks, allowAdmission).Spec).To(Equal(b.wanted()))
		s.AwaitDenied(s.tb, hooks, apps)
		s.AwaitConforming(s.tb, s.name)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		Expect(s.applied(mark, hooks)).To(ContainElement(allowAdmission))
		s.awaitEpisodes(1, ledger.OriginDrift, ledger.EndingRepaired)
		Expect(s.episodes().Want(3)).To(Succeed())
		Expect(s.evidence().Kind(ledger.KindRolledBack).Want(wantTakenBack)).To(Succeed())
	},
		Entry("which is asked about other things", "hooklater", "configmaps", 0),
		// The API server refuses the allowance while it cannot ask: the denial has to
		// go before it, and comes back after it.
		Entry("which the API server asks about the allowance itself", "hookguards", "networkpolicies", 1),
	)

	It("refuses to deny ingress where a webhook would be cut off that allow does not list", func() {
		s := onShared("hookless")
		hooks, apps := s.namespace("hooks"), s.namespace("apps")
		b := s.backend(hooks, "hook", "10.244.1.3")
		s.webhook(b, "networkpolicies")
		s.awaitCalled(b, apps)
		mark, refused := s.Mark(s.tb), s.PodNetwork.Refused()
		s.Apply(s.tb, s.policy("").Enforce())
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonIngressRefused)
		Expect(enforced(policy).Message).To(ContainSubstring("Service hook"))
		Expect(enforced(policy).Message).To(ContainSubstring("ValidatingWebhookConfiguration " + s.name))
		s.AwaitDenied(s.tb, apps)
		s.settle()
		Expect(s.applies(mark, hooks).Want(0)).To(Succeed())

		s.Apply(s.tb, s.policy("").Enforce().Allow(admissionBackends))
		s.AwaitConforming(s.tb, s.name)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		Expect(s.applied(mark, hooks)).To(Equal([]string{allowAdmission, harness.Deny}))
		Expect(s.write(apps)).To(Succeed())
		Expect(s.PodNetwork.Refused()).To(Equal(refused))
	})

	It("takes back a denial that cuts off a webhook which allow does not list, until the webhook goes", func() {
		s := onShared("hookcut")
		hooks, apps := s.namespace("hooks"), s.namespace("apps")
		b := s.backend(hooks, "hook", "10.244.1.4")
		s.Apply(s.tb, s.policy("").Enforce())
		s.AwaitDenied(s.tb, hooks, apps)
		s.AwaitConforming(s.tb, s.name)

		hook := s.webhook(b, "networkpolicies")
		s.awaitCalled(b, apps)
		Expect(s.NetworkPolicy(s.tb, hooks, harness.Deny)).To(BeNil())
		Expect(harness.DeniesIngress(s.NetworkPolicy(s.tb, apps, harness.Deny))).To(Succeed())
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonIngressRefused)
		s.eventually("it is recorded", func() error { return s.evidence().Kind(ledger.KindRolledBack).Want(1) })
		taken := s.evidence().Kind(ledger.KindRolledBack)[0]
		Expect(taken.Reason).To(Equal(ledger.RolledBackLifeline))
		Expect(taken.Subject.Name).To(Equal(hooks))
		Expect(taken.Object.Name).To(Equal(harness.Deny))
		Expect(taken.Message).To(ContainSubstring("Service hook"))
		s.eventually("it is an episode", func() error { return s.episodes().On(hooks).From(ledger.OriginDrift).Open().Want(1) })

		Expect(s.Delete(context.Background(), hook)).To(Succeed())
		s.AwaitDenied(s.tb, hooks)
		s.awaitEpisodes(1, ledger.OriginDrift, ledger.EndingRepaired)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		Expect(s.episodes().Want(3)).To(Succeed())
	})

	It("lets in what converts a custom resource, and what serves an API, before it denies", func() {
		s := onShared("extension")
		name := s.namespace("backends")
		convert, extend := s.backend(name, "convert", "10.244.1.5"), s.backend(name, "extend", "10.244.1.6")
		s.make(convertedBy(convert))
		s.make(servedBy(extend))
		s.awaitServed(extend)
		s.observed()
		mark, refused := s.Mark(s.tb), s.PodNetwork.Refused()

		s.Apply(s.tb, s.policy("").Enforce().Allow(admissionBackends))
		s.AwaitDenied(s.tb, name)
		s.AwaitConforming(s.tb, s.name)
		Expect(s.applied(mark, name)).To(Equal([]string{"holdfast-allow-admission-convert", "holdfast-allow-admission-extend", harness.Deny}))
		Expect(s.NetworkPolicy(s.tb, name, "holdfast-allow-admission-convert").Spec).To(Equal(convert.wanted()))
		Expect(s.NetworkPolicy(s.tb, name, "holdfast-allow-admission-extend").Spec).To(Equal(extend.wanted()))
		s.awaitServed(extend)
		Expect(s.PodNetwork.Refused()).To(Equal(refused))
		Expect(s.episodes().From(ledger.OriginBaseline).Ended(ledger.EndingRepaired).Want(1)).To(Succeed())
	})
})

// backend is what the API server calls: a Service, a pod behind it, and the
// test's own server at the pod's address.
type backend struct {
	service *corev1.Service
	ca      []byte
	calls   atomic.Int64
}

// backend runs a backend until the spec ends.
func (s *scene) backend(namespace, name, ip string) *backend {
	GinkgoHelper()
	const port = 8443
	b := &backend{}
	certificate, key, err := certutil.GenerateSelfSignedCertKey(name+"."+namespace+".svc", nil, nil)
	Expect(err).NotTo(HaveOccurred())
	pair, err := tls.X509KeyPair(certificate, key)
	Expect(err).NotTo(HaveOccurred())
	b.ca = certificate
	server := httptest.NewUnstartedServer(b)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	// Each call is a connection of its own, which the network judges.
	server.Config.SetKeepAlivesEnabled(false)
	server.StartTLS()
	DeferCleanup(server.Close)
	s.PodNetwork.Listen(ip, port, server.Listener.Addr().String())

	labels := map[string]string{"app": name}
	b.service = s.service(namespace, name, "", labels, servicePort("https", corev1.ProtocolTCP, 443, intstr.FromString("https")))
	s.run(pod(namespace, name, labels, corev1.ContainerPort{Name: "https", ContainerPort: port}), ip)
	s.make(endpoints(namespace, name, "-e2e", true, ip, endpointPort("https", corev1.ProtocolTCP, port)))
	return b
}

// ServeHTTP admits everything, and serves a group without resources.
func (b *backend) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	b.calls.Add(1)
	response.Header().Set("Content-Type", "application/json")
	answer := any(metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: extensionGroup + "/v1"})
	switch {
	case request.URL.Path == "/admit":
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(request.Body).Decode(&review); err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		answer = review
	case !strings.HasPrefix(request.URL.Path, "/apis/"+extensionGroup):
		http.NotFound(response, request)
		return
	}
	if err := json.NewEncoder(response).Encode(answer); err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
	}
}

// wanted is the allowance for the backend: its pods, at the port they listen on.
func (b *backend) wanted() networkingv1.NetworkPolicySpec {
	return networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: b.service.Spec.Selector},
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress:     []networkingv1.NetworkPolicyIngressRule{{Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolTCP, 8443)}}},
	}
}

// webhook has the API server ask a backend about what is written in the scene's
// namespaces, and refuse it without an answer.
func (s *scene) webhook(b *backend, resource string) *admissionregistrationv1.ValidatingWebhookConfiguration {
	GinkgoHelper()
	hook := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "hook.e2e.holdfast.dev",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: b.ca, Service: &admissionregistrationv1.ServiceReference{
				Namespace: b.service.Namespace, Name: b.service.Name, Path: new("/admit")}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{resource}},
			}},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{label: s.name}},
			FailurePolicy:           new(admissionregistrationv1.Fail),
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			TimeoutSeconds:          new(int32(5)),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
	s.make(hook)
	return hook
}

// write tries, without effect, to write what webhooks are asked about.
func (s *scene) write(namespace string) error {
	return errors.Join(
		s.Create(context.Background(), denyAll(namespace), client.DryRunAll),
		s.Create(context.Background(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "any"}}, client.DryRunAll))
}

// awaitCalled waits until a webhook is asked about what is written, and answers.
func (s *scene) awaitCalled(b *backend, namespace string) {
	GinkgoHelper()
	s.eventually("the webhook is called", func() error {
		before := b.calls.Load()
		if err := s.write(namespace); err != nil {
			return err
		}
		if b.calls.Load() == before {
			return errors.New("it is not asked yet")
		}
		return nil
	})
}

// networkIsReal shows that a denial of the backend's namespace stops writes in
// another one.
func (s *scene) networkIsReal(hooks, apps string) {
	GinkgoHelper()
	foreign := networkPolicy(hooks, "deny-all")
	foreign.Spec = denyAll(hooks).Spec
	Expect(s.Create(context.Background(), foreign)).To(Succeed())
	Expect(s.write(apps)).To(MatchError(ContainSubstring("failed calling webhook")))
	Expect(s.Delete(context.Background(), foreign)).To(Succeed())
	Expect(s.write(apps)).To(Succeed())
}

// convertedBy is a custom resource whose versions a backend converts.
func convertedBy(b *backend) client.Object {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "things.e2e.example.com"},
		"spec": map[string]any{
			"group": "e2e.example.com", "scope": "Namespaced",
			"names": map[string]any{"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}}}},
			"conversion": map[string]any{"strategy": "Webhook", "webhook": map[string]any{
				"conversionReviewVersions": []any{"v1"},
				"clientConfig":             map[string]any{"service": map[string]any{"namespace": b.service.Namespace, "name": b.service.Name}},
			}},
		},
	}}
}

// servedBy is an API that a backend serves.
func servedBy(b *backend) client.Object {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
		"metadata": map[string]any{"name": "v1." + extensionGroup},
		"spec": map[string]any{
			"group": extensionGroup, "version": "v1", "groupPriorityMinimum": int64(100), "versionPriority": int64(100),
			"insecureSkipTLSVerify": true,
			"service":               map[string]any{"namespace": b.service.Namespace, "name": b.service.Name},
		},
	}}
}

// awaitServed waits until the API server lets the backend answer for its API.
func (s *scene) awaitServed(b *backend) {
	GinkgoHelper()
	clients, err := kubernetes.NewForConfig(s.RESTConfig())
	Expect(err).NotTo(HaveOccurred())
	s.eventually("the API is served", func() error {
		before := b.calls.Load()
		if err := clients.RESTClient().Get().AbsPath("/apis/" + extensionGroup + "/v1").Do(context.Background()).Error(); err != nil {
			return fmt.Errorf("it is not: %w", err)
		}
		if b.calls.Load() == before {
			return errors.New("somebody else answered")
		}
		return nil
	})
}
