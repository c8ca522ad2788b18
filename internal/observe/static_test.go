package observe

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestStatic: what a snapshot says of objects of every kind, read by the tables
// and conversions that watches feed too.
func TestStatic(t *testing.T) {
	const namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, uid: u1, labels: {tier: web}}}"
	tests := map[string]struct {
		objects string
		dns     types.NamespacedName
		want    control.Snapshot
	}{
		"nothing but the namespace": {
			objects: namespace,
		},
		"pods, by what selectors tell apart": {
			objects: namespace + `
---
{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: a, labels: {app: web, hash: w}},
 spec: {containers: [{ports: [{name: http, containerPort: 8080}, {containerPort: 1}]}]},
 status: {conditions: [{type: Ready, status: "True"}]}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: b, labels: {app: web, hash: z}},
 spec: {containers: [{ports: [{name: http, containerPort: 8080}]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: c, labels: {app: db}}, spec: {hostNetwork: true}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: d},
 spec: {initContainers: [{restartPolicy: Always, ports: [{hostPort: 9090, containerPort: 90, protocol: UDP}]},
   {ports: [{hostPort: 9091, containerPort: 91}]}, {restartPolicy: OnFailure, ports: [{hostPort: 9092, containerPort: 92}]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: done, labels: {app: job}}, status: {phase: Succeeded}}
---
{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: shop, name: left-out}}
`,
			want: control.Snapshot{
				Pods: []control.PodClass{
					{Labels: map[string]string{"app": "db"}, HostNetwork: true, Count: 1},
					{
						Labels: map[string]string{"app": "web"}, Count: 2, Ready: 1,
						Ports: []control.NamedPort{{Name: "http", Port: control.Port{Protocol: "TCP", Port: 8080}}},
					},
					{HostPorts: []control.Port{{Protocol: "UDP", Port: 9090}}, Count: 1},
				},
				Services: []control.Service{{
					Name: "web", Type: corev1.ServiceTypeClusterIP, Selector: map[string]string{"app": "web"},
					Ports: []control.ServicePort{{Port: control.Port{Protocol: "TCP", Port: 80}, Target: intstr.FromInt32(80)}},
				}},
			},
		},
		"a Service that is exposed": {
			objects: namespace + `
---
{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: lb, annotations: {networking.gke.io/load-balancer-type: Internal}},
 spec: {type: LoadBalancer, externalIPs: [203.0.113.2, 203.0.113.1], loadBalancerSourceRanges: [10.0.0.0/8],
   ports: [{name: dns, protocol: UDP, port: 53, targetPort: dns, nodePort: 30053}]}}
`,
			want: control.Snapshot{Services: []control.Service{{
				Name: "lb", Type: corev1.ServiceTypeLoadBalancer, Internal: true,
				ExternalIPs: []string{"203.0.113.1", "203.0.113.2"}, SourceRanges: []string{"10.0.0.0/8"},
				Ports: []control.ServicePort{{
					Name: "dns", Port: control.Port{Protocol: "UDP", Port: 53}, Target: intstr.FromString("dns"), NodePort: 30053,
				}},
			}}},
		},
		"backends of admission, conversion and aggregation": {
			objects: namespace + `
---
{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: hook, labels: {app: hook}},
 spec: {containers: [{ports: [{name: tls, containerPort: 9443}, {name: tls, protocol: UDP, containerPort: 1}]}]}}
---
{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: hook},
 spec: {selector: {app: hook}, ports: [{port: 443, targetPort: tls}, {port: 8443, targetPort: 10250}]}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: v},
 webhooks: [{name: a, clientConfig: {service: {namespace: shop, name: hook}}},
   {name: b, clientConfig: {service: {namespace: shop, name: hook}}},
   {name: c, clientConfig: {service: {namespace: other, name: hook}}}, {name: d, clientConfig: {url: "https://example.com"}}]}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, metadata: {name: m},
 webhooks: [{name: a, clientConfig: {service: {namespace: shop, name: hook, port: 8443}}, failurePolicy: Fail,
   rules: [{operations: [UPDATE], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"], scope: "*"}]},
   {name: b, clientConfig: {service: {namespace: shop, name: hook, port: 8443}}}]}
---
{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: things.example.com},
 spec: {conversion: {strategy: Webhook, webhook: {clientConfig: {service: {namespace: shop, name: hook}}}}}}
---
{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: others.example.com},
 spec: {conversion: {strategy: None, webhook: {clientConfig: {service: {namespace: shop, name: left-behind}}}}}}
---
{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.example.com},
 spec: {version: v1, service: {namespace: shop, name: missing}}}
---
{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.}, spec: {version: v1}}
`,
			want: control.Snapshot{
				Pods: []control.PodClass{{
					Labels: map[string]string{"app": "hook"}, Count: 1,
					Ports: []control.NamedPort{
						{Name: "tls", Port: control.Port{Protocol: "TCP", Port: 9443}},
						{Name: "tls", Port: control.Port{Protocol: "UDP", Port: 1}},
					},
				}},
				Services: []control.Service{{
					Name: "hook", Type: corev1.ServiceTypeClusterIP, Selector: map[string]string{"app": "hook"},
					Ports: []control.ServicePort{
						{Port: control.Port{Protocol: "TCP", Port: 443}, Target: intstr.FromString("tls")},
						{Port: control.Port{Protocol: "TCP", Port: 8443}, Target: intstr.FromInt32(10250)},
					},
				}},
				AdmissionBackends: []control.AdmissionBackend{
					{
						Service: "hook", Port: 443, Selector: map[string]string{"app": "hook"},
						Targets: []control.Port{{Protocol: "TCP", Port: 9443}},
						Users:   []string{"CustomResourceDefinition things.example.com", "ValidatingWebhookConfiguration v"},
					},
					{
						Service: "hook", Port: 8443, Selector: map[string]string{"app": "hook"},
						Targets: []control.Port{{Protocol: "TCP", Port: 10250}},
						Gates:   true,
						Users:   []string{"MutatingWebhookConfiguration m"},
					},
					{Service: "missing", Port: 443, Users: []string{"APIService v1.example.com"}},
				},
			},
		},
		"entrances": {
			objects: namespace + `
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: shop, name: some},
 spec: {rules: [{host: b.example.com, http: {paths: [{backend: {service: {name: web}}}, {backend: {service: {name: api}}}]}},
   {host: a.example.com}]}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: shop, name: all},
 spec: {defaultBackend: {service: {name: web}}, rules: [{host: b.example.com}]}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: shop, name: any-host},
 spec: {rules: [{host: b.example.com}, {http: {paths: []}}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {namespace: shop, name: g},
 spec: {listeners: [{port: 443, hostname: a.example.com}, {port: 80, hostname: a.example.com}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {namespace: shop, name: r},
 spec: {hostnames: [x.example.com], parentRefs: [{name: g}, {namespace: infra, name: g}, {kind: Service, group: "", name: mesh}],
   rules: [{backendRefs: [{name: web}, {namespace: other, name: far}, {kind: Bucket, group: example.com, name: b}]}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {namespace: other, name: r},
 spec: {rules: [{backendRefs: [{namespace: shop, name: api}]}]}}
`,
			want: control.Snapshot{Entrances: []control.Entrance{
				{Kind: "GRPCRoute", Name: "other/r", Services: []string{"api"}},
				{Kind: "Gateway", Name: "g", Hosts: []string{"a.example.com"}, Ports: []int32{80, 443}},
				{
					Kind: "HTTPRoute", Name: "r", Services: []string{"web"}, Hosts: []string{"x.example.com"},
					Parents: []string{"infra/g", "shop/g"},
				},
				{Kind: "Ingress", Name: "all", Services: []string{"web"}},
				{Kind: "Ingress", Name: "any-host"},
				{Kind: "Ingress", Name: "some", Services: []string{"api", "web"}, Hosts: []string{"a.example.com", "b.example.com"}},
			}},
		},
		"what overrides network policies": {
			objects: namespace + `
---
{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: a, labels: {app: web, x: "1"}}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: b, labels: {app: agent}}, spec: {hostNetwork: true}}
---
{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {name: of-no-subject},
 spec: {subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: agent}}}}}}
---
{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {name: touching},
 spec: {subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}}}
---
{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {name: of-other-pods},
 spec: {subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}}}}
---
{apiVersion: policy.networking.k8s.io/v1alpha1, kind: BaselineAdminNetworkPolicy, metadata: {name: default},
 spec: {subject: {namespaces: {matchLabels: {tier: db}}}}}
---
{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {namespace: shop, name: own}, spec: {endpointSelector: {}}}
---
{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {namespace: other, name: own}, spec: {endpointSelector: {}}}
---
{apiVersion: cilium.io/v2, kind: CiliumClusterwideNetworkPolicy, metadata: {name: nodes}, spec: {nodeSelector: {}}}
---
{apiVersion: cilium.io/v2, kind: CiliumClusterwideNetworkPolicy, metadata: {name: both}, specs: [{nodeSelector: {}}, {endpointSelector: {}}]}
---
{apiVersion: crd.projectcalico.org/v1, kind: GlobalNetworkPolicy, metadata: {name: g}, spec: {selector: all()}}
---
{apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {namespace: shop, name: net}, spec: {selector: all()}}
---
{apiVersion: projectcalico.org/v3, kind: StagedGlobalNetworkPolicy, metadata: {name: staged}, spec: {selector: all()}}
`,
			want: control.Snapshot{
				Pods: []control.PodClass{
					{Labels: map[string]string{"app": "agent"}, HostNetwork: true, Count: 1},
					{Labels: map[string]string{"app": "web"}, Count: 1},
				},
				Unmodelled: []control.ObjectRef{
					{Kind: "AdminNetworkPolicy", Name: "touching"},
					{Kind: "CiliumClusterwideNetworkPolicy", Name: "both"},
					{Kind: "CiliumNetworkPolicy", Namespace: "shop", Name: "own"},
					{Kind: "GlobalNetworkPolicy", Name: "g"},
					{Kind: "NetworkPolicy.projectcalico.org", Namespace: "shop", Name: "net"},
				},
			},
		},
		"cluster network policies": {
			objects: namespace + `
---
{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: all},
 spec: {tier: Admin, priority: 7, subject: {pods: {namespaceSelector: {matchLabels: {tier: web}}, podSelector: {matchLabels: {app: web}}}},
   ingress: [{name: open, action: Accept, from: [{namespaces: {}}, {pods: {namespaceSelector: {matchLabels: {tier: web}}, podSelector: {}}}],
     protocols: [{tcp: {destinationPort: {number: 80}}}, {udp: {destinationPort: {range: {start: 1, end: 9}}}}, {sctp: {}},
       {destinationNamedPort: http}]}],
   egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}, {domainNames: [example.com]}]}]}}
---
{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: of-others},
 spec: {tier: Baseline, priority: 1, subject: {namespaces: {matchLabels: {tier: db}}}}}
---
{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: unread-peer},
 spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{}]}]}}
---
{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: unread-protocol},
 spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Accept, to: [{namespaces: {}}], protocols: [{icmp: {}}]}]}}
---
{apiVersion: policy.networking.k8s.io/v1beta1, kind: ClusterNetworkPolicy, metadata: {name: unread-version},
 spec: {subject: {namespaces: {}}}}
---
{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: unread-subject},
 spec: {tier: Admin, priority: 1, subject: {services: {}}}}
`,
			want: control.Snapshot{
				ClusterPolicies: []control.ClusterPolicy{{
					Name: "all", Tier: "Admin", Priority: 7, Pods: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
					Ingress: []control.ClusterRule{{
						Name: "open", Action: "Accept",
						Peers: []control.ClusterPeer{
							{Namespaces: &metav1.LabelSelector{}},
							{Pods: &control.ClusterPods{NamespaceSelector: metav1.LabelSelector{MatchLabels: map[string]string{"tier": "web"}}}},
						},
						Protocols: []control.ClusterProtocol{
							{Protocol: "TCP", From: 80, To: 80}, {Protocol: "UDP", From: 1, To: 9}, {Protocol: "SCTP"}, {Name: "http"},
						},
					}},
					Egress: []control.ClusterRule{{
						Action: "Deny", Peers: []control.ClusterPeer{{Networks: []string{"0.0.0.0/0"}}, {Unmodelled: "domainNames"}},
					}},
				}},
				Peers: control.Peers{Namespaces: map[string]bool{"tier=web": true}},
				Unmodelled: []control.ObjectRef{
					{Kind: "ClusterNetworkPolicy", Name: "unread-peer"}, {Kind: "ClusterNetworkPolicy", Name: "unread-protocol"},
					{Kind: "ClusterNetworkPolicy", Name: "unread-subject"}, {Kind: "ClusterNetworkPolicy", Name: "unread-version"},
				},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := static(t, StaticOptions{FieldManager: "holdfast", DNSService: test.dns, Needs: standing()}, test.objects)
			got, err := s.Snapshot("shop")
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
			want.Namespace = control.Namespace{
				Name: "shop", UID: "u1", Labels: map[string]string{"tier": "web", corev1.LabelMetadataName: "shop"},
			}
			want.NetworkPolicies = []control.NetworkPolicy{}
			want.Lifelines = &control.Lifelines{}
			want.Versions = map[control.Need]string{}
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("snapshot (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStaticPolicies(t *testing.T) {
	s := static(t, StaticOptions{FieldManager: "holdfast"}, `
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: shop, name: ours, managedFields: [
  {manager: holdfast, operation: Apply, time: "2026-03-01T06:00:00Z", fieldsType: FieldsV1, fieldsV1: {"f:spec": {}}}]}, spec: {podSelector: {}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: shop, name: another}, spec: {podSelector: {}}}
`)
	snapshot, err := s.Snapshot("shop")
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{}
	for _, p := range snapshot.NetworkPolicies {
		ours[p.Name] = p.Ours
	}
	if diff := cmp.Diff(map[string]bool{"another": false, "ours": true}, ours); diff != "" {
		t.Errorf("ours (-want +got):\n%s", diff)
	}
	if _, err := s.Snapshot("elsewhere"); !errors.Is(err, ErrNotFound) {
		t.Errorf("snapshot of no namespace: %v, want %v", err, ErrNotFound)
	}
	var known []string
	s.Namespaces(func(n control.Namespace) bool { known = append(known, n.Name); return true })
	if diff := cmp.Diff([]string{"shop"}, known); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
}

func TestNewStaticErrors(t *testing.T) {
	tests := map[string]struct {
		object  string
		wantErr string
	}{
		"a list":               {object: "{apiVersion: v1, kind: List, items: []}", wantErr: "taken apart"},
		"not what the kind is": {object: "{apiVersion: v1, kind: Pod, metadata: {namespace: a, name: b}, spec: 7}", wantErr: "Pod a/b"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := NewStatic(documents(t, test.object), StaticOptions{})
			if err == nil || !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("error = %v, want one about %q", err, test.wantErr)
			}
		})
	}
}

// TestLifelines: the DNS is what the Service and its EndpointSlices and pods say.
func TestLifelines(t *testing.T) {
	const (
		namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}\n---\n"
		service   = `{apiVersion: v1, kind: Service, metadata: {namespace: kube-system, name: kube-dns},
 spec: {selector: {k8s-app: kube-dns}, clusterIPs: [10.96.0.10, "fd00::a"],
   ports: [{name: dns, port: 53, protocol: UDP, targetPort: dns}, {name: dns-tcp, port: 53, targetPort: dns-tcp},
     {name: metrics, port: 9153, targetPort: 9153}]}}
---
`
		endpoints = `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: kube-system, name: kube-dns-1,
   labels: {kubernetes.io/service-name: kube-dns}}, addressType: IPv4,
 endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}],
 ports: [{name: dns, port: 5353, protocol: UDP}, {name: dns-tcp, port: 5353, protocol: TCP}, {name: metrics, port: 9153, protocol: TCP}]}
---
`
		pod = `{apiVersion: v1, kind: Pod, metadata: {namespace: kube-system, name: dns-a,
   labels: {k8s-app: kube-dns, pod-template-hash: h1}}, spec: {containers: [{ports: [{name: dns, containerPort: 1053, protocol: UDP}]}]}}
---
`
	)
	base := control.DNS{
		Namespace: "kube-system", Service: "kube-dns", NamespaceLabels: map[string]string{corev1.LabelMetadataName: "kube-system"},
		Selector: map[string]string{"k8s-app": "kube-dns"}, ClusterIPs: []string{"10.96.0.10", "fd00::a"},
	}
	with := func(change func(*control.DNS)) *control.DNS {
		dns := base
		change(&dns)
		return &dns
	}
	tests := map[string]struct {
		objects string
		dns     types.NamespacedName
		want    control.Lifelines
	}{
		"no Service": {objects: namespace + endpoints + pod},
		"complete, with other ports at the pods": {
			objects: namespace + service + endpoints + pod + strings.NewReplacer("dns-a", "dns-b", "h1", "h2").Replace(pod),
			want: control.Lifelines{DNS: with(func(d *control.DNS) {
				d.Ready, d.Pods = true, []map[string]string{{"k8s-app": "kube-dns"}}
				d.Ports = []control.Port{{Protocol: "TCP", Port: 5353}, {Protocol: "UDP", Port: 5353}}
			})},
		},
		"not ready": {
			objects: namespace + service + strings.Replace(endpoints, "ready: true", "ready: false", 1),
			want: control.Lifelines{DNS: with(func(d *control.DNS) {
				d.Ports = []control.Port{{Protocol: "TCP", Port: 5353}, {Protocol: "UDP", Port: 5353}}
			})},
		},
		"without EndpointSlices": {
			objects: namespace + service + pod,
			want: control.Lifelines{DNS: with(func(d *control.DNS) {
				d.Pods = []map[string]string{{"k8s-app": "kube-dns"}}
				d.Ports = []control.Port{{Protocol: "UDP", Port: 1053}}
			})},
		},
		"on the host network, with a cache on each node": {
			objects: namespace + service + endpoints + strings.Replace(pod, "spec: {", "spec: {hostNetwork: true, ", 1) +
				strings.NewReplacer("dns-a", "cache", "kube-dns", "node-local-dns").Replace(pod),
			want: control.Lifelines{DNS: with(func(d *control.DNS) {
				d.Ready, d.HostNetwork, d.NodeLocal = true, true, true
				d.Pods = []map[string]string{{"k8s-app": "kube-dns"}}
				d.Ports = []control.Port{{Protocol: "TCP", Port: 5353}, {Protocol: "UDP", Port: 5353}}
			})},
		},
		"elsewhere": {
			objects: strings.NewReplacer("kube-system", "openshift-dns", "name: kube-dns", "name: dns-default").
				Replace(namespace + service),
			dns: types.NamespacedName{Namespace: "openshift-dns", Name: "dns-default"},
			want: control.Lifelines{DNS: with(func(d *control.DNS) {
				d.Namespace, d.Service = "openshift-dns", "dns-default"
				d.NamespaceLabels = map[string]string{corev1.LabelMetadataName: "openshift-dns"}
			})},
		},
		"the API server": {
			objects: namespace + `
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: default, name: kubernetes,
   labels: {kubernetes.io/service-name: kubernetes}}, endpoints: [{addresses: [192.0.2.2]}, {addresses: [192.0.2.1]}],
 ports: [{name: https, port: 6443, protocol: TCP}]}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: shop, name: kubernetes,
   labels: {kubernetes.io/service-name: kubernetes}}, endpoints: [{addresses: [192.0.2.3]}], ports: [{port: 1}]}
`,
			want: control.Lifelines{APIServer: []control.Endpoint{
				{Address: "192.0.2.1", Port: control.Port{Protocol: "TCP", Port: 6443}},
				{Address: "192.0.2.2", Port: control.Port{Protocol: "TCP", Port: 6443}},
			}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := static(t, StaticOptions{DNSService: test.dns}, test.objects)
			if diff := cmp.Diff(&test.want, s.store.lifelines); diff != "" {
				t.Errorf("lifelines (-want +got):\n%s", diff)
			}
		})
	}
}

// static reads documents.
func static(t *testing.T, options StaticOptions, text string) *Static {
	t.Helper()
	s, err := NewStatic(documents(t, text), options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func documents(t *testing.T, text string) []unstructured.Unstructured {
	t.Helper()
	var objects []unstructured.Unstructured
	for document := range strings.SplitSeq(text, "---\n") {
		if strings.TrimSpace(document) == "" {
			continue
		}
		var object unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			t.Fatalf("%s: %v", document, err)
		}
		objects = append(objects, object)
	}
	slices.Reverse(objects) // the order does not matter
	return objects
}
