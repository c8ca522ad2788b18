// Package chart_test shows what the chart charts/holdfast installs, on a real API
// server, and what it refuses.
package chart_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/hack/tools"
	"github.com/holdfast-dev/holdfast/test/controlplane"
	"github.com/holdfast-dev/holdfast/test/tool"
)

// chart is the chart's folder, from this one.
const chart = "../../charts/holdfast"

// namespace is where releases are installed.
const namespace = "holdfast-system"

// suite is the control plane that the tests of this package share.
type suite struct{ cp *controlplane.ControlPlane }

func TestChart(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := suite{cp}
	t.Run("a storage class that is missing", s.testStorageClass)
}

// helm runs helm against the suite's API server.
func (s suite) helm(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	return run(t, helm(t, append(args, "--kubeconfig", s.cp.Kubeconfig())...))
}

// kubectl runs kubectl against the suite's API server.
func (s suite) kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), s.cp.KubectlPath(), append(args, "--kubeconfig", s.cp.Kubeconfig())...)
	command.Stdin = strings.NewReader(stdin)
	stdout, err := run(t, command)
	if err != nil {
		t.Fatal(err)
	}
	return stdout
}

// helm is a run of helm that finds no settings of the user's.
func helm(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	home := t.TempDir()
	command := exec.CommandContext(t.Context(), tool.Path(t, tools.Helm()), args...)
	command.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home, "KUBECONFIG=")
	return command
}

// failure is what a program that failed wrote.
type failure struct{ command, stderr string }

// Error is what it wrote, and which program.
func (f *failure) Error() string { return f.command + ": " + f.stderr }

// run runs the command; an error is a *failure.
func run(t *testing.T, command *exec.Cmd) (stdout string, err error) {
	t.Helper()
	var out, stderr bytes.Buffer
	command.Stdout, command.Stderr = &out, &stderr
	if err := command.Run(); err != nil {
		return out.String(), &failure{command: strings.Join(command.Args[1:], " "), stderr: stderr.String()}
	}
	return out.String(), nil
}
