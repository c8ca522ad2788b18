package controlplane_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// encryption stores secrets encrypted under a key that protects nothing.
const encryption = `
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - secretbox: {keys: [{name: test, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]}
  - identity: {}
`

// suite is what the cases of TestControlPlane share.
type suite struct {
	cp *controlplane.ControlPlane
}

// TestControlPlane runs against one control plane with every option that
// changes no other option's behaviour.
func TestControlPlane(t *testing.T) {
	var progress bytes.Buffer
	cp := start(t, controlplane.Options{
		APIServers:       2,
		AuditLog:         &controlplane.AuditLog{Level: auditv1.LevelRequest},
		EncryptionConfig: []byte(encryption),
		Published:        true,
		Progress:         &progress,
	})
	if got, want := strings.Count(progress.String(), " ready in "), 3; got != want {
		t.Errorf("progress has %d steps, want %d:\n%s", got, want, progress.String())
	}
	s := suite{cp}
	t.Run("kubectl uses the admin kubeconfig", s.testKubectl)
	t.Run("a new user is denied until RBAC grants", s.testRBAC)
	t.Run("a kubeconfig of a user carries the groups", s.testUserKubeconfig)
	t.Run("a deleted namespace goes away", s.testNamespaceDeletion)
	t.Run("requests are audited once", s.testAudit)
	t.Run("secrets are encrypted in etcd", s.testEncryption)
	t.Run("CRDs are installed and served", s.testInstallCRDs)
	t.Run("API servers see each other's writes", s.testTwoAPIServers)
	t.Run("an API server is stopped and started", s.testRestartAPIServer)
	t.Run("an API server is published", s.testPublished)
	t.Run("an API server is restarted with another encryption", s.testEncrypt)
}

func (s suite) testKubectl(t *testing.T) {
	command := exec.CommandContext(t.Context(), s.cp.KubectlPath(), "--kubeconfig", s.cp.Kubeconfig(),
		"get", "namespace", "default", "-o", "name")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if diff := cmp.Diff("namespace/default\n", string(output)); diff != "" {
		t.Errorf("kubectl output (-want +got):\n%s", diff)
	}
}

func (s suite) testRBAC(t *testing.T) {
	cfg, err := s.cp.RESTConfigForUser("rbac-user")
	if err != nil {
		t.Fatal(err)
	}
	user := newClient(t, cfg)
	_, err = user.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `"rbac-user"`) {
		t.Fatalf("list by a new user: got %v, want forbidden for rbac-user", err)
	}
	grantView(t, s.cp, rbacv1.Subject{Kind: rbacv1.UserKind, Name: "rbac-user"})
	eventually(t, "the granted user lists", func(ctx context.Context) (bool, error) {
		_, err := user.CoreV1().ConfigMaps("default").List(ctx, metav1.ListOptions{})
		return err == nil, nil
	})
}

func (s suite) testUserKubeconfig(t *testing.T) {
	grantView(t, s.cp, rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "viewers"})
	kubeconfig, err := s.cp.KubeconfigFor("someone", "others", "viewers")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	user := newClient(t, cfg)
	eventually(t, "a member of the group lists", func(ctx context.Context) (bool, error) {
		_, err := user.CoreV1().ConfigMaps("default").List(ctx, metav1.ListOptions{})
		return err == nil, nil
	})
	if _, err := user.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("list of secrets by a viewer: got %v, want forbidden", err)
	}
}

func grantView(t *testing.T, cp *controlplane.ControlPlane, subject rbacv1.Subject) {
	t.Helper()
	subject.APIGroup = rbacv1.GroupName
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "view-" + subject.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{subject},
	}
	admin := newClient(t, cp.RESTConfig())
	if _, err := admin.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (s suite) testNamespaceDeletion(t *testing.T) {
	client := newClient(t, s.cp.RESTConfig())
	createNamespace(t, client, "short-lived")
	if err := client.CoreV1().Namespaces().Delete(t.Context(), "short-lived", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace is gone", func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().Namespaces().Get(ctx, "short-lived", metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
}

func (s suite) testAudit(t *testing.T) {
	cfg, err := s.cp.RESTConfigForUser("audited", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	user := newClient(t, cfg)
	createConfigMap(t, user, "audited")
	if _, err := user.CoreV1().ConfigMaps("default").Get(t.Context(), "audited", metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	events, err := s.cp.AuditEvents()
	if err != nil {
		t.Fatal(err)
	}
	type request struct {
		Verb, Resource, Name string
		Write, Body          bool
	}
	var got []request
	for i := range events {
		event := &events[i]
		if event.User.Username == "audited" {
			got = append(got, request{
				event.Verb, event.ObjectRef.Resource, event.ObjectRef.Name,
				controlplane.IsWrite(event), event.RequestObject != nil,
			})
		}
	}
	want := []request{
		{Verb: "create", Resource: "configmaps", Name: "audited", Write: true, Body: true},
		{Verb: "get", Resource: "configmaps", Name: "audited"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audited requests (-want +got):\n%s", diff)
	}
}

func (s suite) testEncryption(t *testing.T) {
	createSecret(t, newClient(t, s.cp.RESTConfig()), "encrypted", "in the clear")
	got := stored(t, s.cp, "/registry/secrets/default/encrypted")
	if !bytes.HasPrefix(got, []byte("k8s:enc:secretbox:v1:test:")) {
		t.Errorf("the stored secret starts with %q, want the mark of the encryption provider", got[:min(len(got), 30)])
	}
	if bytes.Contains(got, []byte("in the clear")) {
		t.Error("the stored secret holds its value in plain text")
	}
}

// testPublished: each API server answers at its own endpoint, which Service
// default/kubernetes names.
func (s suite) testPublished(t *testing.T) {
	list, err := newClient(t, s.cp.RESTConfig()).DiscoveryV1().EndpointSlices("default").List(t.Context(),
		metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=kubernetes"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range list.Items {
		slice := &list.Items[i]
		got = append(got, net.JoinHostPort(slice.Endpoints[0].Addresses[0], strconv.Itoa(int(*slice.Ports[0].Port))))
	}
	if diff := cmp.Diff([]string{s.cp.Endpoint(0), s.cp.Endpoint(1)}, got); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	for server := range got {
		cfg := s.cp.RESTConfigFor(server)
		cfg.Host, cfg.ServerName = "https://"+s.cp.Endpoint(server), "kubernetes.default.svc"
		if _, err := newClient(t, cfg).Discovery().ServerVersion(); err != nil {
			t.Errorf("%s: %v", s.cp.Endpoint(server), err)
		}
	}
}

// testEncrypt: one API server stores as it is told to, and is shown with the flag
// that says so; the other one goes on as it was.
func (s suite) testEncrypt(t *testing.T) {
	const first = "  - secretbox: {keys: [{name: test,"
	// In this order: an API server whose config lacks the key of a Secret that is stored
	// is never ready.
	cases := []struct{ name, config, want string }{
		{"in the clear", strings.Replace(encryption, first, "  - identity: {}\n"+first, 1), "k8s\x00"},
		{"another key", strings.Replace(encryption, first, "  - secretbox: {keys: [{name: other, secret: MTIzNDU2Nzg5MGFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]}\n"+first, 1),
			"k8s:enc:secretbox:v1:other:"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if err := s.cp.Encrypt(t.Context(), 1, []byte(tc.config)); err != nil {
				t.Fatal(err)
			}
			for server, want := range []string{"k8s:enc:secretbox:v1:test:", tc.want} {
				secret := strings.ReplaceAll(tc.name, " ", "-") + "-" + strconv.Itoa(server)
				createSecret(t, newClient(t, s.cp.RESTConfigFor(server)), secret, "value")
				if got := stored(t, s.cp, "/registry/secrets/default/"+secret); !bytes.HasPrefix(got, []byte(want)) {
					t.Errorf("API server %d stores %q, want %q", server, got[:min(len(got), 30)], want)
				}
			}
			if err := s.cp.ShowAPIServer(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			pods, err := newClient(t, s.cp.RESTConfig()).CoreV1().Pods("kube-system").List(t.Context(), metav1.ListOptions{LabelSelector: "component=kube-apiserver"})
			if err != nil || len(pods.Items) != 1 || pods.Items[0].Annotations[corev1.MirrorPodAnnotationKey] == "" {
				t.Fatalf("the API server is not shown: %v, %v", pods.Items, err)
			}
			flag := "--encryption-provider-config=" + s.cp.EncryptionConfigPath(1)
			if command := pods.Items[0].Spec.Containers[0].Command; !slices.Contains(command, flag) {
				t.Errorf("the API server is shown without %s: %v", flag, command)
			}
		})
	}
}

func (s suite) testInstallCRDs(t *testing.T) {
	for range 2 { // installing again changes nothing
		if err := controlplane.InstallCRDs(t.Context(), s.cp.RESTConfig(), filepath.Join("testdata", "crds")); err != nil {
			t.Fatal(err)
		}
	}
	client, err := dynamic.NewForConfig(s.cp.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	widget := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "test.holdfast.dev/v1", "kind": "Widget", "metadata": map[string]any{"name": "one"},
	}}
	widgets := client.Resource(schema.GroupVersionResource{Group: "test.holdfast.dev", Version: "v1", Resource: "widgets"})
	if _, err := widgets.Create(t.Context(), widget, metav1.CreateOptions{}); err != nil {
		t.Errorf("create an object of the new kind: %v", err)
	}
	empty := t.TempDir()
	if err := controlplane.InstallCRDs(t.Context(), s.cp.RESTConfig(), empty); err == nil {
		t.Error("a directory without CRDs is no error")
	}
}

func (s suite) testTwoAPIServers(t *testing.T) {
	for writer, reader := range []int{1, 0} {
		name := []string{"written-by-0", "written-by-1"}[writer]
		createConfigMap(t, newClient(t, s.cp.RESTConfigFor(writer)), name)
		client := newClient(t, s.cp.RESTConfigFor(reader))
		if _, err := client.CoreV1().ConfigMaps("default").Get(t.Context(), name, metav1.GetOptions{}); err != nil {
			t.Errorf("API server %d does not see a write to %d: %v", reader, writer, err)
		}
	}
	if s.cp.RESTConfigFor(0).Host == s.cp.RESTConfigFor(1).Host {
		t.Error("both API servers have the same address")
	}
}

func (s suite) testRestartAPIServer(t *testing.T) {
	cfg := s.cp.RESTConfigFor(1)
	if err := s.cp.StopAPIServer(1); err != nil {
		t.Fatal(err)
	}
	if got := s.cp.APIServerPID(1); got != 0 {
		t.Errorf("process id of a stopped API server is %d, want 0", got)
	}
	if _, err := newClient(t, cfg).Discovery().ServerVersion(); err == nil {
		t.Error("a stopped API server answers")
	}
	if _, err := newClient(t, s.cp.RESTConfigFor(0)).Discovery().ServerVersion(); err != nil {
		t.Errorf("the other API server: %v", err)
	}
	if err := s.cp.StartAPIServer(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t, cfg).Discovery().ServerVersion(); err != nil {
		t.Errorf("the API server that was started again: %v", err)
	}
	if err := s.cp.StartAPIServer(t.Context(), 1); err == nil {
		t.Error("starting a running API server is no error")
	}
}

func TestWithoutControllerManager(t *testing.T) {
	cp := start(t, controlplane.Options{NoControllerManager: true})
	if got := cp.ControllerManagerPID(); got != 0 {
		t.Errorf("process id of the controller manager is %d, want 0", got)
	}
	createSecret(t, newClient(t, cp.RESTConfig()), "plain", "in the clear")
	if got := stored(t, cp, "/registry/secrets/default/plain"); !bytes.Contains(got, []byte("in the clear")) {
		t.Error("without encryption config the stored secret does not hold its value")
	}
	if _, err := cp.AuditEvents(); err == nil {
		t.Error("reading the audit log without one is no error")
	}
	if got := cp.AuditLogPath(); got != "" {
		t.Errorf("audit log path without one is %q, want none", got)
	}
	if _, err := os.Stat(cp.Kubeconfig()); err != nil {
		t.Error(err)
	}
}
