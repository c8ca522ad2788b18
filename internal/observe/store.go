package observe

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unique"

	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// store is what is kept of the cluster, and which namespaces an event made due.
// Whoever owns it guards it.
type store struct {
	// dns names the Service of the cluster's DNS.
	dns types.NamespacedName

	scopes map[string]*scope
	// now is the clock of what is seen to last; nil where nothing is.
	now func() time.Time
	// cluster is the scope Cluster. Its namespace is nil while it is not known.
	cluster scope
	// namespaces counts the scopes of which the namespace itself is known.
	namespaces int
	peers      peers
	specs      map[string]*sharedSpec

	slices map[object]sliceItem
	// callers are whom the API server calls, and entrances the ways in.
	callers   placed[[]backendRef]
	entrances placed[control.Entrance]
	// clusterPolicies are the cluster-scoped objects that override NetworkPolicies,
	// by kind and name, and overriding those that do so in their own namespace.
	clusterPolicies []*clusterPolicyItem
	overriding      placed[control.ObjectRef]
	// objects are those that controls judge one by one.
	objects objects
	// demanded are the needs that are observed, and plans those of Velero's that
	// the scope Cluster sees.
	demanded demand
	plans    planNames
	// served is what serves optional kinds, and versions are those in which they
	// are read, by id.
	optionals []optional
	served    map[object]servedItem
	versions  map[string]string
	// notServed are the names of those that a control may require and that are
	// not served, and meshes those that are installed: both as far as they are
	// demanded, and shared by snapshots.
	notServed, meshes []string

	dnsService *dnsService
	lifelines  *control.Lifelines
	// lifelinesStale is true where an input of lifelines changed.
	lifelinesStale bool
	// servedStale is true where served changed.
	servedStale bool

	// touched are scopes of which an input of the verdict changed, other than
	// the object of the event; those with true are in no hurry.
	touched map[string]bool
	// marks counts the marks that were given; removed is the one that was given
	// when a namespace last ceased to be.
	marks, removed uint64
}

// newStore returns a store in which there is nothing, and that is to hold
// whatever is observed.
func newStore(dns types.NamespacedName) *store {
	st := &store{
		dns:        dns,
		scopes:     map[string]*scope{},
		peers:      newPeers(),
		specs:      map[string]*sharedSpec{},
		slices:     map[object]sliceItem{},
		callers:    newPlaced[[]backendRef](),
		entrances:  newPlaced[control.Entrance](),
		overriding: newPlaced[control.ObjectRef](),
		objects:    newObjects(),
		served:     map[object]servedItem{},
		optionals:  optionals(),
		versions:   map[string]string{},
		touched:    map[string]bool{},
		// Nothing is there yet, which is something to be said too.
		lifelinesStale: true,
	}
	st.renewServed()
	return st
}

// object names an object of a watched kind.
type object struct{ kind, namespace, name string }

// scope is where an object is judged itself: in the scope Cluster, if it is
// Velero's, although it lies in a namespace.
func (o object) scope() string {
	if strings.HasSuffix(o.kind, "."+veleroGroup) {
		return control.Cluster
	}
	return o.namespace
}

// scope is what is kept of one namespace. Labels and specs are never changed in
// place: snapshots share them.
type scope struct {
	// namespace is nil where only objects in it are known: the kinds are watched
	// side by side, and a namespace may be seen after what it holds.
	namespace *control.Namespace
	// inbound is Linkerd's inbound policy, where the namespace states one.
	inbound string
	// policies are ordered by name.
	policies []policyEntry
	services []control.Service
	// pods are those that are neither Succeeded nor Failed, by name.
	pods map[string]*shape
	// classes group the pods by keys, and are ordered by their text.
	classes []class
	keys    []string
	// grouped is false where the selectors over the pods may mention other keys.
	grouped bool
	// mark is another one whenever an input of the verdict changed.
	mark uint64
}

// policy returns where a policy is, or belongs, among the policies.
func (s *scope) policy(name string) (index int, found bool) {
	return slices.BinarySearchFunc(s.policies, name, func(p policyEntry, name string) int {
		return cmp.Compare(p.Name, name)
	})
}

// service returns where a Service is, or belongs, among the Services.
func (s *scope) service(name string) (index int, found bool) {
	return slices.BinarySearchFunc(s.services, name, func(service control.Service, name string) int {
		return cmp.Compare(service.Name, name)
	})
}

// empty reports whether nothing is known of the namespace.
func (s *scope) empty() bool {
	return s.namespace == nil && len(s.policies) == 0 && len(s.services) == 0 && len(s.pods) == 0
}

// view returns the namespace as evaluators see it.
func (s *scope) view() control.Namespace {
	namespace := *s.namespace
	namespace.HasRunningPods = namespace.Terminating && len(s.pods) > 0
	return namespace
}

// scope returns what is kept of a namespace, and makes it where there is nothing.
func (st *store) scope(namespace string) *scope {
	s := st.scopes[namespace]
	if s == nil {
		s = &scope{}
		st.scopes[intern(namespace)] = s
	}
	return s
}

// living returns what is kept of a scope, nil where there is no such namespace, or
// the cluster is not known.
func (st *store) living(name string) *scope {
	if s := st.known(name); s != nil && s.namespace != nil {
		return s
	}
	return nil
}

// known returns what is kept of a scope, nil where there is nothing.
func (st *store) known(name string) *scope {
	if name == control.Cluster {
		return &st.cluster
	}
	return st.scopes[name]
}

// prune forgets a namespace of which nothing is left.
func (st *store) prune(namespace string) {
	if s := st.scopes[namespace]; s != nil && s.empty() {
		delete(st.scopes, namespace)
	}
}

// touch takes note that an input of a scope's verdict changed. What concerns many
// scopes at once is in no hurry.
func (st *store) touch(scope string, unhurried bool) {
	st.mark(scope)
	if hurried, ok := st.touched[scope]; ok && !hurried {
		return
	}
	st.touched[scope] = unhurried
}

// mark takes note that an input of a scope's verdict changed, by whichever hand.
func (st *store) mark(scope string) {
	if s := st.known(scope); s != nil {
		st.marks++
		s.mark = st.marks
	}
}

// touchAll touches every namespace.
func (st *store) touchAll() {
	for name, s := range st.scopes {
		if s.namespace != nil {
			st.touch(name, true)
		}
	}
}

// settle brings up to date what follows from several objects.
func (st *store) settle() {
	if st.lifelinesStale {
		st.lifelinesStale = false
		st.renewLifelines()
	}
}

// drain returns what was touched since the last time, and forgets it.
func (st *store) drain() []Trigger {
	if len(st.touched) == 0 {
		return nil
	}
	triggers := make([]Trigger, 0, len(st.touched))
	for namespace, unhurried := range st.touched {
		triggers = append(triggers, Trigger{Namespace: namespace, Initial: unhurried})
	}
	st.touched = map[string]bool{}
	return triggers
}

// intern returns the one copy of a string that occurs in many objects.
func intern(s string) string {
	return unique.Make(s).Value()
}
