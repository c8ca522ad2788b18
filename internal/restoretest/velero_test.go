package restoretest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// finalizer is Velero's, on Restores.
const finalizer = "restores.velero.io/external-resources-finalizer"

// velero is a Velero that does as the case says, in a namespace of its own.
type velero struct {
	client    client.Client
	namespace string

	mu sync.Mutex
	// backups are what backups hold, by name.
	backups map[string][]client.Object
	// tamper changes what is about to be restored; nil objects are left out.
	tamper func(client.Object) client.Object
	// end changes the status of a restore that has ended; hold keeps it from ending.
	end  func(status map[string]any)
	hold chan struct{}
	// seen are the Restores, as they were when they were begun, and guards what stood
	// about their namespaces then.
	seen   []*unstructured.Unstructured
	guards []string
}

// startVelero starts a Velero that ends with the test.
func startVelero(t *testing.T) *velero {
	t.Helper()
	v := &velero{client: admin(t), namespace: unique("velero"), backups: map[string][]client.Object{}}
	if err := v.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: v.namespace}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			v.look(ctx, t)
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return v
}

// do changes what Velero does from now on.
func (v *velero) do(change func(*velero)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(v)
}

// restores are the Restores that were begun.
func (v *velero) restores() []*unstructured.Unstructured {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen
}

// begun returns nil once so many Restores were begun.
func (v *velero) begun(restores int) error {
	if got := len(v.restores()); got < restores {
		return fmt.Errorf("%d Restores were begun", got)
	}
	return nil
}

// backup backs up the sentinel of a namespace.
func (v *velero) backup(t *testing.T, namespace string) (made *control.RestoreCandidate) {
	t.Helper()
	eventually(t, "there is a sentinel to back up", func() (err error) {
		made, err = v.tryBackup(t.Context(), namespace)
		return err
	})
	return made
}

// tryBackup backs up the sentinel of a namespace, once the second has passed in which
// it was written.
func (v *velero) tryBackup(ctx context.Context, namespace string) (*control.RestoreCandidate, error) {
	var cm corev1.ConfigMap
	key := client.ObjectKey{Namespace: namespace, Name: permissions.SentinelName}
	if err := v.client.Get(ctx, key, &cm); err != nil {
		return nil, err
	}
	at := time.Now().Truncate(time.Second)
	if !at.After(cm.CreationTimestamp.Time) {
		return nil, errors.New("it was written in this second")
	}
	objects := []client.Object{&cm}
	for _, object := range []client.Object{&corev1.PersistentVolumeClaim{}, &corev1.Pod{}} {
		err := v.client.Get(ctx, key, object)
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err == nil {
			objects = append(objects, object)
		}
	}
	name := unique("backup")
	v.do(func(v *velero) { v.backups[name] = objects })
	return &control.RestoreCandidate{Name: name, UID: "uid-" + name, StartedAt: at, CreatedAt: at}, nil
}

// look looks for Restores that are new, or to go.
func (v *velero) look(ctx context.Context, t *testing.T) {
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "velero.io", Version: "v1", Kind: "RestoreList"})
	if v.client.List(ctx, &list, client.InNamespace(v.namespace)) != nil {
		return
	}
	for i := range list.Items {
		restore := &list.Items[i]
		if restore.GetDeletionTimestamp() != nil {
			restore.SetFinalizers(nil)
			_ = v.client.Update(ctx, restore)
			continue
		}
		if phase, _, _ := unstructured.NestedString(restore.Object, "status", "phase"); phase != "" && phase != "InProgress" {
			continue
		}
		if err := v.restore(ctx, restore); err != nil && ctx.Err() == nil {
			t.Logf("the scripted Velero: %v", err)
		}
	}
}

// restore restores, one phase at each look.
func (v *velero) restore(ctx context.Context, restore *unstructured.Unstructured) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	phase, _, _ := unstructured.NestedString(restore.Object, "status", "phase")
	if phase == "" {
		v.seen = append(v.seen, restore.DeepCopy())
		restore.SetFinalizers([]string{finalizer})
		return v.set(ctx, restore, map[string]any{"phase": "InProgress"})
	}
	if v.hold != nil {
		select {
		case <-v.hold:
		default:
			return nil
		}
	}
	backup, _, _ := unstructured.NestedString(restore.Object, "spec", "backupName")
	objects, found := v.backups[backup]
	if !found {
		return v.set(ctx, restore, map[string]any{"phase": "FailedValidation", "validationErrors": []any{"can't find backup"}})
	}
	into, _, _ := unstructured.NestedStringMap(restore.Object, "spec", "namespaceMapping")
	resources, _, _ := unstructured.NestedStringSlice(restore.Object, "spec", "includedResources")
	for _, object := range objects {
		if err := v.bringBack(ctx, object, into[object.GetNamespace()], resources); err != nil {
			return err
		}
	}
	status := map[string]any{"phase": "Completed", "warnings": int64(1)}
	if v.end != nil {
		v.end(status)
	}
	return v.set(ctx, restore, status)
}

func (v *velero) set(ctx context.Context, restore *unstructured.Unstructured, status map[string]any) error {
	restore.Object["status"] = status
	return v.client.Update(ctx, restore)
}

// bringBack creates an object out of a backup in another namespace.
func (v *velero) bringBack(ctx context.Context, object client.Object, namespace string, resources []string) error {
	if namespace == "" {
		return errors.New("no namespace to restore into")
	}
	v.note(ctx, namespace)
	object = object.DeepCopyObject().(client.Object)
	switch o := object.(type) {
	case *corev1.ConfigMap:
	case *corev1.PersistentVolumeClaim:
		o.Spec.VolumeName, o.Status = "", corev1.PersistentVolumeClaimStatus{}
	case *corev1.Pod:
		if len(o.Status.InitContainerStatuses) > 0 {
			o.Annotations[onData] = o.Status.InitContainerStatuses[0].State.Terminated.Message
		}
		o.Status = corev1.PodStatus{}
		// Admission adds it to each pod, and Velero leaves it out again.
		o.Spec.ServiceAccountName, o.Spec.DeprecatedServiceAccount = "", ""
	}
	object.SetNamespace(namespace)
	object.SetUID("")
	object.SetResourceVersion("")
	object.SetFinalizers(nil)
	if v.tamper != nil {
		if object = v.tamper(object); object == nil {
			return nil
		}
	}
	if len(resources) == 1 && fmt.Sprintf("%T", object) != "*v1.ConfigMap" {
		return nil
	}
	if err := v.client.Create(ctx, object); err != nil {
		return fmt.Errorf("restore %T: %w", object, err)
	}
	return nil
}

// note notes what guards a namespace.
func (v *velero) note(ctx context.Context, name string) {
	var namespace corev1.Namespace
	var policies networkingv1.NetworkPolicyList
	var quotas corev1.ResourceQuotaList
	if v.client.Get(ctx, types.NamespacedName{Name: name}, &namespace) != nil ||
		v.client.List(ctx, &policies, client.InNamespace(name)) != nil || v.client.List(ctx, &quotas, client.InNamespace(name)) != nil {
		return
	}
	guards := fmt.Sprintf("%s, %d policies, %d quotas", namespace.Labels["pod-security.kubernetes.io/enforce"], len(policies.Items), len(quotas.Items))
	for _, p := range policies.Items {
		guards += fmt.Sprintf(", denies %v", p.Spec.PolicyTypes)
	}
	for _, q := range quotas.Items {
		balancers := q.Status.Hard[corev1.ResourceServicesLoadBalancers]
		guards += fmt.Sprintf(", %d bounds in force, %s load balancers", len(q.Status.Hard), balancers.String())
	}
	v.guards = append(v.guards, guards)
}
