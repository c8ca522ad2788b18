package enforce

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	// TakeoverManager is the field manager of the fields that Holdfast takes over of
	// objects which are not its own: applied by FieldManager, they would be all that
	// is left of an object of its own.
	TakeoverManager = "holdfast-takeover"

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
	// Taken are the fields of somebody else's object that were taken over.
	Taken []Taken
	// Reread is true where the answer to the apply was lost, and the object was
	// read to find out what became of it.
	Reread bool
}

// Taken is a field that was taken over.
type Taken struct {
	// Field is its path, such as metadata.annotations.example.com/a.
	Field string
	// Was is the value before as JSON, empty where it was not set.
	Was string
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
//
// An object that is not Holdfast's own is never created, and what its fields were is
// read before they are taken over.
func (a *Applier) Apply(ctx context.Context, change control.Change, uid string) (Result, error) {
	target, err := a.locate(change)
	if err != nil {
		return Result{}, err
	}
	var taken []Taken
	if change.Foreign {
		if taken, err = a.taken(ctx, target, change, uid); err != nil {
			return Result{}, err
		}
	}
	object, failure := a.send(ctx, target, change, uid, false)
	switch {
	case failure == nil:
		result, err := object.result(change)
		result.Taken = taken
		return result, err
	case failure.Failure == FailureUnknown:
		result, err := a.reread(ctx, change, uid, failure)
		result.Taken = taken
		return result, err
	default:
		return Result{}, failure
	}
}

// send applies a change, or asks what that would do. Where an object of Holdfast's own
// does not come to be as wanted by that, for somebody else holds items of its lists,
// its whole spec is replaced.
func (a *Applier) send(ctx context.Context, at target, change control.Change, uid string, dryRun bool) (liveObject, *Error) {
	body, err := encode(change, uid)
	if err != nil {
		return liveObject{}, unencodable(err)
	}
	apply := a.patch(types.ApplyYAMLPatchType, at, ManagerOf(change), body, dryRun).Param("force", "true")
	object, failure := answer(apply.Do(ctx), at, applyVerbs(uid))
	switch {
	case uid == "" || !replaceable(change):
		return object, failure
	case failure != nil && failure.Failure != FailureRejected:
		return object, failure
	case failure == nil:
		differs, err := object.difference(change)
		if err != nil {
			return liveObject{}, unencodable(err)
		}
		if differs == "" {
			return object, nil
		}
	}
	if body, err = replacing(change, uid); err != nil {
		return liveObject{}, unencodable(err)
	}
	return answer(a.patch(types.JSONPatchType, at, FieldManager, body, dryRun).Do(ctx), at, "patch")
}

// patch returns a request that patches an object.
func (a *Applier) patch(how types.PatchType, at target, manager string, body []byte, dryRun bool) *rest.Request {
	request := a.client.Patch(how).AbsPath(at.path...).Param("fieldManager", manager).Body(body).MaxRetries(0).Timeout(requestTimeout)
	if dryRun {
		request.Param("dryRun", metav1.DryRunAll)
	}
	return request
}

func unencodable(err error) *Error {
	return &Error{Failure: FailureRejected, Message: "the change cannot be encoded", Err: err}
}

// ManagerOf is the field manager of a change.
func ManagerOf(change control.Change) string {
	if change.Foreign {
		return TakeoverManager
	}
	return FieldManager
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
	body, err := response.Raw()
	if err != nil {
		return liveObject{}, unanswered(err, at)
	}
	object, err := decode(body)
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
	manager := ManagerOf(change)
	if object.Metadata.UID == "" {
		return Result{Differs: "metadata: the object does not exist", Reread: true}, nil
	}
	result, err := object.result(change)
	if err != nil {
		return Result{}, err
	}
	result.Reread = true
	if result.Differs == "" && !object.applied(uid, manager) {
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
	resource        schema.GroupResource
	namespace, name string
	// listed is whether the object is read from a list.
	listed bool
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
		name:      change.Name,
		listed:    change.Kind != networkPolicyKind,
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
	if len(change.Annotations) > 0 {
		metadata["annotations"] = change.Annotations
	}
	if len(change.Labels) > 0 {
		metadata["labels"] = change.Labels
	}
	body := maps.Clone(change.Fields)
	if body == nil {
		body = map[string]any{}
	}
	body["apiVersion"], body["kind"], body["metadata"] = change.APIVersion, change.Kind, metadata
	if change.Spec != nil {
		body["spec"] = change.Spec
	}
	return utiljson.Marshal(body)
}

// liveObject is what is looked at of an answer.
type liveObject struct {
	Metadata struct {
		UID               string                      `json:"uid"`
		ResourceVersion   string                      `json:"resourceVersion"`
		Generation        int64                       `json:"generation"`
		DeletionTimestamp *metav1.Time                `json:"deletionTimestamp"`
		ManagedFields     []metav1.ManagedFieldsEntry `json:"managedFields"`
		Annotations       map[string]string           `json:"annotations"`
		Labels            map[string]string           `json:"labels"`
	} `json:"metadata"`
	Spec map[string]any `json:"spec"`

	// body is the whole, as it was answered.
	body []byte
}

func decode(body []byte) (liveObject, error) {
	var object liveObject
	if err := utiljson.Unmarshal(body, &object); err != nil {
		return liveObject{}, fmt.Errorf("decode the answer: %w", err)
	}
	object.body = body
	return object, nil
}

func (o liveObject) result(change control.Change) (Result, error) {
	differs, err := o.difference(change)
	if err != nil {
		return Result{}, unencodable(err)
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

// applied reports whether a field manager applied the object with the given UID, or
// any object where that is empty.
func (o liveObject) applied(uid, manager string) bool {
	if uid != "" && o.Metadata.UID != uid {
		return false
	}
	for _, entry := range o.Metadata.ManagedFields {
		if entry.Manager == manager && entry.Operation == metav1.ManagedFieldsOperationApply {
			return true
		}
	}
	return false
}
