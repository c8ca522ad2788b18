package enforce

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// remains says of an object that its finalizers hold it: it goes on to have its
// effect.
const remains = "metadata.finalizers: the object is being deleted, and remains until they are gone"

// Remove deletes the object of a change. uid is the UID that it was observed
// with: no other object is deleted, so that one which somebody created under the
// name since is a FailureConflict. In which state the object was observed does
// not matter: nobody keeps what is to be rolled back by editing it.
//
// An object that is absent already is as wanted, and so is one that was observed
// to be (uid is empty). The object of the result has no resourceVersion, for a
// deletion is answered without one, unless finalizers hold it: then Differs says so.
//
// An error is a *Error. When the answer is lost the object is looked for, once.
func (a *Applier) Remove(ctx context.Context, change control.Change, uid string) (Result, error) {
	if uid == "" {
		return Result{}, nil
	}
	target, err := a.locate(change)
	if err != nil {
		return Result{}, err
	}
	object, failure := a.delete(ctx, target, uid, false)
	switch {
	case failure == nil:
		return object.removal(), nil
	case failure.Failure == FailureUnknown:
		return a.relook(ctx, target, uid, failure)
	default:
		return Result{}, failure
	}
}

// delete sends a deletion. An absent object is no failure.
func (a *Applier) delete(ctx context.Context, at target, uid string, dryRun bool) (liveObject, *Error) {
	options := metav1.DeleteOptions{
		TypeMeta:      metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"},
		Preconditions: &metav1.Preconditions{UID: (*types.UID)(&uid)},
	}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	body, err := utiljson.Marshal(options)
	if err != nil {
		return liveObject{}, &Error{Failure: FailureUnsent, Message: "the deletion cannot be encoded", Err: err}
	}
	response := a.client.Delete().
		AbsPath(at.path...).
		SetHeader("Content-Type", runtime.ContentTypeJSON).
		Body(body).
		MaxRetries(0).
		Timeout(requestTimeout).
		Do(ctx)
	if absent(response) {
		return liveObject{}, nil
	}
	return answer(response, at, "delete")
}

// absent reports whether the answer is that there is no such object. An API
// server that does not serve the kind names no object.
func absent(response rest.Result) bool {
	var status apierrors.APIStatus
	return errors.As(response.Error(), &status) && status.Status().Code == http.StatusNotFound &&
		status.Status().Details != nil && status.Status().Details.Name != ""
}

// removal is what became of the object that a deletion was answered with: none,
// unless finalizers hold it.
func (o liveObject) removal() Result {
	if o.Metadata.UID == "" {
		return Result{}
	}
	return Result{Object: o.identity(), Differs: remains}
}

// relook finds out what became of a deletion without an answer. An object that
// is still there proves nothing; deleting it again is harmless.
func (a *Applier) relook(ctx context.Context, at target, uid string, lost *Error) (Result, error) {
	// The end of ctx may be why there was no answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rereadTimeout)
	defer cancel()
	object, failure := a.get(ctx, at)
	switch {
	case failure != nil || object.Metadata.UID == uid && object.Metadata.DeletionTimestamp == nil:
		return Result{}, lost
	case object.Metadata.UID != "" && object.Metadata.UID != uid:
		return Result{}, &Error{Failure: FailureConflict, Message: notObserved, Err: lost.Err}
	}
	result := object.removal()
	result.Reread = true
	return result, nil
}

// get reads an object. An absent one has no UID.
func (a *Applier) get(ctx context.Context, at target) (liveObject, *Error) {
	if at.listed {
		return a.find(ctx, at)
	}
	response := a.client.Get().AbsPath(at.path...).MaxRetries(0).Timeout(requestTimeout).Do(ctx)
	if absent(response) {
		return liveObject{}, nil
	}
	return answer(response, at, "get")
}

// find reads an object from the list of those of its name: whoever observes a kind
// may list it, and need not be granted to get each of its objects.
func (a *Applier) find(ctx context.Context, at target) (liveObject, *Error) {
	response := a.client.Get().AbsPath(at.path[:len(at.path)-1]...).Param("fieldSelector", "metadata.name="+at.name).
		MaxRetries(0).Timeout(requestTimeout).Do(ctx)
	if err := response.Error(); err != nil {
		return liveObject{}, classify(err, at, "list")
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	body, err := response.Raw()
	if err == nil {
		err = utiljson.Unmarshal(body, &list)
	}
	if err != nil {
		return liveObject{}, unanswered(err, at)
	}
	if len(list.Items) == 0 {
		return liveObject{}, nil
	}
	object, err := decode(list.Items[0])
	if err != nil {
		return liveObject{}, unanswered(err, at)
	}
	return object, nil
}
