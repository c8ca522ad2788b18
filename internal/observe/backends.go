package observe

import (
	"cmp"
	"maps"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	// maxUsers bounds the callers that are named of a backend.
	maxUsers = 4
	// backendPort is the port that the API server calls where none is stated.
	backendPort = 443
)

// backendRef is a port of a Service that the API server calls, on behalf of user.
type backendRef struct {
	service string
	port    int32
	user    string
	// gates is whether NetworkPolicies are refused without its answer.
	gates bool
}

// callerItem is what makes the API server call Services, with these by namespace,
// and what of optional kinds it says to be served.
type callerItem struct {
	key    object
	calls  map[string][]backendRef
	served *servedItem
}

// caller returns an item that calls nothing yet.
func caller(kind, name string) *callerItem {
	return &callerItem{key: object{kind: kind, name: intern(name)}}
}

// add adds a call that no NetworkPolicy waits for.
func (c *callerItem) add(user, namespace, service string, port *int32) {
	c.addCall(user, namespace, service, port, false)
}

func (c *callerItem) addCall(user, namespace, service string, port *int32, gates bool) {
	ref := backendRef{service: intern(service), port: backendPort, user: user + " " + c.key.name, gates: gates}
	if port != nil {
		ref.port = *port
	}
	if c.calls == nil {
		c.calls = map[string][]backendRef{}
	}
	if !slices.Contains(c.calls[namespace], ref) {
		c.calls[intern(namespace)] = append(c.calls[namespace], ref)
	}
}

func (c *callerItem) addWebhook(user string, config *admissionregistrationv1.WebhookClientConfig, gates bool) {
	if s := config.Service; s != nil {
		c.addCall(user, s.Namespace, s.Name, s.Port, gates)
	}
}

// gates reports whether the API server refuses to write NetworkPolicies without
// the answer of a webhook. Which namespaces and objects it is asked about is left
// aside.
func gates(policy *admissionregistrationv1.FailurePolicyType, rules []admissionregistrationv1.RuleWithOperations) bool {
	if policy != nil && *policy == admissionregistrationv1.Ignore {
		return false
	}
	lists := func(list []string, values ...string) bool {
		return slices.ContainsFunc(list, func(entry string) bool { return slices.Contains(values, entry) })
	}
	return slices.ContainsFunc(rules, func(r admissionregistrationv1.RuleWithOperations) bool {
		writes := slices.ContainsFunc(r.Operations, func(o admissionregistrationv1.OperationType) bool {
			return o == admissionregistrationv1.OperationAll || o == admissionregistrationv1.Create || o == admissionregistrationv1.Update
		})
		return writes && lists(r.APIGroups, "*", networkingv1.GroupName) && lists(r.Resources, "*", "*/*", "networkpolicies") &&
			(r.Scope == nil || *r.Scope != admissionregistrationv1.ClusterScope)
	})
}

func convertValidating(w *admissionregistrationv1.ValidatingWebhookConfiguration) *callerItem {
	item := caller(kindValidating, w.Name)
	for i := range w.Webhooks {
		hook := &w.Webhooks[i]
		item.addWebhook("ValidatingWebhookConfiguration", &hook.ClientConfig, gates(hook.FailurePolicy, hook.Rules))
	}
	return item
}

func convertMutating(w *admissionregistrationv1.MutatingWebhookConfiguration) *callerItem {
	item := caller(kindMutating, w.Name)
	for i := range w.Webhooks {
		hook := &w.Webhooks[i]
		item.addWebhook("MutatingWebhookConfiguration", &hook.ClientConfig, gates(hook.FailurePolicy, hook.Rules))
	}
	return item
}

// serviceSpec names a port of a Service.
type serviceSpec struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Port      *int32 `json:"port"`
}

// definitionSpec is what is read of a CustomResourceDefinition, of which the
// schemas are by far the largest part.
type definitionSpec struct {
	Conversion struct {
		Strategy apiextensionsv1.ConversionStrategyType `json:"strategy"`
		Webhook  struct {
			ClientConfig struct {
				Service *serviceSpec `json:"service"`
			} `json:"clientConfig"`
		} `json:"webhook"`
	} `json:"conversion"`
	Versions []struct {
		Name   string `json:"name"`
		Served bool   `json:"served"`
	} `json:"versions"`
}

func convertDefinition(d *wire[definitionSpec]) *callerItem {
	item := caller(kindDefinitions, d.Name)
	if s := d.Spec.Conversion.Webhook.ClientConfig.Service; s != nil &&
		d.Spec.Conversion.Strategy == apiextensionsv1.WebhookConverter {
		item.add("CustomResourceDefinition", s.Namespace, s.Name, s.Port)
	}
	established := slices.Contains(d.Status.Conditions,
		wireCondition{Type: string(apiextensionsv1.Established), Status: "True"})
	if !established {
		return item
	}
	item.served = &servedItem{}
	for _, v := range d.Spec.Versions {
		if v.Served {
			item.served.versions = append(item.served.versions, v.Name)
		}
	}
	return item
}

// apiServiceSpec is what is read of an APIService.
type apiServiceSpec struct {
	Service *serviceSpec `json:"service"`
	Version string       `json:"version"`
}

func convertAPIService(a *wire[apiServiceSpec]) *callerItem {
	item := caller(kindAPIServices, a.Name)
	if s := a.Spec.Service; s != nil {
		item.add("APIService", s.Namespace, s.Name, s.Port)
		item.served = &servedItem{versions: []string{a.Spec.Version}}
	}
	return item
}

// callerTable keeps callerItem items of one kind.
type callerTable struct{ kind string }

func (callerTable) put(st *store, item any) change {
	c := item.(*callerItem)
	old := st.callers.put(c.key, c.calls)
	for namespace, refs := range c.calls {
		if !slices.Equal(refs, old[namespace]) {
			st.touch(namespace, false)
		}
		delete(old, namespace)
	}
	for namespace := range old {
		st.touch(namespace, false)
	}
	st.serve(c.key, c.served)
	return change{}
}

func (t callerTable) remove(st *store, item any) change {
	return t.put(st, &callerItem{key: item.(*callerItem).key})
}

func (t callerTable) replace(st *store, items []any) {
	kept := make(map[object]struct{}, len(items))
	for _, item := range items {
		kept[item.(*callerItem).key] = struct{}{}
		t.put(st, item)
	}
	gone := st.callers.others(t.kind, kept)
	for key := range st.served {
		if _, ok := kept[key]; !ok && key.kind == t.kind {
			gone = append(gone, key)
		}
	}
	for _, key := range gone {
		t.remove(st, &callerItem{key: key})
	}
}

// backends returns the Services of a namespace that the API server calls.
func (st *store) backends(namespace string, s *scope) []control.AdmissionBackend {
	type target struct {
		service string
		port    int32
	}
	users, gates := map[target][]string{}, map[target]bool{}
	for _, caller := range st.callers.at[namespace] {
		for _, ref := range caller.value {
			t := target{ref.service, ref.port}
			users[t] = append(users[t], ref.user)
			gates[t] = gates[t] || ref.gates
		}
	}
	if len(users) == 0 {
		return nil
	}
	targets := slices.SortedFunc(maps.Keys(users), func(a, b target) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.port, b.port))
	})
	backends := make([]control.AdmissionBackend, 0, len(targets))
	for _, t := range targets {
		callers := slices.Compact(sorted(users[t]))
		backend := control.AdmissionBackend{Service: t.service, Port: t.port, Gates: gates[t], Users: callers[:min(len(callers), maxUsers)]}
		st.resolveBackend(s, &backend)
		backends = append(backends, backend)
	}
	return backends
}

// resolveBackend adds where the call of a backend ends.
func (st *store) resolveBackend(s *scope, backend *control.AdmissionBackend) {
	i, found := s.service(backend.Service)
	if !found {
		return
	}
	service := s.services[i]
	backend.Selector = service.Selector
	for j := range service.Ports {
		if p := &service.Ports[j]; p.Port.Port == backend.Port {
			backend.Targets = append(backend.Targets, st.targets(s, &service, p)...)
		}
	}
	slices.SortFunc(backend.Targets, comparePorts)
	backend.Targets = slices.Compact(backend.Targets)
	for class := range st.matching(s, service.Selector) {
		backend.HostNetwork = backend.HostNetwork || class.HostNetwork
	}
}
