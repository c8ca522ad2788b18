package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/crds"
	"github.com/holdfast-dev/holdfast/test/harness"
)

const (
	transit      = "TLS-1"
	shopHost     = "shop.example.com"
	sslRedirect  = "nginx.ingress.kubernetes.io/ssl-redirect"
	forceSSL     = "nginx.ingress.kubernetes.io/force-ssl-redirect"
	strictPolicy = "holdfast-strict"
)

var _ = Describe("Encryption in transit", func() {
	It("sees which certificate and versions a host serves, and when the certificate expires", func() {
		s := preparePublished("served", harness.OperatorOptions{Values: []string{"tlsSecrets.read=true"}})
		namespace := s.namespace("shop")
		first, another := newCertificate(24*time.Hour), newCertificate(24*time.Hour)
		host := s.serve(first)
		s.tlsSecret(namespace, "shop", first)
		s.make(ofClass(ingress(namespace, shopHost, "shop"), "nginx"))
		s.op.Start(s.tb)
		s.Apply(s.tb, s.inTransit(v1alpha1.EncryptionInTransit{Ingress: host.probed(&v1alpha1.IngressEncryption{ExpiryThreshold: hours(1)})}))
		s.awaitTransit("shop", control.Conforming, "")
		Expect(s.op.Evidence(s.tb).Kind(ledger.KindProbed).Where(func(e *ledger.Entry) bool { return e.Probe.Of == control.ProbeHandshake })).NotTo(BeEmpty())

		// A controller falls back on its own certificate; the name is right.
		host.certificate.Store(another)
		s.probeAgain(namespace)
		s.awaitTransit("shop", control.Deviating, "OtherCertificate")
		host.certificate.Store(first)
		s.probeAgain(namespace)
		s.awaitTransit("shop", control.Conforming, "")

		host.oldest.Store(tls.VersionTLS11)
		s.probeAgain(namespace)
		s.awaitTransit("shop", control.Deviating, "OldVersion")
		host.oldest.Store(tls.VersionTLS12)
		s.probeAgain(namespace)
		s.awaitTransit("shop", control.Conforming, "")

		host.plain.Store(true)
		s.probeAgain(namespace)
		s.awaitTransit("shop", control.Deviating, "PlainHTTP")
		host.plain.Store(false)
		s.probeAgain(namespace)
		s.awaitTransit("shop", control.Conforming, "")
		episodes := s.transitEpisodes("shop")
		Expect(episodes.From(ledger.OriginDrift).Ended(ledger.EndingCorrected).Want(3)).To(Succeed(), "%s", episodes)

		// Time alone turns the verdict, an hour before the certificate ends.
		expiring := newCertificate(time.Hour + 15*time.Second)
		host.certificate.Store(expiring)
		s.tlsSecret(namespace, "shop", expiring)
		s.probeAgain(namespace)
		s.awaitTransit("shop", control.Deviating, "Expiring")
	})

	It("has an Ingress redirect, and gives back the annotation that does", func() {
		s := preparePublished("redirect", harness.OperatorOptions{Values: []string{"tlsSecrets.read=true"}})
		namespace := s.namespace("shop")
		s.tlsSecret(namespace, "shop", newCertificate(2000*time.Hour))
		s.op.Start(s.tb)
		s.Apply(s.tb, s.inTransit(v1alpha1.EncryptionInTransit{Ingress: &v1alpha1.IngressEncryption{TakeOver: []string{"Redirect"}}}).Enforce())
		s.transitIntroduced()
		s.make(ofClass(ingress(namespace, shopHost, "shop"), "nginx"))
		s.awaitAnnotation(namespace, sslRedirect, "true")
		s.awaitTransitEpisodes("shop", 1, ledger.OriginNewSubject, ledger.EndingRepaired)

		s.annotate(namespace, sslRedirect, "")
		s.awaitAnnotation(namespace, sslRedirect, "true")
		s.awaitTransitEpisodes("shop", 1, ledger.OriginDrift, ledger.EndingRepaired)
		s.awaitTransit("shop", control.Conforming, "")

		// What somebody says otherwise is left, and is a deviation.
		s.annotate(namespace, sslRedirect, "false")
		s.awaitTransit("shop", control.Deviating, "PlainHTTP")
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRedirectRefused)
		s.awaitAnnotation(namespace, sslRedirect, "false")
	})

	It("guards Ingresses, proves it, gives the guard back, and takes it away once it is not stated", func() {
		s := preparePublished("edge", harness.OperatorOptions{})
		DeferCleanup(s.removeGuards)
		namespace := s.namespace("shop")
		s.op.Start(s.tb)
		guarding := v1alpha1.EncryptionInTransit{Ingress: &v1alpha1.IngressEncryption{Certificates: "Ignore", Guard: &v1alpha1.IngressGuard{Rollout: v1alpha1.GuardDeny}}}
		s.Apply(s.tb, s.inTransit(guarding).Enforce())
		s.awaitTransit("the cluster", control.Conforming, "")
		guard := "holdfast-guard-ingress-tls-" + s.name
		plain := ingress(namespace, shopHost, "")
		plain.Spec.TLS = nil
		Expect(s.Create(context.Background(), plain, client.DryRunAll)).To(MatchError(ContainSubstring(guard)))
		Expect(s.Create(context.Background(), ingress(namespace, shopHost, "shop"), client.DryRunAll)).To(Succeed())

		Expect(s.Delete(context.Background(), &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: guard}})).To(Succeed())
		s.awaitTransitEpisodes("the cluster", 1, ledger.OriginDrift, ledger.EndingRepaired)
		s.awaitTransit("the cluster", control.Conforming, "")
		Expect(s.Create(context.Background(), plain, client.DryRunAll)).To(MatchError(ContainSubstring(guard)))

		guarding.Ingress.Guard = nil
		s.Apply(s.tb, s.inTransit(guarding).Enforce())
		s.eventually("nothing guards", func() error {
			return s.Create(context.Background(), plain.DeepCopy(), client.DryRunAll)
		})
	})

	It("follows Istio and cert-manager as they come and go, makes what is missing, and holds STRICT until all was meshed for long enough", func() {
		const meshedFor = time.Minute
		s := preparePublished("mesh", harness.OperatorOptions{Values: []string{"tlsSecrets.read=true", "observe.istio=Enabled", "observe.certManager=Enabled"}})
		namespace := s.namespace("shop")
		s.op.Start(s.tb)
		s.Apply(s.tb, s.inTransit(v1alpha1.EncryptionInTransit{
			Ingress:      &v1alpha1.IngressEncryption{PlainHTTP: v1alpha1.JudgementRecord, CertificateTemplate: &v1alpha1.CertificateTemplate{IssuerRef: v1alpha1.IssuerReference{Name: "ca"}}},
			Mesh:         &v1alpha1.MeshEncryption{Provider: "Istio", StrictAfter: &metav1.Duration{Duration: meshedFor}},
			Certificates: &v1alpha1.CertificateHealth{},
		}).Enforce())
		web := meshedPod(namespace, "web")
		s.run(web, "10.244.9.1")
		s.make(ofClass(ingress(namespace, shopHost, "shop"), "nginx"))
		s.awaitTransit(namespace, control.Deviating, "NotInstalled")

		before := time.Now()
		crds.Install(s.tb, s.Cluster, crds.Istio, crds.CertManager)
		DeferCleanup(func() { crds.Remove(newTB(), s.Cluster, crds.Istio, crds.CertManager) })
		s.awaitTransit(namespace, control.Deviating, "NotStrict")
		certificate := anyObject("cert-manager.io/v1", "Certificate", namespace, "holdfast-shop")
		s.awaitObject(certificate)
		Expect(certificate.Object["spec"]).To(HaveKeyWithValue("dnsNames", ConsistOf(shopHost)))
		Expect(s.Delete(context.Background(), certificate)).To(Succeed())
		s.awaitObject(certificate)

		strict := anyObject("security.istio.io/v1", "PeerAuthentication", namespace, strictPolicy)
		harness.EventuallyWithin(s.tb, 2*time.Minute, "STRICT is applied", func() error {
			return s.Get(context.Background(), client.ObjectKeyFromObject(strict), strict)
		})
		Expect(strict.GetCreationTimestamp().Time).To(BeTemporally(">=", before.Add(meshedFor).Truncate(time.Second)), "nobody knew before for how long all is meshed")
		s.awaitTransit(namespace, control.Conforming, "")
		Expect(unstructured.SetNestedField(strict.Object, "PERMISSIVE", "spec", "mtls", "mode")).To(Succeed())
		Expect(s.Update(context.Background(), strict)).To(Succeed())
		s.awaitTransitEpisodes(namespace, 1, ledger.OriginDrift, ledger.EndingRepaired)

		s.setReady(web, false)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRolledBack)
		s.eventually("what broke the pods is gone", func() error {
			err := s.Get(context.Background(), client.ObjectKeyFromObject(strict), strict)
			if err == nil {
				return errors.New("it is there")
			}
			return client.IgnoreNotFound(err)
		})

		s.make(unmeshedPod(namespace, "batch"))
		s.awaitTransit(namespace, control.Deviating, "NotMeshed")
		crds.Remove(s.tb, s.Cluster, crds.Istio, crds.CertManager)
		s.awaitTransit(namespace, control.Deviating, "NotInstalled")
	})
})

// inTransit begins a policy of the scene with a control over what is in transit,
// beside the one over namespaces.
func (s *scene) inTransit(e v1alpha1.EncryptionInTransit) *harness.PolicyBuilder {
	return s.policy("").IncludeCluster().Controls(v1alpha1.ControlSpec{ID: transit, EncryptionInTransit: &e})
}

func hours(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Hour} }

// transitIntroduced waits until the control is introduced, so that what comes then is new.
func (s *scene) transitIntroduced() {
	GinkgoHelper()
	s.eventually("the control is introduced", func() error {
		return s.evidence().Kind(ledger.KindControlIntroduced).Where(func(e *ledger.Entry) bool { return e.Control == transit }).Want(1)
	})
}

// awaitTransit waits until the newest state of a subject has this outcome, and a
// rule with this reason among those that decide it.
func (s *scene) awaitTransit(subject string, want control.Outcome, reason string) {
	GinkgoHelper()
	harness.EventuallyWithin(s.tb, 2*harness.Patience, fmt.Sprintf("%s is %s %s", subject, want, reason), func() error {
		states := s.evidence().Kind(ledger.KindOutcomeChanged).Where(func(e *ledger.Entry) bool { return e.Control == transit && isSubject(*e.Subject, subject) })
		if len(states) == 0 {
			return errors.New("it has no state")
		}
		newest := states[len(states)-1].To
		decided := reason == "" || slices.ContainsFunc(newest.Rules, func(r control.RuleState) bool { return r.Reason == reason })
		if newest.Outcome != want || !decided {
			return fmt.Errorf("it is %+v", *newest)
		}
		return nil
	})
}

func (s *scene) transitEpisodes(subject string) harness.Episodes {
	return s.episodes().Where(func(e *harness.Episode) bool { return e.Control == transit && isSubject(e.Subject, subject) })
}

func (s *scene) awaitTransitEpisodes(subject string, n int, origin ledger.Origin, ending ledger.Ending) {
	GinkgoHelper()
	s.eventually(fmt.Sprintf("%d episodes of %s of origin %s end as %q", n, subject, origin, ending), func() error {
		all := s.transitEpisodes(subject)
		if got := all.From(origin).Ended(ending); len(got) != n {
			return fmt.Errorf("%d of all these:\n%s", len(got), all)
		}
		return nil
	})
}

func ofClass(i *networkingv1.Ingress, class string) *networkingv1.Ingress {
	i.Spec.IngressClassName = &class
	return i
}

// annotate sets an annotation of the Ingress, or removes it where the value is empty.
func (s *scene) annotate(namespace, name, value string) {
	GinkgoHelper()
	i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"}}
	s.edit(i, func() {
		if value == "" {
			delete(i.Annotations, name)
			return
		}
		metav1.SetMetaDataAnnotation(&i.ObjectMeta, name, value)
	})
}

func (s *scene) awaitAnnotation(namespace, name, want string) {
	GinkgoHelper()
	s.eventually("the Ingress has "+name, func() error {
		i := &networkingv1.Ingress{}
		if err := s.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: "shop"}, i); err != nil {
			return err
		}
		if got := i.Annotations[name]; got != want {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
}

// probeAgain has the host probed at once, as an Ingress is that changes. What is
// said is of no consequence to a host that is probed.
func (s *scene) probeAgain(namespace string) {
	GinkgoHelper()
	i := &networkingv1.Ingress{}
	Expect(s.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: "shop"}, i)).To(Succeed())
	value := "false"
	if i.Annotations[forceSSL] == value {
		value = ""
	}
	s.annotate(namespace, forceSSL, value)
}

// tlsSecret writes a TLS Secret, whatever it was before.
func (s *scene) tlsSecret(namespace, name string, c *tls.Certificate) {
	GinkgoHelper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	Expect(err).NotTo(HaveOccurred())
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}}
	Expect(client.IgnoreNotFound(s.Delete(context.Background(), secret.DeepCopy()))).To(Succeed())
	Expect(s.Create(context.Background(), secret)).To(Succeed())
}

// newCertificate returns a certificate of the host, which is valid for so long.
func newCertificate(valid time.Duration) *tls.Certificate {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{SerialNumber: serial, DNSNames: []string{shopHost}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(valid)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	Expect(err).NotTo(HaveOccurred())
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// servedHost is where an Ingress is served: with TLS at one port, and at another
// in the clear, where it redirects.
type servedHost struct {
	certificate         atomic.Pointer[tls.Certificate]
	oldest              atomic.Uint32
	plain               atomic.Bool
	httpsPort, httpPort int32
}

func (s *scene) serve(c *tls.Certificate) *servedHost {
	GinkgoHelper()
	h := &servedHost{}
	h.certificate.Store(c)
	h.oldest.Store(tls.VersionTLS12)
	quiet := func(server *httptest.Server) *httptest.Server {
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that are refused are no news
		DeferCleanup(server.Close)
		return server
	}
	secured := quiet(httptest.NewUnstartedServer(http.NotFoundHandler()))
	secured.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{MinVersion: uint16(h.oldest.Load()), Certificates: []tls.Certificate{*h.certificate.Load()}}, nil
	}}
	secured.StartTLS()
	open := quiet(httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.plain.Load() {
			_, _ = bytes.NewBufferString("hello").WriteTo(w)
			return
		}
		http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusPermanentRedirect)
	})))
	h.httpsPort, h.httpPort = portOf(secured.Listener.Addr()), portOf(open.Listener.Addr())
	return h
}

func portOf(address net.Addr) int32 { return int32(address.(*net.TCPAddr).Port) }

// probed has the control probe the host where it is served.
func (h *servedHost) probed(i *v1alpha1.IngressEncryption) *v1alpha1.IngressEncryption {
	i.Handshake = &v1alpha1.HandshakeProbe{Every: &metav1.Duration{Duration: 30 * time.Second}, Endpoints: []v1alpha1.IngressEndpoint{
		{IngressClassName: "nginx", Address: "127.0.0.1", HTTPSPort: h.httpsPort, HTTPPort: h.httpPort},
	}}
	return i
}

// meshedPod is a pod with Istio's sidecar.
func meshedPod(namespace, name string) *corev1.Pod {
	pod := unmeshedPod(namespace, name)
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "istio-proxy", Image: "registry.example.com/proxy"})
	return pod
}

func unmeshedPod(namespace, name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name}}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "app", Image: "registry.example.com/app"}},
	}}
}

func anyObject(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(schema.FromAPIVersionAndKind(apiVersion, kind))
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// awaitObject waits until an object is there that is not being deleted.
func (s *scene) awaitObject(o *unstructured.Unstructured) {
	GinkgoHelper()
	s.eventually(o.GetKind()+" "+o.GetName()+" is there", func() error {
		was := o.GetUID()
		if err := s.Get(context.Background(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		if o.GetDeletionTimestamp() != nil || was == o.GetUID() {
			return errors.New("it is going")
		}
		return nil
	})
}
