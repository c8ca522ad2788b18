package restoretest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/sentinel"
)

// without leaves out objects of a type.
func without[T client.Object](object client.Object) client.Object {
	if _, is := object.(T); is {
		return nil
	}
	return object
}

// testRestores: what a test says of a restore is what came back.
func testRestores(t *testing.T) {
	t.Parallel()
	type items map[string]string // by kind: missing, differs, or same
	for name, tc := range map[string]struct {
		volume bool
		script func(*velero)
		change func(*control.RestoreTarget)
		want   control.Restored
		items  items
	}{
		"a ConfigMap": {want: control.Restored{Phase: "Completed", Warnings: 1}, items: items{"ConfigMap": "same"}},
		"with a volume": {volume: true, want: control.Restored{Phase: "Completed", Warnings: 1},
			items: items{"ConfigMap": "same", "PersistentVolumeClaim": "same"}},
		"the ConfigMap was tampered with": {script: func(v *velero) {
			v.tamper = func(object client.Object) client.Object {
				object.(*corev1.ConfigMap).Data["content"] += "!"
				return object
			}
		}, want: control.Restored{Phase: "Completed", Warnings: 1}, items: items{"ConfigMap": "differs"}},
		"the ConfigMap is missing": {script: func(v *velero) { v.tamper = without[*corev1.ConfigMap] },
			want: control.Restored{Phase: "Completed", Warnings: 1}, items: items{"ConfigMap": "missing"}},
		"the volume came back empty": {volume: true, script: func(v *velero) {
			v.tamper = func(object client.Object) client.Object {
				if pod, is := object.(*corev1.Pod); is {
					pod.Annotations[onData] = sentinel.ReportOf("written anew").String()
				}
				return object
			}
		}, want: control.Restored{Phase: "Completed", Warnings: 1}, items: items{"ConfigMap": "same", "PersistentVolumeClaim": "differs"}},
		"the pod is missing": {volume: true, script: func(v *velero) { v.tamper = without[*corev1.Pod] },
			want: control.Restored{Phase: "Completed", Warnings: 1}, items: items{"ConfigMap": "same", "PersistentVolumeClaim": "missing"}},
		"the pod does not come up": {volume: true, script: func(v *velero) {
			v.tamper = func(object client.Object) client.Object {
				if pod, is := object.(*corev1.Pod); is {
					pod.Annotations["test/hangs"] = "true"
				}
				return object
			}
		}, change: func(target *control.RestoreTarget) { target.Timeout = 30 * time.Second },
			want:  control.Restored{Phase: "Completed", Warnings: 1, Failure: "the restored pod did not say within 30s what is in its volume"},
			items: items{"ConfigMap": "same"}},
		"it partially failed": {script: func(v *velero) {
			v.end = func(status map[string]any) { status["phase"], status["errors"] = "PartiallyFailed", int64(3) }
		}, want: control.Restored{Phase: "PartiallyFailed", Errors: 3, Warnings: 1}, items: items{"ConfigMap": "same"}},
		"it failed": {script: func(v *velero) {
			v.tamper = func(client.Object) client.Object { return nil }
			v.end = func(status map[string]any) { status["phase"], status["failureReason"] = "Failed", "the store is gone" }
		}, want: control.Restored{Phase: "Failed", Warnings: 1, Failure: "the store is gone"}, items: items{"ConfigMap": "missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if tc.volume {
				r.withVolume()
			}
			if tc.change != nil {
				tc.change(&r.target)
			}
			if tc.script != nil {
				r.velero.do(tc.script)
			}
			p := r.start()
			seen := p.once()
			got := *seen.Restored
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(control.Restored{}, "Test", "Backup", "BackupUID", "BackupAt", "Items", "Seconds", "DataAge")); diff != "" {
				t.Error(diff)
			}
			found := items{}
			for _, item := range got.Items {
				found[item.Kind] = map[[2]bool]string{{true, false}: "missing", {false, true}: "differs", {}: "same"}[[2]bool{item.Missing, item.Differs}]
			}
			if diff := cmp.Diff(tc.items, found); diff != "" {
				t.Error(diff)
			}
			if want := seen.At.Add(2 * every); !seen.ValidUntil.Equal(want) || got.Seconds < 1 || seen.Reason != "" {
				t.Errorf("got %+v", seen)
			}
			r.nothingLeft()
			r.restoredAsStated(&got)
		})
	}
}

// restoredAsStated insists that the Restore was that of the sentinel into a namespace
// that was guarded.
func (r *rig) restoredAsStated(seen *control.Restored) {
	r.t.Helper()
	restores := r.velero.restores()
	if len(restores) != 1 {
		r.t.Fatalf("got %d Restores, want 1", len(restores))
	}
	resources := []any{"configmaps"}
	if r.target.Image != "" {
		resources = []any{"pods", "persistentvolumeclaims", "persistentvolumes", "configmaps"}
	}
	scratch := control.ScratchPrefix + seen.Test
	want := map[string]any{
		"backupName": seen.Backup, "includedNamespaces": []any{r.namespace}, "namespaceMapping": map[string]any{r.namespace: scratch},
		"labelSelector":     map[string]any{"matchLabels": map[string]any{"holdfast.dev/sentinel": "true", "holdfast.dev/cluster": r.uid}},
		"includedResources": resources, "restorePVs": true, "existingResourcePolicy": "none", "preserveNodePorts": false,
		"itemOperationTimeout": r.target.Timeout.String(),
	}
	spec, _, _ := unstructured.NestedMap(restores[0].Object, "spec")
	if diff := cmp.Diff(want, spec); diff != "" || restores[0].GetName() != scratch {
		r.t.Errorf("Restore %s:\n%s", restores[0].GetName(), diff)
	}
	for _, guards := range r.velero.guards {
		if want := "restricted, 1 policies, 1 quotas, denies [Ingress Egress], 12 bounds in force, 0 load balancers"; guards != want {
			r.t.Errorf("guarded by %s\nwant %s", guards, want)
		}
	}
}
