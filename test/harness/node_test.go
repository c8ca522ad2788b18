package harness_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/test/harness"
)

const system = "holdfast-system"

// TestNode installs the operator as kubectl does, and reaches it by the API
// server's service proxy.
func TestNode(t *testing.T) {
	cluster := harness.StartCluster(t, harness.ClusterOptions{PodNetwork: true, NoCRDs: true})
	node := cluster.StartNode(t, harness.NodeOptions{Binaries: map[string]string{"registry.example.com/broken:1": "/bin/false"}})
	try := func(args ...string) (string, error) {
		output, err := exec.Command(cluster.KubectlPath(), append([]string{"--kubeconfig", cluster.Kubeconfig(), "-n", system}, args...)...).CombinedOutput()
		return string(output), err
	}
	kubectl := func(args ...string) string {
		t.Helper()
		output, err := try(args...)
		if err != nil {
			t.Fatalf("kubectl %v: %v\n%s", args, err, output)
		}
		return output
	}
	kubectl("apply", "--server-side", "-k", filepath.Join(harness.Root(t), "config"))
	kubectl("rollout", "status", "deployment/holdfast", "--timeout=5m")

	first := awaitPod(t, cluster, "")
	// Services know a pod that is ready a moment later than Deployments do.
	harness.Eventually(t, "the service proxy answers with the ledgers", func() error {
		index, err := try("get", "--raw", "/api/v1/namespaces/"+system+"/services/http:holdfast-ledger:ledger/proxy/ledgers")
		if err != nil || !strings.Contains(index, `"ledgers":`) {
			return fmt.Errorf("it answers %s: %w", index, err)
		}
		return nil
	})

	account := "system:serviceaccount:" + system + ":holdfast"
	if got := cluster.Since(t, 0).By(account).Succeeded().Writes(); len(got) == 0 {
		t.Errorf("the operator wrote nothing as %s", account)
	}
	info, err := os.Stat(filepath.Join(node.ClaimDir(t, system, "holdfast-ledger"), "ledgers"))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != user() {
		t.Errorf("the ledger is user %d's, want %d's", owner, user())
	}

	if log := kubectl("logs", "deployment/holdfast", "--tail=3"); strings.Count(log, "\n") != 3 || !strings.Contains(node.Logs(t, system, first.Name), log) {
		t.Errorf("kubectl logs prints %q", log)
	}

	kubectl("delete", "pod", first.Name)
	if second := awaitPod(t, cluster, first.UID); second.Status.ContainerStatuses[0].RestartCount != 0 {
		t.Errorf("after the first pod's end there is %s, restarted %d times", second.Name, second.Status.ContainerStatuses[0].RestartCount)
	}
	if log := node.Logs(t, system, first.Name); !strings.Contains(log, "Holdfast has stopped") {
		t.Errorf("the deleted pod did not stop in order: its log is\n%s", log)
	}

	kubectl("set", "image", "deployment/holdfast", "holdfast=registry.example.com/broken:1")
	harness.Eventually(t, "the pod of the broken image is started again", func() error {
		pods := &corev1.PodList{}
		if err := cluster.List(t.Context(), pods, client.InNamespace(system)); err != nil {
			return err
		}
		for _, pod := range pods.Items {
			for _, s := range pod.Status.ContainerStatuses {
				if s.RestartCount >= 1 && s.State.Waiting != nil && s.State.Waiting.Reason == "CrashLoopBackOff" && s.LastTerminationState.Terminated.ExitCode == 1 {
					return nil
				}
			}
		}
		return fmt.Errorf("the pods are %s", kubectl("get", "pods"))
	})
}

// user is whose the operator's process is: the pod's user, where the test may
// choose.
func user() int {
	if os.Geteuid() == 0 {
		return 65532
	}
	return os.Geteuid()
}

// awaitPod waits until there is one pod, another one than the last, and it is ready. The
// status of a Deployment may be that of a moment ago.
func awaitPod(t *testing.T, cluster *harness.Cluster, last types.UID) *corev1.Pod {
	t.Helper()
	pods := &corev1.PodList{}
	harness.EventuallyWithin(t, 5*time.Minute, "there is one pod, and it is ready", func() error {
		if err := cluster.List(t.Context(), pods, client.InNamespace(system)); err != nil {
			return err
		}
		if len(pods.Items) != 1 || pods.Items[0].UID == last {
			return fmt.Errorf("there are %d pods", len(pods.Items))
		}
		isReady := func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue }
		if pod := &pods.Items[0]; !slices.ContainsFunc(pod.Status.Conditions, isReady) {
			return fmt.Errorf("pod %s is not ready: %v", pod.Name, pod.Status.Conditions)
		}
		return nil
	})
	return &pods.Items[0]
}
