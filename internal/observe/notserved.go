package observe

import (
	"slices"

	"k8s.io/apimachinery/pkg/version"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// linkerdServers is one of Linkerd's kinds. None of them is read: that it is
// served says that Linkerd is installed.
const linkerdServers = "servers.policy.linkerd.io"

// The meshes, as control.Mesh names them.
const (
	meshIstio   = "Istio"
	meshLinkerd = "Linkerd"
)

// required are the kinds that a control may require, by the need that hangs on
// them: the names of their CustomResourceDefinitions.
func required() map[control.Need][]string {
	return map[control.Need][]string{
		control.NeedGateways:     {"gateways." + gatewayGroup},
		control.NeedMesh:         {kindAuthentications, kindDestinations, linkerdServers},
		control.NeedCertificates: {kindCertificates},
		control.NeedGuards:       {kindClassLists},

		control.NeedBackups:         {kindBackups},
		control.NeedBackupPlans:     {kindPlans},
		control.NeedBackupLocations: {kindLocations},
		control.NeedVolumeSnapshots: {kindSnapshots},
	}
}

// servedItem says in which versions something is served.
type servedItem struct{ versions []string }

// serve takes note of what an object says to be served; nil is nothing.
func (st *store) serve(key object, item *servedItem) {
	old, found := st.served[key]
	switch {
	case item == nil && found:
		delete(st.served, key)
	case item != nil && st.mayServe(key.name) && !(found && slices.Equal(old.versions, item.versions)):
		st.served[key] = *item
	default:
		return
	}
	st.renewServed()
}

// mayServe reports whether an object of this name serves an optional kind.
func (st *store) mayServe(name string) bool {
	return name == linkerdServers ||
		slices.ContainsFunc(st.optionals, func(o optional) bool { return o.id == name || o.aggregated == name })
}

// renewServed brings up to date what follows from what is served, and from what
// is demanded. Where it changed what snapshots say of it, every scope is touched.
func (st *store) renewServed() {
	st.servedStale = true
	clear(st.versions)
	for i := range st.optionals {
		if o := &st.optionals[i]; st.demanded.meets(o.needs...) {
			if v := st.servedVersion(o); v != "" {
				st.versions[o.id] = v
			}
		}
	}
	var notServed, meshes []string
	for need, names := range required() {
		for _, name := range names {
			switch {
			case !st.demanded.meets(need):
			case !st.isServed(name):
				notServed = append(notServed, name)
			case name == linkerdServers:
				meshes = append(meshes, meshLinkerd)
			case name == kindAuthentications:
				meshes = append(meshes, meshIstio)
			}
		}
	}
	slices.Sort(notServed)
	slices.Sort(meshes)
	if !slices.Equal(notServed, st.notServed) || !slices.Equal(meshes, st.meshes) {
		st.notServed, st.meshes = notServed, meshes
		st.touchAll()
		st.touchCluster()
	}
}

// isServed reports whether a CustomResourceDefinition says that its kind is served.
func (st *store) isServed(name string) bool {
	return len(st.served[object{kind: kindDefinitions, name: name}].versions) > 0
}

// servedVersion returns the version in which an optional kind is to be read, ""
// where it is not served.
func (st *store) servedVersion(o *optional) string {
	if o.everywhere != "" {
		return o.everywhere
	}
	if item, found := st.served[object{kind: kindDefinitions, name: o.id}]; found && len(item.versions) > 0 {
		if slices.Contains(item.versions, o.modelled) {
			return o.modelled
		}
		return slices.MaxFunc(item.versions, version.CompareKubeAwareVersionStrings)
	}
	if _, found := st.served[object{kind: kindDefinitions, name: o.instead}]; found || o.aggregated == "" {
		return ""
	}
	if item, found := st.served[object{kind: kindAPIServices, name: o.aggregated}]; found {
		return item.versions[0]
	}
	return ""
}
