package control

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Meta says which object it is.
type Meta struct {
	// Namespace is empty for cluster-scoped objects, and where it is the scope's.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
	// CreatedAt is the creation time (resolution: one second).
	CreatedAt time.Time `json:"createdAt"`
	// Identity is which state of it was observed. It goes into entries, and is no
	// input of evaluators.
	Identity Identity `json:"-"`
}

// StorageClass is what evaluators see of a storage.k8s.io/v1 StorageClass.
type StorageClass struct {
	Meta        `json:",inline"`
	Provisioner string `json:"provisioner"`
	// Parameters are the class's parameters, but for those whose names say that
	// they hold credentials.
	Parameters map[string]string `json:"parameters,omitempty"`
	// Default is whether it is marked as the default class.
	Default bool `json:"default,omitempty"`
	// Ours is true where Holdfast created it.
	Ours bool `json:"ours,omitempty"`
}

// Volume is what evaluators see of a PersistentVolume, in the scope of the
// namespace that its claim lies in.
type Volume struct {
	Meta `json:",inline"`
	// Claim is the claim's name.
	Claim string                       `json:"claim"`
	Phase corev1.PersistentVolumePhase `json:"phase"`
	// Source is the CSI driver's name, or for others the name of the field of the
	// spec, such as hostPath or awsElasticBlockStore.
	Source string `json:"source"`
	// Handle is the CSI volume handle, or what comes nearest of another source.
	Handle string `json:"handle,omitempty"`
	// Attributes are the CSI volume attributes, but for those whose names say that
	// they hold credentials.
	Attributes map[string]string `json:"attributes,omitempty"`
	// Provisioner is what the annotation pv.kubernetes.io/provisioned-by names,
	// empty for a static volume.
	Provisioner string `json:"provisioner,omitempty"`
	// ClassName is spec.storageClassName, and Class the class of that name as it is
	// now: nil where there is none.
	ClassName string        `json:"className,omitempty"`
	Class     *StorageClass `json:"class,omitempty"`
}

// APIServerPod is what evaluators see of a kube-apiserver's mirror pod.
type APIServerPod struct {
	Name string `json:"name"`
	// Flags are those flags of the command line that a rule looks at, by name
	// without dashes: their last value, in command and args.
	Flags map[string]string `json:"flags,omitempty"`
}

// Ingress is what evaluators see of a networking.k8s.io/v1 Ingress.
type Ingress struct {
	Meta `json:",inline"`
	// Class is spec.ingressClassName, or the annotation kubernetes.io/ingress.class
	// in its stead; Controller is spec.controller of the IngressClass of that name.
	Class      string `json:"class,omitempty"`
	Controller string `json:"controller,omitempty"`
	// Solver is true where an ACME Challenge of cert-manager's owns it: it answers
	// the challenge, in the clear, and goes.
	Solver bool `json:"solver,omitempty"`
	// Annotations are those of IngressAnnotations.
	Annotations map[string]string `json:"annotations,omitempty"`
	// DefaultBackend is whether it has a default backend, which serves every host.
	DefaultBackend bool `json:"defaultBackend,omitempty"`
	// Hosts are the hosts of the rules, in order; "" is every host.
	Hosts []string     `json:"hosts,omitempty"`
	TLS   []IngressTLS `json:"tls,omitempty"`
	// Addresses are where it is served, IP addresses and host names, sorted.
	Addresses []string `json:"addresses,omitempty"`
}

// IngressTLS is one entry of spec.tls.
type IngressTLS struct {
	Hosts  []string `json:"hosts,omitempty"`
	Secret string   `json:"secret,omitempty"`
}

// Gateway is what evaluators see of a gateway.networking.k8s.io Gateway, or of a
// ListenerSet.
type Gateway struct {
	Meta      `json:",inline"`
	Kind      string            `json:"kind"`
	Listeners []GatewayListener `json:"listeners"`
}

// GatewayListener is a listener.
type GatewayListener struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
	Port     int32  `json:"port"`
	Hostname string `json:"hostname,omitempty"`
	// From is allowedRoutes.namespaces.from: All, Selector or None, and empty for
	// Same, which is the default.
	From string `json:"from,omitempty"`
	// Mode is tls.mode: Terminate or Passthrough, and empty without tls.
	Mode string `json:"mode,omitempty"`
	// Certificates are tls.certificateRefs.
	Certificates []CertificateRef `json:"certificates,omitempty"`
}

// CertificateRef refers to a TLS Secret, or to another kind.
type CertificateRef struct {
	ObjectRef `json:",inline"`
	Group     string `json:"group,omitempty"`
	// Granted is whether a ReferenceGrant lets the Gateway use it. Within one
	// namespace it always is.
	Granted bool `json:"granted,omitempty"`
}

// GatewayRoute is what evaluators see of a route, in the scope of the Gateways
// that it names as parents.
type GatewayRoute struct {
	Meta      `json:",inline"`
	Kind      string   `json:"kind"`
	Hostnames []string `json:"hostnames,omitempty"`
	// Parents are those in this namespace.
	Parents []RouteParent `json:"parents"`
	// Redirects is whether every rule redirects to https.
	Redirects bool `json:"redirects,omitempty"`
}

// RouteParent is a Gateway or ListenerSet that a route attaches to.
type RouteParent struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Section is the listener's name, and Port its port; empty and 0 mean all.
	Section string `json:"section,omitempty"`
	Port    int32  `json:"port,omitempty"`
}

// Workload is a set of pods of one workload that a mesh treats alike. It is named
// after the pods' controller, a Deployment in the stead of its ReplicaSets.
type Workload struct {
	Kind   string            `json:"kind"`
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	// Proxy is the mesh whose proxy takes the pods' traffic: Istio, IstioAmbient or
	// Linkerd, and empty without one.
	Proxy string `json:"proxy,omitempty"`
	// InboundPolicy is Linkerd's inbound policy, where an annotation of the pods
	// states one.
	InboundPolicy string `json:"inboundPolicy,omitempty"`
	// Annotations are those of PodAnnotations: by them traffic goes past the proxy.
	Annotations map[string]string `json:"annotations,omitempty"`
	HostNetwork bool              `json:"hostNetwork,omitempty"`
	// Ports are the container ports, sorted.
	Ports []int32 `json:"ports,omitempty"`
}

// Mesh is what a mesh is told about the namespace.
type Mesh struct {
	// Served says which mesh's kinds are served: Istio, Linkerd. Sorted.
	Served []string `json:"served,omitempty"`
	// Authentications are the PeerAuthentications of the namespace and of the
	// namespace IstioRoot, by namespace and name.
	Authentications []PeerAuthentication `json:"authentications,omitempty"`
	// Destinations are the DestinationRules of the namespace, by name.
	Destinations []DestinationRule `json:"destinations,omitempty"`
	// InboundPolicy is Linkerd's inbound policy, where an annotation of the
	// namespace states one.
	InboundPolicy string `json:"inboundPolicy,omitempty"`
	// Ambient is whether the namespace is labelled for Istio's ambient mode.
	Ambient bool `json:"ambient,omitempty"`
	// MeshedSince is since when this process saw, without interruption, pods in the
	// namespace and none that is without a proxy of a mesh: zero while there is one
	// without, or none at all. It decides when a repair is made, and is no input of
	// evaluators.
	MeshedSince time.Time `json:"-"`
}

// IstioRoot is the namespace whose PeerAuthentications hold for the whole mesh,
// unless the mesh is configured otherwise.
const IstioRoot = "istio-system"

// PeerAuthentication is what evaluators see of a security.istio.io
// PeerAuthentication.
type PeerAuthentication struct {
	Meta `json:",inline"`
	// Selector are the labels of the workloads that it is about; nil means all.
	Selector map[string]string `json:"selector,omitempty"`
	// Mode is spec.mtls.mode, empty where it is not set; PortModes are those of
	// spec.portLevelMtls.
	Mode      string           `json:"mode,omitempty"`
	PortModes map[int32]string `json:"portModes,omitempty"`
	// Ours is true where Holdfast created it.
	Ours bool `json:"ours,omitempty"`
}

// DestinationRule is what evaluators see of a networking.istio.io DestinationRule.
type DestinationRule struct {
	Meta `json:",inline"`
	Host string `json:"host"`
	// Modes are the TLS modes that it states, of the whole rule, of ports and of
	// subsets, by path in the spec.
	Modes map[string]string `json:"modes,omitempty"`
}

// Certificate is what evaluators see of a cert-manager.io Certificate.
type Certificate struct {
	Meta     `json:",inline"`
	Secret   string   `json:"secret"`
	DNSNames []string `json:"dnsNames,omitempty"`
	// Ready is the status of the condition Ready: True, False, Unknown or empty;
	// Reason is its reason.
	Ready  string `json:"ready,omitempty"`
	Reason string `json:"reason,omitempty"`
	// NotAfter and RenewalTime are zero where the status does not state them.
	NotAfter    time.Time `json:"notAfter,omitzero"`
	RenewalTime time.Time `json:"renewalTime,omitzero"`
	// Issuer is spec.issuerRef as kind.group/name, with the defaults Issuer and
	// cert-manager.io.
	Issuer string `json:"issuer,omitempty"`
	// FailedAttempts is status.failedIssuanceAttempts.
	FailedAttempts int `json:"failedAttempts,omitempty"`
	// Ours is true where Holdfast created it.
	Ours bool `json:"ours,omitempty"`
}

// GuardObject is an object of the cluster that Holdfast's admission guards are
// made of: a ValidatingAdmissionPolicy, its binding or its parameters. Those are
// kept whose names begin with holdfast-guard-.
type GuardObject struct {
	Meta       `json:",inline"`
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Spec is the whole spec.
	Spec map[string]any `json:"spec,omitempty"`
	// Warnings are what the API server's type check complains about.
	Warnings []string `json:"warnings,omitempty"`
	// Ours is true where Holdfast created it.
	Ours bool `json:"ours,omitempty"`
}

// GuardPrefix begins the names of all objects of admission guards.
const GuardPrefix = "holdfast-guard-"
