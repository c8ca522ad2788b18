package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 9: Secrets stay secret, whatever probes write and read", func() {
	It("leaves nothing in ledger, objects, log, events, statuses or metrics of what was planted", func() {
		s := preparePublished("planted", harness.OperatorOptions{Values: []string{"tlsSecrets.read=true"}, Args: []string{"--zap-log-level=10"}})
		DeferCleanup(s.removeGuards)
		canaries := s.watchCanaries()
		namespace := s.namespace("shop")
		planted := s.plantKey(namespace)
		maps.Copy(planted.secrets, s.plantCredentials(namespace))
		s.op.Start(s.tb)
		s.Apply(s.tb, s.policyOnSecrets(planted.port))
		s.eventually("every kind of probe was made, twice", s.probedTwice)
		s.eventually("the guards hold, as seen in a dry run", s.guardsHold)

		written := s.writtenBesideFiles()
		s.op.Stop(s.tb)
		maps.Copy(written, filesBelow(s.op.Dir))
		seen := canaries()
		Expect(len(seen)).To(BeNumerically(">=", 2), "canaries that were seen")
		for i, value := range seen {
			planted.secrets[fmt.Sprintf("canary %d", i)] = value
		}
		Expect(holders(written, []byte(planted.public))).NotTo(BeEmpty(), "what is public of the certificate is recorded, and found")
		for what, secret := range planted.secrets {
			for _, form := range formsOf(secret) {
				Expect(holders(written, form)).To(BeEmpty(), what)
			}
		}
		Expect(holders(written, []byte("eyJhbGciOi"))).To(BeEmpty(), "tokens")
	})
})

// planted is a certificate that is served, and the secrets that nobody is to write.
type planted struct {
	// public is the certificate's digest, in hex, and port where it is served.
	public string
	port   int32
	// secrets are those to be looked for, by what they are.
	secrets map[string][]byte
}

// plantKey serves a host with a certificate whose private key is in a TLS Secret.
func (s *scene) plantKey(namespace string) planted {
	GinkgoHelper()
	const host = "planted.example.com"
	certificate, key, err := certutil.GenerateSelfSignedCertKey(host, nil, nil)
	Expect(err).NotTo(HaveOccurred())
	pair, err := tls.X509KeyPair(certificate, key)
	Expect(err).NotTo(HaveOccurred())
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that are refused are no news
	server.StartTLS()
	DeferCleanup(server.Close)
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	number, err := strconv.ParseInt(port, 10, 32)
	Expect(err).NotTo(HaveOccurred())

	s.make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key}})
	s.make(ingress(namespace, host, "shop"))
	block, _ := pem.Decode(key)
	digest := sha256.Sum256(pair.Certificate[0])
	middle := block.Bytes[len(block.Bytes)/2:][:48] // what an RSA key begins with is public
	return planted{public: hex.EncodeToString(digest[:]), port: int32(number), secrets: map[string][]byte{
		"private key": middle, "private key in PEM": bytes.Split(key, []byte("\n"))[15],
	}}
}

// credentials are the names under which values are planted that are nobody's business.
func credentials() []string { return []string{"password", "csi.storage.k8s.io/token", "accessKey"} }

// plantCredentials makes a class and a volume with parameters that are credentials.
func (s *scene) plantCredentials(namespace string) map[string][]byte {
	GinkgoHelper()
	secrets, parameters := map[string][]byte{}, map[string]string{"encrypted": "true"}
	for _, name := range credentials() {
		parameters[name] = rand.Text() + rand.Text()
		secrets["parameter "+name] = []byte(parameters[name])
	}
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: s.name}, Provisioner: "ebs.csi.aws.com", Parameters: parameters}
	secrets["address"] = []byte(rand.Text() + rand.Text())
	attributes := maps.Clone(parameters)
	attributes["address"] = "https://user:" + string(secrets["address"]) + "@example.com"
	capacity := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: s.name}, Spec: corev1.PersistentVolumeSpec{
		StorageClassName: s.name, Capacity: capacity, AccessModes: modes, ClaimRef: &corev1.ObjectReference{Namespace: namespace, Name: "claim"},
		PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
			Driver: "ebs.csi.aws.com", VolumeHandle: "vol-1", VolumeAttributes: attributes,
		}},
	}}
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "claim"}, Spec: corev1.PersistentVolumeClaimSpec{
		StorageClassName: &class.Name, VolumeName: volume.Name, AccessModes: modes, Resources: corev1.VolumeResourceRequirements{Requests: capacity},
	}}
	for _, object := range []client.Object{class, volume, claim} {
		s.make(object)
	}
	DeferCleanup(func(ctx context.Context) {
		Expect(s.Delete(ctx, volume)).To(Succeed())
		Expect(s.Delete(ctx, class)).To(Succeed())
	})
	return secrets
}

// watchCanaries notes what canaries hold from now on. What it returns says which
// there were.
func (s *scene) watchCanaries() func() [][]byte {
	GinkgoHelper()
	watcher, err := client.NewWithWatch(s.RESTConfig(), client.Options{Scheme: harness.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	w, err := watcher.Watch(context.Background(), &corev1.SecretList{}, client.InNamespace(s.op.Namespace), client.MatchingFields{"metadata.name": permissions.CanaryName})
	Expect(err).NotTo(HaveOccurred())
	var mu sync.Mutex
	var values [][]byte
	go func() {
		for event := range w.ResultChan() {
			if secret, ok := event.Object.(*corev1.Secret); ok {
				mu.Lock()
				values = slices.AppendSeq(values, maps.Values(secret.Data))
				mu.Unlock()
			}
		}
	}()
	DeferCleanup(w.Stop)
	return func() [][]byte {
		mu.Lock()
		defer mu.Unlock()
		slices.SortFunc(values, bytes.Compare)
		return slices.CompactFunc(values, bytes.Equal)
	}
}

// policyOnSecrets has everything probed that there is to probe: a host at a port of
// the loopback address, its TLS Secret, the API server, and guards.
func (s *scene) policyOnSecrets(port int32) *harness.PolicyBuilder {
	soon := &metav1.Duration{Duration: 30 * time.Second}
	return s.policy("").Enforce().IncludeCluster().Controls(
		v1alpha1.ControlSpec{ID: "ENC-1", EncryptionAtRest: &v1alpha1.EncryptionAtRest{
			Volumes:   &v1alpha1.VolumeEncryption{Guard: &v1alpha1.VolumeGuard{Rollout: v1alpha1.GuardDeny}},
			APIServer: &v1alpha1.APIServerEncryption{Resources: []string{"secrets", "configmaps"}, Every: soon},
		}},
		v1alpha1.ControlSpec{ID: "ENC-2", EncryptionInTransit: &v1alpha1.EncryptionInTransit{Ingress: &v1alpha1.IngressEncryption{
			Handshake: &v1alpha1.HandshakeProbe{Every: soon, Endpoints: []v1alpha1.IngressEndpoint{{Address: "127.0.0.1", HTTPSPort: port, HTTPPort: port}}},
		}}},
	)
}

// probedTwice returns nil once each kind of probe was made twice; guards are tried
// less often.
func (s *scene) probedTwice() error {
	for _, kind := range []string{control.ProbeCanary, control.ProbeHandshake, control.ProbeCertificate, control.ProbeGuard} {
		runs := s.op.Evidence(s.tb).Kind(ledger.KindProbed).Where(func(e *ledger.Entry) bool { return e.Probe.Of == kind })
		if want := map[bool]int{true: 1, false: 2}[kind == control.ProbeGuard]; len(runs) < want {
			return fmt.Errorf("%d runs of %s, want %d", len(runs), kind, want)
		}
	}
	return nil
}

// guardsHold returns nil once the cluster conforms.
func (s *scene) guardsHold() error {
	states := s.evidence().Kind(ledger.KindOutcomeChanged).Where(func(e *ledger.Entry) bool {
		return e.Control == "ENC-1" && e.Subject.Kind == control.ClusterKind
	})
	if len(states) == 0 {
		return errors.New("it is not judged")
	}
	for _, r := range states[len(states)-1].To.Rules {
		if r.Rule == "ER-04" {
			return fmt.Errorf("ER-04 %s %v", r.Reason, r.Culprits)
		}
	}
	return nil
}

// removeGuards deletes the scene's guards, which outlive its policy and its operator.
// It waits until the API server, which goes by its own copy of them, refuses no class
// any more.
func (s *scene) removeGuards(ctx context.Context) {
	s.rest()
	defer s.eventually("classes are let through again", func() error {
		c := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "guards-gone"}, Provisioner: ebs}
		return s.Create(ctx, c, client.DryRunAll)
	})
	for _, kind := range []string{"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"} {
		for _, guard := range s.listed(ctx, schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: kind}) {
			if strings.HasPrefix(guard.GetName(), control.GuardPrefix) && strings.HasSuffix(guard.GetName(), "-"+s.name) {
				Expect(client.IgnoreNotFound(s.Delete(ctx, &guard))).To(Succeed())
			}
		}
	}
}

// listed are all objects of a kind.
func (s *scene) listed(ctx context.Context, kind schema.GroupVersionKind) []unstructured.Unstructured {
	GinkgoHelper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind)
	Expect(s.List(ctx, list)).To(Succeed())
	return list.Items
}

// writtenBesideFiles are the objects that Holdfast writes, and its metrics, by what
// they are. Canaries are gone by then.
func (s *scene) writtenBesideFiles() map[string][]byte {
	GinkgoHelper()
	written := map[string][]byte{}
	for _, kind := range []schema.GroupVersionKind{
		v1alpha1.GroupVersion.WithKind("ControlPolicy"), v1alpha1.GroupVersion.WithKind("EvidenceSchedule"),
		v1alpha1.GroupVersion.WithKind("EvidenceRecord"), v1alpha1.GroupVersion.WithKind("EncryptedStorageClasses"),
		{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicy"},
		{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"}, {Version: "v1", Kind: "ConfigMap"}, {Group: "events.k8s.io", Version: "v1", Kind: "Event"},
	} {
		text, err := json.Marshal(s.listed(context.Background(), kind))
		Expect(err).NotTo(HaveOccurred())
		written["objects "+kind.Kind] = text
	}
	response, err := http.Get("http://" + s.op.MetricsAddress() + "/metrics")
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	written["metrics"], err = io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	Expect(written["metrics"]).To(ContainSubstring("holdfast_probes_total"))
	return written
}

// filesBelow are the files below a directory as they are and, where they are
// compressed, unpacked.
func filesBelow(dir string) map[string][]byte {
	GinkgoHelper()
	unpacker, err := zstd.NewReader(nil)
	Expect(err).NotTo(HaveOccurred())
	defer unpacker.Close()
	files, packed := map[string][]byte{}, 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "kubeconfig" {
			return err
		}
		content, err := os.ReadFile(path)
		files["file "+path] = content
		if unpacked, err := unpacker.DecodeAll(content, nil); err == nil && len(unpacked) > 0 {
			files["file "+path+", unpacked"] = unpacked
			packed++
		}
		return err
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(packed).NotTo(BeZero(), "objects of the ledger")
	return files
}

// holders are those of what is written that hold a text, sorted.
func holders(written map[string][]byte, text []byte) []string {
	var found []string
	for name, content := range written {
		if bytes.Contains(content, text) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// formsOf are the forms in which a secret may be written: as it is, in hex, and in
// base64, wherever it begins in what is encoded.
func formsOf(secret []byte) [][]byte {
	forms := [][]byte{secret, []byte(hex.EncodeToString(secret)), []byte(strings.ToUpper(hex.EncodeToString(secret)))}
	for offset := range 3 {
		whole := secret[offset:]
		whole = whole[:len(whole)/3*3]
		forms = append(forms, []byte(base64.StdEncoding.EncodeToString(whole)), []byte(base64.URLEncoding.EncodeToString(whole)))
	}
	return forms
}
