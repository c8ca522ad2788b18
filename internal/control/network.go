package control

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// PodClass is a set of pods of one namespace that no rule tells apart: their
// labels agree on every key that a selector over them mentions, and so do the
// fields below. It never names pods.
type PodClass struct {
	// Labels are those on mentioned keys.
	Labels map[string]string `json:"labels,omitempty"`
	// HostNetwork pods share their node's network: no NetworkPolicy reaches them.
	HostNetwork bool `json:"hostNetwork,omitempty"`
	// Ports are the container ports that have a name, by name and protocol.
	Ports []NamedPort `json:"ports,omitempty"`
	// HostPorts are the ports of the node that lead to the pods, sorted.
	HostPorts []Port `json:"hostPorts,omitempty"`
	// Count and Ready are the numbers of pods, and of ready ones. They are no
	// input of evaluators: a verdict does not depend on them.
	Count int `json:"-"`
	Ready int `json:"-"`
}

// Port is a port of a transport protocol.
type Port struct {
	Protocol corev1.Protocol `json:"protocol"`
	Port     int32           `json:"port"`
}

// NamedPort is a container port with a name.
type NamedPort struct {
	Name string `json:"name"`
	Port `json:",inline"`
}

// Service is what evaluators see of a Service.
type Service struct {
	Name string `json:"name"`
	// UID and CreatedAt are kept where a control judges Services as subjects.
	UID       string             `json:"uid,omitempty"`
	CreatedAt time.Time          `json:"createdAt,omitzero"`
	Type      corev1.ServiceType `json:"type"`
	// Selector selects its pods. Without one others say where it leads.
	Selector    map[string]string `json:"selector,omitempty"`
	ExternalIPs []string          `json:"externalIPs,omitempty"`
	// SourceRanges limit who may use a load balancer; none means everybody.
	SourceRanges []string `json:"sourceRanges,omitempty"`
	// Internal is true where an annotation asks for a load balancer that only
	// the provider's private network reaches.
	Internal bool          `json:"internal,omitempty"`
	Ports    []ServicePort `json:"ports,omitempty"`
}

// ServicePort is one port of a Service.
type ServicePort struct {
	Name string `json:"name,omitempty"`
	Port `json:",inline"`
	// AppProtocol is what the port says to be spoken there.
	AppProtocol string `json:"appProtocol,omitempty"`
	// Target is the pods' port, a number or a name.
	Target intstr.IntOrString `json:"target"`
	// NodePort is the port of every node that leads here, or 0.
	NodePort int32 `json:"nodePort,omitempty"`
}

// Entrance is a way into the namespace through a proxy: an Ingress, a Gateway,
// or a route of a Gateway.
type Entrance struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Services are the names of the Services in this namespace that it leads to,
	// sorted.
	Services []string `json:"services,omitempty"`
	// Hosts are the host names that it serves, sorted; none means all.
	Hosts []string `json:"hosts,omitempty"`
	// Ports are the ports that a Gateway listens on, sorted.
	Ports []int32 `json:"ports,omitempty"`
	// Parents are the Gateways of a route, as namespace/name, sorted.
	Parents []string `json:"parents,omitempty"`
}

// Peers say what selectors match of the whole cluster, by SelectorKey. A
// selector that is missing was not resolved. The empty selector matches all,
// and is not listed.
type Peers struct {
	// Namespaces says of a namespace selector whether it matches every namespace.
	Namespaces map[string]bool `json:"namespaces,omitempty"`
	// Pods says of a pod selector whether it matches every pod of the cluster.
	Pods map[string]bool `json:"pods,omitempty"`
}

// SelectorKey returns one text for all writings of a selector. Selectors that
// cannot be parsed have none.
func SelectorKey(s *metav1.LabelSelector) (key string, ok bool) {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return "", false
	}
	return selector.String(), true
}

// Lifelines are what no restriction may cut off.
type Lifelines struct {
	// DNS is the cluster's DNS; nil where there is no such Service.
	DNS *DNS `json:"dns,omitempty"`
	// APIServer are the addresses behind Service default/kubernetes, sorted.
	APIServer []Endpoint `json:"apiServer,omitempty"`
}

// Endpoint is an address and port.
type Endpoint struct {
	Address string `json:"address"`
	Port    `json:",inline"`
}

// DNS is the cluster's DNS Service, and what stands behind it.
type DNS struct {
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	// NamespaceLabels are the labels of its namespace.
	NamespaceLabels map[string]string `json:"namespaceLabels,omitempty"`
	// Selector is that of the Service.
	Selector map[string]string `json:"selector,omitempty"`
	// ClusterIPs are the Service's own addresses, sorted.
	ClusterIPs []string `json:"clusterIPs,omitempty"`
	// Pods are the distinct labels of the pods behind it, in a stable order.
	Pods []map[string]string `json:"pods,omitempty"`
	// Ports are the ports that the pods listen on (the target ports), sorted.
	Ports []Port `json:"ports,omitempty"`
	// Ready is true while at least one endpoint is ready.
	Ready bool `json:"ready"`
	// HostNetwork is true where a pod behind it shares its node's network, so
	// that no pod selector reaches it.
	HostNetwork bool `json:"hostNetwork,omitempty"`
	// NodeLocal is true where a node-local DNS cache runs.
	NodeLocal bool `json:"nodeLocal,omitempty"`
}

// AdmissionBackend is a Service of the namespace that the API server itself
// calls: denying it ingress may stop writes to the whole cluster.
type AdmissionBackend struct {
	// Service and Port are what the API server calls.
	Service string `json:"service"`
	Port    int32  `json:"port"`
	// Selector selects the pods; nil where the Service does not exist, or has none.
	Selector map[string]string `json:"selector,omitempty"`
	// Targets are the pods' ports that the call ends at, sorted. A named port of
	// which no pod is known leaves it empty.
	Targets []Port `json:"targets,omitempty"`
	// HostNetwork is true where a pod behind it shares its node's network: no
	// NetworkPolicy reaches it, and none cuts it off.
	HostNetwork bool `json:"hostNetwork,omitempty"`
	// Gates is true where the API server asks it about NetworkPolicies, and
	// refuses them without an answer: while it is cut off, none can be written.
	Gates bool `json:"gates,omitempty"`
	// Users are what calls it, such as "ValidatingWebhookConfiguration x",
	// sorted, at most four.
	Users []string `json:"users,omitempty"`
}

// ObjectRef names an object.
type ObjectRef struct {
	Kind string `json:"kind"`
	// Namespace is empty for cluster-scoped objects.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String returns kind and name, as people write them.
func (r ObjectRef) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}
