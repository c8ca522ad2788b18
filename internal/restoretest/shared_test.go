package restoretest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// volume is a PersistentVolume of a claim of a sentinel's name.
func volume(name, handle, namespace string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{
		Capacity:    corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: "none",
		ClaimRef:                      &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: namespace, Name: permissions.SentinelName},
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
		PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "csi.example.com", VolumeHandle: handle}},
	}}
}

// testSharedVolume: a Velero that restores a volume as it was, pointing at the one that
// is in use, leaves a namespace that nobody deletes but a person, who is told.
func testSharedVolume(t *testing.T) {
	t.Parallel()
	r := newRig(t).withVolume()
	production, restored := unique("production"), unique("restored")
	r.create(volume(production, production, unique("elsewhere")))
	r.velero.do(func(v *velero) {
		v.tamper = func(object client.Object) client.Object {
			if _, is := object.(*corev1.PersistentVolumeClaim); is {
				r.create(volume(restored, production, object.GetNamespace()))
			}
			return object
		}
	})
	p := r.start()
	seen := p.once().Restored
	if seen == nil || !seen.VolumeShared || !strings.Contains(seen.Left, restored) || !strings.Contains(seen.Left, production) {
		t.Fatalf("got %+v", seen)
	}
	r.stays(restored)
	if diff := cmp.Diff([]string{r.namespace + " VolumeShared"}, r.told()); diff != "" {
		t.Error(diff)
	}

	// Neither does a process that begins anew, and it tests other namespaces.
	p.stop()
	again := r.start()
	again.want(nil)
	again.want(r.velero.backup(t, r.namespace))
	other := r.beside()
	r.velero.do(func(v *velero) { v.tamper = nil })
	another := &tester{Tester: again.Tester, rig: other, cancel: again.cancel, ended: again.ended}
	another.want(nil)
	another.want(r.velero.backup(t, other.namespace))
	if seen := r.tested(2); seen.Restore.Namespace != other.namespace || seen.Restored == nil || seen.Restored.VolumeShared {
		t.Errorf("got %+v", seen)
	}
	r.stays(restored)

	// A person sees to it, and Holdfast does the rest.
	r.freed(restored)
	r.offset.Add(int64(every))
	if seen := r.testedOf(again, 3); seen.Restore.Namespace != r.namespace || seen.Restored == nil || seen.Restored.VolumeShared {
		t.Errorf("got %+v", seen)
	}
	r.nothingLeft()
}

// stays insists that nothing of a test was deleted: the namespace, what is in it, the
// Restore, and the volume.
func (r *rig) stays(restored string) {
	r.t.Helper()
	left := r.left()
	if len(left) != 2 {
		r.t.Fatalf("left: %v", left)
	}
	var pv corev1.PersistentVolume
	if err := r.client.Get(r.t.Context(), client.ObjectKey{Name: restored}, &pv); err != nil || pv.DeletionTimestamp != nil {
		r.t.Fatalf("the volume: %v, deleted at %v", err, pv.DeletionTimestamp)
	}
	var namespace corev1.Namespace
	if err := r.client.Get(r.t.Context(), client.ObjectKey{Name: pv.Spec.ClaimRef.Namespace}, &namespace); err != nil || namespace.DeletionTimestamp != nil {
		r.t.Errorf("the namespace: %v, deleted at %v", err, namespace.DeletionTimestamp)
	}
	var pod corev1.Pod
	if err := r.client.Get(r.t.Context(), client.ObjectKey{Namespace: namespace.Name, Name: permissions.SentinelName}, &pod); err != nil || pod.DeletionTimestamp != nil {
		r.t.Errorf("the pod: %v, deleted at %v", err, pod.DeletionTimestamp)
	}
}

// freed does what the message asks of a person.
func (r *rig) freed(restored string) {
	r.t.Helper()
	pv := &corev1.PersistentVolume{}
	if err := r.client.Get(r.t.Context(), client.ObjectKey{Name: restored}, pv); err != nil {
		r.t.Fatal(err)
	}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}`))
	if err := r.client.Patch(r.t.Context(), pv, patch); err != nil {
		r.t.Fatal(err)
	}
	meta := metav1.ObjectMeta{Namespace: pv.Spec.ClaimRef.Namespace, Name: permissions.SentinelName}
	for _, object := range []client.Object{&corev1.Pod{ObjectMeta: meta}, &corev1.PersistentVolumeClaim{ObjectMeta: meta}, pv} {
		if err := client.IgnoreNotFound(r.client.Delete(r.t.Context(), object)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// told are the alarms.
func (r *rig) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.alarms)
}

// beside is another namespace of the same cluster, without a volume.
func (r *rig) beside() *rig {
	r.t.Helper()
	other := &rig{t: r.t, client: r.client, uid: r.uid, namespace: unique("shop"), velero: r.velero, target: r.target}
	other.target.Namespace, other.target.Image, other.target.Class = other.namespace, "", nil
	r.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: other.namespace}})
	return other
}
