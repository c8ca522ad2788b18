package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// everywhere has a server listen on every address of the machine.
const everywhere = "0.0.0.0"

// Endpoint returns the address and port at which one API server is published. It
// is empty unless Options.Published.
func (cp *ControlPlane) Endpoint(server int) string {
	if cp.published == "" {
		return ""
	}
	return net.JoinHostPort(cp.published, cp.apiServerPorts[server])
}

// prepareAddress finds the address at which API servers are published.
func (cp *ControlPlane) prepareAddress() (err error) {
	if cp.options.Published {
		cp.published, err = ownAddress()
	}
	return err
}

// ownAddress is an address of this machine that may be an endpoint: no loopback
// address, and none of a link.
func ownAddress() (string, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("find an address of this machine: %w", err)
	}
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP.String(), nil
		}
	}
	return "", errors.New("find an address of this machine: it has no IPv4 address but that of loopback, so connect it to a network")
}

// publish states where the API servers are, as each would by itself if it listened
// on a valid address of its own: one EndpointSlice for each.
func (cp *ControlPlane) publish(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(cp.RESTConfig())
	if err != nil {
		return err
	}
	slices := client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault)
	for server, port := range cp.apiServerPorts {
		number, err := strconv.ParseInt(port, 10, 32)
		if err != nil {
			return err
		}
		slice := &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{
				Name:   fmt.Sprintf("kubernetes-%d", server),
				Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"},
			},
			AddressType: discoveryv1.AddressTypeIPv4,
			Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{cp.published}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}}},
			Ports:       []discoveryv1.EndpointPort{{Name: new("https"), Protocol: new(corev1.ProtocolTCP), Port: new(int32(number))}},
		}
		_, err = slices.Create(ctx, slice, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) { // of an earlier start, with other ports
			_, err = slices.Update(ctx, slice, metav1.UpdateOptions{})
		}
		if err != nil {
			return fmt.Errorf("publish API server %d: %w", server, err)
		}
	}
	return nil
}

// ShowAPIServer shows one API server as it runs now, with its flags, as a kubelet
// would: then it counts as one of the cluster's own. Otherwise nobody does, as where
// a provider manages it.
func (cp *ControlPlane) ShowAPIServer(ctx context.Context, server int) error {
	client, err := kubernetes.NewForConfig(cp.RESTConfig())
	if err != nil {
		return err
	}
	pod := cp.apiServerPod(server)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: pod.Spec.NodeName}}
	if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("show API server %d: %w", server, err)
	}
	pods := client.CoreV1().Pods(pod.Namespace)
	if err := pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("show API server %d: %w", server, err)
	}
	if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("show API server %d: %w", server, err)
	}
	return nil
}

// apiServerPod is the mirror of a static pod. It tolerates that nobody looks after
// its node, or it would be evicted.
func (cp *ControlPlane) apiServerPod(server int) *corev1.Pod {
	node := fmt.Sprintf("node-%d", server)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: metav1.NamespaceSystem, Name: apiServerBinary + "-" + node,
			Labels:      map[string]string{"component": apiServerBinary, "tier": "control-plane"},
			Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "static"},
		},
		Spec: corev1.PodSpec{
			NodeName: node, HostNetwork: true, AutomountServiceAccountToken: new(false),
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{
				Name: apiServerBinary, Image: "registry.example.com/" + apiServerBinary,
				Command: append([]string{apiServerBinary}, cp.apiServerArgs(server)...),
			}},
		},
	}
}
