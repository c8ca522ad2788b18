package harness

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/hack/tools"
	"github.com/holdfast-dev/holdfast/test/controlplane"
	"github.com/holdfast-dev/holdfast/test/tool"
)

// tokenLife is how long an operator's token is good for, in seconds: longer than
// any test.
const tokenLife = 24 * 60 * 60

// Chart is the path of the chart.
func (c *Cluster) Chart() string { return filepath.Join(c.root, "charts", "holdfast") }

// Helm runs helm as an admin of the cluster, and returns what it printed.
func (c *Cluster) Helm(tb testing.TB, args ...string) string {
	tb.Helper()
	c.builtHelm.Do(func() { c.helm = tool.Path(tb, tools.Helm()) })
	home := tb.TempDir()
	cmd := exec.CommandContext(tb.Context(), c.helm, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		tb.Fatalf("helm %s: %v\n%s%s", strings.Join(args, " "), err, output, stderr.Bytes())
	}
	return string(output)
}

// installCRDs installs the CRDs of the chart.
func (c *Cluster) installCRDs(tb testing.TB) {
	tb.Helper()
	dir := tb.TempDir()
	crds := c.Helm(tb, "template", "crds", c.Chart(), "--show-only", "templates/crds.yaml")
	if err := os.WriteFile(filepath.Join(dir, "crds.yaml"), []byte(crds), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := controlplane.InstallCRDs(tb.Context(), c.RESTConfig(), dir); err != nil {
		tb.Fatal(err)
	}
}

// install installs the chart as a release of the operator's own, with everything
// but a pod: the process is the test's.
func (o *Operator) install(tb testing.TB) {
	tb.Helper()
	args := []string{"install", o.Release, o.cluster.Chart(), "--namespace", o.Namespace, "--create-namespace"}
	o.cluster.Helm(tb, set(args, slices.Concat(o.values(), o.Values))...)
	o.adopt(tb)
	o.cluster.installed = append(o.cluster.installed, o)
	o.writeKubeconfig(tb)
}

// Upgrade upgrades the release with other values, given as name=value. A process
// that runs goes on with the arguments that it has.
func (o *Operator) Upgrade(tb testing.TB, values ...string) {
	tb.Helper()
	args := []string{"upgrade", o.Release, o.cluster.Chart(), "--namespace", o.Namespace, "--reuse-values"}
	o.cluster.Helm(tb, set(args, values)...)
	o.adopt(tb)
}

// set appends values to the arguments of helm.
func set(args, values []string) []string {
	for _, value := range values {
		args = append(args, "--set", value)
	}
	return args
}

// adopt reads what the release is now.
func (o *Operator) adopt(tb testing.TB) {
	tb.Helper()
	deployment := &appsv1.Deployment{}
	if err := o.cluster.Get(tb.Context(), client.ObjectKey{Namespace: o.Namespace, Name: o.Release}, deployment); err != nil {
		tb.Fatalf("read the operator's Deployment: %v", err)
	}
	pod := &deployment.Spec.Template.Spec
	o.account, o.container = pod.ServiceAccountName, pod.Containers[0]
	o.User = serviceaccount.MakeUsername(o.Namespace, o.account)
	o.readRights(tb)
}

// values are the chart's, so far as they are not the defaults. A release that
// shares the cluster with others has neither roles for people nor what keeps
// others from writing what Holdfast writes.
func (o *Operator) values() []string {
	values := []string{
		"fullnameOverride=" + o.Release, "replicas=0", "crds.install=false",
		"enforce.networkIsolation=true", "enforce.encryptionAtRest=true", "enforce.encryptionInTransit=true", "enforce.backup=true",
		"ledger.persistence.storageClassName=-", // there is none to be found
	}
	if o.Name != "" {
		values = append(values, "roles.create=false", "approvals.separate=false", "records.protect=false")
	}
	return values
}

// environment is what the Deployment sets in its container's environment.
func (o *Operator) environment(tb testing.TB) []string {
	tb.Helper()
	var env []string
	for i := range o.container.Env {
		v := &o.container.Env[i]
		value := v.Value
		if from := v.ValueFrom; from != nil {
			if from.FieldRef == nil || from.FieldRef.FieldPath != "metadata.uid" {
				tb.Fatalf("set %s in the operator's environment: only values and the pod's UID are known here", v.Name)
			}
			value = string(o.podUID)
		}
		env = append(env, v.Name+"="+value)
	}
	return env
}

// writeKubeconfig writes the kubeconfig of the operator's service account, in the
// stead of what a pod finds in its volumes.
func (o *Operator) writeKubeconfig(tb testing.TB) {
	tb.Helper()
	clients, err := kubernetes.NewForConfig(o.cluster.RESTConfig())
	if err != nil {
		tb.Fatal(err)
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(tokenLife))}}
	request, err = clients.CoreV1().ServiceAccounts(o.Namespace).CreateToken(tb.Context(), o.account, request, metav1.CreateOptions{})
	if err != nil {
		tb.Fatalf("request the operator's token: %v", err)
	}
	config, err := clientcmd.LoadFromFile(o.cluster.Kubeconfig())
	if err != nil {
		tb.Fatal(err)
	}
	for _, cluster := range config.Clusters {
		if o.APIServer != "" {
			cluster.Server = "https://" + o.APIServer
		}
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: request.Status.Token}
	}
	o.kubeconfig = filepath.Join(o.Dir, "kubeconfig")
	if err := clientcmd.WriteToFile(*config, o.kubeconfig); err != nil {
		tb.Fatal(err)
	}
}
