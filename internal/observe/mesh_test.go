package observe_test

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/test/crds"
)

// testMesh: a namespace sees its own PeerAuthentications and those of the mesh,
// what its pods have for proxies, and whether a mesh is there at all.
func testMesh(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "meshed")
	c.createDue(t, o, control.IstioRoot)
	mesh := func(part func(*control.Mesh) any, want any) view {
		return view{"meshed", func(s *control.Snapshot) any {
			if s.Mesh == nil {
				return nil
			}
			return part(s.Mesh)
		}, want}
	}
	served := func(m *control.Mesh) any { return m.Served }
	o.due(t, func() { crds.Install(t, c, crds.Istio) }, mesh(served, []string{"Istio"}))
	o.watches(t, crds.Istio)
	authentications := func(m *control.Mesh) any {
		return bare(m.Authentications, func(a *control.PeerAuthentication) *control.Meta { return &a.Meta })
	}
	own := control.PeerAuthentication{
		Meta: named("own"), Selector: map[string]string{"app": "web"}, Mode: "STRICT", PortModes: map[int32]string{8080: "DISABLE"},
	}
	o.only(t, c, func() {
		c.put(t, security(), `
{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {namespace: meshed, name: own}, spec: {
  selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}}}`)
	}, mesh(authentications, []control.PeerAuthentication{own}))
	everywhere := control.PeerAuthentication{Meta: control.Meta{Namespace: control.IstioRoot, Name: "default"}, Mode: "PERMISSIVE"}
	o.due(t, func() {
		c.put(t, security(), `
{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {namespace: istio-system, name: default}, spec: {mtls: {mode: PERMISSIVE}}}`)
	}, mesh(authentications, []control.PeerAuthentication{own, everywhere}),
		view{"onlooker", func(s *control.Snapshot) any { return len(s.Mesh.Authentications) }, 1},
		view{control.IstioRoot, func(s *control.Snapshot) any { return s.Mesh.Authentications[0].Namespace }, ""})
	o.only(t, c, func() {
		c.put(t, destinations(), `
{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {namespace: meshed, name: d}, spec: {host: web, trafficPolicy: {
  tls: {mode: SIMPLE}, portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]}, subsets: [{name: v1, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}]}}`)
	}, mesh(func(m *control.Mesh) any { return m.Destinations[0].Modes }, map[string]string{
		"trafficPolicy.tls": "SIMPLE", "trafficPolicy.portLevelSettings[80].tls": "DISABLE", "subsets[v1].trafficPolicy.tls": "ISTIO_MUTUAL",
	}))
	o.only(t, c, func() {
		c.patchNamespace(t, "meshed", map[string]any{"annotations": map[string]string{"config.linkerd.io/default-inbound-policy": "deny"}})
	}, mesh(func(m *control.Mesh) any { return m.InboundPolicy }, "deny"))
	o.only(t, c, func() { c.label(t, "meshed", "istio.io/dataplane-mode", "ambient") }, mesh(func(m *control.Mesh) any { return m.Ambient }, true))
	testMeshedPods(t, c, o)
}

func testMeshedPods(t *testing.T, c *cluster, o *told) {
	workloads := func(want ...control.Workload) view {
		return view{"meshed", func(s *control.Snapshot) any { return s.Workloads }, want}
	}
	since := func() bool { return !o.snapshot(t, "meshed").Mesh.MeshedSince.IsZero() }
	pod := func(name, hash, containers string) func() {
		return func() {
			c.put(t, core("pods"), `
{apiVersion: v1, kind: Pod, metadata: {namespace: meshed, name: `+name+`, labels: {app: web, pod-template-hash: `+hash+`},
  annotations: {traffic.sidecar.istio.io/excludeInboundPorts: "9090"},
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-`+hash+`, uid: x, controller: true}]},
  spec: {automountServiceAccountToken: false, containers: [{name: main, image: example.com/x, ports: [{containerPort: 8080}]}], `+containers+`}}`)
		}
	}
	web := control.Workload{
		Kind: "Deployment", Name: "web", Labels: map[string]string{"app": "web"}, Ports: []int32{8080},
		Annotations: map[string]string{"traffic.sidecar.istio.io/excludeInboundPorts": "9090"},
	}
	meshed := web
	meshed.Proxy = "Istio"
	const sidecar = "initContainers: [{name: istio-proxy, image: example.com/x, restartPolicy: Always, ports: [{containerPort: 15090}]}]"
	o.due(t, pod("web-a-1", "a", sidecar), workloads(meshed))
	if !since() {
		t.Error("a namespace with nothing but meshed pods is not meshed")
	}
	before := o.rest(t, c)["meshed"]
	pod("web-b-1", "b", sidecar)()
	c.fence(t, o, "fence")
	eventually(t, "the pod is seen", func() bool {
		return len(o.Observer.Workloads("meshed")) == 1 && o.Observer.Workloads("meshed")[0].Pods == 2
	})
	if got := o.counts()["meshed"]; got != before {
		t.Error("a pod like those that are there announces the namespace")
	}
	o.due(t, pod("web-b-2", "b", "initContainers: []"), workloads(web, meshed))
	if since() {
		t.Error("a namespace with a pod without a proxy is meshed")
	}
	o.due(t, func() { c.deletePod(t, "meshed", "web-b-2") }, workloads(meshed))
	if !since() {
		t.Error("a namespace is meshed no more")
	}
}

// testCertificates: cert-manager's Certificates are seen once it is there, and
// known to be none when it is gone.
func testCertificates(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "certified")
	missing := func(want bool) view {
		return view{"certified", func(s *control.Snapshot) any { return slices.Contains(s.NotServed, "certificates.cert-manager.io") }, want}
	}
	if got := o.snapshot(t, "certified"); missing(true).part(got) != true {
		t.Errorf("not served: %v", got.NotServed)
	}
	o.due(t, func() { crds.Install(t, c, crds.CertManager) }, missing(false))
	o.watches(t, crds.CertManager)
	listed := func(want ...control.Certificate) view {
		return view{"certified", func(s *control.Snapshot) any {
			return bare(s.Certificates, func(c *control.Certificate) *control.Meta { return &c.Meta })
		}, want}
	}
	certificate := control.Certificate{
		Meta: named("web"), Secret: "tls", DNSNames: []string{"a.example.com"}, Issuer: "ClusterIssuer.cert-manager.io/ca",
	}
	o.only(t, c, func() {
		c.put(t, certificates(), `
{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {namespace: certified, name: web}, spec: {
  secretName: tls, dnsNames: [a.example.com], issuerRef: {name: ca, kind: ClusterIssuer}}}`)
	}, listed(certificate))
	certificate.Ready, certificate.Reason, certificate.FailedAttempts = "False", "Failed", 2
	o.only(t, c, func() {
		patch := `{"status": {"failedIssuanceAttempts": 2, "conditions": [{"type": "Ready", "status": "False", "reason": "Failed", "message": "x",
  "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}`
		_, err := c.resource(t, certificates(), "certified").Patch(t.Context(), "web", "application/merge-patch+json", []byte(patch), metav1.PatchOptions{}, "status")
		if err != nil {
			t.Fatal(err)
		}
	}, listed(certificate))
}

// testVanishing: kinds that are served no more are empty, and nobody is blind.
func testVanishing(t *testing.T, c *cluster, o *told) {
	gone := view{"certified", func(s *control.Snapshot) any {
		return len(s.Certificates) == 0 && len(s.Unavailable) == 0 && slices.Contains(s.NotServed, "certificates.cert-manager.io")
	}, true}
	o.due(t, func() { c.withdraw(t, certificates()) }, gone)
	unplanned := view{control.Cluster, func(s *control.Snapshot) any {
		return len(s.Backups)+len(s.BackupPlans) == 0 && len(s.Unavailable) == 0 && slices.Contains(s.NotServed, "schedules.velero.io")
	}, true}
	unsaved := view{"saved", func(s *control.Snapshot) any { return len(s.Backups) }, 0}
	o.due(t, func() {
		c.withdraw(t, velero("schedules"))
		c.withdraw(t, velero("backups"))
	}, unplanned, unsaved)
	unmeshed := view{"meshed", func(s *control.Snapshot) any { return s.Mesh == nil && len(s.Unavailable) == 0 }, true}
	o.due(t, func() { c.withdraw(t, security()) }, unmeshed)
}
