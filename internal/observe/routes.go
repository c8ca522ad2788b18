package observe

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The kinds that routes attach to.
const (
	gatewayKind  = "Gateway"
	listenerSet  = "ListenerSet"
	xListenerSet = "XListenerSet"
)

// routeSpec is what is read of a route of a Gateway.
type routeSpec struct {
	Hostnames  []string   `json:"hostnames"`
	ParentRefs []routeRef `json:"parentRefs"`
	Rules      []ruleSpec `json:"rules"`
}

type ruleSpec struct {
	BackendRefs []routeRef   `json:"backendRefs"`
	Filters     []filterSpec `json:"filters"`
}

type filterSpec struct {
	Type            string `json:"type"`
	RequestRedirect struct {
		Scheme string `json:"scheme"`
	} `json:"requestRedirect"`
}

// routeRef names an object; what is left out has a default.
type routeRef struct {
	Group       *string `json:"group"`
	Kind        *string `json:"kind"`
	Namespace   string  `json:"namespace"`
	Name        string  `json:"name"`
	SectionName string  `json:"sectionName"`
	Port        int32   `json:"port"`
}

// is reports whether a reference is to a kind, which is the default.
func (r *routeRef) is(group, kind string) bool {
	return (r.Group == nil || *r.Group == group) && (r.Kind == nil || *r.Kind == kind)
}

// parent returns the kind of what a route attaches to, and whether it is one of
// those.
func (r *routeRef) parent() (kind string, ok bool) {
	if r.Kind == nil {
		return gatewayKind, r.Group == nil || *r.Group == gatewayGroup
	}
	group := gatewayGroup
	if r.Group != nil {
		group = *r.Group
	}
	switch *r.Kind {
	case gatewayKind, listenerSet:
		return intern(*r.Kind), group == gatewayGroup
	case xListenerSet:
		return xListenerSet, group == xGatewayGroup
	default:
		return "", false
	}
}

func keepRoute(s *source, gvk schema.GroupVersionKind) {
	s.example, s.connect = &wire[routeSpec]{}, wireClient[routeSpec, wireStatus](gvk, s.resource)
	id, manager := s.id, s.fieldManager
	s.convert = converting(func(r *wire[routeSpec]) *jointItem {
		return &jointItem{convertRoute(id, gvk.Kind, r), convertGatewayRoute(id, gvk.Kind, r, manager)}
	})
	s.table = joint{entranceTable{s.id}, objectTable[control.GatewayRoute]{
		kind: s.id, needs: []control.Need{control.NeedGateways},
		in:   func(st *store) *placed[control.GatewayRoute] { return &st.objects.routes },
		meta: func(r *control.GatewayRoute) *control.Meta { return &r.Meta },
	}}
}

// convertGatewayRoute keeps what is judged of a route in each namespace with a
// Gateway or ListenerSet that it names as parent. Whether that lets it attach is
// not looked at.
func convertGatewayRoute(id, kind string, r *wire[routeSpec], fieldManager string) *objectItem[control.GatewayRoute] {
	item := &objectItem[control.GatewayRoute]{
		key: object{kind: id, namespace: r.Namespace, name: r.Name}, at: map[string]control.GatewayRoute{},
	}
	route := control.GatewayRoute{Kind: kind, Redirects: redirects(r.Spec.Rules)}
	route.Meta, _ = metaOf(&r.ObjectMeta, fieldManager, body{})
	for _, host := range r.Spec.Hostnames {
		route.Hostnames = append(route.Hostnames, intern(host))
	}
	for i := range r.Spec.ParentRefs {
		ref := &r.Spec.ParentRefs[i]
		parent, ok := ref.parent()
		if !ok {
			continue
		}
		namespace := intern(cmp.Or(ref.Namespace, r.Namespace))
		seen, found := item.at[namespace]
		if !found {
			seen = route
			if namespace != r.Namespace {
				seen.Namespace = intern(r.Namespace)
			}
		}
		seen.Parents = append(seen.Parents, control.RouteParent{
			Kind: parent, Name: intern(ref.Name), Section: intern(ref.SectionName), Port: ref.Port,
		})
		item.at[namespace] = seen
	}
	return item
}

// redirects reports whether each of the rules redirects to https.
func redirects(rules []ruleSpec) bool {
	for i := range rules {
		if !slices.ContainsFunc(rules[i].Filters, func(f filterSpec) bool {
			return f.Type == "RequestRedirect" && f.RequestRedirect.Scheme == "https"
		}) {
			return false
		}
	}
	return len(rules) > 0
}
