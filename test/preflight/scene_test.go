package preflight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/controlplane"
	"github.com/holdfast-dev/holdfast/test/crds"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// scene is an operator of its own, which is not started, on a cluster that scenes
// share. At its end the CRDs are those of this release.
type scene struct {
	*harness.Cluster
	t      *testing.T
	op     *harness.Operator
	probes string
	// version is what the proxy says of the API server's version; empty is the truth.
	// refuses is the status by which it answers everything; 0 is none.
	version atomic.Value
	refuses atomic.Int32
}

// startCluster starts a cluster for scenes.
func startCluster(t *testing.T) *harness.Cluster {
	t.Helper()
	ctrl.SetLogger(logr.Discard()) // clients are quiet
	cluster := harness.StartCluster(t, harness.ClusterOptions{})
	if err := apiextensionsv1.AddToScheme(cluster.Scheme()); err != nil {
		t.Fatal(err)
	}
	return cluster
}

// scenes counts the scenes, for names of their own.
var scenes atomic.Int32

func newScene(t *testing.T, cluster *harness.Cluster) *scene {
	t.Helper()
	probes, err := cluster.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{Cluster: cluster, t: t, probes: probes}
	s.op = cluster.NewOperator(t, harness.OperatorOptions{Name: fmt.Sprintf("preflight-%d", scenes.Add(1)),
		Args: []string{"--health-probe-bind-address", probes}})
	t.Cleanup(func() { s.installCRDs() })
	return s
}

// probe returns the status and the body of a probe's answer.
func (s *scene) probe(path string) (int, string, error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+s.probes+path, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, strings.TrimSpace(string(body)), err
}

// says returns nil if /readyz answers no, with one sentence that has all parts.
func (s *scene) says(parts ...string) error {
	if !s.op.Running() {
		s.t.Fatal("the operator ended by itself")
	}
	code, sentence, err := s.probe("/readyz")
	if err != nil {
		return err
	}
	if code != http.StatusServiceUnavailable || strings.Contains(sentence, "\n") {
		return fmt.Errorf("it says %d %q", code, sentence)
	}
	for _, part := range parts {
		if !strings.Contains(sentence, part) {
			return fmt.Errorf("it says %q, without %q", sentence, part)
		}
	}
	return nil
}

// wantAlive fails the test unless the liveness probe succeeds.
func (s *scene) wantAlive() {
	s.t.Helper()
	if code, body, err := s.probe("/healthz"); err != nil || code != http.StatusOK {
		s.t.Errorf("/healthz: %d %q %v", code, body, err)
	}
}

// awaitReady waits until /readyz says yes.
func (s *scene) awaitReady() {
	s.t.Helper()
	harness.Eventually(s.t, "the operator is ready", func() error {
		if !s.op.Running() {
			s.t.Fatal("the operator ended by itself")
		}
		code, sentence, err := s.probe("/readyz")
		if err == nil && code != http.StatusOK {
			err = errors.New(sentence)
		}
		return err
	})
}

// wantWork shows that the operator works, by a policy that it judges.
func (s *scene) wantWork() {
	s.t.Helper()
	name := s.op.Name
	s.Namespace(s.t, name+"-subject", "scene", name)
	s.Apply(s.t, harness.Policy(name).Select("scene", name).Deny(v1alpha1.DirectionIngress))
	s.AwaitCondition(s.t, name, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonEvaluating)
	s.AwaitCondition(s.t, name, v1alpha1.ConditionConforming, metav1.ConditionFalse, v1alpha1.ReasonDeviating)
}

// crds is the folder of the CRDs of this release.
func (s *scene) crds() string { return filepath.Join(harness.Root(s.t), "config", "crd", "bases") }

// installCRDs installs the CRDs of this release.
func (s *scene) installCRDs() {
	s.t.Helper()
	if err := controlplane.InstallCRDs(context.Background(), s.RESTConfig(), s.crds()); err != nil {
		s.t.Fatal(err)
	}
}

// deleteCRDs deletes the CRDs, and waits until they are gone.
func (s *scene) deleteCRDs() {
	s.t.Helper()
	crds.RemoveFolder(s.t, s, s.crds())
}

// editCRD edits the schema of a ControlPolicy's spec.
func (s *scene) editCRD(edit func(spec *apiextensionsv1.JSONSchemaProps)) {
	s.t.Helper()
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := s.Get(s.t.Context(), client.ObjectKey{Name: "controlpolicies.holdfast.dev"}, crd); err != nil {
		s.t.Fatal(err)
	}
	before := crd.DeepCopy()
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	spec := schema.Properties["spec"]
	edit(&spec)
	schema.Properties["spec"] = spec
	if err := s.Patch(s.t.Context(), crd, client.MergeFrom(before)); err != nil {
		s.t.Fatal(err)
	}
}

// grantIn grants the operator in another namespace what it may do in its own.
func (s *scene) grantIn(namespace string) {
	s.t.Helper()
	roles := &rbacv1.RoleList{}
	if err := s.List(s.t.Context(), roles, client.InNamespace(s.op.Namespace)); err != nil {
		s.t.Fatal(err)
	}
	subject := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: s.op.User}
	for _, role := range roles.Items {
		meta := metav1.ObjectMeta{Namespace: namespace, Name: role.Name}
		binding := &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: []rbacv1.Subject{subject},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name}}
		if err := errors.Join(s.Create(s.t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: role.Rules}), s.Create(s.t.Context(), binding)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// goThroughProxy has the operator reach the API server through a proxy, which says
// that the API server is of a version; empty is the truth.
func (s *scene) goThroughProxy(version string) {
	s.t.Helper()
	s.version.Store(version)
	cfg, err := s.RESTConfigForUser(s.op.User, serviceaccount.MakeGroupNames(s.op.Namespace)...)
	if err != nil {
		s.t.Fatal(err)
	}
	transport, err := rest.TransportFor(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	target, err := url.Parse(cfg.Host)
	if err != nil {
		s.t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said, _ := s.version.Load().(string)
		switch refuses := s.refuses.Load(); {
		case refuses != 0:
			w.WriteHeader(int(refuses))
		case r.URL.Path == "/version" && said != "":
			_, _ = fmt.Fprintf(w, `{"major":"1","minor":"","gitVersion":%q}`, said)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	// The operator's watches last for as long as it does.
	s.t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	config := clientcmdapi.Config{CurrentContext: "c", Clusters: map[string]*clientcmdapi.Cluster{"c": {Server: server.URL}},
		Contexts: map[string]*clientcmdapi.Context{"c": {Cluster: "c"}}}
	path := filepath.Join(s.t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(config, path); err != nil {
		s.t.Fatal(err)
	}
	s.op.Args = append(s.op.Args, "--kubeconfig", path)
}
