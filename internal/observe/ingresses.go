package observe

import (
	"cmp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	networkingv1client "k8s.io/client-go/kubernetes/typed/networking/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// kindIngressClasses is the id of IngressClasses.
const kindIngressClasses = "ingressclasses"

// ingressClass names the class of an Ingress that has none in its spec.
const ingressClass = "kubernetes.io/ingress.class"

// The kind, and the group, of cert-manager's that own Ingresses which answer
// challenges.
const (
	challengeKind = "Challenge"
	acmeGroup     = "acme.cert-manager.io"
)

// ingressTable keeps Ingresses as ways in, and as what they are.
func ingressTable() table {
	return joint{entranceTable{kindIngresses}, objectTable[control.Ingress]{
		kind: kindIngresses, needs: []control.Need{control.NeedIngresses},
		in:   func(st *store) *placed[control.Ingress] { return &st.objects.ingresses },
		meta: func(i *control.Ingress) *control.Meta { return &i.Meta },
	}}
}

// convertIngressClass keeps which controller a class has. Its scopes see no more
// of it.
func convertIngressClass(c *networkingv1.IngressClass) *objectItem[string] {
	return &objectItem[string]{
		key: object{kind: kindIngressClasses, name: c.Name}, at: map[string]string{control.Cluster: intern(c.Spec.Controller)},
	}
}

func ingressKinds() []optional {
	return []optional{{
		id: kindIngressClasses, group: networkingv1.GroupName, resource: kindIngressClasses, kind: "IngressClass", everywhere: "v1",
		needs: []control.Need{control.NeedIngresses}, keep: keepIngressClass,
	}}
}

func keepIngressClass(s *source, _ schema.GroupVersionKind) {
	s.extent = ofMany
	s.example = &networkingv1.IngressClass{}
	s.connect = connectTo(networkingv1client.NewForConfig, func(c *networkingv1client.NetworkingV1Client, _ string) client {
		return clientOf(c.IngressClasses())
	})
	s.convert = converting(convertIngressClass)
	s.table = objectTable[string]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[string] { return &st.objects.ingressClasses },
		unseen: true, spread: (*store).ingressClassChanged,
	}
}

// ingressClassChanged touches the namespaces that have Ingresses of a class.
func (st *store) ingressClassChanged(class object) {
	for namespace, ingresses := range st.objects.ingresses.at {
		if slices.ContainsFunc(ingresses, func(o *placedObject[control.Ingress]) bool { return o.value.Class == class.name }) {
			st.touch(namespace, true)
		}
	}
}

// ingressesOf returns the Ingresses of a namespace, with their classes'
// controllers as they are now.
func (st *store) ingressesOf(namespace string) []control.Ingress {
	ingresses := objectsAt(st, &st.objects.ingresses, namespace, control.NeedIngresses)
	for i := range ingresses {
		class := object{kind: kindIngressClasses, name: ingresses[i].Class}
		if kept := st.objects.ingressClasses.find(control.Cluster, class); kept != nil {
			ingresses[i].Controller = kept.value
		}
	}
	return ingresses
}

// convertIngresses keeps an Ingress in both forms.
func convertIngresses(i *networkingv1.Ingress, fieldManager string) *jointItem {
	return &jointItem{convertIngress(i), convertIngressDetails(i, fieldManager)}
}

// convertIngressDetails keeps what is judged of an Ingress itself.
func convertIngressDetails(i *networkingv1.Ingress, fieldManager string) *objectItem[control.Ingress] {
	ingress := control.Ingress{
		Annotations:    kept(i.Annotations, control.IngressAnnotations()),
		DefaultBackend: i.Spec.DefaultBackend != nil,
		Solver:         slices.ContainsFunc(i.OwnerReferences, isChallenge),
	}
	ingress.Meta, _ = metaOf(&i.ObjectMeta, fieldManager, body{annotations: control.IngressAnnotations()})
	class := i.Annotations[ingressClass]
	if i.Spec.IngressClassName != nil {
		class = cmp.Or(*i.Spec.IngressClassName, class)
	}
	ingress.Class = intern(class)
	for r := range i.Spec.Rules {
		ingress.Hosts = append(ingress.Hosts, intern(i.Spec.Rules[r].Host))
	}
	for t := range i.Spec.TLS {
		entry := control.IngressTLS{Secret: intern(i.Spec.TLS[t].SecretName)}
		for _, host := range i.Spec.TLS[t].Hosts {
			entry.Hosts = append(entry.Hosts, intern(host))
		}
		ingress.TLS = append(ingress.TLS, entry)
	}
	var addresses []string
	for _, at := range i.Status.LoadBalancer.Ingress {
		for _, address := range []string{at.IP, at.Hostname} {
			if address != "" {
				addresses = append(addresses, address)
			}
		}
	}
	ingress.Addresses = sorted(addresses)
	return inNamespace(kindIngresses, i.Namespace, i.Name, ingress)
}

func isChallenge(owner metav1.OwnerReference) bool {
	group, _, _ := strings.Cut(owner.APIVersion, "/")
	return owner.Kind == challengeKind && group == acmeGroup
}

// inNamespace returns the item of an object that concerns the namespace that it
// is in.
func inNamespace[V any](kind, namespace, name string, value V) *objectItem[V] {
	namespace = intern(namespace)
	return &objectItem[V]{key: object{kind: kind, namespace: namespace, name: name}, at: map[string]V{namespace: value}}
}

// kept returns those of the annotations that have one of the names, nil where
// there are none.
func kept(annotations map[string]string, names []string) map[string]string {
	var some map[string]string
	for name, value := range annotations {
		if !slices.Contains(names, name) {
			continue
		}
		if some == nil {
			some = map[string]string{}
		}
		some[intern(name)] = intern(value)
	}
	return some
}
