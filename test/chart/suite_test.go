// Package chart_test shows what the chart charts/holdfast installs, on a real API
// server, that config installs the same, and what the chart refuses.
package chart_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/hack/tools"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

const (
	// chart is the chart's folder, from this one.
	chart = "../../charts/holdfast"
	// namespace is where releases are installed.
	namespace = "holdfast-system"
)

// suite is the control plane that the tests of this package share.
type suite struct {
	cp *controlplane.ControlPlane
	// client refuses fields that the API server does not know.
	client client.Client
}

func TestChart(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	cp, err := controlplane.Start(t.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	c, err := client.New(cp.RESTConfig(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := suite{cp, client.WithFieldValidation(c, client.FieldValidation(metav1.FieldValidationStrict))}
	s.prepare(t)
	t.Run("values", s.testMatrix)
	t.Run("kustomize", s.testKustomize)
	t.Run("a storage class that is missing", s.testStorageClass)
}

// prepare makes what the chart expects of a cluster: the kinds of the Prometheus
// operator, and a namespace, in which pods are restricted.
func (s suite) prepare(t *testing.T) {
	t.Helper()
	if err := controlplane.InstallCRDs(t.Context(), s.cp.RESTConfig(), monitoringKinds(t)); err != nil {
		t.Fatal(err)
	}
	s.kubectl(t, "", "create", "namespace", namespace)
	s.kubectl(t, "", "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
}

// helm runs helm against the suite's API server.
func (s suite) helm(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	return run(helm(t, append(args, "--kubeconfig", s.cp.Kubeconfig())...))
}

// kubectl runs kubectl against the suite's API server; it must succeed.
func (s suite) kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), s.cp.KubectlPath(), append(args, "--kubeconfig", s.cp.Kubeconfig())...)
	command.Stdin = strings.NewReader(stdin)
	stdout, err := run(command)
	if err != nil {
		t.Fatal(err)
	}
	return stdout
}

// helmPath is the path of helm, which is looked at once.
var helmPath = sync.OnceValues(func() (string, error) { return tools.Build(context.Background(), tools.Helm()) })

// helm is a run of helm that finds no settings of the user's.
func helm(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := helmPath()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	command := exec.CommandContext(t.Context(), path, args...)
	command.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home, "KUBECONFIG=")
	return command
}

// failure is what a program that failed wrote.
type failure struct{ command, stderr string }

// Error is what it wrote, and which program.
func (f *failure) Error() string { return f.command + ": " + f.stderr }

// run runs the command; an error is a *failure.
func run(command *exec.Cmd) (stdout string, err error) {
	var out, stderr bytes.Buffer
	command.Stdout, command.Stderr = &out, &stderr
	if err := command.Run(); err != nil {
		return out.String(), &failure{command: strings.Join(command.Args, " "), stderr: strings.TrimSpace(stderr.String())}
	}
	return out.String(), nil
}

// flagsOf are the arguments of helm that set the values.
func flagsOf(values []string) []string {
	var args []string
	for _, v := range values {
		args = append(args, "--set", v)
	}
	return args
}
