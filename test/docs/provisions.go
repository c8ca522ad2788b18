package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/synthetic"
	"github.com/holdfast-dev/holdfast/test/controlplane"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// provisions are what pages may need, by name. Their order on a page is the order
// in which they are made.
func provisions() map[string]func(testing.TB, *reader) {
	return map[string]func(testing.TB, *reader){
		"cluster":    provideCluster,
		"holdfast":   provideHoldfast,
		"namespaces": provideNamespaces,
		"policy":     providePolicy,
		"workloads":  provideWorkloads,
		"ledger":     provideLedger,
		"bundle":     provideBundle,
	}
}

// provideCluster starts a control plane on which nothing of Holdfast's is, with a
// node that runs Holdfast's pods, and has kubectl use it.
func provideCluster(tb testing.TB, r *reader) {
	tb.Helper()
	c := harness.StartCluster(tb, harness.ClusterOptions{Binary: filepath.Join(r.tree.dir, "bin", "holdfast"), NoCRDs: true, PodNetwork: true})
	c.StartNode(tb, harness.NodeOptions{})
	r.useCluster(tb, c.ControlPlane)
}

// useCluster makes a control plane the one of the reader's kubeconfig.
func (r *reader) useCluster(tb testing.TB, cp *controlplane.ControlPlane) {
	tb.Helper()
	if err := copyFile(cp.Kubeconfig(), filepath.Join(r.home, ".kube", "config")); err != nil {
		tb.Fatal(err)
	}
}

// provideHoldfast installs the chart as docs/install.md does.
func provideHoldfast(tb testing.TB, r *reader) {
	tb.Helper()
	r.do(tb, "helm", "install", "holdfast", "charts/holdfast", "--namespace", "holdfast-system", "--create-namespace",
		"--set", "image.registry=registry.example.com", "--wait", "--timeout", "2m")
}

// provideNamespaces makes the namespaces that the demo is about.
func provideNamespaces(tb testing.TB, r *reader) {
	tb.Helper()
	r.do(tb, "kubectl", "apply", "-f", "hack/demo/manifests/namespaces.yaml")
}

// provideWorkloads makes the two namespaces of docs/cli.md.
func provideWorkloads(tb testing.TB, r *reader) {
	tb.Helper()
	r.do(tb, "kubectl", "apply", "-f", "test/docs/testdata/two-namespaces.yaml")
}

// providePolicy leaves what docs/first-policy.md leaves: namespaces, and a policy
// over them that observes.
func providePolicy(tb testing.TB, r *reader) {
	tb.Helper()
	provideNamespaces(tb, r)
	p := r.page(tb, "docs/first-policy.md")
	for i := range p.blocks {
		r.save(tb, &p.blocks[i])
	}
	r.do(tb, "kubectl", "apply", "-f", "policy.yaml")
	r.do(tb, "kubectl", "wait", "ctlp/network-baseline", "--for=condition=Ready", "--timeout=2m")
}

// do runs a command that the page takes for granted.
func (r *reader) do(tb testing.TB, name string, args ...string) {
	tb.Helper()
	cmd := exec.Command("bash", append([]string{"-c", `exec "$0" "$@"`, name}, args...)...) // bash looks it up in the reader's PATH
	cmd.Dir, cmd.Env = r.dir, r.environment()
	if output, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
}

// quarter is what an auditor may be given: the ledger of a generated quarter, in a
// directory, with its verifier key and a checkpoint.
type quarter struct {
	dir                  string
	verifier, checkpoint []byte
}

// generate generates a quarter that ends with the test.
func generate(tb testing.TB) *quarter {
	tb.Helper()
	q := &quarter{dir: tb.TempDir()}
	history, err := synthetic.Write(tb.Context(), q.dir, synthetic.Options{
		Seed: 2026, Duration: 90 * 24 * time.Hour, Namespaces: 16, Heartbeat: time.Hour, Collections: 6 * time.Hour,
	})
	if err != nil {
		tb.Fatal(err)
	}
	last := len(history.Held) - 1
	q.verifier, q.checkpoint = []byte(history.VerifierKeys[last]+"\n"), history.Held[last]
	return q
}

// provideLedger writes the quarter into the reader's directory.
func provideLedger(tb testing.TB, r *reader) {
	tb.Helper()
	q := r.quarter()
	if err := os.CopyFS(filepath.Join(r.dir, "ledger"), os.DirFS(q.dir)); err != nil {
		tb.Fatal(err)
	}
	for name, content := range map[string][]byte{"verifier.key": q.verifier, "march.checkpoint": q.checkpoint} {
		if err := os.WriteFile(filepath.Join(r.dir, name), content, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

// provideBundle packs the ledger, and takes it away: an auditor may have no more.
func provideBundle(tb testing.TB, r *reader) {
	tb.Helper()
	r.do(tb, "kubectl", "holdfast", "export", "ledger", "--from", "2026-01-01", "--to", "2026-04-01", "--file", "q1.tar.zst")
	if err := os.RemoveAll(filepath.Join(r.dir, "ledger")); err != nil {
		tb.Fatal(err)
	}
}

// placeholders are the words that stand, in a command, for what a reader has, and
// what the provisions have in their stead.
func placeholders() *strings.Replacer {
	return strings.NewReplacer("POLICY", "network-baseline", "CONTROL", "NET-1", "NAMESPACE", "shop", "SCHEDULE", "every-minute")
}
