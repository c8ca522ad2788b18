package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	// pageSize is how many objects one request lists.
	pageSize = 500
	// unlimited switches client-side throttling off, which would have a list of
	// many pages take minutes.
	unlimited = -1
)

// StaticOptions say how objects are read that are not watched.
type StaticOptions struct {
	// FieldManager is Holdfast's field manager: what it applied is Ours. Nothing
	// else is, as there is no ledger to ask.
	FieldManager string
	// DNSService is the Service of the cluster's DNS. Empty means kube-system/kube-dns.
	DNSService types.NamespacedName
}

// Static is what was there at one time. Its methods may be used concurrently.
type Static struct {
	mu          sync.Mutex // snapshots group pods when they are first taken
	store       *store
	unavailable map[control.Need]string
	versions    map[control.Need]string
}

func newStatic(options *StaticOptions) *Static {
	if options.DNSService == (types.NamespacedName{}) {
		options.DNSService = defaultDNS()
	}
	return &Static{
		store:       newStore(options.DNSService),
		unavailable: map[control.Need]string{},
		versions:    map[control.Need]string{},
	}
}

// NewStatic returns what objects say, as if they were all that there is. Kinds
// that are not observed are left out. Optional kinds need not be said to be served.
func NewStatic(objects []unstructured.Unstructured, options StaticOptions) (*Static, error) {
	s := newStatic(&options)
	sources := always(options.FieldManager, options.DNSService)
	for i := range objects {
		object := &objects[i]
		if object.IsList() {
			return nil, fmt.Errorf("%s: a list must be taken apart first", object.GetKind())
		}
		if err := s.add(sources, object); err != nil {
			return nil, fmt.Errorf("%s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err)
		}
	}
	s.store.settle()
	return s, nil
}

// add keeps an object, if its kind is observed.
func (s *Static) add(sources []source, object *unstructured.Unstructured) error {
	source := s.sourceOf(sources, object.GroupVersionKind())
	if source == nil || ended(object) {
		return nil
	}
	if source.id == string(control.NeedNamespaces) {
		object = named(object)
	}
	document, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	typed := reflect.New(reflect.TypeOf(source.example).Elem()).Interface()
	if err := json.Unmarshal(document, typed); err != nil {
		return err
	}
	item, err := source.convert(typed)
	if err != nil {
		return err
	}
	source.table.put(s.store, item)
	return nil
}

// sourceOf returns how objects of a kind are read, nil for one that is not observed.
func (s *Static) sourceOf(always []source, gvk schema.GroupVersionKind) *source {
	for i := range always {
		if always[i].group == gvk.Group && always[i].name == gvk.Kind {
			return &always[i]
		}
	}
	for i := range s.store.optionals {
		if o := &s.store.optionals[i]; o.group == gvk.Group && o.kind == gvk.Kind {
			return new(o.source(gvk.Version))
		}
	}
	return nil
}

// ended reports whether an object is a pod that the API server would leave out.
func ended(object *unstructured.Unstructured) bool {
	phase, _, err := unstructured.NestedString(object.Object, "status", "phase")
	return err == nil && object.GetKind() == "Pod" &&
		(phase == string(corev1.PodSucceeded) || phase == string(corev1.PodFailed))
}

// named returns a namespace with the label that the API server gives to each.
func named(namespace *unstructured.Unstructured) *unstructured.Unstructured {
	namespace = namespace.DeepCopy()
	labels := maps.Clone(namespace.GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	labels[corev1.LabelMetadataName] = namespace.GetName()
	namespace.SetLabels(labels)
	return namespace
}

// List reads everything once. What is forbidden is unavailable in snapshots; any
// other failure is an error.
func List(ctx context.Context, config *rest.Config, options StaticOptions) (*Static, error) {
	s := newStatic(&options)
	for _, source := range always(options.FieldManager, options.DNSService) {
		if err := s.list(ctx, config, &source); err != nil {
			return nil, err
		}
	}
	for _, o := range s.store.optionals {
		version := s.store.versions[o.id]
		if version == "" {
			continue
		}
		source := o.source(version)
		if err := s.list(ctx, config, &source); err != nil {
			return nil, err
		}
	}
	s.store.settle()
	return s, nil
}

// list reads all objects of a kind.
func (s *Static) list(ctx context.Context, config *rest.Config, source *source) error {
	config, dialer := dedicated(config)
	defer dialer.CloseAll()
	config.QPS = unlimited
	c, err := source.connect(config)
	if err != nil {
		return fmt.Errorf("list %s: %w", source.id, err)
	}
	var items []any
	options := metav1.ListOptions{Limit: pageSize}
	for {
		page, err := c.list(ctx, options)
		switch {
		case apierrors.IsForbidden(err):
			for _, need := range source.needs {
				s.unavailable[need] = control.ReasonForbidden
			}
			return nil
		case err != nil:
			return fmt.Errorf("list %s: %w", source.id, err)
		}
		if items, err = convertPage(items, page, source); err != nil {
			return fmt.Errorf("list %s: %w", source.id, err)
		}
		accessor, err := meta.ListAccessor(page)
		if err != nil {
			return fmt.Errorf("list %s: %w", source.id, err)
		}
		s.reached(source.needs[0], accessor.GetResourceVersion())
		if options.Continue = accessor.GetContinue(); options.Continue == "" {
			break
		}
	}
	source.table.replace(s.store, items)
	return nil
}

// convertPage adds the objects of a list to items.
func convertPage(items []any, page runtime.Object, source *source) ([]any, error) {
	err := meta.EachListItem(page, func(object runtime.Object) error {
		item, err := source.convert(object)
		items = append(items, item)
		return err
	})
	return items, err
}

// reached takes note of the resourceVersion of a list.
func (s *Static) reached(need control.Need, version string) {
	if old, found := s.versions[need]; !found || !reached(version, old) {
		s.versions[need] = version
	}
}

// Snapshot returns what is known of a namespace. The error is ErrNotFound.
func (s *Static) Snapshot(namespace string) (*control.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	scope := s.store.living(namespace)
	if scope == nil {
		return nil, ErrNotFound
	}
	snapshot := s.store.snapshot(scope)
	snapshot.Versions = maps.Clone(s.versions)
	if len(s.unavailable) > 0 {
		snapshot.Unavailable = maps.Clone(s.unavailable)
	}
	return snapshot, nil
}

// Namespaces calls fn with each namespace, in no order, until it returns false.
// The labels must not be changed.
func (s *Static) Namespaces(fn func(control.Namespace) bool) {
	s.mu.Lock()
	namespaces := s.store.views()
	s.mu.Unlock()
	for _, namespace := range namespaces {
		if !fn(namespace) {
			return
		}
	}
}
