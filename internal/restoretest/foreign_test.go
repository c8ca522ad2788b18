package restoretest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// decoys are objects that look like those of tests, and are somebody else's.
type decoys struct {
	*rig
	objects []client.Object
	uids    []types.UID
}

// decoys makes some.
func (r *rig) decoys() *decoys {
	r.t.Helper()
	labels := func(test, cluster string) map[string]string {
		all := map[string]string{"app.kubernetes.io/managed-by": "holdfast"}
		for name, value := range map[string]string{control.RestoreTestLabel: test, control.ClusterLabel: cluster} {
			if value != "" {
				all[name] = value
			}
		}
		return all
	}
	other, unlabelled, renamed := unique("other"), unique("unlabelled"), unique("renamed")
	namespace := func(name string, labels map[string]string) client.Object {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{
			"holdfast.dev/restore-source": r.namespace, "holdfast.dev/restore-velero-namespace": r.velero.namespace,
		}}}
	}
	restore := func(name string, labels map[string]string) client.Object {
		o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"backupName": "none"}, "status": map[string]any{"phase": "Failed"}}}
		o.SetAPIVersion("velero.io/v1")
		o.SetKind("Restore")
		o.SetNamespace(r.velero.namespace)
		o.SetName(name)
		o.SetLabels(labels)
		return o
	}
	d := &decoys{rig: r, objects: []client.Object{
		namespace(control.ScratchPrefix+other, labels(other, "another-cluster")),
		namespace(control.ScratchPrefix+unlabelled, labels(unlabelled, "")),
		namespace(renamed, labels(renamed, r.uid)),
		restore(control.ScratchPrefix+other, labels(other, "another-cluster")),
		restore(control.ScratchPrefix+unlabelled, nil),
	}}
	r.create(d.objects...)
	for _, object := range d.objects {
		d.uids = append(d.uids, object.GetUID())
	}
	return d
}

// untouched insists that they are as they were made.
func (d *decoys) untouched() {
	d.t.Helper()
	for i, object := range d.objects {
		version := object.GetResourceVersion()
		if err := d.client.Get(d.t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			d.t.Errorf("%T %s: %v", object, object.GetName(), err)
			continue
		}
		if object.GetUID() != d.uids[i] || object.GetDeletionTimestamp() != nil || object.GetResourceVersion() != version {
			d.t.Errorf("%T %s was touched", object, object.GetName())
		}
	}
}

// testForeign: what has the names or the labels of a test, and is not of one of this
// cluster, is left alone: at the start, and where a sentinel is to be.
func testForeign(t *testing.T) {
	t.Parallel()
	for name, labels := range map[string]map[string]string{
		"somebody's":         {"app": "shop"},
		"of another cluster": {control.SentinelLabel: "true", control.ClusterLabel: "another-cluster", "app.kubernetes.io/managed-by": "holdfast"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := r.decoys()
			cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: permissions.SentinelName, Labels: labels}}
			r.create(cm)
			d.objects, d.uids = append(d.objects, cm), append(d.uids, cm.UID)
			p := r.start()
			p.want(nil)
			seen := r.tested(1)
			if want := "Namespace " + r.namespace + " has a ConfigMap called holdfast-sentinel that Holdfast did not make in this cluster"; seen.Restored != nil ||
				seen.Reason != control.ReasonInconclusive || !strings.HasPrefix(seen.Message, want) {
				t.Errorf("got %+v", seen)
			}
			p.Forget(r.namespace)
			p.awaitRequests(1, http.MethodGet, "/configmaps/holdfast-sentinel")
			d.untouched()
			if err := r.client.Delete(t.Context(), cm); err != nil {
				t.Fatal(err)
			}
			d.objects, d.uids = d.objects[:5], d.uids[:5]
			if seen := p.once().Restored; seen == nil || seen.Phase != "Completed" {
				t.Errorf("once it is gone: got %+v", seen)
			}
			d.untouched()
			r.nothingLeft()
		})
	}
}

// testForget: where no test is wanted any more, the sentinel goes, all of it.
func testForget(t *testing.T) {
	t.Parallel()
	r := newRig(t).withVolume()
	p := r.start()
	p.want(nil)
	r.sentinelWhole()
	r.target.Image = ""
	p.want(nil) // without a volume
	eventually(t, "the pod and the claim go, and a ConfigMap is there", func() error { return r.parts("ConfigMap") })
	p.Forget(r.namespace)
	eventually(t, "the sentinel goes", func() error { return r.parts() })
}

// parts returns nil if those are the kinds of the sentinel's objects.
func (r *rig) parts(want ...string) error {
	var got []string
	for kind, object := range map[string]client.Object{"ConfigMap": &corev1.ConfigMap{}, "Pod": &corev1.Pod{}, "PersistentVolumeClaim": &corev1.PersistentVolumeClaim{}} {
		err := r.client.Get(r.t.Context(), client.ObjectKey{Namespace: r.namespace, Name: permissions.SentinelName}, object)
		switch {
		case err == nil:
			got = append(got, kind)
		case !apierrors.IsNotFound(err):
			return err
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") && len(want) < 3 || len(got) != len(want) {
		return fmt.Errorf("got %v", got)
	}
	return nil
}

// sentinelWhole waits until the sentinel has all its objects.
func (r *rig) sentinelWhole() {
	r.t.Helper()
	eventually(r.t, "the sentinel is whole", func() error { return r.parts("ConfigMap", "Pod", "PersistentVolumeClaim") })
}
