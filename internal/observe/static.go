package observe

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// StaticOptions say how objects are read that are not watched.
type StaticOptions struct {
	// FieldManager is Holdfast's field manager: what it applied is Ours.
	FieldManager string
	// Owned says whether the ledger knows that Holdfast created an object, as in
	// Options. nil where there is no ledger to ask.
	Owned func(kind, namespace, name, uid string) bool
	// DNSService is the Service of the cluster's DNS. Empty means kube-system/kube-dns.
	DNSService types.NamespacedName
	// Needs limit what List reads to the kinds that they rest on, and namespaces,
	// and what is observed on demand to what they name. nil means everything.
	Needs []control.Need
	// Lenient has List take whatever keeps a kind from being read as Forbidden is
	// taken: the kind is unavailable, and its Reading says why.
	Lenient bool
	// PageSize is how many objects one request of List asks for. 0 means 500.
	PageSize int64
	// PageTimeout bounds one request of List. 0 means no bound.
	PageTimeout time.Duration
	// Insistence asks again for what an API server does not answer. nil asks once.
	Insistence *Insistence
	// Now is the clock of readings. nil means the system's.
	Now func() time.Time
}

// complete fills in the defaults.
func (o *StaticOptions) complete() {
	if o.DNSService == (types.NamespacedName{}) {
		o.DNSService = defaultDNS()
	}
	o.PageSize = cmp.Or(o.PageSize, pageSize)
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Static is what was there at one time. Its methods may be used concurrently.
type Static struct {
	options StaticOptions

	mu       sync.Mutex // snapshots group pods when they are first taken
	store    *store
	readings []Reading
	// shared are the versions at which RereadShared read, by kind: "" where the kind
	// is served no more.
	shared      map[string]string
	unavailable map[control.Need]string
	versions    map[control.Need]string
}

func newStatic(options StaticOptions) *Static {
	options.complete()
	s := &Static{
		options:     options,
		store:       newStore(options.DNSService),
		unavailable: map[control.Need]string{},
		versions:    map[control.Need]string{},
		shared:      map[string]string{},
	}
	if options.Needs != nil {
		s.store.demanded = newDemand(options.Needs)
		s.store.renewServed()
	}
	return s
}

// NewStatic returns what objects say, as if they were all that there is. Kinds
// that are not observed are left out. Optional kinds need not be said to be served.
func NewStatic(objects []unstructured.Unstructured, options StaticOptions) (*Static, error) {
	s := newStatic(options)
	sources := s.always()
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

// always are the sources of the kinds that every cluster serves.
func (s *Static) always() []source { return always(s.options.FieldManager, s.options.DNSService) }

// add keeps an object, if its kind is observed.
func (s *Static) add(always []source, object *unstructured.Unstructured) error {
	if ended(object) {
		return nil
	}
	if object.GroupVersionKind().GroupKind() == corev1.SchemeGroupVersion.WithKind("Namespace").GroupKind() {
		object = named(object)
	}
	document, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	for _, source := range s.sourcesOf(always, object.GroupVersionKind()) {
		typed := reflect.New(reflect.TypeOf(source.example).Elem()).Interface()
		if err := json.Unmarshal(document, typed); err != nil {
			return err
		}
		item, err := source.convert(typed)
		if err != nil {
			return err
		}
		source.table.put(s.store, item)
	}
	return nil
}

// sourcesOf returns how objects of a kind are read, nothing for one that is not
// observed. That an optional kind is served need not be said beside its objects.
func (s *Static) sourcesOf(always []source, gvk schema.GroupVersionKind) []source {
	var sources []source
	for i := range always {
		if always[i].group == gvk.Group && always[i].name == gvk.Kind {
			sources = append(sources, always[i])
		}
	}
	for i := range s.store.optionals {
		o := &s.store.optionals[i]
		if o.group != gvk.Group || o.kind != gvk.Kind {
			continue
		}
		sources = append(sources, o.source(gvk.Version, s.options.FieldManager))
		if definition := (object{kind: kindDefinitions, name: o.id}); o.everywhere == "" && !s.store.isServed(o.id) {
			s.store.serve(definition, &servedItem{versions: []string{gvk.Version}})
		}
	}
	return sources
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

// Snapshot returns what is known of a scope: of a namespace, or of the cluster,
// which there is where the namespace kube-system is. The error is ErrNotFound.
func (s *Static) Snapshot(scope string) (*control.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	living := s.store.living(scope)
	if living == nil {
		return nil, ErrNotFound
	}
	snapshot := s.store.snapshot(living)
	snapshot.Versions = maps.Clone(s.versions)
	if len(s.unavailable) > 0 {
		snapshot.Unavailable = maps.Clone(s.unavailable)
	}
	own(snapshot, s.options.Owned)
	return snapshot, nil
}

// Namespaces calls fn with each namespace, but not with the cluster, in no order, until it returns false.
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
