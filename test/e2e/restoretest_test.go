package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls/restoretest"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// restores is the scenes' control of restore tests.
const restores = "BCK-2"

var _ = Describe("Restore tests", func() {
	It("restore a sentinel, compare it with what was written, and remove what they made", func() {
		v := prepareVelero("restored", harness.OperatorOptions{Binary: impatient, Values: []string{"probe.restoreTests=true"}})
		good, bad := v.scene.namespace("good"), v.scene.namespace("bad")
		v.op.Start(v.tb)
		v.Apply(v.tb, v.stated(v1alpha1.Backup{}).Controls(v1alpha1.ControlSpec{ID: restores, RestoreTest: &v1alpha1.RestoreTest{
			BackupControl: backups, Every: metav1.Duration{Duration: 168 * time.Hour}, Volume: &v1alpha1.SentinelVolume{Image: "registry.example.com/holdfast:0.1.0"},
		}}))
		for _, namespace := range []string{good, bad} {
			v.awaitState(restores, namespace, control.NotEvaluated, control.ReasonInconclusive)
			v.fills(namespace, strings.Repeat("0f", 32))
		}
		sentinels := map[string]*corev1.ConfigMap{good: v.awaitSentinel(good), bad: v.awaitSentinel(bad)}
		for _, sentinel := range sentinels {
			v.eventually("the clock is a second on", func() error { return passed(sentinel.CreationTimestamp.Add(time.Second)) })
		}
		v.backup(run{plan: "holdfast-restored-bck-1", started: time.Now(), phase: "Completed"})
		for range sentinels {
			v.restore(sentinels, bad)
		}

		v.awaitState(restores, good, control.Conforming, "")
		Expect(v.newestOf(restores, good).Basis).To(Equal(control.BasisBehaviour))
		v.awaitState(restores, bad, control.Deviating, restoretest.ReasonDataDiffers)
		tests := v.op.Evidence(v.tb).Kind(ledger.KindProbed).Where(func(e *ledger.Entry) bool { return e.Probe.Of == control.ProbeRestore })
		Expect(tests.Want(2)).To(Succeed())
		v.eventually("the tests have left nothing", func() error { return v.leftovers() })
		for namespace, sentinel := range sentinels {
			v.eventually("the sentinel is written anew", func() error {
				found := &corev1.ConfigMap{}
				err := v.Get(context.Background(), client.ObjectKeyFromObject(sentinel), found)
				if err == nil && found.UID == sentinel.UID {
					return fmt.Errorf("that in %s is the old one", namespace)
				}
				return client.IgnoreNotFound(err)
			})
		}

		v.Apply(v.tb, v.stated(v1alpha1.Backup{}))
		v.eventually("no sentinel is left", func() error {
			claims := &corev1.PersistentVolumeClaimList{}
			if err := v.List(context.Background(), claims, client.HasLabels{control.SentinelLabel}); err != nil {
				return err
			}
			if left := len(claims.Items); left > 0 {
				return fmt.Errorf("%d claims are there", left)
			}
			return nil
		})
	})
})

// fills has the pod of a sentinel say what it wrote into its volume, as a kubelet
// does. There are none in the cluster.
func (s *scene) fills(namespace, hash string) {
	GinkgoHelper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: permissions.SentinelName}}
	s.eventually("the pod of the sentinel in "+namespace+" is made, and has filled its volume", func() error {
		if err := s.Get(context.Background(), client.ObjectKeyFromObject(pod), pod); err != nil {
			return err
		}
		pod.Status.Phase = corev1.PodRunning
		pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.InitContainers[0].Name, State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{Message: hash + " 1048576"}}}}
		return s.Status().Update(context.Background(), pod)
	})
}

// awaitSentinel waits until a namespace has its sentinel, and returns the part of it
// that is made last.
func (s *scene) awaitSentinel(namespace string) *corev1.ConfigMap {
	GinkgoHelper()
	sentinel := &corev1.ConfigMap{}
	s.eventually(namespace+" has a sentinel", func() error {
		return s.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: permissions.SentinelName}, sentinel)
	})
	return sentinel
}

// restore does the next Restore that is asked for, as Velero does: it brings back the
// sentinel of the namespace, and of one of them with other data in its volume.
func (v *scriptedVelero) restore(sentinels map[string]*corev1.ConfigMap, bad string) {
	GinkgoHelper()
	asked := v.awaitRestore()
	mapping, _, err := unstructured.NestedStringMap(asked.Object, "spec", "namespaceMapping")
	Expect(err).NotTo(HaveOccurred())
	Expect(mapping).To(HaveLen(1))
	for source, scratch := range mapping {
		Expect(scratch).To(HavePrefix(control.ScratchPrefix))
		restored := sentinels[source].DeepCopy()
		restored.ObjectMeta = metav1.ObjectMeta{Namespace: scratch, Name: restored.Name, Labels: restored.Labels, Annotations: restored.Annotations}
		Expect(v.Create(context.Background(), restored)).To(Succeed())
		v.restorePod(source, scratch)
		hash := strings.Repeat("0f", 32)
		if source == bad {
			hash = strings.Repeat("00", 32)
		}
		v.fills(scratch, hash)
	}
	v.status("Restore", asked.GetName(), map[string]any{"phase": "Completed", "warnings": 1, "startTimestamp": stamp(time.Now())})
}

// restorePod brings back a sentinel's claim and pod.
func (v *scriptedVelero) restorePod(source, scratch string) {
	GinkgoHelper()
	claim, pod := &corev1.PersistentVolumeClaim{}, &corev1.Pod{}
	for _, part := range []client.Object{claim, pod} {
		Expect(v.Get(context.Background(), client.ObjectKey{Namespace: source, Name: permissions.SentinelName}, part)).To(Succeed())
		part.SetNamespace(scratch)
		part.SetUID("")
		part.SetResourceVersion("")
	}
	claim.Status, pod.Status = corev1.PersistentVolumeClaimStatus{}, corev1.PodStatus{}
	Expect(v.Create(context.Background(), claim)).To(Succeed())
	Expect(v.Create(context.Background(), pod)).To(Succeed())
}

// awaitRestore waits for a Restore that nobody has begun.
func (v *scriptedVelero) awaitRestore() *unstructured.Unstructured {
	GinkgoHelper()
	var asked *unstructured.Unstructured
	v.eventually("a restore is asked for", func() error {
		for _, r := range v.restoresLeft() {
			if phase, _, _ := unstructured.NestedString(r.Object, "status", "phase"); phase == "" {
				asked = &r
				return nil
			}
		}
		return errors.New("none is")
	})
	return asked
}

func (v *scriptedVelero) restoresLeft() []unstructured.Unstructured {
	GinkgoHelper()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("velero.io/v1")
	list.SetKind("RestoreList")
	Expect(v.List(context.Background(), list, client.InNamespace(v.namespace))).To(Succeed())
	return list.Items
}

// leftovers returns an error while something is there that tests made.
func (v *scriptedVelero) leftovers() error {
	namespaces := &corev1.NamespaceList{}
	if err := v.List(context.Background(), namespaces, client.HasLabels{control.RestoreTestLabel}); err != nil {
		return err
	}
	if left := len(namespaces.Items) + len(v.restoresLeft()); left > 0 {
		return fmt.Errorf("%d objects are there", left)
	}
	return nil
}
