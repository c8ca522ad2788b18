package control

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClusterPolicy is what evaluators see of a policy.networking.k8s.io/v1alpha2
// ClusterNetworkPolicy, of which the namespace or pods of it are subjects. The
// fields below bear the names of the API's own, so that a spec decodes into it.
type ClusterPolicy struct {
	Name string `json:"name"`
	// Tier is Admin or Baseline: before or after NetworkPolicies.
	Tier string `json:"tier"`
	// Priority orders policies within a tier: the lowest comes first.
	Priority int32 `json:"priority"`
	// Pods selects the subjects within this namespace; nil means every pod.
	Pods    *metav1.LabelSelector `json:"pods,omitempty"`
	Ingress []ClusterRule         `json:"ingress,omitempty"`
	Egress  []ClusterRule         `json:"egress,omitempty"`
}

// ClusterRule is one rule of a ClusterPolicy, in their order.
type ClusterRule struct {
	Name string `json:"name,omitempty"`
	// Action is Accept, Deny or Pass.
	Action string `json:"action"`
	// Peers are from or to.
	Peers []ClusterPeer `json:"peers,omitempty"`
	// Protocols narrow the rule; none means everything.
	Protocols []ClusterProtocol `json:"protocols,omitempty"`
}

// ClusterPeer is one peer. Exactly one of its fields is set.
type ClusterPeer struct {
	Namespaces *metav1.LabelSelector `json:"namespaces,omitempty"`
	Pods       *ClusterPods          `json:"pods,omitempty"`
	Networks   []string              `json:"networks,omitempty"`
	// Unmodelled names the field that is set where it is another one, such as
	// nodes or domainNames.
	Unmodelled string `json:"unmodelled,omitempty"`
}

// ClusterPods selects pods in selected namespaces.
type ClusterPods struct {
	NamespaceSelector metav1.LabelSelector `json:"namespaceSelector"`
	PodSelector       metav1.LabelSelector `json:"podSelector"`
}

// ClusterProtocol is a transport protocol with a range of ports, or a named port.
type ClusterProtocol struct {
	// Protocol is TCP, UDP or SCTP, and empty for a named port.
	Protocol string `json:"protocol,omitempty"`
	// From and To are the first and last port; 0 means every port.
	From int32 `json:"from,omitempty"`
	To   int32 `json:"to,omitempty"`
	// Name is the name of a container port.
	Name string `json:"name,omitempty"`
}
