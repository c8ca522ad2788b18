package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/kubernetes"
	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Issue 5: A permission that is missing is named, with what to do", func() {
	It("says which rule lets it observe pods, and goes on once a ClusterRole adds that", func() {
		s, proxy := onProxy("unseen")
		s.protected(1)
		s.op.Rights.Revoke(s.tb, "pods", "list", "watch")
		reconnect(proxy)
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionUnknown, v1alpha1.ReasonNotEvaluated)
		Expect(conforming(policy).Message).To(And(ContainSubstring("pods cannot be observed"),
			ContainSubstring(`grant {apiGroups: [""], resources: [pods], verbs: [list, watch]} by a ClusterRole with the label `+
				permissions.AggregateTo(permissions.Observe)+`: "true"`)))

		s.make(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: s.name, Labels: map[string]string{permissions.AggregateTo(permissions.Observe): "true"}},
			Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list", "watch"}}}})
		s.AwaitConforming(s.tb, s.name)
	})

	It("says which right in its own namespace it starts with, and starts once it has that", func() {
		s := prepareOwn("leaseless", harness.OperatorOptions{})
		s.op.Rights.Revoke(s.tb, "leases", "get")
		s.op.Launch(s.tb)
		said := And(ContainSubstring("the operator may not get the lease holdfast.dev in namespace leaseless"),
			ContainSubstring(`cannot get resource \"leases\" in API group \"coordination.k8s.io\"`), ContainSubstring("helm upgrade"))
		s.eventually("the log says so", func() error {
			if log := s.op.Log(); !strings.Contains(log, "the operator may not") {
				return fmt.Errorf("it says:\n%s", log)
			}
			return nil
		})
		Expect(s.op.Log()).To(said)
		Expect(s.op.Ready()).To(MatchError(ContainSubstring("the operator may not get the lease holdfast.dev")))

		s.op.Rights.Restore(s.tb)
		s.eventually("it is ready", s.op.Ready)
	})

	It("says which right its ledger needs, and records once it has that", func() {
		s := prepareOwn("markless", harness.OperatorOptions{})
		s.op.Rights.Revoke(s.tb, "configmaps", "get", "create")
		name := s.namespaces(1)[0]
		s.Apply(s.tb, s.policy("").Enforce())
		s.op.Start(s.tb)
		s.AwaitDenied(s.tb, name)
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionFalse, v1alpha1.ReasonLedgerUnavailable)
		Expect(meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionEvidenceRecorded).Message).To(ContainSubstring("configmaps"))

		s.op.Rights.Restore(s.tb)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionTrue, v1alpha1.ReasonRecorded)
		s.awaitEpisodes(1, ledger.OriginBaseline, ledger.EndingRepaired)
	})

	It("says which value lets it repair, and repairs once the release has that", func() {
		s := prepareOwn("observing", harness.OperatorOptions{Values: []string{"enforce.networkIsolation=false"}})
		name := s.namespaces(1)[0]
		s.Apply(s.tb, s.policy("").Enforce())
		s.op.Start(s.tb)
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRepairFailed)
		Expect(enforced(policy).Message).To(ContainSubstring("set the chart's value enforce.networkIsolation=true"))
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionFalse, v1alpha1.ReasonDeviating)
		Expect(s.NetworkPolicy(s.tb, name, harness.Deny)).To(BeNil())
		s.eventually("that is recorded", func() error { return s.evidence().Kind(ledger.KindRepairFailed).Want(1) })

		s.op.Upgrade(s.tb, "enforce.networkIsolation=true")
		s.AwaitDenied(s.tb, name)
		s.AwaitConforming(s.tb, s.name)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	})
})

var _ = Describe("Issue 6: A permission of probes that is missing is named, with what to do", func() {
	It("says which value lets it write a canary, and sees how it is stored once the release has that", func() {
		s := preparePublished("canary", harness.OperatorOptions{Values: []string{"probe.enabled=false"}})
		s.Apply(s.tb, s.policy("").IncludeCluster().Controls(v1alpha1.ControlSpec{ID: "ENC-2", EncryptionAtRest: &v1alpha1.EncryptionAtRest{
			APIServer: &v1alpha1.APIServerEncryption{Resources: []string{"secrets", "configmaps"}, Every: &metav1.Duration{Duration: 30 * time.Second}},
		}}))
		s.op.Start(s.tb)
		s.saysItIsNotEvaluated("set the chart's value probe.enabled=true")

		s.op.Upgrade(s.tb, "probe.enabled=true")
		s.AwaitConforming(s.tb, s.name)
	})

	It("says which values let it try a guard, and sees that it refuses once the prober has the right", func() {
		s := preparePublished("untried", harness.OperatorOptions{})
		DeferCleanup(s.removeGuards)
		s.namespace("web")
		s.storageClass("untried-vault", "true", true)
		s.op.Prober.Revoke(s.tb, "persistentvolumeclaims", "create")
		s.Apply(s.tb, s.atRest(v1alpha1.VolumeEncryption{Guard: &v1alpha1.VolumeGuard{Rollout: v1alpha1.GuardDeny}}).Enforce())
		s.op.Start(s.tb)
		s.saysItIsNotEvaluated("set the chart's values probe.enabled=true and enforce.encryptionAtRest=true")

		s.op.Prober.Restore(s.tb)
		s.awaitProbedAgain()
		s.awaitGuarded()
	})

	It("says which value lets it read TLS Secrets, and judges certificates once the release has that", func() {
		const host = "shop.example.com"
		s := preparePublished("certificate", harness.OperatorOptions{})
		namespace := s.namespace("shop")
		certificate, key, err := certutil.GenerateSelfSignedCertKey(host, nil, nil)
		Expect(err).NotTo(HaveOccurred())
		s.make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"}, Type: corev1.SecretTypeTLS,
			Data: map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key}})
		s.make(ingress(namespace, host, "shop"))
		s.Apply(s.tb, s.policy("").Enforce().Controls(v1alpha1.ControlSpec{ID: "ENC-3", EncryptionInTransit: &v1alpha1.EncryptionInTransit{
			Ingress: &v1alpha1.IngressEncryption{PlainHTTP: v1alpha1.JudgementRecord},
		}}))
		s.op.Start(s.tb)
		s.saysItIsNotEvaluated("set the chart's value tlsSecrets.read=true, with " + namespace + " among tlsSecrets.namespaces")

		s.op.Upgrade(s.tb, "tlsSecrets.read=true")
		s.awaitProbedAgain()
	})
})

// ingress is an Ingress of a host that is served with a TLS Secret.
func ingress(namespace, host, secret string) *networkingv1.Ingress {
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}}
	paths := &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: new(networkingv1.PathTypePrefix), Backend: backend}}}
	return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"}, Spec: networkingv1.IngressSpec{
		Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: paths}}},
		TLS:   []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: secret}},
	}}
}

// saysItIsNotEvaluated waits until the policy's condition says what to do.
func (s *scene) saysItIsNotEvaluated(remedy string) {
	GinkgoHelper()
	s.eventually("the condition says "+remedy, func() error {
		said := conforming(s.GetPolicy(s.tb, s.name))
		if said == nil || said.Reason != v1alpha1.ReasonNotEvaluated || !strings.Contains(said.Message, remedy) {
			return fmt.Errorf("it says: %+v", said)
		}
		return nil
	})
}

// awaitProbedAgain waits until the scene's policy conforms by what a probe sees that
// was refused before. It is made again after half a minute, and where the right came
// later than that, after five more.
func (s *scene) awaitProbedAgain() {
	GinkgoHelper()
	harness.EventuallyWithin(s.tb, 7*time.Minute, "the policy conforms", func() error {
		return harness.HasCondition(s.GetPolicy(s.tb, s.name), v1alpha1.ConditionConforming, metav1.ConditionTrue, v1alpha1.ReasonAllConforming)
	})
}

var _ = Describe("Issue 5: Every permission is needed", func() {
	It("lists what it observes where the API server streams no lists, as many do by default", func() {
		s := prepareOwn("unstreamed", harness.OperatorOptions{Env: []string{"KUBE_FEATURE_WatchListClient=false"}})
		mark := s.Mark(s.tb)
		s.op.Start(s.tb)
		s.namespaces(1)
		s.Apply(s.tb, s.policyOnEverything())
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionFalse, v1alpha1.ReasonDeviating)
		for _, resource := range []string{
			"controlpolicies", "evidenceschedules", "namespaces", "networkpolicies", "pods", "ingressclasses", "storageclasses", "persistentvolumes", "persistentvolumeclaims",
			"validatingadmissionpolicies", "validatingadmissionpolicybindings", "encryptedstorageclasses",
		} {
			s.eventually(resource+" are listed", func() error {
				if len(s.Since(s.tb, mark).By(s.op.User).On(resource).Where(func(e *auditv1.Event) bool { return e.Verb == "list" })) == 0 {
					return errors.New("they are not")
				}
				return nil
			})
		}
		asked := s.Since(s.tb, mark).By(s.op.User)
		Expect(asked.Where(func(e *auditv1.Event) bool { return strings.Contains(e.RequestURI, "sendInitialEvents=true") })).To(BeEmpty())
	})

	It("serves metrics over TLS, to those who may read them", func() {
		const reader, stranger = "scraper", "stranger"
		s := onOwn("metrics", harness.OperatorOptions{SecureMetrics: true,
			Values: []string{"roles.create=true", "metrics.readers[0].name=" + reader, "metrics.readers[0].namespace=metrics"}})
		for _, account := range []string{reader, stranger} {
			Expect(s.Create(context.Background(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.op.Namespace, Name: account}})).To(Succeed())
		}
		for account, want := range map[string]int{"": http.StatusUnauthorized, stranger: http.StatusForbidden, reader: http.StatusOK} {
			token := ""
			if account != "" {
				token = s.token(account)
			}
			s.eventually(fmt.Sprintf("%q is answered with status %d", account, want), func() error { return s.scrape(token, want) })
		}
	})
})

// conforming is the condition of that name.
func conforming(policy *v1alpha1.ControlPolicy) *metav1.Condition {
	return meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionConforming)
}

// token is a token of a service account in the operator's namespace.
func (s *scene) token(account string) string {
	GinkgoHelper()
	clients, err := kubernetes.NewForConfig(s.RESTConfig())
	Expect(err).NotTo(HaveOccurred())
	request, err := clients.CoreV1().ServiceAccounts(s.op.Namespace).
		CreateToken(context.Background(), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return request.Status.Token
}

// scrape asks for the operator's metrics over TLS, and returns nil if the answer
// has a status, and holds metrics where that is OK.
func (s *scene) scrape(token string, want int) error {
	request, err := http.NewRequest(http.MethodGet, "https://"+s.op.MetricsAddress()+"/metrics", nil)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	// The operator's certificate is its own, of each start.
	scraper := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer scraper.CloseIdleConnections()
	response, err := scraper.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	page, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != want || (want == http.StatusOK) != strings.Contains(string(page), "\nholdfast_ledger_available ")) {
		err = fmt.Errorf("%s: %s", response.Status, page)
	}
	return err
}

// optionalKind is a kind that some clusters serve.
type optionalKind struct{ group, version, resource, kind, scope string }

func (k optionalKind) name() string { return k.resource + "." + k.group }

func optionalKinds() []optionalKind {
	const namespaced, cluster = "Namespaced", "Cluster"
	return []optionalKind{
		{"gateway.networking.k8s.io", "v1", "gateways", "Gateway", namespaced},
		{"gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", namespaced},
		{"gateway.networking.k8s.io", "v1", "grpcroutes", "GRPCRoute", namespaced},
		{"gateway.networking.k8s.io", "v1", "tlsroutes", "TLSRoute", namespaced},
		{"gateway.networking.k8s.io", "v1alpha2", "tcproutes", "TCPRoute", namespaced},
		{"gateway.networking.k8s.io", "v1alpha2", "udproutes", "UDPRoute", namespaced},
		{"gateway.networking.k8s.io", "v1", "listenersets", "ListenerSet", namespaced},
		{"gateway.networking.k8s.io", "v1beta1", "referencegrants", "ReferenceGrant", namespaced},
		{"gateway.networking.x-k8s.io", "v1alpha1", "xlistenersets", "XListenerSet", namespaced},
		{"security.istio.io", "v1", "peerauthentications", "PeerAuthentication", namespaced},
		{"networking.istio.io", "v1", "destinationrules", "DestinationRule", namespaced},
		{"cert-manager.io", "v1", "certificates", "Certificate", namespaced},
		{"velero.io", "v1", "schedules", "Schedule", namespaced},
		{"velero.io", "v1", "backupstoragelocations", "BackupStorageLocation", namespaced},
		{"velero.io", "v1", "backups", "Backup", namespaced},
		{"velero.io", "v1", "deletebackuprequests", "DeleteBackupRequest", namespaced},
		{"velero.io", "v1", "podvolumebackups", "PodVolumeBackup", namespaced},
		{"velero.io", "v2alpha1", "datauploads", "DataUpload", namespaced},
		{"snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot", namespaced},
		{"policy.networking.k8s.io", "v1alpha2", "clusternetworkpolicies", "ClusterNetworkPolicy", cluster},
		{"policy.networking.k8s.io", "v1alpha1", "adminnetworkpolicies", "AdminNetworkPolicy", cluster},
		{"policy.networking.k8s.io", "v1alpha1", "baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy", cluster},
		{"cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy", namespaced},
		{"cilium.io", "v2", "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy", cluster},
		{"crd.projectcalico.org", "v1", "networkpolicies", "NetworkPolicy", namespaced},
		{"crd.projectcalico.org", "v1", "globalnetworkpolicies", "GlobalNetworkPolicy", cluster},
		{"projectcalico.org", "v3", "networkpolicies", "NetworkPolicy", namespaced},
		{"projectcalico.org", "v3", "globalnetworkpolicies", "GlobalNetworkPolicy", cluster},
	}
}

// serveOptionalKinds has the API server serve all optional kinds until the spec
// ends. Until they are gone, no operator that may not observe them could judge.
func (s *scene) serveOptionalKinds() {
	GinkgoHelper()
	for _, k := range optionalKinds() {
		definition := k.definition()
		Expect(s.Create(context.Background(), definition)).To(Succeed())
		DeferCleanup(func(ctx context.Context) { s.removed(ctx, definition) })
	}
	clients, err := kubernetes.NewForConfig(s.RESTConfig())
	Expect(err).NotTo(HaveOccurred())
	s.eventually("the optional kinds are served", func() error {
		var errs []error
		for _, k := range optionalKinds() {
			served, err := clients.Discovery().ServerResourcesForGroupVersion(k.group + "/" + k.version)
			if err == nil && !strings.Contains(served.String(), k.resource) {
				err = fmt.Errorf("%s is not", k.name())
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}

// removed deletes an object, and returns when it is gone.
func (s *scene) removed(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(s.Delete(ctx, o))).To(Succeed())
	s.eventually(o.GetName()+" is gone", func() error {
		if err := s.Get(ctx, client.ObjectKeyFromObject(o), o); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there, or not: %w", err)
		}
		return nil
	})
}

// definition is the kind's CustomResourceDefinition, with any spec.
func (k optionalKind) definition() client.Object {
	singular := strings.ToLower(k.kind)
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": k.name(),
			"annotations": map[string]any{"api-approved.kubernetes.io": "unapproved, for a test"}},
		"spec": map[string]any{
			"group": k.group, "scope": k.scope,
			"names": map[string]any{"plural": k.resource, "singular": singular, "kind": k.kind, "listKind": k.kind + "List"},
			"versions": []any{map[string]any{"name": k.version, "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}},
		},
	}}
}
