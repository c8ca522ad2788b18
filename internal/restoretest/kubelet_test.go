package restoretest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/sentinel"
)

// onData is where the test's Velero notes what data a restored volume has; without, a
// pod fills its volume.
const onData = "test/data"

// startKubelet has the pods of sentinels run, and say what is in their volumes, until
// the test ends. Claims are bound to a volume each.
func startKubelet(t *testing.T) {
	t.Helper()
	c := admin(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			runPods(ctx, c)
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

// runPods has each pod that is new run. What fails is tried again.
func runPods(ctx context.Context, c client.Client) {
	var pods corev1.PodList
	if c.List(ctx, &pods) != nil {
		return
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.Name != permissions.SentinelName || len(pod.Status.InitContainerStatuses) > 0 || hangs(pod) {
			continue
		}
		report := pod.Annotations[onData]
		if report == "" {
			report = sentinel.ReportOf("of " + pod.Annotations["holdfast.dev/sentinel-generation"]).String()
		}
		pod.Status.Phase = corev1.PodRunning
		pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "fill", State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{Message: report, FinishedAt: metav1.Now()},
		}}}
		_ = c.Status().Update(ctx, pod)
	}
}

// hangs reports whether a pod does not come up: some restored ones do not, and none in
// some namespaces.
func hangs(pod *corev1.Pod) bool {
	return pod.Annotations["test/hangs"] != "" || strings.HasPrefix(pod.Namespace, "hanging-")
}
