package networkisolation

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// fixture reads the objects of a golden input into a snapshot. The first
// Namespace is the scope; others, and their pods, matter as peers only.
type fixture struct {
	snapshot   *control.Snapshot
	namespaces []map[string]string
	// pods are those of the cluster; own those of the scope.
	pods []map[string]string
	own  []corev1.Pod
}

// clusterNetworkPolicy is what is read of one. Its subject is the scope.
type clusterNetworkPolicy struct {
	Spec struct {
		Tier     string `json:"tier"`
		Priority int32  `json:"priority"`
		Subject  struct {
			Pods *control.ClusterPods `json:"pods"`
		} `json:"subject"`
		Ingress []clusterRule `json:"ingress"`
		Egress  []clusterRule `json:"egress"`
	} `json:"spec"`
}

type clusterRule struct {
	control.ClusterRule `json:",inline"`
	From                []control.ClusterPeer `json:"from"`
	To                  []control.ClusterPeer `json:"to"`
}

// readSnapshot reads a golden input. A policy is ours where its managedFields
// say so. A document of kind Observed holds further fields of the snapshot as
// they are, such as lifelines.
func readSnapshot(t *testing.T, path string) *control.Snapshot {
	t.Helper()
	f := &fixture{snapshot: &control.Snapshot{}}
	for _, document := range documents(t, path) {
		var meta metav1.PartialObjectMetadata
		unmarshal(t, document, &meta)
		read, known := f.readers()[meta.Kind]
		if !known {
			t.Fatalf("%s: unexpected kind %s", path, meta.Kind)
		}
		read(t, document, meta)
	}
	f.classify()
	f.resolvePeers()
	return f.snapshot
}

// documents are the documents of a file.
func documents(t *testing.T, path string) [][]byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	var documents [][]byte
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents
		}
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, document)
	}
}

func unmarshal(t *testing.T, document []byte, into any) {
	t.Helper()
	if err := yaml.Unmarshal(document, into); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) readers() map[string]func(*testing.T, []byte, metav1.PartialObjectMetadata) {
	return map[string]func(*testing.T, []byte, metav1.PartialObjectMetadata){
		"Namespace":            f.readNamespace,
		"NetworkPolicy":        f.readPolicy,
		"Pod":                  f.readPod,
		"Service":              f.readService,
		"Ingress":              f.readIngress,
		"ClusterNetworkPolicy": f.readClusterPolicy,
		"Observed": func(t *testing.T, document []byte, _ metav1.PartialObjectMetadata) {
			unmarshal(t, document, f.snapshot)
		},
	}
}

func (f *fixture) readNamespace(_ *testing.T, _ []byte, meta metav1.PartialObjectMetadata) {
	f.namespaces = append(f.namespaces, meta.Labels)
	if ns := &f.snapshot.Namespace; ns.Name == "" {
		ns.Name, ns.UID, ns.Labels = meta.Name, string(meta.UID), meta.Labels
		ns.CreatedAt = meta.CreationTimestamp.Time
		ns.Terminating = meta.DeletionTimestamp != nil
	}
}

func (f *fixture) readPolicy(t *testing.T, document []byte, meta metav1.PartialObjectMetadata) {
	var policy networkingv1.NetworkPolicy
	unmarshal(t, document, &policy)
	f.snapshot.NetworkPolicies = append(f.snapshot.NetworkPolicies, control.NetworkPolicy{
		Name: meta.Name, Spec: policy.Spec, Ours: len(meta.ManagedFields) > 0,
	})
}

func (f *fixture) readPod(t *testing.T, document []byte, meta metav1.PartialObjectMetadata) {
	var pod corev1.Pod
	unmarshal(t, document, &pod)
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return
	}
	f.pods = append(f.pods, pod.Labels)
	if meta.Namespace == f.snapshot.Namespace.Name {
		f.own = append(f.own, pod)
		f.snapshot.Namespace.HasRunningPods = f.snapshot.Namespace.Terminating
	}
}

func (f *fixture) readService(t *testing.T, document []byte, meta metav1.PartialObjectMetadata) {
	var service corev1.Service
	unmarshal(t, document, &service)
	s := control.Service{
		Name: meta.Name, Type: service.Spec.Type, Selector: service.Spec.Selector,
		ExternalIPs: service.Spec.ExternalIPs, SourceRanges: service.Spec.LoadBalancerSourceRanges,
	}
	for _, p := range service.Spec.Ports {
		s.Ports = append(s.Ports, control.ServicePort{
			Name: p.Name, Port: control.Port{Protocol: p.Protocol, Port: p.Port}, Target: p.TargetPort, NodePort: p.NodePort,
		})
	}
	f.snapshot.Services = append(f.snapshot.Services, s)
}

func (f *fixture) readIngress(t *testing.T, document []byte, meta metav1.PartialObjectMetadata) {
	var ingress networkingv1.Ingress
	unmarshal(t, document, &ingress)
	entrance := control.Entrance{Kind: "Ingress", Name: meta.Name}
	for _, rule := range ingress.Spec.Rules {
		entrance.Hosts = append(entrance.Hosts, rule.Host)
		for _, path := range rule.HTTP.Paths {
			entrance.Services = append(entrance.Services, path.Backend.Service.Name)
		}
	}
	f.snapshot.Entrances = append(f.snapshot.Entrances, entrance)
}

func (f *fixture) readClusterPolicy(t *testing.T, document []byte, meta metav1.PartialObjectMetadata) {
	var policy clusterNetworkPolicy
	unmarshal(t, document, &policy)
	p := control.ClusterPolicy{Name: meta.Name, Tier: policy.Spec.Tier, Priority: policy.Spec.Priority}
	if policy.Spec.Subject.Pods != nil {
		p.Pods = &policy.Spec.Subject.Pods.PodSelector
	}
	for _, rule := range policy.Spec.Ingress {
		rule.Peers = rule.From
		p.Ingress = append(p.Ingress, rule.ClusterRule)
	}
	for _, rule := range policy.Spec.Egress {
		rule.Peers = rule.To
		p.Egress = append(p.Egress, rule.ClusterRule)
	}
	f.snapshot.ClusterPolicies = append(f.snapshot.ClusterPolicies, p)
}

// classify puts the pods of the scope into classes by the keys that selectors
// over them mention.
func (f *fixture) classify() {
	keys := map[string]bool{}
	mention := func(selector *metav1.LabelSelector) {
		for key := range selector.MatchLabels {
			keys[key] = true
		}
		for _, expression := range selector.MatchExpressions {
			keys[expression.Key] = true
		}
	}
	for _, policy := range f.snapshot.NetworkPolicies {
		mention(&policy.Spec.PodSelector)
	}
	for _, policy := range f.snapshot.ClusterPolicies {
		if policy.Pods != nil {
			mention(policy.Pods)
		}
	}
	classes := map[string]control.PodClass{}
	for _, pod := range f.own {
		class := control.PodClass{HostNetwork: pod.Spec.HostNetwork, Labels: maps.Clone(pod.Labels)}
		maps.DeleteFunc(class.Labels, func(key, _ string) bool { return !keys[key] })
		for _, container := range pod.Spec.Containers {
			for _, p := range container.Ports {
				port := control.Port{Protocol: p.Protocol, Port: p.ContainerPort}
				if p.Name != "" {
					class.Ports = append(class.Ports, control.NamedPort{Name: p.Name, Port: port})
				}
				if p.HostPort > 0 {
					class.HostPorts = append(class.HostPorts, control.Port{Protocol: p.Protocol, Port: p.HostPort})
				}
			}
		}
		classes[fmt.Sprint(class)] = class
	}
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		f.snapshot.Pods = append(f.snapshot.Pods, classes[name])
	}
}

// resolvePeers says of every selector beyond the scope whether it matches all.
func (f *fixture) resolvePeers() {
	peers := control.Peers{Namespaces: map[string]bool{}, Pods: map[string]bool{}}
	resolve := func(selector *metav1.LabelSelector, all []map[string]string, into map[string]bool) {
		if selector == nil {
			return
		}
		if key, ok := control.SelectorKey(selector); ok {
			into[key] = !slices.ContainsFunc(all, func(of map[string]string) bool { return !selectorMatches(selector, labels.Set(of)) })
		}
	}
	for _, policy := range f.snapshot.NetworkPolicies {
		for _, d := range directions() {
			for _, rule := range trafficRules(d, policy.Spec) {
				for _, peer := range rule.peers {
					resolve(peer.NamespaceSelector, f.namespaces, peers.Namespaces)
					resolve(peer.PodSelector, f.pods, peers.Pods)
				}
			}
		}
	}
	for _, policy := range f.snapshot.ClusterPolicies {
		for _, rule := range slices.Concat(policy.Ingress, policy.Egress) {
			for _, peer := range rule.Peers {
				resolve(peer.Namespaces, f.namespaces, peers.Namespaces)
				if peer.Pods != nil {
					resolve(&peer.Pods.NamespaceSelector, f.namespaces, peers.Namespaces)
					resolve(&peer.Pods.PodSelector, f.pods, peers.Pods)
				}
			}
		}
	}
	f.snapshot.Peers = peers
}
