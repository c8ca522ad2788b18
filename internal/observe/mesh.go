package observe

import (
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The ids of Istio's kinds.
const (
	kindAuthentications = "peerauthentications." + istioSecurity
	kindDestinations    = "destinationrules." + istioNetworking
)

// What namespaces and pods say to a mesh.
const (
	// linkerdInbound is the annotation with Linkerd's inbound policy.
	linkerdInbound = "config.linkerd.io/default-inbound-policy"
	// dataplaneMode is the label by which Istio takes a namespace in without
	// sidecars, where it has the value ambient.
	dataplaneMode = "istio.io/dataplane-mode"
	ambient       = "ambient"
)

func meshKinds() []optional {
	needs := []control.Need{control.NeedMesh}
	return []optional{
		workloadKind(),
		{group: istioSecurity, resource: "peerauthentications", kind: "PeerAuthentication", needs: needs, keep: keepAuthentication},
		{group: istioNetworking, resource: "destinationrules", kind: "DestinationRule", needs: needs, keep: keepDestination},
	}
}

// authenticationSpec is what is read of a PeerAuthentication.
type authenticationSpec struct {
	Selector *struct {
		MatchLabels map[string]string `json:"matchLabels"`
	} `json:"selector"`
	MTLS      mode            `json:"mtls"`
	PortModes map[string]mode `json:"portLevelMtls"`
}

type mode struct {
	Mode string `json:"mode"`
}

func keepAuthentication(s *source, gvk schema.GroupVersionKind) {
	s.example, s.connect = &wire[authenticationSpec]{}, wireClient[authenticationSpec, wireStatus](gvk, s.resource)
	manager := s.fieldManager
	s.convert = converting(func(a *wire[authenticationSpec]) *objectItem[control.PeerAuthentication] {
		return convertAuthentication(a, manager)
	})
	s.table = objectTable[control.PeerAuthentication]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[control.PeerAuthentication] { return &st.objects.authentications },
		meta:   func(a *control.PeerAuthentication) *control.Meta { return &a.Meta },
		spread: (*store).authenticationChanged,
	}
}

// convertAuthentication keeps what is judged of a PeerAuthentication.
func convertAuthentication(a *wire[authenticationSpec], fieldManager string) *objectItem[control.PeerAuthentication] {
	authentication := control.PeerAuthentication{Mode: intern(a.Spec.MTLS.Mode)}
	authentication.Meta, authentication.Ours = metaOf(&a.ObjectMeta, fieldManager, body{})
	if a.Spec.Selector != nil {
		// One that selects nothing in particular selects everything.
		authentication.Selector = internLabels(a.Spec.Selector.MatchLabels)
	}
	for text, m := range a.Spec.PortModes {
		port, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			continue // the API server takes numbers only
		}
		if authentication.PortModes == nil {
			authentication.PortModes = map[int32]string{}
		}
		authentication.PortModes[int32(port)] = intern(m.Mode)
	}
	return inNamespace(kindAuthentications, a.Namespace, a.Name, authentication)
}

// authenticationChanged touches every namespace where a PeerAuthentication may
// hold for the whole mesh.
func (st *store) authenticationChanged(key object) {
	if key.namespace == control.IstioRoot {
		st.touchAll()
	}
}

// destinationSpec is what is read of a DestinationRule.
type destinationSpec struct {
	Host          string      `json:"host"`
	TrafficPolicy trafficSpec `json:"trafficPolicy"`
	Subsets       []struct {
		Name          string      `json:"name"`
		TrafficPolicy trafficSpec `json:"trafficPolicy"`
	} `json:"subsets"`
}

type trafficSpec struct {
	TLS   mode `json:"tls"`
	Ports []struct {
		Port struct {
			Number int64 `json:"number"`
		} `json:"port"`
		TLS mode `json:"tls"`
	} `json:"portLevelSettings"`
}

func keepDestination(s *source, gvk schema.GroupVersionKind) {
	s.example, s.connect = &wire[destinationSpec]{}, wireClient[destinationSpec, wireStatus](gvk, s.resource)
	manager := s.fieldManager
	s.convert = converting(func(d *wire[destinationSpec]) *objectItem[control.DestinationRule] {
		return convertDestination(d, manager)
	})
	s.table = objectTable[control.DestinationRule]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[control.DestinationRule] { return &st.objects.destinations },
		meta: func(d *control.DestinationRule) *control.Meta { return &d.Meta },
	}
}

// convertDestination keeps what is judged of a DestinationRule.
func convertDestination(d *wire[destinationSpec], fieldManager string) *objectItem[control.DestinationRule] {
	rule := control.DestinationRule{Host: intern(d.Spec.Host), Modes: map[string]string{}}
	rule.Meta, _ = metaOf(&d.ObjectMeta, fieldManager, body{})
	d.Spec.TrafficPolicy.modes("trafficPolicy", rule.Modes)
	for _, subset := range d.Spec.Subsets {
		subset.TrafficPolicy.modes(fmt.Sprintf("subsets[%s].trafficPolicy", subset.Name), rule.Modes)
	}
	if len(rule.Modes) == 0 {
		rule.Modes = nil
	}
	return inNamespace(kindDestinations, d.Namespace, d.Name, rule)
}

// modes adds the TLS modes that a traffic policy states, by their path.
func (t *trafficSpec) modes(path string, into map[string]string) {
	if t.TLS.Mode != "" {
		into[intern(path+".tls")] = intern(t.TLS.Mode)
	}
	for _, port := range t.Ports {
		if port.TLS.Mode != "" {
			into[intern(fmt.Sprintf("%s.portLevelSettings[%d].tls", path, port.Port.Number))] = intern(port.TLS.Mode)
		}
	}
}

// meshOf returns what a mesh is told about a namespace, nil where no mesh is
// installed, or none is asked for.
func (st *store) meshOf(s *scope) *control.Mesh {
	if len(st.meshes) == 0 {
		return nil
	}
	namespace := s.namespace.Name
	mesh := &control.Mesh{
		Served:          st.meshes,
		Authentications: objectsAt(st, &st.objects.authentications, namespace, control.NeedMesh),
		Destinations:    objectsAt(st, &st.objects.destinations, namespace, control.NeedMesh),
		InboundPolicy:   s.inbound,
		Ambient:         s.namespace.Labels[dataplaneMode] == ambient,
	}
	if w := st.objects.workloads[namespace]; w != nil {
		mesh.MeshedSince = w.meshedSince
	}
	if namespace == control.IstioRoot {
		return mesh
	}
	for _, everywhere := range objectsAt(st, &st.objects.authentications, control.IstioRoot, control.NeedMesh) {
		everywhere.Namespace = control.IstioRoot
		mesh.Authentications = append(mesh.Authentications, everywhere)
	}
	return mesh
}
