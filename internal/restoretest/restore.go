package restoretest

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/phrase"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// The phases of a velero.io Restore that are told apart.
const (
	phaseNew       = "New"
	phaseCompleted = "Completed"
)

// ended are the phases of a Restore that are for ever.
func ended(phase string) bool {
	return slices.Contains([]string{phaseCompleted, "PartiallyFailed", "Failed", "FailedValidation"}, phase)
}

// maxFailure bounds what is said of a failure, in bytes.
const maxFailure = 200

// newRestore returns a Restore with no more than a name.
func newRestore(namespace, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion("velero.io/v1")
	object.SetKind("Restore")
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

// request has Velero restore the sentinel into the namespace of the test.
func (r *run) request(ctx context.Context) error {
	restore := newRestore(r.target.VeleroNamespace, r.namespace.Name)
	restore.SetLabels(r.testLabels(r.id))
	restore.Object["spec"] = r.spec()
	r.requested = r.options.Now()
	switch err := r.api.Create(ctx, restore); {
	case gone(err):
		return unseen.Inconclusive("Velero does not serve Restores in namespace %s: install it there, or state where it is.", r.target.VeleroNamespace)
	case err != nil:
		return r.refused(err, "create a Restore", r.target.VeleroNamespace)
	}
	killpoint.Hit(killpoint.RestoreRequested)
	r.restored.DataAge = max(0, int64(r.requested.Sub(r.candidate.StartedAt).Seconds()))
	return nil
}

// spec is that of the Restore: of one backup, of the sentinel and nothing else, and
// without hooks. Which cluster-scoped objects belong to it is left to Velero, which
// has to look at volumes to make new ones.
func (r *run) spec() map[string]any {
	resources := []any{"configmaps"}
	if r.target.Image != "" {
		resources = []any{"pods", "persistentvolumeclaims", "persistentvolumes", "configmaps"}
	}
	labels := map[string]any{control.SentinelLabel: "true", control.ClusterLabel: r.options.ClusterUID}
	return map[string]any{
		"backupName":             r.candidate.Name,
		"includedNamespaces":     []any{r.target.Namespace},
		"namespaceMapping":       map[string]any{r.target.Namespace: r.namespace.Name},
		"labelSelector":          map[string]any{"matchLabels": labels},
		"includedResources":      resources,
		"restorePVs":             true,
		"existingResourcePolicy": "none",
		"preserveNodePorts":      false,
		"itemOperationTimeout":   r.target.Timeout.String(),
	}
}

// finish waits for the end of the Restore.
func (r *run) finish(ctx context.Context) error {
	done, err := r.pace.await(ctx, r.left(), r.looked)
	if err == nil && !done {
		r.restored.Failure = fmt.Sprintf("it did not end within %s", r.target.Timeout)
	}
	return err
}

// looked looks at the Restore, and reports whether it has ended. An API server that
// does not answer may answer again.
func (r *run) looked(ctx context.Context) (done bool, err error) {
	restore, err := r.readRestore(ctx, r.target.VeleroNamespace, r.namespace.Name)
	switch {
	case err == nil:
		r.take(restore)
		if done = ended(r.restored.Phase); !done {
			killpoint.Hit(killpoint.RestoreAwaited)
		}
	case gone(err):
		r.restored.Failure = "the Restore is gone: it was deleted, or Velero was removed"
		done, err = true, nil
	case apierrors.IsForbidden(err):
		err = r.refused(err, "read the Restore", r.target.VeleroNamespace)
	default:
		err = nil
	}
	return done, err
}

// take takes over what the status of a Restore tells.
func (r *run) take(restore *unstructured.Unstructured) {
	status, _, _ := unstructured.NestedMap(restore.Object, "status") // of another type is not there
	r.restored.Phase, _, _ = unstructured.NestedString(status, "phase")
	errors, _, _ := unstructured.NestedInt64(status, "errors")
	warnings, _, _ := unstructured.NestedInt64(status, "warnings")
	r.restored.Errors, r.restored.Warnings = int(errors), int(warnings)
	failure, _, _ := unstructured.NestedString(status, "failureReason")
	if refused, _, _ := unstructured.NestedStringSlice(status, "validationErrors"); failure == "" && len(refused) > 0 {
		failure = refused[0]
	}
	r.restored.Failure = phrase.Clip(failure, maxFailure)
}

// readRestore reads a Restore.
func (t *Tester) readRestore(ctx context.Context, namespace, name string) (*unstructured.Unstructured, error) {
	restore := newRestore(namespace, name)
	err := t.api.Get(ctx, client.ObjectKeyFromObject(restore), restore)
	return restore, err
}

// gone reports whether an error says that there is no such object, or no such kind.
func gone(err error) bool { return apierrors.IsNotFound(err) || meta.IsNoMatchError(err) }

// phaseOf is the phase of a Restore; one without is new.
func phaseOf(restore *unstructured.Unstructured) string {
	phase, _, _ := unstructured.NestedString(restore.Object, "status", "phase") // of another type is not there
	if phase == "" {
		return phaseNew
	}
	return phase
}
