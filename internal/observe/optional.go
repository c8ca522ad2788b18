package observe

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The groups of optional kinds.
const (
	gatewayGroup     = "gateway.networking.k8s.io"
	xGatewayGroup    = "gateway.networking.x-k8s.io"
	policyGroup      = "policy.networking.k8s.io"
	ciliumGroup      = "cilium.io"
	calicoGroup      = "projectcalico.org"
	calicoCRDGroup   = "crd.projectcalico.org"
	istioSecurity    = "security.istio.io"
	istioNetworking  = "networking.istio.io"
	certManagerGroup = "cert-manager.io"
	veleroGroup      = "velero.io"
	snapshotGroup    = "snapshot.storage.k8s.io"
	modelledVersion  = "v1alpha2"
)

// calicoAPIService serves Calico's kinds where CustomResourceDefinitions do not.
const calicoAPIService = "v3.projectcalico.org"

// optional is a kind that is watched where it is served, and while one of its
// needs is observed.
type optional struct {
	// id is the name of the kind's CustomResourceDefinition; that of a kind that
	// every cluster serves is what it is watched for.
	id                    string
	group, resource, kind string
	needs                 []control.Need
	// everywhere is the version of a kind that every cluster serves.
	everywhere string
	// modelled is the version that is preferred; others are read all the same.
	modelled string
	// aggregated names the APIService that may serve it in the stead of a
	// CustomResourceDefinition.
	aggregated string
	// instead is the id of a kind that shows the same objects, where that is served.
	instead string
	// keep fills in how the kind is read and kept.
	keep func(s *source, gvk schema.GroupVersionKind)
}

// source returns the source of the kind in a version.
func (o *optional) source(version, fieldManager string) source {
	s := source{
		id: o.id, needs: o.needs, resource: o.resource, version: version, group: o.group, name: o.kind, fieldManager: fieldManager,
	}
	o.keep(&s, schema.GroupVersionKind{Group: o.group, Version: version, Kind: o.kind})
	return s
}

// optionals are the kinds that are watched where they are served, or on demand.
func optionals() []optional {
	kinds := slices.Concat(
		gatewayKinds(), overridingKinds(), storageKinds(), []optional{apiServerKind()}, ingressKinds(), guardKinds(), meshKinds(),
		certificateKinds(), claimKinds(), veleroKinds(),
	)
	for i := range kinds {
		if kinds[i].id == "" {
			kinds[i].id = kinds[i].resource + "." + kinds[i].group
		}
	}
	return kinds
}

// gatewayKinds are those of the Gateway API.
func gatewayKinds() []optional {
	entrances := []control.Need{control.NeedEntrances, control.NeedGateways}
	details := []control.Need{control.NeedGateways}
	return []optional{
		{group: gatewayGroup, resource: "gateways", kind: "Gateway", needs: entrances, keep: keepGateway},
		{group: gatewayGroup, resource: "httproutes", kind: "HTTPRoute", needs: entrances, keep: keepRoute},
		{group: gatewayGroup, resource: "grpcroutes", kind: "GRPCRoute", needs: entrances, keep: keepRoute},
		{group: gatewayGroup, resource: "tlsroutes", kind: "TLSRoute", needs: entrances, keep: keepRoute},
		{group: gatewayGroup, resource: "tcproutes", kind: "TCPRoute", needs: entrances, keep: keepRoute},
		{group: gatewayGroup, resource: "udproutes", kind: "UDPRoute", needs: entrances, keep: keepRoute},
		{group: gatewayGroup, resource: "listenersets", kind: "ListenerSet", needs: details, keep: keepListenerSet},
		{group: xGatewayGroup, resource: "xlistenersets", kind: "XListenerSet", needs: details, keep: keepListenerSet},
		{group: gatewayGroup, resource: "referencegrants", kind: "ReferenceGrant", needs: details, keep: keepGrant},
	}
}

// overridingKinds are those that override NetworkPolicies.
func overridingKinds() []optional {
	overriding := []control.Need{control.NeedClusterPolicies}
	return []optional{
		{
			group: policyGroup, resource: "clusternetworkpolicies", kind: "ClusterNetworkPolicy", needs: overriding,
			keep: keepClusterPolicy, modelled: modelledVersion,
		},
		{group: policyGroup, resource: "adminnetworkpolicies", kind: "AdminNetworkPolicy", needs: overriding, keep: keepClusterWide},
		{
			group: policyGroup, resource: "baselineadminnetworkpolicies", kind: "BaselineAdminNetworkPolicy", needs: overriding,
			keep: keepClusterWide,
		},
		{group: ciliumGroup, resource: "ciliumnetworkpolicies", kind: "CiliumNetworkPolicy", needs: overriding, keep: keepNamespaced},
		{
			group: ciliumGroup, resource: "ciliumclusterwidenetworkpolicies", kind: "CiliumClusterwideNetworkPolicy", needs: overriding,
			keep: keepClusterWide,
		},
		{group: calicoCRDGroup, resource: "networkpolicies", kind: "NetworkPolicy", needs: overriding, keep: keepNamespaced},
		{group: calicoCRDGroup, resource: "globalnetworkpolicies", kind: "GlobalNetworkPolicy", needs: overriding, keep: keepClusterWide},
		{
			group: calicoGroup, resource: "networkpolicies", kind: "NetworkPolicy", needs: overriding, keep: keepNamespaced,
			aggregated: calicoAPIService, instead: "networkpolicies." + calicoCRDGroup,
		},
		{
			group: calicoGroup, resource: "globalnetworkpolicies", kind: "GlobalNetworkPolicy", needs: overriding, keep: keepClusterWide,
			aggregated: calicoAPIService, instead: "globalnetworkpolicies." + calicoCRDGroup,
		},
	}
}

// keepClusterPolicy keeps ClusterNetworkPolicies. In another version than the one
// that is modelled, all that is read is whom they are about.
func keepClusterPolicy(s *source, gvk schema.GroupVersionKind) {
	if gvk.Version != modelledVersion {
		keepClusterWide(s, gvk)
		return
	}
	s.example, s.connect = &wire[clusterPolicySpec]{}, wireClient[clusterPolicySpec, wireStatus](gvk, s.resource)
	s.convert = tryConverting(func(p *wire[clusterPolicySpec]) (*clusterPolicyItem, error) { return convertClusterPolicy(s.id, p) })
	s.table = clusterPolicyTable{s.id}
}

// keepClusterWide keeps objects that no evaluator models, and whom they are about.
func keepClusterWide(s *source, gvk schema.GroupVersionKind) {
	s.example, s.connect = &wire[overridingSpec]{}, wireClient[overridingSpec, wireStatus](gvk, s.resource)
	s.convert = tryConverting(func(o *wire[overridingSpec]) (*clusterPolicyItem, error) {
		return convertOverriding(s.id, gvk.Kind, o)
	})
	s.table = clusterPolicyTable{s.id}
}

// keepNamespaced keeps objects that no evaluator models, of one namespace. Calico's
// NetworkPolicy is not to be taken for Kubernetes' own.
func keepNamespaced(s *source, gvk schema.GroupVersionKind) {
	name := gvk.Kind
	if name == "NetworkPolicy" {
		name += "." + calicoGroup
	}
	s.example, s.connect = &wire[overridingSpec]{}, wireClient[overridingSpec, wireStatus](gvk, s.resource)
	s.convert = converting(func(o *wire[overridingSpec]) *overridingItem { return convertNamespaced(s.id, name, o) })
	s.table = overridingTable{s.id}
}
