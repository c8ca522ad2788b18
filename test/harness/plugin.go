package harness

import (
	"bytes"
	"errors"
	"os/exec"
	"testing"
)

// Plugin is the kubectl plugin, as an admin of the cluster runs it, or somebody else.
type Plugin struct{ binary, kubeconfig string }

// Plugin builds the plugin.
func (c *Cluster) Plugin(tb testing.TB) *Plugin {
	tb.Helper()
	return &Plugin{binary: Build(tb, BuildOptions{Package: "./cmd/kubectl-holdfast"}), kubeconfig: c.Kubeconfig()}
}

// As is the plugin as the user of a kubeconfig runs it.
func (p *Plugin) As(kubeconfig string) *Plugin {
	return &Plugin{binary: p.binary, kubeconfig: kubeconfig}
}

// Run runs the plugin, and returns what it printed and its exit status.
func (p *Plugin) Run(tb testing.TB, args ...string) (output []byte, status int) {
	tb.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(p.binary, append([]string{"--kubeconfig", p.kubeconfig}, args...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		tb.Fatalf("run the plugin: %v", err)
	}
	if stderr.Len() > 0 {
		tb.Logf("%v printed:\n%s", args, stderr.String())
	}
	return stdout.Bytes(), cmd.ProcessState.ExitCode()
}
