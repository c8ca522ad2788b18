package observe_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// TestKinds runs what is observed beside namespaces, policies and pods.
func TestKinds(t *testing.T) {
	c := startCluster(t)
	c.createFence(t, "fence")
	o := started(t, observe.Options{Config: c.RESTConfig()})
	t.Run("backends", func(t *testing.T) { testBackends(t, c, o) })
	t.Run("entrances", func(t *testing.T) { testEntrances(t, c, o) })
	t.Run("peers", func(t *testing.T) { testPeers(t, c, o) })
	t.Run("lifelines", func(t *testing.T) { testLifelines(t, c, o) })
	t.Run("optional", func(t *testing.T) { testOptional(t, c, o) })
	t.Run("list", func(t *testing.T) { testList(t, c, o) })
	t.Run("forbidden", func(t *testing.T) { testForbidden(t, c) })
	t.Run("podsForbidden", func(t *testing.T) { testPodsForbidden(t, c) })
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.gaps) > 0 {
		t.Errorf("gaps of watches that were never interrupted: %+v", o.gaps)
	}
}

// due waits until namespaces are announced, and returns once they are.
func (o *told) due(t *testing.T, act func(), namespaces ...string) {
	t.Helper()
	before := map[string]int{}
	for _, namespace := range namespaces {
		before[namespace] = o.triggered(namespace)
	}
	act()
	for _, namespace := range namespaces {
		eventually(t, "a trigger of "+namespace, func() bool { return o.triggered(namespace) > before[namespace] })
	}
}

// testBackends: a webhook that begins to point into a namespace, or ceases to, is
// an input of its verdict.
func testBackends(t *testing.T, c *cluster, o *told) {
	c.createNamespace(t, "hooks")
	c.createNamespace(t, "elsewhere")
	webhook := func(namespace string) {
		c.put(t, admission("validatingwebhookconfigurations"), fmt.Sprintf(`
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: v}, webhooks: [
  {name: v.example.com, sideEffects: None, admissionReviewVersions: [v1], failurePolicy: Ignore,
   clientConfig: {service: {namespace: %s, name: hook}}, rules: []}]}`, namespace))
	}
	backends := func(namespace string) []control.AdmissionBackend { return o.snapshot(t, namespace).AdmissionBackends }
	users := []string{"ValidatingWebhookConfiguration v"}

	o.due(t, func() { webhook("hooks") }, "hooks")
	want := []control.AdmissionBackend{{Service: "hook", Port: 443, Users: users}}
	if diff := cmp.Diff(want, backends("hooks")); diff != "" {
		t.Errorf("before there is a Service (-want +got):\n%s", diff)
	}
	o.due(t, func() {
		c.put(t, core("services"), `
{apiVersion: v1, kind: Service, metadata: {namespace: hooks, name: hook}, spec: {selector: {app: hook}, ports: [{port: 443, targetPort: tls}]}}`)
	}, "hooks")
	o.due(t, func() {
		c.put(t, core("pods"), `
{apiVersion: v1, kind: Pod, metadata: {namespace: hooks, name: hook, labels: {app: hook}}, spec: {automountServiceAccountToken: false,
  containers: [{name: main, image: example.com/main, ports: [{name: tls, containerPort: 9443}]}]}}`)
	}, "hooks")
	want[0].Selector = map[string]string{"app": "hook"}
	want[0].Targets = []control.Port{{Protocol: corev1.ProtocolTCP, Port: 9443}}
	if diff := cmp.Diff(want, backends("hooks")); diff != "" {
		t.Errorf("with Service and pod (-want +got):\n%s", diff)
	}
	o.due(t, func() { webhook("elsewhere") }, "hooks", "elsewhere")
	if len(backends("hooks")) > 0 || len(backends("elsewhere")) != 1 {
		t.Errorf("backends: %v in hooks, %v elsewhere", backends("hooks"), backends("elsewhere"))
	}
	o.due(t, func() { c.drop(t, admission("validatingwebhookconfigurations"), "", "v") }, "elsewhere")

	o.due(t, func() {
		c.put(t, schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}, `
{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.example.com}, spec: {group: example.com, version: v1,
  groupPriorityMinimum: 1, versionPriority: 1, insecureSkipTLSVerify: true, service: {namespace: hooks, name: hook}}}`)
	}, "hooks")
	want[0].Users = []string{"APIService v1.example.com"}
	if diff := cmp.Diff(want, backends("hooks")); diff != "" {
		t.Errorf("of an APIService (-want +got):\n%s", diff)
	}
}

func testEntrances(t *testing.T, c *cluster, o *told) {
	c.createNamespace(t, "entered")
	ingresses := schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}
	o.due(t, func() {
		c.put(t, ingresses, `
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: entered, name: way},
 spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}}`)
	}, "entered")
	want := []control.Entrance{{Kind: "Ingress", Name: "way", Services: []string{"web"}}}
	if diff := cmp.Diff(want, o.snapshot(t, "entered").Entrances); diff != "" {
		t.Errorf("entrances (-want +got):\n%s", diff)
	}
	o.due(t, func() { c.drop(t, ingresses, "entered", "way") }, "entered")
	if got := o.snapshot(t, "entered").Entrances; len(got) > 0 {
		t.Errorf("entrances after the last: %v", got)
	}
}

// testPeers: a namespace whose policy has a selector of namespaces is due when a
// label of another namespace decides whether that matches all.
func testPeers(t *testing.T, c *cluster, o *told) {
	c.createNamespace(t, "using")
	c.createNamespace(t, "deciding")
	policies := schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}
	o.due(t, func() {
		c.put(t, policies, `
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: using, name: p}, spec: {podSelector: {},
  ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: secret, operator: DoesNotExist}]},
    podSelector: {matchLabels: {app: anything}}}]}]}}`)
	}, "using")
	want := control.Peers{Namespaces: map[string]bool{"!secret": true}, Pods: map[string]bool{"app=anything": false}}
	if diff := cmp.Diff(want, o.snapshot(t, "using").Peers); diff != "" {
		t.Errorf("peers (-want +got):\n%s", diff)
	}
	o.due(t, func() { c.label(t, "deciding", "secret", "x") }, "using")
	want.Namespaces["!secret"] = false
	if diff := cmp.Diff(want, o.snapshot(t, "using").Peers); diff != "" {
		t.Errorf("peers after a namespace was labelled (-want +got):\n%s", diff)
	}
}

// testLifelines: what concerns every namespace announces every namespace.
func testLifelines(t *testing.T, c *cluster, o *told) {
	c.createNamespace(t, "bystander")
	slices := schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
	o.due(t, func() {
		c.put(t, slices, `
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: default, name: kubernetes,
  labels: {kubernetes.io/service-name: kubernetes}}, addressType: IPv4, endpoints: [{addresses: [192.0.2.1]}],
  ports: [{name: https, port: 6443, protocol: TCP}]}`)
	}, "bystander")
	wantLifelines := &control.Lifelines{APIServer: []control.Endpoint{
		{Address: "192.0.2.1", Port: control.Port{Protocol: corev1.ProtocolTCP, Port: 6443}},
	}}
	if diff := cmp.Diff(wantLifelines, o.snapshot(t, "bystander").Lifelines); diff != "" {
		t.Errorf("lifelines of a cluster without DNS (-want +got):\n%s", diff)
	}
	o.due(t, func() {
		c.put(t, core("services"), `
{apiVersion: v1, kind: Service, metadata: {namespace: kube-system, name: kube-dns}, spec: {clusterIP: None, selector: {k8s-app: kube-dns},
  ports: [{name: dns, port: 53, targetPort: 1053, protocol: UDP}]}}`)
	}, "bystander")
	o.due(t, func() {
		c.put(t, slices, `
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: kube-system, name: kube-dns-x,
  labels: {kubernetes.io/service-name: kube-dns}}, addressType: IPv4, endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}],
  ports: [{name: dns, port: 1053, protocol: UDP}]}`)
	}, "bystander")
	o.due(t, func() {
		c.put(t, core("pods"), `
{apiVersion: v1, kind: Pod, metadata: {namespace: kube-system, name: dns, labels: {k8s-app: kube-dns}}, spec: {automountServiceAccountToken: false,
  hostNetwork: true, containers: [{name: main, image: example.com/dns}]}}`)
	}, "bystander", "fence")
	got := o.snapshot(t, "bystander").Lifelines
	want := &control.DNS{
		Namespace: "kube-system", Service: "kube-dns", NamespaceLabels: map[string]string{corev1.LabelMetadataName: "kube-system"},
		Selector: map[string]string{"k8s-app": "kube-dns"}, Pods: []map[string]string{{"k8s-app": "kube-dns"}},
		Ports: []control.Port{{Protocol: corev1.ProtocolUDP, Port: 1053}}, Ready: true, HostNetwork: true,
	}
	if diff := cmp.Diff(want, got.DNS); diff != "" {
		t.Errorf("DNS (-want +got):\n%s", diff)
	}
	if got != o.snapshot(t, "fence").Lifelines {
		t.Error("namespaces do not share the lifelines")
	}
	before := o.triggered("bystander")
	c.put(t, slices, `
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: bystander, name: x, labels: {kubernetes.io/service-name: kube-dns}},
  addressType: IPv4, endpoints: [{addresses: [10.0.0.9]}], ports: [{port: 1}]}`)
	c.createPod(t, "kube-system", "unrelated")
	c.fence(t, o, "fence")
	if o.triggered("bystander") != before || o.snapshot(t, "bystander").Lifelines != got {
		t.Error("what is no part of the lifelines changed them")
	}
}

// testOptional: a kind is watched from when its definition is established until it
// goes, and then known to be empty.
func testOptional(t *testing.T, c *cluster, o *told) {
	c.createNamespace(t, "touched")
	c.label(t, "touched", "tier", "web")
	unavailable := func() string { return o.snapshot(t, "touched").Unavailable[control.NeedClusterPolicies] }
	if got := unavailable(); got != "" {
		t.Errorf("kinds that are not served are unavailable: %s", got)
	}
	policies := schema.GroupVersionResource{Group: "policy.networking.k8s.io", Version: "v1alpha2", Resource: "clusternetworkpolicies"}
	cilium := schema.GroupVersionResource{Group: "cilium.io", Version: "v2", Resource: "ciliumnetworkpolicies"}
	c.define(t, policies, "ClusterNetworkPolicy", "Cluster")
	c.define(t, cilium, "CiliumNetworkPolicy", "Namespaced")
	c.put(t, policies, `
{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: open}, spec: {tier: Admin, priority: 1,
  subject: {namespaces: {matchLabels: {tier: web}}}, ingress: [{action: Accept, from: [{namespaces: {matchLabels: {tier: web}}}]}]}}`)
	c.put(t, cilium, `{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {namespace: touched, name: own}, spec: {endpointSelector: {}}}`)
	eventually(t, "the policies", func() bool {
		s := o.snapshot(t, "touched")
		return len(s.ClusterPolicies) == 1 && len(s.Unmodelled) == 1 && len(s.Unavailable) == 0
	})
	snapshot := o.snapshot(t, "touched")
	want := []control.ClusterPolicy{{
		Name: "open", Tier: "Admin", Priority: 1, Ingress: []control.ClusterRule{{
			Action: "Accept", Peers: []control.ClusterPeer{{Namespaces: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "web"}}}},
		}},
	}}
	if diff := cmp.Diff(want, snapshot.ClusterPolicies); diff != "" {
		t.Errorf("cluster policies (-want +got):\n%s", diff)
	}
	if got, found := snapshot.Peers.Namespaces["tier=web"]; got || !found {
		t.Errorf("peers of the cluster policy: %v", snapshot.Peers)
	}
	if got := o.snapshot(t, "fence"); len(got.ClusterPolicies)+len(got.Unmodelled) > 0 {
		t.Errorf("what does not touch the namespace is in its snapshot: %+v", got)
	}
	o.due(t, func() { c.label(t, "touched", "tier", "db") }, "touched")
	if got := o.snapshot(t, "touched").ClusterPolicies; len(got) > 0 {
		t.Errorf("policies of which it is no subject any more: %v", got)
	}
	c.label(t, "touched", "tier", "web")
	o.due(t, func() {
		c.drop(t, definitions(), "", "clusternetworkpolicies.policy.networking.k8s.io")
		c.drop(t, definitions(), "", "ciliumnetworkpolicies.cilium.io")
	}, "touched")
	eventually(t, "the kinds to be known empty", func() bool {
		s := o.snapshot(t, "touched")
		return len(s.ClusterPolicies)+len(s.Unmodelled)+len(s.Unavailable) == 0
	})
}

// testList: what is listed once is what is watched, and so are fixtures.
func testList(t *testing.T, c *cluster, o *told) {
	c.fence(t, o, "fence")
	listed, err := observe.List(t.Context(), c.RESTConfig(), observe.StaticOptions{FieldManager: fieldManager})
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	listed.Namespaces(func(n control.Namespace) bool {
		compared++
		want := o.snapshot(t, n.Name)
		got, err := listed.Snapshot(n.Name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(control.Snapshot{}, "Versions")); diff != "" {
			t.Errorf("%s, listed (-watched +listed):\n%s", n.Name, diff)
		}
		if !atLeast(t, got.Versions[control.NeedPods], "1") {
			t.Errorf("versions: %v", got.Versions)
		}
		return true
	})
	if compared < 5 {
		t.Errorf("only %d namespaces were compared", compared)
	}
}

// testForbidden: what may not be listed is unavailable, and the rest is there.
func testForbidden(t *testing.T, c *cluster) {
	const user = "lister"
	config := c.user(t, user)
	c.grant(t, user, config, "namespaces", "networkpolicies", "pods", "services", "ingresses")
	listed, err := observe.List(t.Context(), config, observe.StaticOptions{FieldManager: fieldManager})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := listed.Snapshot("hooks")
	if err != nil {
		t.Fatal(err)
	}
	want := map[control.Need]string{
		control.NeedEndpointSlices: control.ReasonForbidden, control.NeedAdmissionBackends: control.ReasonForbidden,
		control.NeedEntrances: control.ReasonForbidden, control.NeedClusterPolicies: control.ReasonForbidden,
	}
	if diff := cmp.Diff(want, snapshot.Unavailable); diff != "" {
		t.Errorf("unavailable (-want +got):\n%s", diff)
	}
	if len(snapshot.Pods) != 1 || len(snapshot.Services) != 1 {
		t.Errorf("what may be listed is missing: %+v", snapshot)
	}
	if _, err := observe.List(t.Context(), c.RESTConfig(), observe.StaticOptions{
		DNSService: types.NamespacedName{Name: "not a label"},
	}); !apierrors.IsBadRequest(err) {
		t.Errorf("a request that fails: %v", err)
	}
}

// testPodsForbidden: pods are unavailable in every namespace, hold up nothing, and
// every namespace is announced when they are there.
func testPodsForbidden(t *testing.T, c *cluster) {
	const user = "podless"
	config := c.user(t, user)
	kinds := []string{"namespaces", "networkpolicies"}
	c.grant(t, user, config, kinds...)
	o := start(t, observe.Options{Config: config})
	if err := o.WaitForSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pods to be forbidden", func() bool {
		return o.snapshot(t, "hooks").Unavailable[control.NeedPods] == control.ReasonForbidden
	})
	if got := o.Workloads("hooks"); got != nil {
		t.Errorf("workloads of pods that nobody may see: %v", got)
	}
	o.due(t, func() { c.grant(t, user, config, append(kinds, "pods")...) }, "hooks", "elsewhere")
	eventually(t, "pods", func() bool { return o.snapshot(t, "hooks").Unavailable[control.NeedPods] == "" })
	if got := o.Workloads("hooks"); len(got) != 1 || got[0].Pods != 1 || got[0].Ready != 0 {
		t.Errorf("workloads: %v", got)
	}
	for _, gap := range o.gapsOf(control.NeedPods) {
		if gap.Kind != "pods" || len(gap.Also) > 0 {
			t.Errorf("gap = %+v", gap)
		}
	}
	var also []control.Need
	for _, gap := range o.gapsOf(control.NeedAdmissionBackends) {
		if gap.Kind == "customresourcedefinitions" {
			also = gap.Also
		}
	}
	if !slices.Equal(also, []control.Need{control.NeedEntrances, control.NeedClusterPolicies}) {
		t.Errorf("what else rests on definitions: %v", also)
	}
}

func core(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: resource}
}

func admission(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: resource}
}

func definitions() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
}

// put applies a document, and waits where its kind is still being established.
func (c *cluster) put(t *testing.T, resource schema.GroupVersionResource, text string) {
	t.Helper()
	var object unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatal(err)
	}
	client := c.resource(t, resource, object.GetNamespace())
	eventually(t, resource.Resource+" to be served", func() bool {
		_, err := client.Apply(t.Context(), object.GetName(), &object, metav1.ApplyOptions{FieldManager: "test", Force: true})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		return err == nil
	})
}

func (c *cluster) drop(t *testing.T, resource schema.GroupVersionResource, namespace, name string) {
	t.Helper()
	if err := c.resource(t, resource, namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) resource(t *testing.T, resource schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	t.Helper()
	client, err := dynamic.NewForConfig(c.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	return client.Resource(resource).Namespace(namespace)
}

// define creates the definition of a kind that takes any spec.
func (c *cluster) define(t *testing.T, resource schema.GroupVersionResource, kind, scope string) {
	t.Helper()
	c.put(t, definitions(), fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: %[1]s.%[2]s
  annotations: {api-approved.kubernetes.io: "unapproved, for a test"}
spec:
  group: %[2]s
  scope: %[5]s
  names: {plural: %[1]s, singular: %[4]s, kind: %[3]s}
  versions:
  - name: %[6]s
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
`, resource.Resource, resource.Group, kind, strings.ToLower(kind), scope, resource.Version))
}
