package observe

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// semantic tells values apart as evaluators do: what is empty is as what is not there.
var semantic = conversion.EqualitiesOrDie(func(a, b time.Time) bool { return a.Equal(b) })

// objects are the objects that controls judge one by one, or judge others by:
// each in the scopes that do.
type objects struct {
	classes    placed[control.StorageClass]
	volumes    placed[control.Volume]
	apiServers placed[control.APIServerPod]
	guards     placed[control.GuardObject]
	ingresses  placed[control.Ingress]
	// ingressClasses are the controllers of classes.
	ingressClasses  placed[string]
	gateways        placed[control.Gateway]
	routes          placed[control.GatewayRoute]
	grants          placed[grant]
	authentications placed[control.PeerAuthentication]
	destinations    placed[control.DestinationRule]
	certificates    placed[control.Certificate]
	claims          placed[control.Claim]
	snapshots       placed[control.VolumeSnapshot]
	plans           placed[control.BackupPlan]
	locations       placed[control.BackupLocation]
	backups         backups
	// workloads are by namespace.
	workloads map[string]*workloads
}

func newObjects() objects {
	return objects{
		classes:         newPlaced[control.StorageClass](),
		volumes:         newPlaced[control.Volume](),
		apiServers:      newPlaced[control.APIServerPod](),
		guards:          newPlaced[control.GuardObject](),
		ingresses:       newPlaced[control.Ingress](),
		ingressClasses:  newPlaced[string](),
		gateways:        newPlaced[control.Gateway](),
		routes:          newPlaced[control.GatewayRoute](),
		grants:          newPlaced[grant](),
		authentications: newPlaced[control.PeerAuthentication](),
		destinations:    newPlaced[control.DestinationRule](),
		certificates:    newPlaced[control.Certificate](),
		claims:          newPlaced[control.Claim](),
		snapshots:       newPlaced[control.VolumeSnapshot](),
		plans:           newPlaced[control.BackupPlan](),
		locations:       newPlaced[control.BackupLocation](),
		backups:         newBackups(),
		workloads:       map[string]*workloads{},
	}
}

// nowhere is the scope of objects that concern none, and are known to exist. No
// namespace is called so.
const nowhere = "/"

// objectItem is an object as each scope sees it that it concerns. One that
// concerns none is not kept.
type objectItem[V any] struct {
	key object
	at  map[string]V
}

// concerns reports whether the object concerns a scope.
func (i *objectItem[V]) concerns(scope string) bool {
	_, found := i.at[scope]
	return found
}

// objectTable keeps the objects of one kind as values V.
type objectTable[V any] struct {
	kind string
	// needs are what the objects are kept for: while none of them is observed
	// nobody is told of changes.
	needs []control.Need
	in    func(*store) *placed[V]
	// meta is which object a value is; nil where it does not say that.
	meta func(*V) *control.Meta
	// spread touches which scopes else a change of an object concerns; may be nil.
	spread func(st *store, key object)
	// unseen is true where the scopes do not see the objects themselves, but what
	// follows from them.
	unseen bool
	// elsewhere is true of objects that other scopes judge than those they lie in:
	// cluster-scoped ones of namespaces, or those of a namespace that the cluster judges.
	elsewhere bool
}

func (t objectTable[V]) put(st *store, item any) change {
	i := item.(*objectItem[V])
	c := change{key: i.key, present: true}
	old := t.in(st).put(i.key, i.at)
	if !st.demanded.meets(t.needs...) {
		return c
	}
	changed := false
	concern := func(scope string) {
		changed = true
		switch {
		case t.unseen || scope == nowhere:
		case scope == i.key.scope():
			c.matters = true
		default:
			st.touch(scope, false)
		}
	}
	for scope, value := range i.at {
		if was, found := old[scope]; !found || !t.same(was, value) {
			concern(scope)
		}
		delete(old, scope)
	}
	for scope := range old {
		concern(scope)
	}
	if changed && t.spread != nil {
		t.spread(st, i.key)
	}
	return c
}

// same reports whether evaluators see no difference between two states of an
// object.
func (t objectTable[V]) same(a, b V) bool {
	if t.meta != nil {
		t.meta(&a).Identity, t.meta(&b).Identity = control.Identity{}, control.Identity{}
	}
	return semantic.DeepEqual(a, b)
}

func (t objectTable[V]) remove(st *store, item any) change {
	c := t.put(st, &objectItem[V]{key: item.(*objectItem[V]).key})
	c.present = false
	return c
}

func (t objectTable[V]) replace(st *store, items []any) {
	kept := make(map[object]struct{}, len(items))
	for _, item := range items {
		kept[item.(*objectItem[V]).key] = struct{}{}
		st.touching(t.put(st, item))
	}
	for _, key := range t.in(st).others(t.kind, kept) {
		st.touching(t.remove(st, &objectItem[V]{key: key}))
	}
}

// clear implements local.
func (t objectTable[V]) clear(st *store, scope string) {
	keys := t.in(st).in(t.kind, scope)
	if t.elsewhere {
		keys = t.in(st).keys(scope)
	}
	for _, key := range keys {
		st.touching(t.remove(st, &objectItem[V]{key: key}))
	}
}

// held implements holder.
func (t objectTable[V]) held(st *store, key object) (uid string, found bool) {
	p := t.in(st)
	scopes := p.of[key]
	if len(scopes) == 0 {
		return "", false
	}
	if o := p.find(scopes[0], key); t.meta != nil {
		uid = t.meta(&o.value).UID
	}
	return uid, true
}

// joint keeps objects in two forms.
type joint struct{ first, second table }

// jointItem is an object in both.
type jointItem struct{ first, second any }

func (j joint) put(st *store, item any) change {
	i := item.(*jointItem)
	return both(j.first.put(st, i.first), j.second.put(st, i.second))
}

func (j joint) remove(st *store, item any) change {
	i := item.(*jointItem)
	return both(j.first.remove(st, i.first), j.second.remove(st, i.second))
}

// both is what an event did to the two forms of an object. The second one says
// which object it is.
func both(first, second change) change {
	second.matters = second.matters || first.matters
	return second
}

func (j joint) replace(st *store, items []any) {
	first, second := make([]any, 0, len(items)), make([]any, 0, len(items))
	for _, item := range items {
		i := item.(*jointItem)
		first, second = append(first, i.first), append(second, i.second)
	}
	j.first.replace(st, first)
	j.second.replace(st, second)
}

// clear implements local.
func (j joint) clear(st *store, scope string) {
	j.first.(local).clear(st, scope)
	j.second.(local).clear(st, scope)
}

// held implements holder.
func (j joint) held(st *store, key object) (uid string, found bool) {
	return j.second.(holder).held(st, key)
}

// objectsAt returns what a scope sees of the objects in p, by kind, namespace and
// name; nil where there are none, or the need for them is not observed.
func objectsAt[V any](st *store, p *placed[V], scope string, need control.Need) []V {
	at := p.at[scope]
	if len(at) == 0 || !st.demanded.meets(need) {
		return nil
	}
	values := make([]V, 0, len(at))
	for _, o := range at {
		values = append(values, o.value)
	}
	return values
}

// namespaceObjects adds to the snapshot of a namespace the objects that are
// judged in it.
func (st *store) namespaceObjects(s *scope, into *control.Snapshot) {
	namespace := s.namespace.Name
	into.Volumes = st.volumesOf(namespace)
	into.Ingresses = st.ingressesOf(namespace)
	into.Gateways = st.gatewaysOf(namespace)
	into.GatewayRoutes = objectsAt(st, &st.objects.routes, namespace, control.NeedGateways)
	into.Workloads = st.workloadsOf(namespace)
	into.Mesh = st.meshOf(s)
	into.Certificates = objectsAt(st, &st.objects.certificates, namespace, control.NeedCertificates)
	into.Claims = objectsAt(st, &st.objects.claims, namespace, control.NeedClaims)
	into.VolumeSnapshots = objectsAt(st, &st.objects.snapshots, namespace, control.NeedVolumeSnapshots)
	into.Backups = st.backupsOf(namespace)
	into.NotServed = st.notServed
}

// clusterObjects adds to the snapshot of the cluster the objects that are judged
// in that scope.
func (st *store) clusterObjects(into *control.Snapshot) {
	into.StorageClasses = objectsAt(st, &st.objects.classes, control.Cluster, control.NeedStorageClasses)
	into.APIServerPods = objectsAt(st, &st.objects.apiServers, control.Cluster, control.NeedAPIServerPods)
	into.Guards = objectsAt(st, &st.objects.guards, control.Cluster, control.NeedGuards)
	into.Backups = st.newestRuns()
	into.BackupPlans = st.shownPlans()
	into.BackupLocations = objectsAt(st, &st.objects.locations, control.Cluster, control.NeedBackupLocations)
	into.NotServed = st.notServed
}

// metaOf says which object it is, and which state of it, as a scope sees it that
// has the name of its own namespace. ours is true where fieldManager applied what
// the kind is about.
func metaOf(o *metav1.ObjectMeta, fieldManager string, about body) (meta control.Meta, ours bool) {
	meta = control.Meta{Name: intern(o.Name), UID: string(o.UID), CreatedAt: o.CreationTimestamp.UTC()}
	meta.Identity, ours = identityOf(o, fieldManager, about)
	return meta, ours
}
