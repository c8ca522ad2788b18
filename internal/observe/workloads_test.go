package observe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestWorkloads: the pods of one template are one workload, whichever of them
// and whichever revision they are.
func TestWorkloads(t *testing.T) {
	w := newWorld()
	w.namespace("shop")
	put := func(name string, ready bool, hostNetwork bool, labels ...string) {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{}}}
		for i := 0; i < len(labels); i += 2 {
			p.Labels[labels[i]] = labels[i+1]
		}
		p.Spec.HostNetwork = hostNetwork
		if ready {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		}
		w.touching(podTable{}.put(w.store, convertPod(p)))
	}
	put("web-1", true, false, "app", "web", "pod-template-hash", "1")
	put("web-2", false, false, "app", "web", "pod-template-hash", "2")
	put("db-0", true, false, "app", "db", "statefulset.kubernetes.io/pod-name", "db-0", "apps.kubernetes.io/pod-index", "0")
	put("db-1", true, false, "app", "db", "statefulset.kubernetes.io/pod-name", "db-1", "apps.kubernetes.io/pod-index", "1")
	put("bare", false, false)
	put("node", true, true, "app", "node")

	o := &Observer{store: w.store}
	want := []Workload{{Labels: "", Pods: 1}, {Labels: "app=db", Pods: 2, Ready: 2}, {Labels: "app=web", Pods: 2, Ready: 1}}
	if diff := cmp.Diff(want, o.Workloads("shop")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := o.Workloads("elsewhere"); got != nil {
		t.Errorf("got %v of a namespace that is not there", got)
	}
}
