package observe_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/observe"
	"github.com/holdfast-dev/holdfast/test/crds"
)

// The resources of objects that controls judge one by one.
func storage(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: resource}
}

func networking(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: resource}
}

func gatewayAPI(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: resource}
}

func security() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "security.istio.io", Version: "v1", Resource: "peerauthentications"}
}

func destinations() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "destinationrules"}
}

func certificates() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}
}

// bare returns values without what the API server gives to their objects.
func bare[V any](values []V, meta func(*V) *control.Meta) []V {
	values = slices.Clone(values)
	for i := range values {
		m := meta(&values[i])
		*m = control.Meta{Namespace: m.Namespace, Name: m.Name}
	}
	return values
}

func named(name string) control.Meta { return control.Meta{Name: name} }

// only acts as due does, and fails where other scopes are announced than those of
// the views.
func (o *told) only(t *testing.T, c *cluster, act func(), views ...view) {
	t.Helper()
	before := o.rest(t, c)
	o.due(t, act, views...)
	after := o.rest(t, c)
	var want []string
	for _, v := range views {
		want = append(want, v.namespace)
	}
	var got []string
	for scope, n := range after {
		if n > before[scope] {
			got = append(got, scope)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
}

// rest returns how often each scope was announced once nothing more is, but for the
// fence's own: what concerns every scope is told a while after it can be read.
func (o *told) rest(t *testing.T, c *cluster) map[string]int {
	t.Helper()
	for last := o.counts(); ; {
		c.fence(t, o, "fence")
		counts := o.counts()
		delete(counts, "fence")
		if maps.Equal(counts, last) {
			return counts
		}
		last = counts
	}
}

// watches returns when those kinds of a set that are observed are watched, and
// synced.
func (o *told) watches(t *testing.T, set crds.Set) {
	t.Helper()
	for _, d := range set.Definitions(t) {
		if observe.Observes(schema.GroupKind{Group: d.Spec.Group, Kind: d.Spec.Names.Kind}) {
			eventually(t, d.Name+" to be watched", func() bool { return o.Reached(map[string]string{d.Name: "1"}) })
		}
	}
}

// counts are how often each scope was announced.
func (o *told) counts() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	counts := map[string]int{}
	for _, trigger := range o.triggers {
		counts[trigger.Namespace]++
	}
	return counts
}

// testDemand: what is not demanded is not observed; once it is, it is unavailable
// until it is read, which is no gap, and everybody is told when it is there.
func testDemand(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "onlooker")
	c.put(t, storage("storageclasses"), `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: early}, provisioner: example.com/disk}`)
	c.fence(t, o, "fence")
	before := o.snapshot(t, control.Cluster)
	if before.Namespace.Subject() != (control.Subject{Kind: "Cluster", Name: "cluster", UID: c.uidOf(t, metav1.NamespaceSystem)}) {
		t.Errorf("the cluster is %+v", before.Namespace)
	}
	if len(before.StorageClasses) > 0 || len(before.NotServed) > 0 || len(before.Unavailable) > 0 || before.Lifelines == nil {
		t.Errorf("before anything is demanded: %+v", before)
	}
	if _, found := o.Progress()[control.NeedStorageClasses]; found {
		t.Error("what is not demanded makes progress")
	}
	classes := func(scope string, want ...string) view {
		return view{scope, func(s *control.Snapshot) any {
			var names []string
			for _, class := range s.StorageClasses {
				names = append(names, class.Name)
			}
			return names
		}, want}
	}
	o.due(t, func() {
		o.Demand(control.NeedStorageClasses, control.NeedProbes)
		if snapshot, err := o.Snapshot(control.Cluster); err != nil || len(snapshot.StorageClasses) == 0 &&
			snapshot.Unavailable[control.NeedStorageClasses] != control.ReasonInconclusive {
			t.Errorf("before it is read: %+v (%v)", snapshot.Unavailable, err)
		}
	}, classes(control.Cluster, "early"), classes("onlooker"))
	o.only(t, c, func() { c.drop(t, storage("storageclasses"), "", "early") }, classes(control.Cluster))
	o.Demand()
	eventually(t, "classes are watched no more", func() bool { return !o.Reached(map[string]string{"storageclasses": "1"}) })
	o.Namespaces(func(n control.Namespace) bool {
		if n.Name == control.Cluster {
			t.Error("the cluster is among the namespaces")
		}
		return true
	})
}

// uidOf returns the UID of a namespace.
func (c *cluster) uidOf(t *testing.T, namespace string) string {
	t.Helper()
	n, err := c.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return string(n.UID)
}

// testDemandForbidden: what is demanded and may not be read is a gap of its kind
// only, and everybody is told when it is there.
func testDemandForbidden(t *testing.T, c *cluster) {
	const user = "ingressless"
	config := c.user(t, user)
	kinds := []string{"namespaces", "networkpolicies"}
	c.grant(t, user, config, kinds...)
	o := start(t, observe.Options{Config: config})
	if err := o.WaitForSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.Demand(control.NeedIngresses)
	ingresses := func(want string) view {
		return view{"hooks", func(s *control.Snapshot) any { return s.Unavailable[control.NeedIngresses] }, want}
	}
	var remedy string
	eventually(t, "classes of Ingresses to be forbidden", func() bool {
		for _, gap := range o.gapsOf(control.NeedIngresses) {
			remedy = gap.Remedy
		}
		return remedy != "" && ingresses(control.ReasonForbidden).part(o.snapshot(t, "hooks")) == control.ReasonForbidden
	})
	want := `grant {apiGroups: [networking.k8s.io], resources: [ingressclasses], verbs: [list, watch]}`
	if !strings.Contains(remedy, want) {
		t.Errorf("remedy %q, want one with %q", remedy, want)
	}
	if _, listed := o.snapshot(t, "hooks").Unavailable[control.NeedVolumes]; listed {
		t.Error("what is not demanded is unavailable")
	}
	o.Demand()
	eventually(t, "the gap to end when nobody asks any more", func() bool {
		return slices.ContainsFunc(o.gapsOf(control.NeedIngresses), func(g observe.GapEvent) bool { return g.To != nil && g.Moot })
	})
	o.Demand(control.NeedIngresses)
	o.due(t, func() { c.grant(t, user, config, append(kinds, "ingresses", "ingressclasses")...) }, ingresses(""))
	o.Demand()
	if got := o.snapshot(t, "hooks").Unavailable[control.NeedIngresses]; got != "" {
		t.Errorf("what is demanded no more is unavailable: %s", got)
	}
}

// testStorage: a class concerns the cluster, and the namespaces with volumes of
// it; a volume the namespace of its claim.
func testStorage(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "stored")
	c.createDue(t, o, "unstored")
	put := func(text string) func() { return func() { c.put(t, storage("storageclasses"), text) } }
	classes := func(want ...control.StorageClass) view {
		return view{control.Cluster, func(s *control.Snapshot) any {
			return bare(s.StorageClasses, func(c *control.StorageClass) *control.Meta { return &c.Meta })
		}, want}
	}
	volumes := func(want ...control.Volume) view {
		return view{"stored", func(s *control.Snapshot) any {
			if len(s.Volumes) == 0 {
				return []control.Volume(nil)
			}
			stored := bare(s.Volumes, func(v *control.Volume) *control.Meta { return &v.Meta })
			for i := range stored {
				if class := stored[i].Class; class != nil {
					stored[i].Class = &bare([]control.StorageClass{*class}, func(c *control.StorageClass) *control.Meta { return &c.Meta })[0]
				}
			}
			return stored
		}, want}
	}
	volume := control.Volume{
		Meta: named("v"), Claim: "data", Phase: corev1.VolumePending, Source: "ebs.csi.aws.com", Handle: "vol-1",
		Attributes: map[string]string{"encrypted": "true"}, Provisioner: "ebs.csi.aws.com", ClassName: "gold",
	}
	o.only(t, c, func() {
		c.put(t, core("persistentvolumes"), `
{apiVersion: v1, kind: PersistentVolume, metadata: {name: v, annotations: {pv.kubernetes.io/provisioned-by: ebs.csi.aws.com}}, spec: {
  capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], storageClassName: gold, claimRef: {namespace: stored, name: data},
  csi: {driver: ebs.csi.aws.com, volumeHandle: vol-1, volumeAttributes: {encrypted: "true", adminPassword: canary}}}}`)
	}, volumes(volume))
	class := control.StorageClass{
		Meta: named("gold"), Provisioner: "ebs.csi.aws.com", Default: true,
		Parameters: map[string]string{"encrypted": "true", "csi.storage.k8s.io/node-stage-secret-name": "key"},
	}
	volume.Class = &class
	o.only(t, c, put(`
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: gold, annotations: {storageclass.kubernetes.io/is-default-class: "true"}},
  provisioner: ebs.csi.aws.com, parameters: {encrypted: "true", csi.storage.k8s.io/node-stage-secret-name: key, secretKey: canary}}`),
		classes(class), volumes(volume))
	unmarked := class
	unmarked.Default = false
	volume.Class = &unmarked
	o.only(t, c, put(`
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: gold}, provisioner: ebs.csi.aws.com, parameters: {
  encrypted: "true", csi.storage.k8s.io/node-stage-secret-name: key, secretKey: canary}}`), classes(unmarked), volumes(volume))
	held := o.snapshot(t, "stored").Volumes[0]
	subject := control.Subject{Kind: "PersistentVolume", Namespace: "stored", Name: "v", UID: held.UID}
	if held.UID == "" || held.CreatedAt.IsZero() || held.Identity.Manager != "test" || !o.Holds(subject) {
		t.Errorf("the volume is %+v", held)
	}
	for _, other := range []control.Subject{
		{Kind: "Cluster", Name: "cluster", UID: c.uidOf(t, metav1.NamespaceSystem)}, {Kind: "Namespace", Name: "stored", UID: c.uidOf(t, "stored")},
	} {
		if !o.Holds(other) {
			t.Errorf("%s is not held", other)
		}
	}
	o.only(t, c, func() {
		_, err := c.CoreV1().PersistentVolumes().Patch(t.Context(), "v", "application/merge-patch+json", []byte(`{"spec": {"claimRef": null}}`), metav1.PatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}, volumes())
	if !o.Holds(subject) {
		t.Error("a volume that is released is gone")
	}
	subject.UID = "another"
	if o.Holds(subject) {
		t.Error("another volume of that name is held")
	}
}

// testAPIServers: of an API server's static pod the flags are seen that a rule
// looks at, and no other pod is taken for one.
func testAPIServers(t *testing.T, c *cluster, o *told) {
	pods := func(want ...control.APIServerPod) view {
		return view{control.Cluster, func(s *control.Snapshot) any { return s.APIServerPods }, want}
	}
	o.due(t, func() {
		c.put(t, core("pods"), `
{apiVersion: v1, kind: Pod, metadata: {namespace: kube-system, name: kube-apiserver-forged, labels: {component: kube-apiserver}},
  spec: {automountServiceAccountToken: false, containers: [{name: kube-apiserver, image: example.com/x, command: [x, --tls-min-version=VersionTLS13]}]}}`)
		c.put(t, core("pods"), `
{apiVersion: v1, kind: Pod, metadata: {namespace: kube-system, name: kube-apiserver-a, labels: {component: kube-apiserver},
  annotations: {kubernetes.io/config.mirror: x}}, spec: {automountServiceAccountToken: false, nodeName: a, containers: [
  {name: kube-apiserver, image: example.com/x, command: [kube-apiserver, --etcd-servers=https://user:canary@etcd, --tls-min-version=VersionTLS12],
   args: [--encryption-provider-config, /etc/x.yaml, --encryption-provider-config-automatic-reload, --audit-log-path=-]}]}}`)
	}, pods(control.APIServerPod{Name: "kube-apiserver-a", Flags: map[string]string{
		"tls-min-version": "VersionTLS12", "encryption-provider-config": "/etc/x.yaml",
		"encryption-provider-config-automatic-reload": "true", "audit-log-path": "-",
	}}))
}

// testGuards: of the objects of admission policies those are seen that Holdfast's
// guards are made of.
func testGuards(t *testing.T, c *cluster, o *told) {
	guards := func(want ...string) view {
		return view{control.Cluster, func(s *control.Snapshot) any {
			var names []string
			for _, g := range s.Guards {
				names = append(names, g.APIVersion+" "+g.Kind+" "+g.Name)
			}
			return names
		}, want}
	}
	const (
		policy  = "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy holdfast-guard-x"
		binding = "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding holdfast-guard-x"
		list    = "holdfast.dev/v1alpha1 EncryptedStorageClasses holdfast-guard-x"
	)
	policies, bindings := admission("validatingadmissionpolicies"), admission("validatingadmissionpolicybindings")
	o.only(t, c, func() {
		c.put(t, policies, `
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: somebody-elses}, spec: {
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [nodes]}]}, validations: [{expression: "true"}]}}`)
		c.put(t, policies, `
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: holdfast-guard-x}, spec: {
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [nodes]}]}, validations: [{expression: "true"}]}}`)
		c.put(t, bindings, `
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: holdfast-guard-x}, spec: {
  policyName: holdfast-guard-x, validationActions: [Audit]}}`)
	}, guards(policy, binding))
	lists := schema.GroupVersionResource{Group: "holdfast.dev", Version: "v1alpha1", Resource: "encryptedstorageclasses"}
	o.due(t, func() {
		c.define(t, lists, "EncryptedStorageClasses", "Cluster")
		c.put(t, lists, `
{apiVersion: holdfast.dev/v1alpha1, kind: EncryptedStorageClasses, metadata: {name: holdfast-guard-x}, spec: {allowed: [gold], allowStatic: false}}`)
	}, guards(list, policy, binding))
	spec := o.snapshot(t, control.Cluster).Guards[0].Spec
	if diff := cmp.Diff(map[string]any{"allowed": []any{"gold"}, "allowStatic": false}, spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	o.only(t, c, func() {
		c.put(t, lists, `
{apiVersion: holdfast.dev/v1alpha1, kind: EncryptedStorageClasses, metadata: {name: holdfast-guard-x}, spec: {allowed: [gold, silver], allowStatic: false}}`)
	}, view{control.Cluster, func(s *control.Snapshot) any { return s.Guards[0].Spec["allowed"] }, []any{"gold", "silver"}})
	o.only(t, c, func() { c.drop(t, policies, "", "holdfast-guard-x") }, guards(list, binding))
}

// testIngresses: an Ingress concerns its namespace, by what it says and where it
// is served, and so does its class.
func testIngresses(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "served")
	ingresses := func(want ...control.Ingress) view {
		return view{"served", func(s *control.Snapshot) any {
			return bare(s.Ingresses, func(i *control.Ingress) *control.Meta { return &i.Meta })
		}, want}
	}
	ingress := control.Ingress{
		Meta: named("web"), Class: "nginx", Hosts: []string{"a.example.com", ""},
		TLS:         []control.IngressTLS{{Hosts: []string{"a.example.com"}, Secret: "tls"}},
		Annotations: map[string]string{"nginx.ingress.kubernetes.io/ssl-redirect": "true"},
	}
	o.only(t, c, func() {
		c.put(t, networking("ingresses"), `
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: served, name: web, annotations: {
  nginx.ingress.kubernetes.io/ssl-redirect: "true", note: nobody looks at it}}, spec: {ingressClassName: nginx,
  tls: [{hosts: [a.example.com], secretName: tls}], rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix,
  backend: {service: {name: web, port: {number: 80}}}}]}}, {http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}`)
	}, ingresses(ingress))
	ingress.Controller = "k8s.io/ingress-nginx"
	o.only(t, c, func() {
		c.put(t, networking("ingressclasses"), `
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: nginx}, spec: {controller: k8s.io/ingress-nginx}}`)
	}, ingresses(ingress))
	ingress.Addresses = []string{"192.0.2.1", "lb.example.com"}
	o.only(t, c, func() {
		_, err := c.NetworkingV1().Ingresses("served").Patch(t.Context(), "web", "application/merge-patch+json",
			[]byte(`{"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}, {"ip": "192.0.2.1"}]}}}`), metav1.PatchOptions{}, "status")
		if err != nil {
			t.Fatal(err)
		}
	}, ingresses(ingress))
	before := o.rest(t, c)
	noted := c.annotate(t, "served", "web", "note", "nobody looks at this either")
	eventually(t, "the note to be seen", func() bool { return o.Reached(map[string]string{"ingresses": noted}) })
	if after := o.rest(t, c); after["served"] != before["served"] {
		t.Error("what no rule looks at announces the namespace")
	}
}

// annotate annotates an Ingress, and returns its resourceVersion.
func (c *cluster) annotate(t *testing.T, namespace, name, key, value string) string {
	t.Helper()
	patched, err := c.NetworkingV1().Ingresses(namespace).Patch(t.Context(), name, "application/merge-patch+json",
		document(t, map[string]any{"metadata": map[string]any{"annotations": map[string]string{key: value}}}), metav1.PatchOptions{FieldManager: "kubectl"})
	if err != nil {
		t.Fatal(err)
	}
	return patched.ResourceVersion
}

// testServices: where Services are subjects, they are seen with what makes them so.
func testServices(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "ported")
	o.only(t, c, func() {
		c.put(t, core("services"), `
{apiVersion: v1, kind: Service, metadata: {namespace: ported, name: web}, spec: {ports: [{port: 80, appProtocol: https}]}}`)
	}, view{"ported", func(s *control.Snapshot) any {
		return len(s.Services) == 1 && s.Services[0].UID != "" && !s.Services[0].CreatedAt.IsZero() && s.Services[0].Ports[0].AppProtocol == "https"
	}, true})
}

// testGateways: Gateways and ListenerSets concern their namespaces, routes those
// of their parents, and grants those that they let refer.
func testGateways(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "edge")
	c.createDue(t, o, "backend")
	crds.Install(t, c, crds.GatewayAPI)
	o.watches(t, crds.GatewayAPI)
	gateways := func(want ...control.Gateway) view {
		return view{"edge", func(s *control.Snapshot) any {
			return bare(s.Gateways, func(g *control.Gateway) *control.Meta { return &g.Meta })
		}, want}
	}
	secret := func(namespace, name string, granted bool) control.CertificateRef {
		return control.CertificateRef{ObjectRef: control.ObjectRef{Kind: "Secret", Namespace: namespace, Name: name}, Granted: granted}
	}
	gateway := func(granted bool) control.Gateway {
		return control.Gateway{Meta: named("g"), Kind: "Gateway", Listeners: []control.GatewayListener{
			{Name: "http", Protocol: "HTTP", Port: 80, From: "All"},
			{
				Name: "https", Protocol: "HTTPS", Port: 443, Hostname: "a.example.com", Mode: "Terminate",
				Certificates: []control.CertificateRef{secret("edge", "own", true), secret("backend", "theirs", granted)},
			},
		}}
	}
	o.only(t, c, func() {
		c.put(t, gatewayAPI("gateways"), `
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {namespace: edge, name: g}, spec: {gatewayClassName: x, listeners: [
  {name: http, protocol: HTTP, port: 80, allowedRoutes: {namespaces: {from: All}}},
  {name: https, protocol: HTTPS, port: 443, hostname: a.example.com, tls: {certificateRefs: [{name: own}, {namespace: backend, name: theirs}]}}]}}`)
	}, gateways(gateway(false)))
	set := control.Gateway{Meta: named("s"), Kind: "ListenerSet", Listeners: []control.GatewayListener{{Name: "more", Protocol: "HTTP", Port: 8080}}}
	o.only(t, c, func() {
		c.put(t, gatewayAPI("listenersets"), `
{apiVersion: gateway.networking.k8s.io/v1, kind: ListenerSet, metadata: {namespace: edge, name: s}, spec: {
  parentRef: {name: g}, listeners: [{name: more, protocol: HTTP, port: 8080}]}}`)
	}, gateways(gateway(false), set))
	grants := schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1beta1", Resource: "referencegrants"}
	o.only(t, c, func() {
		c.put(t, grants, `
{apiVersion: gateway.networking.k8s.io/v1beta1, kind: ReferenceGrant, metadata: {namespace: backend, name: allow}, spec: {
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: edge}], to: [{group: "", kind: Secret, name: theirs}]}}`)
	}, gateways(gateway(true), set))
	o.only(t, c, func() { c.drop(t, grants, "backend", "allow") }, gateways(gateway(false), set))
	testRoutes(t, c, o)
}

func testRoutes(t *testing.T, c *cluster, o *told) {
	routes := func(namespace string, want ...control.GatewayRoute) view {
		return view{namespace, func(s *control.Snapshot) any {
			return bare(s.GatewayRoutes, func(r *control.GatewayRoute) *control.Meta { return &r.Meta })
		}, want}
	}
	// It leads into its own namespace, too.
	leads := func(want bool) view {
		return view{"backend", func(s *control.Snapshot) any { return len(s.Entrances) > 0 }, want}
	}
	put := func(filters string) func() {
		return func() {
			c.put(t, gatewayAPI("httproutes"), `
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {namespace: backend, name: r}, spec: {hostnames: [a.example.com],
  parentRefs: [{namespace: edge, name: g, sectionName: http}, {namespace: edge, name: s, kind: ListenerSet, port: 8080}], rules: [{`+filters+`}]}}`)
		}
	}
	route := control.GatewayRoute{
		Meta: control.Meta{Namespace: "backend", Name: "r"}, Kind: "HTTPRoute", Hostnames: []string{"a.example.com"},
		Parents: []control.RouteParent{{Kind: "Gateway", Name: "g", Section: "http"}, {Kind: "ListenerSet", Name: "s", Port: 8080}},
	}
	o.only(t, c, put("backendRefs: [{name: web, port: 80}]"), routes("edge", route), leads(true))
	route.Redirects = true
	o.due(t, put("filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]"), routes("edge", route))
	o.only(t, c, func() { c.drop(t, gatewayAPI("httproutes"), "backend", "r") }, routes("edge"), leads(false))
}
