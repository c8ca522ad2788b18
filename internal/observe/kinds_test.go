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
	t.Run("demand", func(t *testing.T) { testDemand(t, c, o) })
	o.Demand(everything()...)
	o.demanded(t)
	t.Run("storage", func(t *testing.T) { testStorage(t, c, o) })
	t.Run("apiServers", func(t *testing.T) { testAPIServers(t, c, o) })
	t.Run("guards", func(t *testing.T) { testGuards(t, c, o) })
	t.Run("ingresses", func(t *testing.T) { testIngresses(t, c, o) })
	t.Run("services", func(t *testing.T) { testServices(t, c, o) })
	t.Run("gateways", func(t *testing.T) { testGateways(t, c, o) })
	t.Run("mesh", func(t *testing.T) { testMesh(t, c, o) })
	t.Run("certificates", func(t *testing.T) { testCertificates(t, c, o) })
	t.Run("claims", func(t *testing.T) { testClaims(t, c, o) })
	t.Run("plans", func(t *testing.T) { testPlans(t, c, o) })
	t.Run("backups", func(t *testing.T) { testBackups(t, c, o) })
	t.Run("list", func(t *testing.T) { testList(t, c, o) })
	t.Run("ownWrites", func(t *testing.T) { testOwnWrites(t, c, o) })
	t.Run("reread", func(t *testing.T) { testReread(t, c) })
	t.Run("ownPlans", func(t *testing.T) { testOwnPlans(t, c, o) })
	t.Run("vanishing", func(t *testing.T) { testVanishing(t, c, o) })
	o.Demand()
	t.Run("marks", func(t *testing.T) { testMarks(t, c, o) })
	t.Run("withdrawn", func(t *testing.T) { testWithdrawn(t, c) })
	t.Run("expired", func(t *testing.T) { testExpired(t, c) })
	t.Run("refused", func(t *testing.T) { testRefused(t, c) })
	t.Run("unanswered", func(t *testing.T) { testUnanswered(t, c) })
	t.Run("silent", func(t *testing.T) { testSilent(t, c) })
	t.Run("needs", func(t *testing.T) { testNeeds(t, c) })
	t.Run("forbidden", func(t *testing.T) { testForbidden(t, c) })
	t.Run("demandForbidden", func(t *testing.T) { testDemandForbidden(t, c) })
	t.Run("podsForbidden", func(t *testing.T) { testPodsForbidden(t, c) })
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.gaps) > 0 {
		t.Errorf("gaps of watches that were never interrupted: %+v", o.gaps)
	}
}

// view is what is to be read of a namespace.
type view struct {
	namespace string
	part      func(*control.Snapshot) any
	want      any
}

// due acts, and returns once who reads a namespace whenever it is announced, and
// only then, has read what is wanted.
func (o *told) due(t *testing.T, act func(), views ...view) {
	t.Helper()
	read := make([]int, len(views))
	for i := range views {
		read[i] = o.triggered(views[i].namespace)
	}
	act()
	for i, v := range views {
		diff := "it was not announced"
		err := polled(t, func() bool {
			if n := o.triggered(v.namespace); n > read[i] {
				read[i], diff = n, cmp.Diff(v.want, v.part(o.snapshot(t, v.namespace)))
			}
			return diff == ""
		})
		if err != nil {
			t.Fatalf("%s, read whenever it was announced: %v (-want +got):\n%s", v.namespace, err, diff)
		}
	}
}

// createDue creates a namespace, and returns when that was announced.
func (c *cluster) createDue(t *testing.T, o *told, namespace string) {
	t.Helper()
	name := func(s *control.Snapshot) any { return s.Namespace.Name }
	o.due(t, func() { c.createNamespace(t, namespace) }, view{namespace, name, namespace})
}

// testBackends: a webhook that begins to point into a namespace, or ceases to, is
// an input of its verdict.
func testBackends(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "hooks")
	c.createDue(t, o, "elsewhere")
	webhook := func(namespace string) {
		c.put(t, admission("validatingwebhookconfigurations"), fmt.Sprintf(`
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: v}, webhooks: [
  {name: v.example.com, sideEffects: None, admissionReviewVersions: [v1], failurePolicy: Ignore,
   clientConfig: {service: {namespace: %s, name: hook}}, rules: []}]}`, namespace))
	}
	backends := func(namespace string, want ...control.AdmissionBackend) view {
		return view{namespace, func(s *control.Snapshot) any { return s.AdmissionBackends }, want}
	}
	backend := control.AdmissionBackend{Service: "hook", Port: 443, Users: []string{"ValidatingWebhookConfiguration v"}}

	o.due(t, func() { webhook("hooks") }, backends("hooks", backend))
	backend.Selector = map[string]string{"app": "hook"}
	o.due(t, func() {
		c.put(t, core("services"), `
{apiVersion: v1, kind: Service, metadata: {namespace: hooks, name: hook}, spec: {selector: {app: hook}, ports: [{port: 443, targetPort: tls}]}}`)
	}, backends("hooks", backend))
	backend.Targets = []control.Port{{Protocol: corev1.ProtocolTCP, Port: 9443}}
	o.due(t, func() {
		c.put(t, core("pods"), `
{apiVersion: v1, kind: Pod, metadata: {namespace: hooks, name: hook, labels: {app: hook}}, spec: {automountServiceAccountToken: false,
  containers: [{name: main, image: example.com/main, ports: [{name: tls, containerPort: 9443}]}]}}`)
	}, backends("hooks", backend))
	elsewhere := control.AdmissionBackend{Service: "hook", Port: 443, Users: backend.Users}
	o.due(t, func() { webhook("elsewhere") }, backends("hooks"), backends("elsewhere", elsewhere))
	o.due(t, func() { c.drop(t, admission("validatingwebhookconfigurations"), "", "v") }, backends("elsewhere"))

	backend.Users = []string{"APIService v1.example.com"}
	o.due(t, func() {
		c.put(t, schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}, `
{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.example.com}, spec: {group: example.com, version: v1,
  groupPriorityMinimum: 1, versionPriority: 1, insecureSkipTLSVerify: true, service: {namespace: hooks, name: hook}}}`)
	}, backends("hooks", backend))
}

func testEntrances(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "entered")
	entrances := func(want ...control.Entrance) view {
		return view{"entered", func(s *control.Snapshot) any { return s.Entrances }, want}
	}
	ingresses := schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}
	o.due(t, func() {
		c.put(t, ingresses, `
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: entered, name: way},
 spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}}`)
	}, entrances(control.Entrance{Kind: "Ingress", Name: "way", Services: []string{"web"}}))
	o.due(t, func() { c.drop(t, ingresses, "entered", "way") }, entrances())
}

// testPeers: a namespace whose policy has a selector of namespaces is due when a
// label of another namespace decides whether that matches all.
func testPeers(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "using")
	c.createDue(t, o, "deciding")
	peers := func(all bool) view {
		return view{"using", func(s *control.Snapshot) any { return s.Peers }, control.Peers{
			Namespaces: map[string]bool{"!secret": all}, Pods: map[string]bool{"app=anything": false},
		}}
	}
	policies := schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}
	o.due(t, func() {
		c.put(t, policies, `
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: using, name: p}, spec: {podSelector: {},
  ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: secret, operator: DoesNotExist}]},
    podSelector: {matchLabels: {app: anything}}}]}]}}`)
	}, peers(true))
	o.due(t, func() { c.label(t, "deciding", "secret", "x") }, peers(false))
}

// testLifelines: what concerns every namespace announces every namespace.
func testLifelines(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "bystander")
	apiServer := func(s *control.Snapshot) any { return s.Lifelines.APIServer }
	dns := func(s *control.Snapshot) any { return s.Lifelines.DNS }
	slices := schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
	o.due(t, func() {
		c.put(t, slices, `
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: default, name: kubernetes,
  labels: {kubernetes.io/service-name: kubernetes}}, addressType: IPv4, endpoints: [{addresses: [192.0.2.1]}],
  ports: [{name: https, port: 6443, protocol: TCP}]}`)
	}, view{"bystander", apiServer, []control.Endpoint{
		{Address: "192.0.2.1", Port: control.Port{Protocol: corev1.ProtocolTCP, Port: 6443}},
	}}, view{"bystander", dns, (*control.DNS)(nil)})
	want := control.DNS{
		Namespace: "kube-system", Service: "kube-dns", NamespaceLabels: map[string]string{corev1.LabelMetadataName: "kube-system"},
		Selector: map[string]string{"k8s-app": "kube-dns"}, Ports: []control.Port{{Protocol: corev1.ProtocolUDP, Port: 1053}},
	}
	serves := func(namespace string, d control.DNS) view { return view{namespace, dns, &d} }
	o.due(t, func() {
		c.put(t, core("services"), `
{apiVersion: v1, kind: Service, metadata: {namespace: kube-system, name: kube-dns}, spec: {clusterIP: None, selector: {k8s-app: kube-dns},
  ports: [{name: dns, port: 53, targetPort: 1053, protocol: UDP}]}}`)
	}, serves("bystander", want))
	want.Ready = true
	o.due(t, func() {
		c.put(t, slices, `
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: kube-system, name: kube-dns-x,
  labels: {kubernetes.io/service-name: kube-dns}}, addressType: IPv4, endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}],
  ports: [{name: dns, port: 1053, protocol: UDP}]}`)
	}, serves("bystander", want))
	want.HostNetwork, want.Pods = true, []map[string]string{{"k8s-app": "kube-dns"}}
	o.due(t, func() {
		c.put(t, core("pods"), `
{apiVersion: v1, kind: Pod, metadata: {namespace: kube-system, name: dns, labels: {k8s-app: kube-dns}}, spec: {automountServiceAccountToken: false,
  hostNetwork: true, containers: [{name: main, image: example.com/dns}]}}`)
	}, serves("bystander", want), serves("fence", want))
	got := o.snapshot(t, "bystander").Lifelines
	if got != o.snapshot(t, "fence").Lifelines {
		t.Error("namespaces do not share the lifelines")
	}
	c.fence(t, o, "fence") // what these announced, too
	before := o.triggered("bystander")
	unrelated := c.put(t, slices, `
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: bystander, name: x, labels: {kubernetes.io/service-name: kube-dns}},
  addressType: IPv4, endpoints: [{addresses: [10.0.0.9]}], ports: [{port: 1}]}`)
	eventually(t, "the slice is observed", func() bool {
		return atLeast(t, o.Progress()[control.NeedEndpointSlices].Version, unrelated)
	})
	c.createPod(t, "kube-system", "unrelated")
	c.fence(t, o, "fence")
	if o.triggered("bystander") != before || o.snapshot(t, "bystander").Lifelines != got {
		t.Error("what is no part of the lifelines changed them")
	}
}

// testOptional: a kind is watched from when its definition is established until it
// goes, and then known to be empty.
func testOptional(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "touched")
	labelled := func(tier string) view {
		return view{"touched", func(s *control.Snapshot) any { return s.Namespace.Labels["tier"] }, tier}
	}
	o.due(t, func() { c.label(t, "touched", "tier", "web") }, labelled("web"))
	if got := o.snapshot(t, "touched").Unavailable; len(got) > 0 {
		t.Errorf("kinds that are not served are unavailable: %v", got)
	}
	available := view{"touched", func(s *control.Snapshot) any { return len(s.Unavailable) }, 0}
	overriding := func(of ...control.ClusterPolicy) view {
		return view{"touched", func(s *control.Snapshot) any { return s.ClusterPolicies }, of}
	}
	unmodelled := func(of ...string) view {
		return view{"touched", func(s *control.Snapshot) any {
			var names []string
			for _, ref := range s.Unmodelled {
				names = append(names, ref.Name)
			}
			return names
		}, of}
	}
	policies := schema.GroupVersionResource{Group: "policy.networking.k8s.io", Version: "v1alpha2", Resource: "clusternetworkpolicies"}
	cilium := ciliumPolicies()
	o.due(t, func() {
		c.define(t, policies, "ClusterNetworkPolicy", "Cluster")
		c.define(t, cilium, "CiliumNetworkPolicy", "Namespaced")
		c.put(t, policies, `
{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: open}, spec: {tier: Admin, priority: 1,
  subject: {namespaces: {matchLabels: {tier: web}}}, ingress: [{action: Accept, from: [{namespaces: {matchLabels: {tier: web}}}]}]}}`)
		c.put(t, cilium, `{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {namespace: touched, name: own}, spec: {endpointSelector: {}}}`)
	}, overriding(control.ClusterPolicy{
		Name: "open", Tier: "Admin", Priority: 1, Ingress: []control.ClusterRule{{
			Action: "Accept", Peers: []control.ClusterPeer{{Namespaces: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "web"}}}},
		}},
	}), unmodelled("own"), available)
	peers := o.snapshot(t, "touched").Peers
	if got, found := peers.Namespaces["tier=web"]; got || !found {
		t.Errorf("peers of the cluster policy: %v", peers)
	}
	if got := o.snapshot(t, "fence"); len(got.ClusterPolicies)+len(got.Unmodelled) > 0 {
		t.Errorf("what does not touch the namespace is in its snapshot: %+v", got)
	}
	o.due(t, func() { c.label(t, "touched", "tier", "db") }, labelled("db"), overriding())
	o.due(t, func() { c.label(t, "touched", "tier", "web") }, labelled("web"))
	o.due(t, func() {
		c.withdraw(t, policies)
		c.withdraw(t, cilium)
	}, overriding(), unmodelled(), available)
}

// testList: what is listed once is what is watched, and so are fixtures, and a
// namespace that is read again alone.
func testList(t *testing.T, c *cluster, o *told) {
	c.fence(t, o, "fence")
	listed, err := observe.List(t.Context(), c.RESTConfig(), observe.StaticOptions{FieldManager: fieldManager})
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	compare := func(n control.Namespace) bool {
		compared++
		want := o.snapshot(t, n.Name)
		got, err := listed.Snapshot(n.Name)
		if err != nil {
			t.Fatal(err)
		}
		ignored := cmp.Options{cmpopts.IgnoreFields(control.Snapshot{}, "Versions"), cmpopts.IgnoreFields(control.Mesh{}, "MeshedSince")}
		if diff := cmp.Diff(want, got, ignored); diff != "" {
			t.Errorf("%s, listed (-watched +listed):\n%s", n.Name, diff)
		}
		if !atLeast(t, got.Versions[control.NeedPods], "1") {
			t.Errorf("versions: %v", got.Versions)
		}
		versions, err := listed.Reread(t.Context(), c.RESTConfig(), n.Name)
		if err != nil {
			t.Fatal(err)
		}
		if len(versions) != len(listed.Versions()) || !atLeast(t, versions["pods"], listed.Versions()["pods"]) {
			t.Errorf("read again at %v after %v", versions, listed.Versions())
		}
		if got, err = listed.Snapshot(n.Name); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, ignored); diff != "" {
			t.Errorf("%s, read again (-watched +again):\n%s", n.Name, diff)
		}
		return true
	}
	listed.Namespaces(compare)
	compare(control.Namespace{Name: control.Cluster})
	if compared < 5 {
		t.Errorf("only %d namespaces were compared", compared)
	}
}

// everything are the needs that are observed on demand.
func everything() []control.Need {
	return []control.Need{
		control.NeedStorageClasses, control.NeedVolumes, control.NeedAPIServerPods, control.NeedGuards, control.NeedServiceSubjects,
		control.NeedIngresses, control.NeedGateways, control.NeedMesh, control.NeedCertificates,
		control.NeedClaims, control.NeedBackups, control.NeedBackupPlans, control.NeedBackupLocations, control.NeedVolumeSnapshots,
	}
}

// demanded returns when all that is demanded is observed.
func (o *told) demanded(t *testing.T) {
	t.Helper()
	eventually(t, "what is demanded to be observed", func() bool { return len(o.snapshot(t, control.Cluster).Unavailable) == 0 })
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
		control.NeedStorageClasses: control.ReasonForbidden, control.NeedVolumes: control.ReasonForbidden,
		control.NeedGuards: control.ReasonForbidden, control.NeedMesh: control.ReasonForbidden,
		control.NeedIngresses: control.ReasonForbidden, control.NeedGateways: control.ReasonForbidden,
		control.NeedCertificates: control.ReasonForbidden,
		control.NeedClaims:       control.ReasonForbidden, control.NeedVolumeSnapshots: control.ReasonForbidden,
		control.NeedBackups: control.ReasonForbidden, control.NeedBackupPlans: control.ReasonForbidden,
		control.NeedBackupLocations: control.ReasonForbidden,
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
	pods := func(s *control.Snapshot) any { return s.Unavailable[control.NeedPods] }
	o.due(t, func() { c.grant(t, user, config, append(kinds, "pods")...) }, view{"hooks", pods, ""}, view{"elsewhere", pods, ""})
	if got := o.Workloads("hooks"); len(got) != 1 || got[0].Pods != 1 || got[0].Ready != 0 {
		t.Errorf("workloads: %v", got)
	}
	for _, gap := range o.gapsOf(control.NeedPods) {
		if gap.Kind != "pods" || len(gap.Also) > 0 {
			t.Errorf("gap = %+v", gap)
		}
	}
	var also []control.Need
	eventually(t, "definitions to be forbidden", func() bool {
		for _, gap := range o.gapsOf(control.NeedAdmissionBackends) {
			if gap.Kind == "customresourcedefinitions" {
				also = gap.Also
				return true
			}
		}
		return false
	})
	if !slices.Equal(also, []control.Need{
		control.NeedEntrances, control.NeedClusterPolicies,
		control.NeedGateways, control.NeedMesh, control.NeedCertificates, control.NeedGuards,
		control.NeedBackups, control.NeedBackupPlans, control.NeedBackupLocations, control.NeedVolumeSnapshots,
	}) {
		t.Errorf("what else rests on definitions: %v", also)
	}
}

// put applies a document, and waits where its kind is still being established. It
// returns the resourceVersion.
func (c *cluster) put(t *testing.T, resource schema.GroupVersionResource, text string) (version string) {
	t.Helper()
	var object unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatal(err)
	}
	client := c.resource(t, resource, object.GetNamespace())
	eventually(t, resource.Resource+" to be served", func() bool {
		applied, err := client.Apply(t.Context(), object.GetName(), &object, metav1.ApplyOptions{FieldManager: "test", Force: true})
		if apierrors.IsNotFound(err) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		version = applied.GetResourceVersion()
		return true
	})
	return version
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
