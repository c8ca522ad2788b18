package install

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/hack/tools"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
	"github.com/holdfast-dev/holdfast/test/tool"
)

const (
	release = "holdfast"
	system  = "holdfast-system"
	claim   = "holdfast-ledger"
	// own selects the objects of the release, its pod included.
	own = "app.kubernetes.io/instance=" + release
	// patience is helm's: far longer than anything takes on a busy machine.
	patience = "--timeout=4m"
	// keepValues has an upgrade keep the values that were set, beside a new chart's.
	keepValues = "--reset-then-reuse-values"
)

// scene is a cluster on which one release at a time is installed.
type scene struct {
	*harness.Cluster
	node   *harness.Node
	plugin *harness.Plugin
	helm   string
	// previous is the chart of the version before.
	previous string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	cluster := harness.StartCluster(t, harness.ClusterOptions{PodNetwork: true, NoCRDs: true})
	s := &scene{Cluster: cluster, helm: tool.Path(t, tools.Helm()), plugin: cluster.Plugin(t)}
	s.node = cluster.StartNode(t, harness.NodeOptions{})
	s.previous = s.packagePrevious(t)
	return s
}

// packagePrevious packages the chart as the version before. There is no release
// yet whose chart could be taken instead: this one differs from the chart in its
// version and in the tag of its image, which is the same binary, as far as the
// cluster can tell another one.
func (s *scene) packagePrevious(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := s.try(s.helm, "package", s.Chart(), "--version=0.0.9", "--app-version=0.0.9", "--destination", dir); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "holdfast-0.0.9.tgz")
}

// try runs a program as an admin of the cluster, and returns all that it printed.
func (s *scene) try(program string, args ...string) (string, error) {
	home := filepath.Join(s.Dir(), "helm")
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.Kubeconfig(),
		"HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	return output.String(), err
}

// run runs helm or kubectl, which must succeed, in the operator's namespace.
func (s *scene) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	output, err := s.try(program, append([]string{"--namespace", system}, args...)...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s\nthe pods are:\n%s", filepath.Base(program), strings.Join(args, " "), err, output, s.pods())
	}
	return output
}

func (s *scene) Helm(t *testing.T, args ...string) string {
	t.Helper()
	return s.run(t, s.helm, args...)
}
func (s *scene) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return s.run(t, s.KubectlPath(), args...)
}

// pods describes the pods, for a test that failed.
func (s *scene) pods() string {
	output, _ := s.try(s.KubectlPath(), "--namespace", system, "describe", "pods,persistentvolumeclaims")
	return output
}

// install installs a chart, as docs/install.md says, and waits until it is ready.
func (s *scene) install(t *testing.T, chart string, values ...string) string {
	t.Helper()
	s.makeNamespace(t)
	return s.Helm(t, append([]string{"install", release, chart, "--create-namespace", "--wait", patience}, values...)...)
}

// makeNamespace makes the operator's namespace, in which only restricted pods
// may run.
func (s *scene) makeNamespace(t *testing.T) {
	t.Helper()
	ns := &corev1.Namespace{}
	err := s.Get(t.Context(), client.ObjectKey{Name: system}, ns)
	if apierrors.IsNotFound(err) {
		s.Namespace(t, system, "pod-security.kubernetes.io/enforce", "restricted")
		return
	}
	if err != nil {
		t.Fatal(err)
	}
}

// erase removes the release, without stopping the operator first, and all that it
// left, but the CRDs.
func (s *scene) erase(t *testing.T) {
	t.Helper()
	if out, err := s.try(s.helm, "--namespace", system, "uninstall", release, "--ignore-not-found", "--wait", patience); err != nil {
		t.Fatalf("uninstall: %v\n%s", err, out)
	}
	if out, err := s.try(s.KubectlPath(), "delete", "namespace", system, "--ignore-not-found", "--wait", "--timeout=4m"); err != nil {
		t.Fatalf("delete the namespace: %v\n%s", err, out)
	}
	if out, err := s.try(s.KubectlPath(), "delete", "controlpolicies", "--all"); err != nil {
		t.Fatalf("delete the policies: %v\n%s", err, out)
	}
}

// pod is the operator's one pod, which was never restarted.
func (s *scene) pod(t *testing.T) *corev1.Pod {
	t.Helper()
	pods := &corev1.PodList{}
	if err := s.List(t.Context(), pods, client.InNamespace(system)); err != nil {
		t.Fatal(err)
	}
	if len(pods.Items) != 1 || len(pods.Items[0].Status.ContainerStatuses) != 1 {
		t.Fatalf("there is not one pod with one container:\n%s", s.pods())
	}
	if n := pods.Items[0].Status.ContainerStatuses[0].RestartCount; n != 0 {
		t.Errorf("the operator was restarted %d times:\n%s", n, s.node.Logs(t, system, pods.Items[0].Name))
	}
	return &pods.Items[0]
}

// logs are what the operator's one pod printed.
func (s *scene) logs(t *testing.T) string {
	t.Helper()
	return s.node.Logs(t, system, s.pod(t).Name)
}

// awaitLog waits until the operator's log says something.
func (s *scene) awaitLog(t *testing.T, want string) {
	t.Helper()
	harness.Eventually(t, "the operator's log says "+want, func() error {
		if log := s.logs(t); !strings.Contains(log, want) {
			return fmt.Errorf("it says\n%s", log)
		}
		return nil
	})
}

// condition is a condition of a policy, as status/reason: message.
func (s *scene) condition(t *testing.T, policy, condition string) string {
	t.Helper()
	path := fmt.Sprintf(`{range .status.conditions[?(@.type==%q)]}{.status}/{.reason}: {.message}{end}`, condition)
	return s.kubectl(t, "get", "controlpolicy", policy, "-o", "jsonpath="+path)
}

// awaitCondition waits until a condition begins as wanted, and returns it.
func (s *scene) awaitCondition(t *testing.T, policy, condition, want string) string {
	t.Helper()
	var got string
	harness.Eventually(t, policy+" is "+condition+"="+want, func() error {
		if got = s.condition(t, policy, condition); !strings.HasPrefix(got, want) {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})
	return got
}

// evidence is what the ledger's volume holds.
func (s *scene) evidence(t *testing.T) harness.Evidence {
	t.Helper()
	evidence, err := harness.ReadEvidence(t.Context(), s.node.ClaimDir(t, system, claim))
	if err != nil {
		t.Fatalf("read the ledger: %v", err)
	}
	return evidence
}

// kept is what an upgrade, a rollback and a new installation have to keep.
type kept struct {
	// Ledger is the ledger's id, Key the UID of the Secret of its key, Policies are
	// the UIDs and generations of all policies.
	Ledger, Key, Policies string
	// Opened is how many ledgers there were on the volume.
	Opened int
}

func (s *scene) kept(t *testing.T) kept {
	t.Helper()
	opened := s.evidence(t).Kind(ledger.KindLedgerOpened)
	if len(opened) == 0 {
		t.Fatal("the ledger holds no entry")
	}
	return kept{
		Ledger:   opened[0].Ledger.LedgerID,
		Key:      s.kubectl(t, "get", "secret", "holdfast-ledger-key", "-o", "jsonpath={.metadata.uid}"),
		Policies: s.kubectl(t, "get", "controlpolicies", "-o", `jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.metadata.generation}{"\n"}{end}`),
		Opened:   len(opened),
	}
}
