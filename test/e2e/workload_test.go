package e2e

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pod begins a pod. No node runs it: the test says whether it is ready.
func pod(namespace, name string, labels map[string]string, ports ...corev1.ContainerPort) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: new(false),
			Containers:                   []corev1.Container{{Name: "main", Image: "registry.invalid/main", Ports: ports}},
		},
	}
}

// onHost puts a pod on its node's network.
func onHost(p *corev1.Pod) *corev1.Pod {
	p.Spec.HostNetwork = true
	for i := range p.Spec.Containers[0].Ports {
		port := &p.Spec.Containers[0].Ports[i]
		port.HostPort = port.ContainerPort
	}
	return p
}

// run creates a pod, which is ready at once, until the spec ends.
func (s *scene) run(p *corev1.Pod, ip string) {
	GinkgoHelper()
	// Pods are refused until the namespace has its service account.
	s.eventually("pod "+p.Name+" is admitted", func() error { return s.Create(context.Background(), p) })
	DeferCleanup(func(ctx context.Context) { Expect(client.IgnoreNotFound(s.Delete(ctx, p))).To(Succeed()) })
	p.Status.PodIP = ip
	p.Status.PodIPs = []corev1.PodIP{{IP: ip}}
	p.Status.Phase = corev1.PodRunning
	s.setReady(p, true)
}

// setReady has a pod be ready, or not.
func (s *scene) setReady(p *corev1.Pod, ready bool) {
	GinkgoHelper()
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.Now()}}
	Expect(s.Status().Update(context.Background(), p)).To(Succeed())
}

// service creates a Service until the spec ends. Without an ip it gets any.
func (s *scene) service(namespace, name, ip string, selector map[string]string, ports ...corev1.ServicePort) *corev1.Service {
	GinkgoHelper()
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.ServiceSpec{ClusterIP: ip, Selector: selector, Ports: ports}}
	s.make(service)
	return service
}

// endpoints are an EndpointSlice of a Service, as its controller would write it.
func endpoints(namespace, service, suffix string, ready bool, ip string, ports ...discoveryv1.EndpointPort) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: service + suffix, Labels: map[string]string{
			discoveryv1.LabelServiceName: service, discoveryv1.LabelManagedBy: "e2e.holdfast.dev"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		Ports:       ports,
	}
}

func endpointPort(name string, protocol corev1.Protocol, port int32) discoveryv1.EndpointPort {
	return discoveryv1.EndpointPort{Name: &name, Protocol: &protocol, Port: &port}
}

func servicePort(name string, protocol corev1.Protocol, port int32, target intstr.IntOrString) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Protocol: protocol, Port: port, TargetPort: target}
}

const (
	// dnsServiceIP is the address of the Service of the cluster's DNS.
	dnsServiceIP = "10.0.0.10"
	// dnsAddress is the address of a pod behind it.
	dnsAddress = "10.244.0.53"
)

// clusterDNS is the DNS of the cluster, which has none by itself.
type clusterDNS struct {
	s       *scene
	service *corev1.Service
	pods    map[string]*corev1.Pod
}

// dns creates the Service of the cluster's DNS, with nothing behind it.
func (s *scene) dns(udp, tcp intstr.IntOrString) *clusterDNS {
	GinkgoHelper()
	service := s.service(metav1.NamespaceSystem, "kube-dns", dnsServiceIP, map[string]string{"k8s-app": "kube-dns"},
		servicePort("dns", corev1.ProtocolUDP, 53, udp), servicePort("dns-tcp", corev1.ProtocolTCP, 53, tcp),
		servicePort("metrics", corev1.ProtocolTCP, 9153, intstr.FromInt32(9153)))
	return &clusterDNS{s: s, service: service, pods: map[string]*corev1.Pod{}}
}

// coreDNS is a pod behind the Service, which listens on a port.
func coreDNS(name string, port int32) *corev1.Pod {
	return pod(metav1.NamespaceSystem, name, map[string]string{"k8s-app": "kube-dns"},
		corev1.ContainerPort{Name: "dns", Protocol: corev1.ProtocolUDP, ContainerPort: port},
		corev1.ContainerPort{Name: "dns-tcp", Protocol: corev1.ProtocolTCP, ContainerPort: port})
}

// start runs a pod.
func (d *clusterDNS) start(p *corev1.Pod) {
	GinkgoHelper()
	d.s.run(p, dnsAddress)
	d.pods[p.Name] = p
}

// stop ends a pod.
func (d *clusterDNS) stop(name string) {
	GinkgoHelper()
	Expect(d.s.Delete(context.Background(), d.pods[name])).To(Succeed())
	d.s.eventually("pod "+name+" is gone", func() error {
		err := d.s.Get(context.Background(), client.ObjectKeyFromObject(d.pods[name]), &corev1.Pod{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there, or not: %w", err)
		}
		return nil
	})
}

// serves has the Service lead to a port of the pods, which are ready or not.
func (d *clusterDNS) serves(port int32, ready bool) {
	GinkgoHelper()
	slice := d.slice(port, ready)
	err := d.s.Create(context.Background(), slice)
	if apierrors.IsAlreadyExists(err) {
		err = d.s.Update(context.Background(), d.slice(port, ready))
	}
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx context.Context) { Expect(client.IgnoreNotFound(d.s.Delete(ctx, slice))).To(Succeed()) })
}

// ceases ends what serves began.
func (d *clusterDNS) ceases(port int32) {
	GinkgoHelper()
	Expect(d.s.Delete(context.Background(), d.slice(port, true))).To(Succeed())
}

func (d *clusterDNS) slice(port int32, ready bool) *discoveryv1.EndpointSlice {
	return endpoints(d.service.Namespace, d.service.Name, fmt.Sprintf("-%d", port), ready, dnsAddress,
		endpointPort("dns", corev1.ProtocolUDP, port), endpointPort("dns-tcp", corev1.ProtocolTCP, port),
		endpointPort("metrics", corev1.ProtocolTCP, 9153))
}
