package observe

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// gatewaySpec is what is read of a Gateway, or of a ListenerSet.
type gatewaySpec struct {
	Listeners []listenerSpec `json:"listeners"`
}

type listenerSpec struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
	Port     int32  `json:"port"`
	Hostname string `json:"hostname"`
	Routes   struct {
		Namespaces struct {
			From string `json:"from"`
		} `json:"namespaces"`
	} `json:"allowedRoutes"`
	TLS *struct {
		Mode         string     `json:"mode"`
		Certificates []routeRef `json:"certificateRefs"`
	} `json:"tls"`
}

// What a listener is about where it states nothing: the mode of one that has tls,
// and whose routes may attach.
const (
	terminate     = "Terminate"
	sameNamespace = "Same"
)

func keepGateway(s *source, gvk schema.GroupVersionKind) {
	s.example, s.connect = &wire[gatewaySpec]{}, wireClient[gatewaySpec, wireStatus](gvk, s.resource)
	id, manager := s.id, s.fieldManager
	s.convert = converting(func(g *wire[gatewaySpec]) *jointItem {
		return &jointItem{convertGateway(id, g), convertListeners(id, gvk.Kind, g, manager)}
	})
	s.table = joint{entranceTable{s.id}, listenersTable(s)}
}

func keepListenerSet(s *source, gvk schema.GroupVersionKind) {
	s.example, s.connect = &wire[gatewaySpec]{}, wireClient[gatewaySpec, wireStatus](gvk, s.resource)
	id, manager := s.id, s.fieldManager
	s.convert = converting(func(g *wire[gatewaySpec]) *objectItem[control.Gateway] {
		return convertListeners(id, gvk.Kind, g, manager)
	})
	s.table = listenersTable(s)
}

func listenersTable(s *source) objectTable[control.Gateway] {
	return objectTable[control.Gateway]{
		kind: s.id, needs: []control.Need{control.NeedGateways},
		in:   func(st *store) *placed[control.Gateway] { return &st.objects.gateways },
		meta: func(g *control.Gateway) *control.Meta { return &g.Meta },
	}
}

// convertListeners keeps what is judged of a Gateway itself, or of a ListenerSet.
func convertListeners(id, kind string, g *wire[gatewaySpec], fieldManager string) *objectItem[control.Gateway] {
	gateway := control.Gateway{Kind: kind}
	gateway.Meta, _ = metaOf(&g.ObjectMeta, fieldManager, body{})
	for i := range g.Spec.Listeners {
		l := &g.Spec.Listeners[i]
		listener := control.GatewayListener{
			Name: intern(l.Name), Protocol: intern(l.Protocol), Port: l.Port, Hostname: intern(l.Hostname),
		}
		if from := l.Routes.Namespaces.From; from != sameNamespace {
			listener.From = intern(from)
		}
		if l.TLS != nil {
			listener.Mode = intern(cmp.Or(l.TLS.Mode, terminate))
			for j := range l.TLS.Certificates {
				listener.Certificates = append(listener.Certificates, certificateRef(&l.TLS.Certificates[j], g.Namespace))
			}
		}
		gateway.Listeners = append(gateway.Listeners, listener)
	}
	return inNamespace(id, g.Namespace, g.Name, gateway)
}

// certificateRef reads a reference from an object of a namespace. Within it, it
// needs nobody's leave.
func certificateRef(r *routeRef, namespace string) control.CertificateRef {
	ref := control.CertificateRef{ObjectRef: control.ObjectRef{
		Kind: "Secret", Namespace: intern(cmp.Or(r.Namespace, namespace)), Name: intern(r.Name),
	}}
	if r.Kind != nil {
		ref.Kind = intern(*r.Kind)
	}
	if r.Group != nil {
		ref.Group = intern(*r.Group)
	}
	ref.Granted = ref.Namespace == namespace
	return ref
}

// gatewaysOf returns the Gateways and ListenerSets of a namespace, with what of
// other namespaces they may use.
func (st *store) gatewaysOf(namespace string) []control.Gateway {
	gateways := objectsAt(st, &st.objects.gateways, namespace, control.NeedGateways)
	for i := range gateways {
		g := &gateways[i]
		if !slices.ContainsFunc(g.Listeners, reachesOut) {
			continue
		}
		// What is kept is not changed.
		g.Listeners = slices.Clone(g.Listeners)
		for j := range g.Listeners {
			l := &g.Listeners[j]
			l.Certificates = slices.Clone(l.Certificates)
			for k := range l.Certificates {
				ref := &l.Certificates[k]
				ref.Granted = ref.Granted || st.granted(g.Kind, namespace, ref)
			}
		}
	}
	return gateways
}

// reachesOut reports whether a listener refers to another namespace.
func reachesOut(l control.GatewayListener) bool {
	return slices.ContainsFunc(l.Certificates, func(ref control.CertificateRef) bool { return !ref.Granted })
}
