package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Direction is a direction of network traffic, seen from the pod.
//
// +kubebuilder:validation:Enum=Ingress;Egress
type Direction string

const (
	// DirectionIngress is traffic to the pod.
	DirectionIngress Direction = "Ingress"
	// DirectionEgress is traffic from the pod.
	DirectionEgress Direction = "Egress"
)

// Judgement says what becomes of something that is found.
//
// +kubebuilder:validation:Enum=Forbid;Record
type Judgement string

const (
	// JudgementForbid makes the subject deviate.
	JudgementForbid Judgement = "Forbid"
	// JudgementRecord makes it a recorded fact.
	JudgementRecord Judgement = "Record"
)

// NetworkIsolation states that namespaces deny network traffic by default.
//
// +kubebuilder:validation:XValidation:rule="!has(self.allow) || 'Egress' in self.defaultDeny || !self.allow.exists(a, a.type == 'DNS' || a.type == 'APIServer')",message="allow lists DNS or APIServer, which are allowances of egress: list Egress in defaultDeny too, or remove them",fieldPath=".allow"
// +kubebuilder:validation:XValidation:rule="!has(self.allow) || 'Ingress' in self.defaultDeny || !self.allow.exists(a, a.type == 'AdmissionBackends')",message="allow lists AdmissionBackends, which is an allowance of ingress: list Ingress in defaultDeny too, or remove it",fieldPath=".allow"
// +kubebuilder:validation:XValidation:rule="!has(self.allow) || self.allow.all(a, !has(a.rule) || a.rule.direction in self.defaultDeny)",message="allow has a rule of a direction that defaultDeny does not list: list the direction, or remove the rule",fieldPath=".allow"
type NetworkIsolation struct {
	// defaultDeny are the directions, Ingress or Egress or both, in which a
	// namespace denies traffic that no NetworkPolicy allows. Egress in Enforce
	// mode needs the DNS allowance.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	DefaultDeny []Direction `json:"defaultDeny"`
	// allow are the allowances that namespaces have beside the denial, at most
	// 16. In Enforce mode they are applied, computed from the cluster, before
	// anything is denied.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, a.type == 'Rule' || self.filter(b, b.type == a.type).size() == 1)",message="allow must list each type at most once, but for Rule"
	// +kubebuilder:validation:XValidation:rule="self.all(a, !has(a.rule) || self.filter(b, has(b.rule) && b.rule.name == a.rule.name).size() == 1)",message="allow must have rules with different names"
	Allow []Allowance `json:"allow,omitempty"`
	// openRules is what becomes of rules that undo the denial, by allowing any
	// peer, and of pods that are reachable from anywhere, or may reach anything:
	// Forbid (the default) or Record. What acceptedExposure covers is recorded.
	// +optional
	// +kubebuilder:default=Forbid
	OpenRules Judgement `json:"openRules,omitempty"`
	// exposure is what becomes of ways into the namespace from outside the
	// cluster (load balancers, node ports, external IPs, host ports, host
	// networking, Ingresses, Gateways): Forbid or Record (the default). What
	// acceptedExposure covers is recorded.
	// +optional
	// +kubebuilder:default=Record
	Exposure Judgement `json:"exposure,omitempty"`
	// acceptedExposure lists what is open on purpose, each with a reason: at most
	// 64 entries. It changes what is judged, and nothing of what is denied.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	AcceptedExposure []AcceptedExposure `json:"acceptedExposure,omitempty"`
}

// AllowanceType is a kind of allowance.
//
// +kubebuilder:validation:Enum=DNS;SameNamespace;APIServer;AdmissionBackends;Rule
type AllowanceType string

const (
	// AllowDNS lets pods resolve names: egress to the cluster's DNS.
	AllowDNS AllowanceType = "DNS"
	// AllowSameNamespace lets pods of one namespace reach each other.
	AllowSameNamespace AllowanceType = "SameNamespace"
	// AllowAPIServer lets pods reach the API server.
	AllowAPIServer AllowanceType = "APIServer"
	// AllowAdmissionBackends lets the API server reach what it calls: the
	// backends of admission webhooks, conversion webhooks and APIServices.
	AllowAdmissionBackends AllowanceType = "AdmissionBackends"
	// AllowRule is an allowance in your own words.
	AllowRule AllowanceType = "Rule"
)

// Allowance is traffic that namespaces allow beside the denial.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'Rule') == has(self.rule)",message="rule must be set with type Rule, and with no other",fieldPath=".rule"
// +kubebuilder:validation:XValidation:rule="!has(self.cidrs) || self.type == 'DNS' || self.type == 'APIServer'",message="cidrs may be set with type DNS and type APIServer only",fieldPath=".cidrs"
type Allowance struct {
	// type is DNS (pods reach the cluster's DNS), SameNamespace (pods of one
	// namespace reach each other), APIServer (pods reach the API server),
	// AdmissionBackends (the backends of admission webhooks, of conversion
	// webhooks and of APIServices are reached by the API server) or Rule (an
	// allowance in your own words).
	// +required
	Type AllowanceType `json:"type"`
	// cidrs are networks, at most 8, such as 169.254.20.10/32, to be allowed with
	// type DNS or APIServer besides what the cluster shows: needed where DNS runs
	// on the host network, which no pod selector reaches, or where the API server
	// has other addresses than those in the EndpointSlice of Service
	// default/kubernetes.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self) && cidr(self) == cidr(self).masked()",message="cidrs must hold networks, such as 10.0.0.0/8, 10.1.2.3/32 or fd00::/8, with no bits set beyond the prefix"
	CIDRs []string `json:"cidrs,omitempty"`
	// rule is the allowance of type Rule. It becomes the NetworkPolicy
	// holdfast-allow-rule-NAME in every namespace in scope.
	// +optional
	Rule *AllowedTraffic `json:"rule,omitempty"`
}

// AllowedTraffic is an allowance in your own words.
type AllowedTraffic struct {
	// name tells the rule from others: 1 to 40 lower-case letters, digits and
	// '-', with a letter or digit first and last.
	// +required
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="name must consist of lower-case letters, digits and '-', with a letter or digit first and last"
	Name string `json:"name"`
	// direction is Ingress or Egress. defaultDeny must list it.
	// +required
	Direction Direction `json:"direction"`
	// podSelector selects the pods that the rule is for; absent or {} selects all.
	// +optional
	PodSelector metav1.LabelSelector `json:"podSelector,omitzero"`
	// peers are whom traffic is allowed from (Ingress) or to (Egress): 1 to 8.
	// Everybody is 0.0.0.0/0 and ::/0.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Peers []TrafficPeer `json:"peers"`
	// ports are the ports at the destination, at most 8, each by number, as a
	// range, or by name; none means all.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Ports []TrafficPort `json:"ports,omitempty"`
}

// TrafficPeer is whom traffic is allowed from, or to: either an ipBlock, or the
// pods that the selectors select.
//
// +kubebuilder:validation:XValidation:rule="has(self.ipBlock) != (has(self.namespaceSelector) || has(self.podSelector))",message="a peer must have either ipBlock, or namespaceSelector or podSelector or both"
type TrafficPeer struct {
	// namespaceSelector selects namespaces by label; {} selects all. Absent means
	// the pods' own namespace.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// podSelector selects pods by label; absent or {} selects all.
	// +optional
	PodSelector *metav1.LabelSelector `json:"podSelector,omitempty"`
	// ipBlock is a network, less parts of it. Whether it matches the addresses of
	// pods depends on the network plugin: select pods by label.
	// +optional
	IPBlock *TrafficBlock `json:"ipBlock,omitempty"`
}

// TrafficBlock is a network, less parts of it.
//
// +kubebuilder:validation:XValidation:rule="!has(self.except) || !isCIDR(self.cidr) || self.except.all(e, !isCIDR(e) || (cidr(self.cidr).containsCIDR(e) && cidr(e).prefixLength() > cidr(self.cidr).prefixLength()))",message="except must hold networks within cidr, and smaller than it",fieldPath=".except"
type TrafficBlock struct {
	// cidr is the network, such as 10.0.0.0/8.
	// +required
	// +kubebuilder:validation:MaxLength=43
	// +kubebuilder:validation:XValidation:rule="isCIDR(self) && cidr(self) == cidr(self).masked()",message="cidr must be a network, such as 10.0.0.0/8, 10.1.2.3/32 or fd00::/8, with no bits set beyond the prefix"
	CIDR string `json:"cidr"`
	// except are networks within cidr that are left out, at most 4.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self) && cidr(self) == cidr(self).masked()",message="except must hold networks, such as 10.0.0.0/8, 10.1.2.3/32 or fd00::/8, with no bits set beyond the prefix"
	Except []string `json:"except,omitempty"`
}

// Protocol is a transport protocol.
//
// +kubebuilder:validation:Enum=TCP;UDP;SCTP
type Protocol string

// TrafficPort is a port at the destination, or a range of them.
//
// +kubebuilder:validation:ExactlyOneOf=port;name
// +kubebuilder:validation:XValidation:rule="!has(self.endPort) || (has(self.port) && self.port <= self.endPort)",message="endPort must not be smaller than port, and needs it",fieldPath=".endPort"
type TrafficPort struct {
	// protocol is TCP (the default), UDP or SCTP.
	// +optional
	// +kubebuilder:default=TCP
	Protocol Protocol `json:"protocol,omitempty"`
	// port is the port, 1 to 65535, or the first of a range.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
	// endPort is the last port of a range.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	EndPort *int32 `json:"endPort,omitempty"`
	// name is the name of a container port: 1 to 15 lower-case letters, digits
	// and '-', with at least one letter.
	// +optional
	// +kubebuilder:validation:MaxLength=15
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]+(-[a-z0-9]+)*$') && self.matches('[a-z]')",message="name must be the name of a container port: lower-case letters, digits and '-', with at least one letter"
	Name string `json:"name,omitempty"`
}

// ExposureKind is a way into a namespace from outside the cluster.
//
// +kubebuilder:validation:Enum=LoadBalancer;NodePort;ExternalIPs;HostPort;HostNetwork;Ingress;Gateway
type ExposureKind string

const (
	// ExposureLoadBalancer is a Service of type LoadBalancer.
	ExposureLoadBalancer ExposureKind = "LoadBalancer"
	// ExposureNodePort is a Service with node ports.
	ExposureNodePort ExposureKind = "NodePort"
	// ExposureExternalIPs is a Service with externalIPs.
	ExposureExternalIPs ExposureKind = "ExternalIPs"
	// ExposureHostPort is a pod with a host port.
	ExposureHostPort ExposureKind = "HostPort"
	// ExposureHostNetwork is a pod on the host network.
	ExposureHostNetwork ExposureKind = "HostNetwork"
	// ExposureIngress is an Ingress.
	ExposureIngress ExposureKind = "Ingress"
	// ExposureGateway is a Gateway, or a route of one.
	ExposureGateway ExposureKind = "Gateway"
)

// AcceptedExposure is what is open on purpose, in named namespaces and one
// direction.
//
// +kubebuilder:validation:AtLeastOneOf=any;exposures
// +kubebuilder:validation:XValidation:rule="!has(self.exposures) || self.direction == 'Ingress'",message="exposures are ways in: direction must be Ingress",fieldPath=".exposures"
type AcceptedExposure struct {
	// namespaces are the exact names of 1 to 64 namespaces. They need not exist.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespaces []string `json:"namespaces"`
	// direction is the direction of what is accepted: Ingress or Egress.
	// +required
	Direction Direction `json:"direction"`
	// any accepts rules that allow any peer, and that pods are open to anybody by
	// them. The only value is true.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self",message="any must be true, or left out"
	Any *bool `json:"any,omitempty"`
	// exposures accepts ways into the namespace from outside the cluster:
	// LoadBalancer, NodePort, ExternalIPs, HostPort, HostNetwork, Ingress, Gateway.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=7
	Exposures []ExposureKind `json:"exposures,omitempty"`
	// ports are the only ports, at the pods or on the way in, that are accepted:
	// at most 32. None means all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	Ports []int32 `json:"ports,omitempty"`
	// reason says why, in a form that an auditor can follow: 1 to 256 characters.
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim() != ''",message="reason must say why the exposure is accepted"
	Reason string `json:"reason"`
	// ticket is where it was approved, such as NET-77, in at most 64 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Ticket string `json:"ticket,omitempty"`
}
