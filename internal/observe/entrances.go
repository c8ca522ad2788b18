package observe

import (
	"cmp"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// entranceItem is a way in, as each namespace sees it that it leads to.
type entranceItem struct {
	key object
	at  map[string]control.Entrance
}

// convertIngress keeps what is judged of an Ingress.
func convertIngress(i *networkingv1.Ingress) *entranceItem {
	entrance := control.Entrance{Kind: "Ingress", Name: intern(i.Name)}
	var services, hosts []string
	all := len(i.Spec.Rules) == 0
	serve := func(b *networkingv1.IngressBackend) {
		if b != nil && b.Service != nil {
			services = append(services, b.Service.Name)
		}
	}
	if i.Spec.DefaultBackend != nil {
		all = true
		serve(i.Spec.DefaultBackend)
	}
	for r := range i.Spec.Rules {
		rule := &i.Spec.Rules[r]
		all = all || rule.Host == ""
		hosts = append(hosts, rule.Host)
		if rule.HTTP == nil {
			continue
		}
		for p := range rule.HTTP.Paths {
			serve(&rule.HTTP.Paths[p].Backend)
		}
	}
	entrance.Services = sorted(services)
	if !all {
		entrance.Hosts = sorted(hosts)
	}
	return newEntrance(kindIngresses, i.Namespace, entrance)
}

func convertGateway(kind string, g *wire[gatewaySpec]) *entranceItem {
	entrance := control.Entrance{Kind: "Gateway", Name: intern(g.Name)}
	var hosts []string
	all := len(g.Spec.Listeners) == 0
	for _, l := range g.Spec.Listeners {
		entrance.Ports = append(entrance.Ports, l.Port)
		all = all || l.Hostname == ""
		hosts = append(hosts, l.Hostname)
	}
	slices.Sort(entrance.Ports)
	entrance.Ports = slices.Compact(entrance.Ports)
	if !all {
		entrance.Hosts = sorted(hosts)
	}
	return newEntrance(kind, g.Namespace, entrance)
}

// convertRoute keeps what is judged of a route. Where it leads to Services of
// another namespace, it is a way into that one too, under the route's full name:
// whether that namespace grants it is not looked at.
func convertRoute(kind, name string, r *wire[routeSpec]) *entranceItem {
	var parents []string
	for _, p := range r.Spec.ParentRefs {
		if p.is(gatewayGroup, "Gateway") {
			parents = append(parents, cmp.Or(p.Namespace, r.Namespace)+"/"+p.Name)
		}
	}
	services := map[string][]string{r.Namespace: nil}
	for _, rule := range r.Spec.Rules {
		for _, b := range rule.BackendRefs {
			if b.is("", "Service") {
				namespace := cmp.Or(b.Namespace, r.Namespace)
				services[namespace] = append(services[namespace], b.Name)
			}
		}
	}
	item := &entranceItem{key: object{kind: kind, namespace: r.Namespace, name: r.Name}, at: map[string]control.Entrance{}}
	for namespace, names := range services {
		entrance := control.Entrance{
			Kind: name, Name: r.Name, Services: sorted(names), Hosts: sorted(r.Spec.Hostnames), Parents: sorted(parents),
		}
		if namespace != r.Namespace {
			entrance.Name = r.Namespace + "/" + r.Name
		}
		item.at[intern(namespace)] = entrance
	}
	return item
}

func newEntrance(kind, namespace string, entrance control.Entrance) *entranceItem {
	return &entranceItem{
		key: object{kind: kind, namespace: namespace, name: entrance.Name},
		at:  map[string]control.Entrance{intern(namespace): entrance},
	}
}

// entranceTable keeps entranceItem items of one kind.
type entranceTable struct{ kind string }

func (entranceTable) put(st *store, item any) change {
	e := item.(*entranceItem)
	old := st.entrances.put(e.key, e.at)
	for namespace, entrance := range e.at {
		if was, found := old[namespace]; !found || !equality.Semantic.DeepEqual(was, entrance) {
			st.touch(namespace, false)
		}
		delete(old, namespace)
	}
	for namespace := range old {
		st.touch(namespace, false)
	}
	return change{}
}

func (t entranceTable) remove(st *store, item any) change {
	return t.put(st, &entranceItem{key: item.(*entranceItem).key})
}

func (t entranceTable) replace(st *store, items []any) {
	kept := make(map[object]struct{}, len(items))
	for _, item := range items {
		kept[item.(*entranceItem).key] = struct{}{}
		t.put(st, item)
	}
	for _, key := range st.entrances.others(t.kind, kept) {
		t.remove(st, &entranceItem{key: key})
	}
}

// entrancesOf returns the ways into a namespace, by kind and name.
func (st *store) entrancesOf(namespace string) []control.Entrance {
	var entrances []control.Entrance
	for _, o := range st.entrances.at[namespace] {
		entrances = append(entrances, o.value)
	}
	slices.SortFunc(entrances, func(a, b control.Entrance) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return entrances
}
