// Package permissions_test shows, on a real API server, what the chart's roles
// give to whom, and what its admission policies refuse.
package permissions_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/hack/tools"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/test/controlplane"
	"github.com/holdfast-dev/holdfast/test/tool"
)

const (
	root  = "../.."
	chart = root + "/charts/holdfast"

	// The namespaces of two releases: one with the default values, and one that is
	// granted everything.
	byDefault  = "holdfast-system"
	everything = "everything-system"

	patience = time.Minute
	poll     = 50 * time.Millisecond
)

// TestPermissions shares one API server, with a controller manager: it fills in
// aggregated roles, and checks the types of admission policies.
func TestPermissions(t *testing.T) {
	log.SetLogger(logr.Discard()) // of controller-runtime's client
	cp, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := controlplane.InstallCRDs(t.Context(), cp.RESTConfig(), filepath.Join(root, "config", "crd", "bases")); err != nil {
		t.Fatal(err)
	}
	s := &suite{ControlPlane: cp, helm: tool.Path(t, tools.Helm())}
	s.install(t, "holdfast", byDefault, []string{"rbac-*.yaml", "admission-*.yaml"})
	s.install(t, "everything", everything, []string{"rbac-*.yaml", "admission-prober.yaml", "admission-restore-tests.yaml"}, "fullnameOverride=everything",
		"enforce.networkIsolation=true", "enforce.encryptionAtRest=true", "enforce.encryptionInTransit=true", "tlsSecrets.read=true",
		"observe.gatewayAPI=Enabled", "observe.clusterNetworkPolicy=Enabled", "observe.cilium=Enabled", "observe.calico=Enabled",
		"observe.istio=Enabled", "observe.certManager=Enabled", "observe.velero=Enabled", "observe.volumeSnapshots=Enabled",
		"enforce.backup=true", "probe.restoreTests=true", "veleroRepository.read=true")
	s.bind(t)
	s.aggregated(t)
	t.Run("lists", s.testLists)
	t.Run("reviews", s.testReviews)
	t.Run("extensions", s.testExtensions)
	t.Run("admission", s.testAdmission)
}

// suite is an API server on which the chart's roles are installed.
type suite struct {
	*controlplane.ControlPlane
	helm string
}

// install applies some of the chart's templates, as they are with the values, in
// a namespace of its own.
func (s *suite) install(t *testing.T, release, namespace string, templates []string, values ...string) {
	t.Helper()
	args := []string{"template", release, chart, "--namespace", namespace}
	for _, value := range values {
		args = append(args, "--set", value)
	}
	whole := s.run(t, "", s.helm, args...)
	var chosen strings.Builder
	for document := range strings.SplitSeq(whole, "\n---\n") {
		if fromAny(document, templates) {
			chosen.WriteString("---\n" + document + "\n")
		}
	}
	s.kubectl(t, "create", "namespace", namespace)
	s.run(t, chosen.String(), s.KubectlPath(), "--kubeconfig", s.Kubeconfig(), "apply", "--server-side", "--filename", "-")
}

// fromAny reports whether helm made a document from one of the templates.
func fromAny(document string, templates []string) bool {
	for _, pattern := range templates {
		_, source, _ := strings.Cut(document, "# Source: holdfast/templates/")
		name, _, _ := strings.Cut(source, "\n")
		if ok, _ := filepath.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

// bind binds each role of people to a user of its name.
func (s *suite) bind(t *testing.T) {
	t.Helper()
	for _, role := range people() {
		s.kubectl(t, "create", "clusterrolebinding", "test-"+role, "--clusterrole=holdfast-"+role, "--user="+role)
	}
	s.kubectl(t, "create", "rolebinding", "test-auditor", "--namespace="+byDefault, "--role=holdfast-auditor", "--user=auditor")
	// Whoever may view the cluster gets the rules of the viewer's role.
	s.kubectl(t, "create", "clusterrolebinding", "test-view", "--clusterrole=view", "--user=view")
}

// aggregated waits until the cluster has filled in the roles that others extend.
func (s *suite) aggregated(t *testing.T) {
	t.Helper()
	for _, role := range []string{"holdfast-policy-admin", "holdfast-approver", "holdfast-auditor", "view"} {
		eventually(t, func(context.Context) error {
			if !strings.Contains(s.kubectl(t, "get", "clusterrole", role, "--output=yaml"), "- controlpolicies") {
				return fmt.Errorf("ClusterRole %s is not filled in", role)
			}
			return nil
		})
	}
}

// people are the roles that somebody may be bound to.
func people() []string {
	return []string{"viewer", "policy-admin", "schedule-admin", "approver", "auditor", "auditor-reperform", "metrics-reader"}
}

// operator is the user name of a release's service account.
func operator(release, namespace string) string {
	return "system:serviceaccount:" + namespace + ":" + release
}

// prober is the user name of the account that tries guards.
func prober(namespace string) string {
	return operator(permissions.ProberName, namespace)
}

// as is a client of another user.
func (s *suite) as(t *testing.T, user string) client.Client {
	t.Helper()
	config := rest.CopyConfig(s.RESTConfig())
	if user != "" {
		config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	}
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kubectl runs the command as the cluster's admin, and returns its output.
func (s *suite) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return s.run(t, "", s.KubectlPath(), append([]string{"--kubeconfig", s.Kubeconfig()}, args...)...)
}

// run runs a command, and returns its output.
func (s *suite) run(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// eventually waits until what returns no error.
func eventually(t *testing.T, what func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), poll, patience, true, func(ctx context.Context) (bool, error) {
		last = what(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%v: %v", err, last)
	}
}

// named is the metadata of an object.
func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
