package restoretest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/phrase"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// maxQuoted bounds what is quoted of an answer of the API server, in bytes.
const maxQuoted = 160

// noAccountYet is part of what the API server says of a pod in a namespace that is so
// young that its service account is not made yet.
const noAccountYet = "error looking up service account"

// create creates an object.
func (t *Tester) create(ctx context.Context, object client.Object) error {
	namespace, what := object.GetNamespace(), "create a "+kindOf(object)
	if err := t.api.Create(ctx, object); err != nil {
		return t.refused(err, what, namespace)
	}
	return nil
}

// discard deletes objects that are Holdfast's, in their order.
func (t *Tester) discard(ctx context.Context, objects ...client.Object) error {
	for _, object := range objects {
		if err := t.delete(ctx, object, t.oursInSource); err != nil {
			return t.refused(err, "delete its "+kindOf(object), object.GetNamespace())
		}
	}
	return nil
}

// errNotOurs says that an object is not the one that was to be deleted.
var errNotOurs = errors.New("it is not the object that Holdfast made")

// delete deletes an object as it was read: one that was made anew, or changed since,
// is read once more, and left alone where it is not Holdfast's any more. That it is
// gone already is no error.
func (t *Tester) delete(ctx context.Context, object client.Object, ours func(client.Object) bool) error {
	uid := object.GetUID()
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if object.GetUID() != uid || !ours(object) {
			return errNotOurs
		}
		version := object.GetResourceVersion()
		err := t.api.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version})
		if !apierrors.IsConflict(err) {
			return err
		}
		if again := t.api.Get(ctx, client.ObjectKeyFromObject(object), object); again != nil {
			return again
		}
		return err
	})
	return client.IgnoreNotFound(err)
}

// refused says why a request failed, as far as a person can mend it. Other errors are
// those of a moment.
func (t *Tester) refused(err error, what, namespace string) error {
	where := ""
	if namespace != "" {
		where = " in namespace " + namespace
	}
	switch {
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), noAccountYet): // over in a moment
	// An authorizer says this, and admission does not.
	case apierrors.IsUnauthorized(err), apierrors.IsForbidden(err) && strings.Contains(err.Error(), " cannot "):
		return unseen.Forbidden("Holdfast may not %s%s: %s.", what, where, t.table.MissingRestoreTests())
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return unseen.Inconclusive("The API server refuses to %s%s: %s.", what, where, strings.TrimRight(phrase.Clip(err.Error(), maxQuoted), "."))
	}
	return fmt.Errorf("%s%s: %w", what, where, err)
}

// kindOf is the kind of an object.
func kindOf(object client.Object) string {
	if kind := object.GetObjectKind().GroupVersionKind().Kind; kind != "" {
		return kind
	}
	return reflect.TypeOf(object).Elem().Name()
}
