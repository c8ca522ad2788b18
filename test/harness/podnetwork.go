package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// egressSelection has an API server reach pods through a proxy on a socket.
const egressSelection = `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport: {uds: {udsName: %s}}
`

// PodNetwork is the way from the API server to pods, in a cluster without nodes:
// what listens at a pod's address is a server of the test. As a network plugin
// would, it refuses connections that the NetworkPolicies of the pod's namespace
// do not let in.
type PodNetwork struct {
	cluster  client.Client
	listener net.Listener
	server   *http.Server

	mu sync.Mutex
	// servers are where connections end, by the pod's address.
	servers map[string]string
	// hosts are addresses of nodes.
	hosts   map[string]bool
	refused int
}

// newPodNetwork starts a network that ends with the test, and returns it with
// the arguments of the API servers that are to use it.
func newPodNetwork(tb testing.TB) (*PodNetwork, []string) {
	tb.Helper()
	// The path of a socket may not be long, and a test's own directory is.
	dir, err := os.MkdirTemp("", "pods-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		tb.Fatalf("start the network of pods: %v", err)
	}
	n := &PodNetwork{listener: listener, servers: map[string]string{}, hosts: map[string]bool{}}
	n.server = &http.Server{Handler: http.HandlerFunc(n.connect)}
	tb.Cleanup(func() { _, _ = n.server.Close(), listener.Close() })
	config := filepath.Join(dir, "egress.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, egressSelection, socket), 0o600); err != nil {
		tb.Fatal(err)
	}
	return n, []string{"--egress-selector-config-file=" + config, "--enable-aggregator-routing=true"}
}

// serve begins to make connections. NetworkPolicies are read with the client.
func (n *PodNetwork) serve(c client.Client) {
	n.cluster = c
	go func() { _ = n.server.Serve(n.listener) }()
}

// Listen has connections to a pod's address end at a server of the test.
func (n *PodNetwork) Listen(ip string, port int32, server string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.servers[net.JoinHostPort(ip, strconv.Itoa(int(port)))] = server
}

// host has connections to an address of a node end there.
func (n *PodNetwork) host(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[address] = true
}

// Refused is the number of connections that NetworkPolicies did not let in.
func (n *PodNetwork) Refused() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.refused
}

// connect makes a connection to a pod.
func (n *PodNetwork) connect(response http.ResponseWriter, request *http.Request) {
	pod, err := n.dial(request)
	if err != nil {
		http.Error(response, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = pod.Close() }()
	caller, _, err := http.NewResponseController(response).Hijack()
	if err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
		return
	}
	defer func() { _ = caller.Close() }()
	if _, err := io.WriteString(caller, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	ended := make(chan struct{}, 2)
	pipe := func(to io.Writer, from io.Reader) {
		// Where one side ends the connection, the other's is of no use.
		_, _ = io.Copy(to, from)
		ended <- struct{}{}
	}
	go pipe(pod, caller)
	go pipe(caller, pod)
	<-ended
}

func (n *PodNetwork) dial(request *http.Request) (net.Conn, error) {
	n.mu.Lock()
	onNode := n.hosts[request.Host]
	n.mu.Unlock()
	if onNode {
		return net.Dial("tcp", request.Host)
	}
	ip, port, err := splitAddress(request.Host)
	if err != nil {
		return nil, err
	}
	if err := n.admitted(request.Context(), ip, port); err != nil {
		n.mu.Lock()
		n.refused++
		n.mu.Unlock()
		return nil, err
	}
	n.mu.Lock()
	server, found := n.servers[request.Host]
	n.mu.Unlock()
	if !found {
		return nil, fmt.Errorf("nothing listens at %s", request.Host)
	}
	return net.Dial("tcp", server)
}

func splitAddress(address string) (ip string, port int32, err error) {
	ip, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseInt(text, 10, 32)
	return ip, int32(number), err
}

// admitted returns nil if NetworkPolicies let the API server connect to a port of
// the pod with an address. The API server is no pod: only rules that name no peer
// are for it.
func (n *PodNetwork) admitted(ctx context.Context, ip string, port int32) error {
	pods := &corev1.PodList{}
	if err := n.cluster.List(ctx, pods, client.MatchingFields{"status.podIP": ip}); err != nil {
		return err
	}
	if len(pods.Items) != 1 {
		return fmt.Errorf("%d pods have the address %s", len(pods.Items), ip)
	}
	pod := &pods.Items[0]
	policies := &networkingv1.NetworkPolicyList{}
	if err := n.cluster.List(ctx, policies, client.InNamespace(pod.Namespace)); err != nil {
		return err
	}
	isolated := false
	for i := range policies.Items {
		spec := &policies.Items[i].Spec
		selects, err := selectsIngress(spec, pod)
		if err != nil {
			return err
		}
		isolated = isolated || selects
		if selects && slices.ContainsFunc(spec.Ingress, func(rule networkingv1.NetworkPolicyIngressRule) bool { return admits(rule, pod, port) }) {
			return nil
		}
	}
	if isolated {
		return errors.New("no NetworkPolicy lets the API server in")
	}
	return nil
}

// selectsIngress reports whether a NetworkPolicy is about what enters the pod.
func selectsIngress(spec *networkingv1.NetworkPolicySpec, pod *corev1.Pod) (bool, error) {
	selector, err := metav1.LabelSelectorAsSelector(&spec.PodSelector)
	return err == nil && slices.Contains(spec.PolicyTypes, networkingv1.PolicyTypeIngress) && selector.Matches(labels.Set(pod.Labels)), err
}

// admits reports whether a rule lets anybody in at a TCP port of the pod.
func admits(rule networkingv1.NetworkPolicyIngressRule, pod *corev1.Pod, port int32) bool {
	return len(rule.From) == 0 && (len(rule.Ports) == 0 || slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool {
		tcp := p.Protocol == nil || *p.Protocol == corev1.ProtocolTCP
		return tcp && (p.Port == nil || *p.Port == intstr.FromInt32(port) || p.Port.Type == intstr.String && hasPort(pod, p.Port.StrVal, port))
	}))
}

// hasPort reports whether a container of the pod has a TCP port of a name.
func hasPort(pod *corev1.Pod, name string, port int32) bool {
	return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return p.Name == name && p.ContainerPort == port && p.Protocol == corev1.ProtocolTCP
		})
	})
}
