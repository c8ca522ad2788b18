package restoretest

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// maxLeft bounds what is said of what is left, in bytes.
const maxLeft = 320

// end is what became of what a test made.
type end struct {
	// source is the namespace that was tested.
	source string
	// left says in one sentence what is left, and why; empty where nothing is.
	left string
	// shared is true where a volume is in use elsewhere: then nothing was touched.
	shared bool
	// underWay is true where what is left goes, or can be removed, by itself.
	underWay bool
}

// removeTest removes the Restore and the namespace of a test: neither while Velero is at
// work in it, nor where that would delete a volume that is in use elsewhere.
func (t *Tester) removeTest(ctx context.Context, namespace *corev1.Namespace) end {
	e := end{source: namespace.Annotations[onSource]}
	err := t.removeStepwise(ctx, namespace, &e)
	if err != nil && ctx.Err() == nil {
		e.underWay = true
		e.left = phrase.Clip(fmt.Sprintf("Namespace %s is left: %s", namespace.Name, t.refused(err, "delete it", "")), maxLeft)
		t.options.Log.Error(err, "What a restore test made could not be removed, and is tried again", "namespace", namespace.Name)
	}
	return e
}

// removeStepwise removes the parts of a test. The namespace goes last: by it a process
// that begins anew finds the Restore.
func (t *Tester) removeStepwise(ctx context.Context, namespace *corev1.Namespace, e *end) error {
	present, err := t.refresh(ctx, namespace)
	if err != nil || present && !t.oursOfTest(namespace) { // somebody took it over
		return err
	}
	restore, err := t.readRestore(ctx, namespace.Annotations[onVelero], namespace.Name)
	switch {
	case gone(err) || !present && apierrors.IsForbidden(err): // who may not read it has not made it
		restore = nil
	case err != nil:
		return err
	case t.underWay(restore):
		e.underWay = true
		e.left = fmt.Sprintf("Restore %s has not ended: it and its namespace are removed once it has.", restore.GetName())
		return nil
	}
	volumes, err := t.volumesOf(ctx, namespace)
	if err != nil {
		return err
	}
	if e.left, e.shared = volumes.shared, volumes.shared != ""; e.shared {
		return nil
	}
	if err := t.deleteRestore(ctx, restore); err != nil || !present {
		return err
	}
	if err := t.delete(ctx, namespace, t.oursOfTest); err != nil {
		return err
	}
	killpoint.Hit(killpoint.ScratchDeleted)
	return t.awaitGone(ctx, namespace, volumes.retained, e)
}

// refresh reads a namespace as it is, and reports whether it is there.
func (t *Tester) refresh(ctx context.Context, namespace *corev1.Namespace) (present bool, err error) {
	var is corev1.Namespace
	if err := t.api.Get(ctx, client.ObjectKeyFromObject(namespace), &is); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	*namespace = is
	return true, nil
}

// deleteRestore deletes a Restore that is a test's, and that Velero has not begun to
// work on since it was read.
func (t *Tester) deleteRestore(ctx context.Context, restore *unstructured.Unstructured) error {
	if restore == nil || !t.oursOfTest(restore) {
		return nil
	}
	err := t.delete(ctx, restore, func(client.Object) bool { return t.oursOfTest(restore) && !t.underWay(restore) })
	killpoint.Hit(killpoint.RestoreDeleted)
	return err
}

// underWay reports whether Velero may be at work on a Restore. One that is very old is
// not waited for.
func (t *Tester) underWay(restore *unstructured.Unstructured) bool {
	phase := phaseOf(restore)
	return t.oursOfTest(restore) && phase != phaseNew && !ended(phase) &&
		t.options.Now().Sub(restore.GetCreationTimestamp().Time) < t.pace.Abandon
}

// awaitGone waits for a namespace to be gone, and says what is left.
func (t *Tester) awaitGone(ctx context.Context, namespace *corev1.Namespace, retained []string, e *end) error {
	gone, err := t.pace.await(ctx, t.pace.Gone, func(ctx context.Context) (bool, error) {
		var is corev1.Namespace
		err := t.api.Get(ctx, client.ObjectKeyFromObject(namespace), &is)
		if apierrors.IsNotFound(err) || err == nil && is.UID != namespace.UID {
			return true, nil
		}
		return false, err
	})
	switch {
	case err != nil:
		return err
	case !gone:
		e.underWay = true
		e.left = fmt.Sprintf("Namespace %s is still being deleted.", namespace.Name)
	case len(retained) > 0:
		e.left = phrase.Clip(fmt.Sprintf("PersistentVolume %s is left, for its class retains volumes: delete it, and the volume.", strings.Join(retained, ", ")), maxLeft)
	}
	return nil
}
