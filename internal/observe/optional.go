package observe

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The groups of optional kinds.
const (
	gatewayGroup    = "gateway.networking.k8s.io"
	policyGroup     = "policy.networking.k8s.io"
	ciliumGroup     = "cilium.io"
	calicoGroup     = "projectcalico.org"
	calicoCRDGroup  = "crd.projectcalico.org"
	modelledVersion = "v1alpha2"
)

// calicoAPIService serves Calico's kinds where CustomResourceDefinitions do not.
const calicoAPIService = "v3.projectcalico.org"

// optional is a kind that is watched where it is served.
type optional struct {
	// id is the name of the kind's CustomResourceDefinition.
	id                    string
	group, resource, kind string
	need                  control.Need
	// modelled is the version that is preferred; others are read all the same.
	modelled string
	// aggregated names the APIService that may serve it in the stead of a
	// CustomResourceDefinition.
	aggregated string
	// instead is the id of a kind that shows the same objects, where that is served.
	instead string
	// keep fills in how the kind is read and kept.
	keep func(s *source, gvk schema.GroupVersionKind, resource string)
}

// source returns the source of the kind in a version.
func (o *optional) source(version string) source {
	s := source{id: o.id, needs: []control.Need{o.need}, resource: o.resource, version: version, group: o.group, name: o.kind}
	o.keep(&s, schema.GroupVersionKind{Group: o.group, Version: version, Kind: o.kind}, o.resource)
	return s
}

// optionals are the kinds that are watched where they are served.
func optionals() []optional {
	const entrances, overriding = control.NeedEntrances, control.NeedClusterPolicies
	kinds := []optional{
		{group: gatewayGroup, resource: "gateways", kind: "Gateway", need: entrances, keep: keepGateway},
		{group: gatewayGroup, resource: "httproutes", kind: "HTTPRoute", need: entrances, keep: keepRoute},
		{group: gatewayGroup, resource: "grpcroutes", kind: "GRPCRoute", need: entrances, keep: keepRoute},
		{group: gatewayGroup, resource: "tlsroutes", kind: "TLSRoute", need: entrances, keep: keepRoute},
		{group: gatewayGroup, resource: "tcproutes", kind: "TCPRoute", need: entrances, keep: keepRoute},
		{group: gatewayGroup, resource: "udproutes", kind: "UDPRoute", need: entrances, keep: keepRoute},
		{
			group: policyGroup, resource: "clusternetworkpolicies", kind: "ClusterNetworkPolicy", need: overriding,
			keep: keepClusterPolicy, modelled: modelledVersion,
		},
		{group: policyGroup, resource: "adminnetworkpolicies", kind: "AdminNetworkPolicy", need: overriding, keep: keepClusterWide},
		{
			group: policyGroup, resource: "baselineadminnetworkpolicies", kind: "BaselineAdminNetworkPolicy", need: overriding,
			keep: keepClusterWide,
		},
		{group: ciliumGroup, resource: "ciliumnetworkpolicies", kind: "CiliumNetworkPolicy", need: overriding, keep: keepNamespaced},
		{
			group: ciliumGroup, resource: "ciliumclusterwidenetworkpolicies", kind: "CiliumClusterwideNetworkPolicy", need: overriding,
			keep: keepClusterWide,
		},
		{group: calicoCRDGroup, resource: "networkpolicies", kind: "NetworkPolicy", need: overriding, keep: keepNamespaced},
		{group: calicoCRDGroup, resource: "globalnetworkpolicies", kind: "GlobalNetworkPolicy", need: overriding, keep: keepClusterWide},
		{
			group: calicoGroup, resource: "networkpolicies", kind: "NetworkPolicy", need: overriding, keep: keepNamespaced,
			aggregated: calicoAPIService, instead: "networkpolicies." + calicoCRDGroup,
		},
		{
			group: calicoGroup, resource: "globalnetworkpolicies", kind: "GlobalNetworkPolicy", need: overriding, keep: keepClusterWide,
			aggregated: calicoAPIService, instead: "globalnetworkpolicies." + calicoCRDGroup,
		},
	}
	for i := range kinds {
		kinds[i].id = kinds[i].resource + "." + kinds[i].group
	}
	return kinds
}

func keepGateway(s *source, gvk schema.GroupVersionKind, resource string) {
	s.example, s.connect = &wire[gatewaySpec]{}, wireClient[gatewaySpec](gvk, resource)
	s.convert = converting(func(g *wire[gatewaySpec]) *entranceItem { return convertGateway(s.id, g) })
	s.table = entranceTable{s.id}
}

func keepRoute(s *source, gvk schema.GroupVersionKind, resource string) {
	s.example, s.connect = &wire[routeSpec]{}, wireClient[routeSpec](gvk, resource)
	s.convert = converting(func(r *wire[routeSpec]) *entranceItem { return convertRoute(s.id, gvk.Kind, r) })
	s.table = entranceTable{s.id}
}

// keepClusterPolicy keeps ClusterNetworkPolicies. In another version than the one
// that is modelled, all that is read is whom they are about.
func keepClusterPolicy(s *source, gvk schema.GroupVersionKind, resource string) {
	if gvk.Version != modelledVersion {
		keepClusterWide(s, gvk, resource)
		return
	}
	s.example, s.connect = &wire[clusterPolicySpec]{}, wireClient[clusterPolicySpec](gvk, resource)
	s.convert = tryConverting(func(p *wire[clusterPolicySpec]) (*clusterPolicyItem, error) { return convertClusterPolicy(s.id, p) })
	s.table = clusterPolicyTable{s.id}
}

// keepClusterWide keeps objects that no evaluator models, and whom they are about.
func keepClusterWide(s *source, gvk schema.GroupVersionKind, resource string) {
	s.example, s.connect = &wire[overridingSpec]{}, wireClient[overridingSpec](gvk, resource)
	s.convert = tryConverting(func(o *wire[overridingSpec]) (*clusterPolicyItem, error) {
		return convertOverriding(s.id, gvk.Kind, o)
	})
	s.table = clusterPolicyTable{s.id}
}

// keepNamespaced keeps objects that no evaluator models, of one namespace. Calico's
// NetworkPolicy is not to be taken for Kubernetes' own.
func keepNamespaced(s *source, gvk schema.GroupVersionKind, resource string) {
	name := gvk.Kind
	if name == "NetworkPolicy" {
		name += "." + calicoGroup
	}
	s.example, s.connect = &wire[overridingSpec]{}, wireClient[overridingSpec](gvk, resource)
	s.convert = converting(func(o *wire[overridingSpec]) *overridingItem { return convertNamespaced(s.id, name, o) })
	s.table = overridingTable{s.id}
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
	st.servedStale = true
	clear(st.versions)
	for i := range st.optionals {
		if version := st.servedVersion(&st.optionals[i]); version != "" {
			st.versions[st.optionals[i].id] = version
		}
	}
}

// mayServe reports whether an object of this name serves an optional kind.
func (st *store) mayServe(name string) bool {
	return slices.ContainsFunc(st.optionals, func(o optional) bool { return o.id == name || o.aggregated == name })
}

// servedVersion returns the version in which an optional kind is to be read, ""
// where it is not served.
func (st *store) servedVersion(o *optional) string {
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
