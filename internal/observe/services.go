package observe

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// serviceItem is a Service on its way into the table.
type serviceItem struct {
	namespace string
	service   control.Service
	// clusterIPs are kept of the DNS Service only.
	clusterIPs []string
}

// convertService keeps what is judged of a Service.
func convertService(s *corev1.Service) *serviceItem {
	item := &serviceItem{
		namespace: intern(s.Namespace),
		service: control.Service{
			Name:         intern(s.Name),
			UID:          string(s.UID),
			CreatedAt:    s.CreationTimestamp.UTC(),
			Type:         corev1.ServiceType(intern(string(cmp.Or(s.Spec.Type, corev1.ServiceTypeClusterIP)))),
			Selector:     internLabels(s.Spec.Selector),
			ExternalIPs:  sorted(s.Spec.ExternalIPs),
			SourceRanges: sorted(s.Spec.LoadBalancerSourceRanges),
			Internal:     internalLoadBalancer(s.Annotations),
		},
		clusterIPs: clusterIPs(s),
	}
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		item.service.Ports = append(item.service.Ports, control.ServicePort{
			Name:     intern(p.Name),
			Port:     control.Port{Protocol: protocolOf(p.Protocol), Port: p.Port},
			Target:   target(p),
			NodePort: p.NodePort,

			AppProtocol: appProtocol(p),
		})
	}
	return item
}

// appProtocol is what a port says to be spoken there.
func appProtocol(p *corev1.ServicePort) string {
	if p.AppProtocol == nil {
		return ""
	}
	return intern(*p.AppProtocol)
}

// target is the pods' port: the Service's own where none is named.
func target(p *corev1.ServicePort) intstr.IntOrString {
	t := p.TargetPort
	if t.Type == intstr.String && t.StrVal != "" {
		return intstr.FromString(intern(t.StrVal))
	}
	return intstr.FromInt32(cmp.Or(t.IntVal, p.Port))
}

func protocolOf(p corev1.Protocol) corev1.Protocol {
	return corev1.Protocol(intern(string(cmp.Or(p, corev1.ProtocolTCP))))
}

// clusterIPs returns the addresses of a Service, sorted. A headless one has none.
func clusterIPs(s *corev1.Service) []string {
	addresses := s.Spec.ClusterIPs
	if len(addresses) == 0 && s.Spec.ClusterIP != "" {
		addresses = []string{s.Spec.ClusterIP}
	}
	return sorted(slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return a == corev1.ClusterIPNone }))
}

// internalLoadBalancer reports whether an annotation asks the provider for a load
// balancer that only its private network reaches.
func internalLoadBalancer(annotations map[string]string) bool {
	for key, value := range annotations {
		value = strings.ToLower(value)
		switch key {
		case "networking.gke.io/load-balancer-type", "cloud.google.com/load-balancer-type",
			"service.beta.kubernetes.io/aws-load-balancer-scheme":
			if value == "internal" {
				return true
			}
		case "service.beta.kubernetes.io/aws-load-balancer-internal":
			// Clusters of old have a network here.
			if value == "true" || value == "0.0.0.0/0" {
				return true
			}
		case "service.beta.kubernetes.io/azure-load-balancer-internal",
			"service.beta.kubernetes.io/openstack-internal-load-balancer",
			"service.beta.kubernetes.io/oci-load-balancer-internal":
			if value == "true" {
				return true
			}
		case "service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type":
			if value == "private" {
				return true
			}
		case "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type":
			if value == "intranet" {
				return true
			}
		}
	}
	return false
}

// serviceTable keeps serviceItem items.
type serviceTable struct{}

func (serviceTable) put(st *store, item any) change {
	p := item.(*serviceItem)
	s := st.scope(p.namespace)
	if st.isDNS(p.namespace, p.service.Name) && st.renewDNSService(p) {
		st.lifelinesStale = true
	}
	i, found := s.service(p.service.Name)
	if found && semantic.DeepEqual(s.services[i], p.service) {
		return change{}
	}
	unseen := found && !st.demanded.meets(control.NeedServiceSubjects) &&
		semantic.DeepEqual(withoutSubject(s.services[i]), withoutSubject(p.service))
	// Snapshots share the slice.
	s.services = slices.Clone(s.services)
	if !found {
		s.services = slices.Insert(s.services, i, control.Service{})
	}
	s.services[i] = p.service
	if !unseen {
		s.grouped = false
		st.touch(p.namespace, false)
	}
	return change{}
}

// withoutSubject returns a Service as those see it that do not judge Services one
// by one.
func withoutSubject(service control.Service) control.Service {
	service.UID, service.CreatedAt = "", time.Time{}
	service.Ports = slices.Clone(service.Ports)
	for i := range service.Ports {
		service.Ports[i].AppProtocol = ""
	}
	return service
}

// servicesOf returns the Services of a namespace, by name.
func (st *store) servicesOf(s *scope) []control.Service {
	if st.demanded.meets(control.NeedServiceSubjects) || len(s.services) == 0 {
		return s.services
	}
	services := make([]control.Service, 0, len(s.services))
	for i := range s.services {
		services = append(services, withoutSubject(s.services[i]))
	}
	return services
}

func (serviceTable) remove(st *store, item any) change {
	p := item.(*serviceItem)
	st.removeService(p.namespace, p.service.Name)
	return change{}
}

func (t serviceTable) replace(st *store, items []any) {
	kept := make(map[object]struct{}, len(items))
	for _, item := range items {
		p := item.(*serviceItem)
		kept[object{namespace: p.namespace, name: p.service.Name}] = struct{}{}
		t.put(st, item)
	}
	for namespace, s := range st.scopes {
		for _, service := range s.services {
			if _, ok := kept[object{namespace: namespace, name: service.Name}]; !ok {
				st.removeService(namespace, service.Name)
			}
		}
	}
}

func (st *store) removeService(namespace, name string) {
	s := st.scopes[namespace]
	if s == nil {
		return
	}
	i, found := s.service(name)
	if !found {
		return
	}
	s.services = slices.Delete(slices.Clone(s.services), i, i+1)
	if len(s.services) == 0 {
		s.services = nil
	}
	s.grouped = false
	if st.isDNS(namespace, name) {
		st.dnsService, st.lifelinesStale = nil, true
	}
	st.touch(namespace, false)
	st.prune(namespace)
}

// sliceItem is an EndpointSlice of one of the two Services whose endpoints are
// looked at.
type sliceItem struct {
	key     object
	service string
	// addresses are those of all endpoints.
	addresses []string
	ports     []slicePort
	ready     bool
}

type slicePort struct {
	name string
	control.Port
}

// convertSlice keeps what is judged of an EndpointSlice.
func convertSlice(s *discoveryv1.EndpointSlice) *sliceItem {
	item := &sliceItem{
		key:     object{namespace: s.Namespace, name: s.Name},
		service: s.Labels[discoveryv1.LabelServiceName],
	}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		item.addresses = append(item.addresses, e.Addresses...)
		// Nobody said otherwise: that is to be read as ready.
		item.ready = item.ready || e.Conditions.Ready == nil || *e.Conditions.Ready
	}
	for _, p := range s.Ports {
		if p.Port == nil {
			continue // every port, which no Service's slice says
		}
		port := slicePort{Port: control.Port{Protocol: corev1.ProtocolTCP, Port: *p.Port}}
		if p.Protocol != nil {
			port.Protocol = *p.Protocol
		}
		if p.Name != nil {
			port.name = *p.Name
		}
		item.ports = append(item.ports, port)
	}
	slices.Sort(item.addresses)
	slices.SortFunc(item.ports, func(a, b slicePort) int {
		return cmp.Or(comparePorts(a.Port, b.Port), cmp.Compare(a.name, b.name))
	})
	return item
}

// sliceTable keeps the sliceItem items that lifelines are read from.
type sliceTable struct{}

func (sliceTable) put(st *store, item any) change {
	s := item.(*sliceItem)
	if !st.isDNS(s.key.namespace, s.service) && !isAPIServer(s.key.namespace, s.service) {
		sliceTable{}.remove(st, item)
		return change{}
	}
	if old, found := st.slices[s.key]; !found || !equality.Semantic.DeepEqual(old.addresses, s.addresses) ||
		!slices.Equal(old.ports, s.ports) || old.ready != s.ready || old.service != s.service {
		st.slices[s.key] = *s
		st.lifelinesStale = true
	}
	return change{}
}

func (sliceTable) remove(st *store, item any) change {
	s := item.(*sliceItem)
	if _, found := st.slices[s.key]; found {
		delete(st.slices, s.key)
		st.lifelinesStale = true
	}
	return change{}
}

func (t sliceTable) replace(st *store, items []any) {
	kept := make(map[object]struct{}, len(items))
	for _, item := range items {
		kept[item.(*sliceItem).key] = struct{}{}
		t.put(st, item)
	}
	for key := range st.slices {
		if _, ok := kept[key]; !ok {
			t.remove(st, &sliceItem{key: key})
		}
	}
}

func comparePorts(a, b control.Port) int {
	return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
}

// sorted returns the distinct texts in order, nil where there are none.
func sorted(texts []string) []string {
	if len(texts) == 0 {
		return nil
	}
	interned := make([]string, 0, len(texts))
	for _, text := range texts {
		interned = append(interned, intern(text))
	}
	slices.Sort(interned)
	return slices.Compact(interned)
}
