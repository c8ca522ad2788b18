package observe

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// grant is what a ReferenceGrant grants.
type grant struct {
	From []granted `json:"from"`
	To   []granted `json:"to"`
}

// granted is who may refer, or what may be referred to: every object of the kind
// where it has no name.
type granted struct {
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

func keepGrant(s *source, gvk schema.GroupVersionKind) {
	s.example, s.connect = &wire[grant]{}, wireClient[grant, wireStatus](gvk, s.resource)
	id := s.id
	s.convert = converting(func(g *wire[grant]) *objectItem[grant] { return inNamespace(id, g.Namespace, g.Name, g.Spec) })
	s.table = objectTable[grant]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[grant] { return &st.objects.grants },
		unseen: true, spread: (*store).grantChanged,
	}
}

// grantChanged touches the namespaces with Gateways that refer to that of a grant.
func (st *store) grantChanged(key object) {
	refers := func(l control.GatewayListener) bool {
		return slices.ContainsFunc(l.Certificates, func(ref control.CertificateRef) bool { return !ref.Granted && ref.Namespace == key.namespace })
	}
	for namespace, gateways := range st.objects.gateways.at {
		if slices.ContainsFunc(gateways, func(o *placedObject[control.Gateway]) bool { return slices.ContainsFunc(o.value.Listeners, refers) }) {
			st.touch(namespace, false)
		}
	}
}

// granted reports whether an object of a kind may refer from its namespace to
// another one.
func (st *store) granted(kind, namespace string, to *control.CertificateRef) bool {
	from := granted{Group: gatewayGroup, Kind: kind, Namespace: namespace}
	if kind == xListenerSet {
		from.Group = xGatewayGroup
	}
	for _, g := range st.objects.grants.at[to.Namespace] {
		if slices.Contains(g.value.From, from) && slices.ContainsFunc(g.value.To, func(t granted) bool {
			return t.Group == to.Group && t.Kind == to.Kind && (t.Name == "" || t.Name == to.Name)
		}) {
			return true
		}
	}
	return false
}
