package enforce

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	// FieldManager is the field manager of everything that Holdfast applies.
	FieldManager = "holdfast"

	// requestTimeout bounds one request. A longer one counts as unanswered.
	requestTimeout = 10 * time.Second
	// rereadTimeout bounds finding out what became of one: a worker waits for it.
	rereadTimeout = 3 * time.Second

	// noRevision is a resourceVersion that no object has: the first write to an
	// empty etcd gets revision 2.
	noRevision = "1"
)

// Applier applies changes to a cluster by server-side apply. Its methods may be
// used concurrently.
//
// It sends requests itself, rather than through a client that might read from
// caches, and without the retries of client-go, which would hold up a worker for
// as long as a busy API server asks.
type Applier struct {
	client rest.Interface
	mapper meta.RESTMapper
}

// Result is the object as the API server has it after an apply.
type Result struct {
	// Object is the object's UID, resourceVersion and generation. They change
	// even where the object already was as wanted: an API server takes an
	// explicit empty list for another spec than none.
	Object control.Identity
	// Differs says where the object is not as wanted, and is empty where it is.
	// It names fields, not values.
	Differs string
	// Reread is true where the answer to the apply was lost, and the object was
	// read to find out what became of it.
	Reread bool
}

// NewApplier returns an Applier for the cluster of the configuration. The HTTP
// client and the mapper are usually those of the manager.
func NewApplier(cfg *rest.Config, httpClient *http.Client, mapper meta.RESTMapper) (*Applier, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.ContentType = runtime.ContentTypeJSON
	cfg.AcceptContentTypes = runtime.ContentTypeJSON
	cfg.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientForConfigAndClient(cfg, httpClient)
	if err != nil {
		return nil, fmt.Errorf("make a client that applies: %w", err)
	}
	return &Applier{client: client, mapper: mapper}, nil
}

// Apply makes one object be as the change wants it, and compares what the API
// server answers with that. uid is the UID that the object was observed with,
// and empty where it was observed to be absent.
//
// Nothing but the observed object is written to: an object that somebody created,
// or created anew, since it was observed is a FailureConflict. Server-side apply
// has no "create only", but both cases can be said with it, and a real API server
// (1.36) was seen to act on them:
//   - With metadata.uid, an object with another UID is refused (422 on
//     metadata.uid), and so is an absent one (409 "uid mismatch").
//   - With a metadata.resourceVersion that no object has, an object that exists
//     is refused (409), and an absent one is created: a resourceVersion has no
//     meaning for an object yet to be created, and is dropped. One request, and
//     managedFields say Apply, as they would not after a POST.
//
// Conflicts over fields are forced: Holdfast only applies to objects of its own,
// or where the control opted in. An error is a *Error. When the answer is lost
// the object is read, once, to find out what became of it.
func (a *Applier) Apply(ctx context.Context, change control.Change, uid string) (Result, error) {
	target, err := a.locate(change)
	if err != nil {
		return Result{}, err
	}
	request, err := a.patch(target, change, uid)
	if err != nil {
		return Result{}, err
	}
	object, failure := answer(request.Do(ctx), target, applyVerbs(uid))
	switch {
	case failure == nil:
		return object.result(change)
	case failure.Failure == FailureUnknown:
		return a.reread(ctx, change, uid, failure)
	default:
		return Result{}, failure
	}
}

// patch returns the request that applies a change.
func (a *Applier) patch(at target, change control.Change, uid string) (*rest.Request, error) {
	body, err := encode(change, uid)
	if err != nil {
		return nil, &Error{Failure: FailureRejected, Message: "the change cannot be encoded", Err: err}
	}
	return a.client.Patch(types.ApplyYAMLPatchType).
		AbsPath(at.path...).
		Param("fieldManager", FieldManager).
		Param("force", "true").
		Body(body).
		MaxRetries(0).
		Timeout(requestTimeout), nil
}

// applyVerbs are what applying needs the right to.
func applyVerbs(uid string) string {
	if uid == "" {
		return "create and patch"
	}
	return "patch"
}

// answer returns the object that a request was answered with. verbs are what the
// request needs the right to.
func answer(response rest.Result, at target, verbs string) (liveObject, *Error) {
	if err := response.Error(); err != nil {
		return liveObject{}, classify(err, at, verbs)
	}
	object, err := decode(response)
	if err != nil {
		return liveObject{}, unanswered(err, at)
	}
	return object, nil
}

// Read returns the object as the API server has it now, past all caches. It
// serves to find out, later, what became of an apply that failed with
// FailureUnknown: without an error and with Differs empty the object is as
// wanted, and was applied by Holdfast.
func (a *Applier) Read(ctx context.Context, change control.Change, uid string) (Result, error) {
	target, err := a.locate(change)
	if err != nil {
		return Result{}, err
	}
	object, failure := a.get(ctx, target)
	if failure != nil {
		return Result{}, unanswered(failure.Err, target)
	}
	if object.Metadata.UID == "" {
		return Result{Differs: "metadata: the object does not exist", Reread: true}, nil
	}
	result, err := object.result(change)
	if err != nil {
		return Result{}, err
	}
	result.Reread = true
	if result.Differs == "" && !object.applied(uid) {
		result.Differs = "metadata: the object is not one that Holdfast applied"
	}
	return result, nil
}

// reread finds out what became of an apply without an answer. The API server may
// still be at work on the request when it answers the read, so that an object
// which is not as wanted proves nothing; applying again is harmless.
func (a *Applier) reread(ctx context.Context, change control.Change, uid string, lost *Error) (Result, error) {
	// The end of ctx may be why there was no answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rereadTimeout)
	defer cancel()
	result, err := a.Read(ctx, change, uid)
	if err != nil || result.Differs != "" {
		return Result{}, lost
	}
	return result, nil
}

// target is where an object is served.
type target struct {
	path []string
	// resource is the plural name with its group, as in a Role.
	resource  schema.GroupResource
	namespace string
}

func (a *Applier) locate(change control.Change) (target, error) {
	gvk := schema.FromAPIVersionAndKind(change.APIVersion, change.Kind)
	mapping, err := a.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if meta.IsNoMatchError(err) {
		message := fmt.Sprintf("the API server does not serve %s %s", change.APIVersion, change.Kind)
		return target{}, &Error{Failure: FailureNotServed, Message: message, Err: err}
	}
	if err != nil {
		message := fmt.Sprintf("it could not be found out how the API server serves %s %s", change.APIVersion, change.Kind)
		return target{}, &Error{Failure: FailureUnsent, Message: message, Err: err}
	}
	resource := mapping.Resource
	path := []string{"/apis", resource.Group, resource.Version}
	if resource.Group == "" {
		path = []string{"/api", resource.Version}
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		path = append(path, "namespaces", change.Namespace)
	}
	return target{
		path:      append(path, resource.Resource, change.Name),
		resource:  resource.GroupResource(),
		namespace: change.Namespace,
	}, nil
}

// encode returns the apply configuration of a change.
func encode(change control.Change, uid string) ([]byte, error) {
	if change.Remove {
		return nil, errors.New("a removal has no apply configuration")
	}
	metadata := map[string]any{"name": change.Name}
	if change.Namespace != "" {
		metadata["namespace"] = change.Namespace
	}
	if uid != "" {
		metadata["uid"] = uid
	} else {
		metadata["resourceVersion"] = noRevision
	}
	return utiljson.Marshal(map[string]any{
		"apiVersion": change.APIVersion,
		"kind":       change.Kind,
		"metadata":   metadata,
		"spec":       change.Spec,
	})
}

// liveObject is what is looked at of an answer.
type liveObject struct {
	Metadata struct {
		UID               string                      `json:"uid"`
		ResourceVersion   string                      `json:"resourceVersion"`
		Generation        int64                       `json:"generation"`
		DeletionTimestamp *metav1.Time                `json:"deletionTimestamp"`
		ManagedFields     []metav1.ManagedFieldsEntry `json:"managedFields"`
	} `json:"metadata"`
	Spec map[string]any `json:"spec"`
}

func decode(response rest.Result) (liveObject, error) {
	body, err := response.Raw()
	if err != nil {
		return liveObject{}, err
	}
	var object liveObject
	if err := utiljson.Unmarshal(body, &object); err != nil {
		return liveObject{}, fmt.Errorf("decode the answer: %w", err)
	}
	return object, nil
}

func (o liveObject) result(change control.Change) (Result, error) {
	differs, err := difference(change.Spec, o.Spec)
	if err != nil {
		return Result{}, &Error{Failure: FailureRejected, Message: "the change cannot be encoded", Err: err}
	}
	return Result{Object: o.identity(), Differs: differs}, nil
}

func (o liveObject) identity() control.Identity {
	return control.Identity{
		UID:             o.Metadata.UID,
		ResourceVersion: o.Metadata.ResourceVersion,
		Generation:      o.Metadata.Generation,
	}
}

// applied reports whether Holdfast's field manager applied the object with the
// given UID, or any object where that is empty.
func (o liveObject) applied(uid string) bool {
	if uid != "" && o.Metadata.UID != uid {
		return false
	}
	for _, entry := range o.Metadata.ManagedFields {
		if entry.Manager == FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply {
			return true
		}
	}
	return false
}
