package observe

import (
	"cmp"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	// dnsPort is the port of a Service at which names are resolved.
	dnsPort = 53
	// apiServerService is the Service of the API server, in the namespace default.
	apiServerService = "kubernetes"
	// appLabel and nodeLocalDNS are how the add-on labels the pods of the
	// node-local DNS cache.
	appLabel     = "k8s-app"
	nodeLocalDNS = "node-local-dns"
)

// defaultDNS is where Kubernetes has its DNS Service, whatever serves it.
func defaultDNS() types.NamespacedName {
	return types.NamespacedName{Namespace: metav1.NamespaceSystem, Name: "kube-dns"}
}

// dnsService is what else than the Service itself is kept of the cluster's DNS.
type dnsService struct {
	clusterIPs []string
	selector   labels.Selector
}

func (st *store) isDNS(namespace, service string) bool {
	return namespace == st.dns.Namespace && service == st.dns.Name
}

func isAPIServer(namespace, service string) bool {
	return namespace == metav1.NamespaceDefault && service == apiServerService
}

// renewDNSService takes note of the DNS Service, and reports whether it changed.
func (st *store) renewDNSService(item *serviceItem) bool {
	old, s := st.dnsService, st.scope(item.namespace)
	i, found := s.service(item.service.Name)
	if old != nil && found && slices.Equal(old.clusterIPs, item.clusterIPs) &&
		semantic.DeepEqual(s.services[i], item.service) {
		return false
	}
	st.dnsService = &dnsService{clusterIPs: item.clusterIPs, selector: labels.Nothing()}
	if len(item.service.Selector) > 0 {
		st.dnsService.selector = labels.SelectorFromSet(item.service.Selector)
	}
	return true
}

// servesDNS reports whether a pod is one by which names are resolved.
func (st *store) servesDNS(namespace string, pod *shape) bool {
	if namespace != st.dns.Namespace {
		return false
	}
	return isNodeLocalDNS(pod) || st.dnsService != nil && st.dnsService.selector.Matches(labelsOf(pod))
}

func isNodeLocalDNS(pod *shape) bool { return labelsOf(pod).Get(appLabel) == nodeLocalDNS }

// renewLifelines computes the lifelines. Where they changed, every scope is
// touched.
func (st *store) renewLifelines() {
	renewed := &control.Lifelines{DNS: st.readDNS(), APIServer: st.readAPIServer()}
	if st.lifelines != nil && equality.Semantic.DeepEqual(st.lifelines, renewed) {
		return
	}
	st.lifelines = renewed
	st.touchAll()
	st.touchCluster()
}

func (st *store) readAPIServer() []control.Endpoint {
	var endpoints []control.Endpoint
	for key, s := range st.slices {
		if !isAPIServer(key.namespace, s.service) {
			continue
		}
		for _, address := range s.addresses {
			for _, port := range s.ports {
				endpoints = append(endpoints, control.Endpoint{Address: address, Port: port.Port})
			}
		}
	}
	slices.SortFunc(endpoints, func(a, b control.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), comparePorts(a.Port, b.Port))
	})
	return slices.Compact(endpoints)
}

// readDNS returns the cluster's DNS, nil where there is no such Service.
func (st *store) readDNS() *control.DNS {
	s := st.scopes[st.dns.Namespace]
	if s == nil || st.dnsService == nil {
		return nil
	}
	i, found := s.service(st.dns.Name)
	if !found {
		return nil
	}
	service := s.services[i]
	dns := &control.DNS{
		Namespace:  st.dns.Namespace,
		Service:    st.dns.Name,
		Selector:   service.Selector,
		ClusterIPs: st.dnsService.clusterIPs,
		Ports:      st.dnsPorts(s, &service),
	}
	if s.namespace != nil {
		dns.NamespaceLabels = s.namespace.Labels
	}
	for key, slice := range st.slices {
		dns.Ready = dns.Ready || slice.ready && st.isDNS(key.namespace, slice.service)
	}
	st.readDNSPods(s, dns)
	return dns
}

// readDNSPods adds what is known of the pods behind the DNS Service.
func (st *store) readDNSPods(s *scope, dns *control.DNS) {
	distinct := map[labelText]map[string]string{}
	for _, pod := range s.pods {
		dns.NodeLocal = dns.NodeLocal || isNodeLocalDNS(pod)
		if !st.dnsService.selector.Matches(labelsOf(pod)) {
			continue
		}
		class, _ := classText(pod, nil)
		dns.HostNetwork = dns.HostNetwork || podClass(class).HostNetwork
		set := labelsOf(pod).set()
		// These name a revision: no policy selects by them, and a rollout of the
		// DNS is no reason to judge every namespace anew.
		delete(set, appsv1.DefaultDeploymentUniqueLabelKey)
		delete(set, appsv1.ControllerRevisionHashLabelKey)
		distinct[labelText(labels.Set(set).String())] = set
	}
	for _, text := range slices.Sorted(maps.Keys(distinct)) {
		dns.Pods = append(dns.Pods, distinct[text])
	}
}

// dnsPorts returns the ports at which pods resolve names: those to which port 53
// of the Service leads, or every port where it has no such port.
func (st *store) dnsPorts(s *scope, service *control.Service) []control.Port {
	resolving := slices.DeleteFunc(slices.Clone(service.Ports), func(p control.ServicePort) bool { return p.Port.Port != dnsPort })
	if len(resolving) == 0 {
		resolving = service.Ports
	}
	var ports []control.Port
	for i := range resolving {
		p := &resolving[i]
		found := st.slicePorts(p)
		if len(found) == 0 {
			found = st.targets(s, service, p)
		}
		ports = append(ports, found...)
	}
	slices.SortFunc(ports, comparePorts)
	return slices.Compact(ports)
}

// slicePorts returns where a port of the DNS Service leads by its EndpointSlices.
func (st *store) slicePorts(p *control.ServicePort) []control.Port {
	var ports []control.Port
	for key, slice := range st.slices {
		if !st.isDNS(key.namespace, slice.service) {
			continue
		}
		for _, port := range slice.ports {
			if port.name == p.Name && port.Protocol == p.Protocol {
				ports = append(ports, port.Port)
			}
		}
	}
	return ports
}

// targets returns the pods' ports to which a port of a Service leads, sorted. A
// named port that no pod has leads nowhere.
func (st *store) targets(s *scope, service *control.Service, p *control.ServicePort) []control.Port {
	if p.Target.Type == intstr.Int {
		return []control.Port{{Protocol: p.Protocol, Port: p.Target.IntVal}}
	}
	var ports []control.Port
	for class := range st.matching(s, service.Selector) {
		for _, named := range class.Ports {
			if named.Name == p.Target.StrVal && named.Protocol == cmp.Or(p.Protocol, corev1.ProtocolTCP) {
				ports = append(ports, named.Port)
			}
		}
	}
	slices.SortFunc(ports, comparePorts)
	return slices.Compact(ports)
}
