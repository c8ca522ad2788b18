package observe

import (
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	admissionregistrationv1client "k8s.io/client-go/kubernetes/typed/admissionregistration/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1client "k8s.io/client-go/kubernetes/typed/discovery/v1"
	networkingv1client "k8s.io/client-go/kubernetes/typed/networking/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The ids of kinds whose need has another name, or several kinds.
const (
	kindIngresses   = "ingresses"
	kindValidating  = "validatingwebhookconfigurations"
	kindMutating    = "mutatingwebhookconfigurations"
	kindDefinitions = "customresourcedefinitions"
	kindAPIServices = "apiservices"
)

// source says how a kind is watched and kept.
type source struct {
	// id names the kind.
	id string
	// needs are what rests on the kind: the first one is what it is watched for.
	needs []control.Need
	// group and name are those of the API, by which fixtures are told apart;
	// resource and version say where the kind is read.
	group, name       string
	resource, version string
	// extent is which scopes its objects concern.
	extent extent
	// fieldManager is Holdfast's: what it applied is Ours.
	fieldManager string
	// example is an object of the type that the API server sends.
	example runtime.Object
	// connect makes the client of the kind.
	connect connect
	// convert makes an item of the table from an object, or returns the item.
	convert func(object any) (any, error)
	table   table
}

// api returns the version and kind in which objects are read.
func (s *source) api() (apiVersion, kind string) {
	gvk := schema.GroupVersionKind{Group: s.group, Version: s.version, Kind: s.name}
	return gvk.ToAPIVersionAndKind()
}

// extent is which scopes the objects of a kind concern.
type extent int

const (
	// ofNamespaces are objects that concern the namespace that they are in, at least.
	ofNamespaces extent = iota
	// ofCluster are objects that concern the cluster as a scope.
	ofCluster
	// ofClaims are cluster-scoped objects that concern the namespaces of claims.
	ofClaims
	// ofMany are cluster-scoped objects that concern many namespaces, and change rarely.
	ofMany
	// ofAll are objects of one namespace that concern many, and the cluster, and are
	// made and done with all the time.
	ofAll
)

// always are the sources of the kinds that every cluster serves.
func always(fieldManager string, dns types.NamespacedName) []source {
	sources := []source{
		namespaceSource(), policySource(fieldManager), podSource(), serviceSource(), sliceSource(dns),
		validatingSource(), mutatingSource(), definitionSource(), apiServiceSource(), ingressSource(fieldManager),
	}
	for i := range sources {
		sources[i].resource, sources[i].version = sources[i].id, "v1"
	}
	return sources
}

func namespaceSource() source {
	return source{
		id: string(control.NeedNamespaces), needs: []control.Need{control.NeedNamespaces}, name: "Namespace",
		example: &corev1.Namespace{},
		connect: connectTo(corev1client.NewForConfig, func(c *corev1client.CoreV1Client, _ string) client {
			return clientOf(c.Namespaces())
		}),
		convert: converting(itemOfNamespace),
		table:   namespaceTable{},
	}
}

func policySource(fieldManager string) source {
	return source{
		id: string(control.NeedNetworkPolicies), needs: []control.Need{control.NeedNetworkPolicies},
		group: networkingv1.GroupName, name: "NetworkPolicy",
		example: &networkingv1.NetworkPolicy{},
		connect: connectTo(networkingv1client.NewForConfig, func(c *networkingv1client.NetworkingV1Client, namespace string) client {
			return clientOf(c.NetworkPolicies(namespace))
		}),
		convert: converting(func(p *networkingv1.NetworkPolicy) *policyItem { return convertPolicy(p, fieldManager) }),
		table:   policyTable{},
	}
}

// runningPods selects the pods that run or will run. The API server leaves the
// others out, and reports a pod that ends as deleted.
func runningPods() string {
	return fields.AndSelectors(
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)),
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)),
	).String()
}

func podSource() source {
	return source{
		id: string(control.NeedPods), needs: []control.Need{control.NeedPods}, name: "Pod",
		example: &corev1.Pod{},
		connect: connectTo(corev1client.NewForConfig, func(c *corev1client.CoreV1Client, namespace string) client {
			return selecting(clientOf(c.Pods(namespace)), func(o *metav1.ListOptions) { o.FieldSelector = runningPods() })
		}),
		convert: converting(convertPod),
		table:   podTable{},
	}
}

func serviceSource() source {
	return source{
		id: string(control.NeedServices), needs: []control.Need{control.NeedServices, control.NeedServiceSubjects}, name: "Service",
		example: &corev1.Service{},
		connect: connectTo(corev1client.NewForConfig, func(c *corev1client.CoreV1Client, namespace string) client {
			return clientOf(c.Services(namespace))
		}),
		convert: converting(convertService),
		table:   serviceTable{},
	}
}

// sliceSource watches the EndpointSlices of Services of two names only: they are
// many, and change with every pod.
func sliceSource(dns types.NamespacedName) source {
	services := fmt.Sprintf("%s in (%s)", discoveryv1.LabelServiceName, strings.Join([]string{apiServerService, dns.Name}, ","))
	return source{
		id: string(control.NeedEndpointSlices), needs: []control.Need{control.NeedEndpointSlices},
		group: discoveryv1.GroupName, name: "EndpointSlice",
		example: &discoveryv1.EndpointSlice{},
		connect: connectTo(discoveryv1client.NewForConfig, func(c *discoveryv1client.DiscoveryV1Client, namespace string) client {
			return selecting(clientOf(c.EndpointSlices(namespace)),
				func(o *metav1.ListOptions) { o.LabelSelector = services })
		}),
		convert: converting(convertSlice),
		table:   sliceTable{},
	}
}

func validatingSource() source {
	return source{
		id: kindValidating, needs: []control.Need{control.NeedAdmissionBackends},
		group: admissionregistrationv1.GroupName, name: "ValidatingWebhookConfiguration",
		example: &admissionregistrationv1.ValidatingWebhookConfiguration{},
		connect: connectTo(admissionregistrationv1client.NewForConfig,
			func(c *admissionregistrationv1client.AdmissionregistrationV1Client, _ string) client {
				return clientOf(c.ValidatingWebhookConfigurations())
			}),
		convert: converting(convertValidating),
		table:   callerTable{kindValidating},
	}
}

func mutatingSource() source {
	return source{
		id: kindMutating, needs: []control.Need{control.NeedAdmissionBackends},
		group: admissionregistrationv1.GroupName, name: "MutatingWebhookConfiguration",
		example: &admissionregistrationv1.MutatingWebhookConfiguration{},
		connect: connectTo(admissionregistrationv1client.NewForConfig,
			func(c *admissionregistrationv1client.AdmissionregistrationV1Client, _ string) client {
				return clientOf(c.MutatingWebhookConfigurations())
			}),
		convert: converting(convertMutating),
		table:   callerTable{kindMutating},
	}
}

// definitionSource watches CustomResourceDefinitions: they have backends of their
// own, and say which optional kinds are served.
func definitionSource() source {
	gvk := apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition")
	return source{
		id: kindDefinitions,
		needs: []control.Need{
			control.NeedAdmissionBackends, control.NeedEntrances, control.NeedClusterPolicies,
			control.NeedGateways, control.NeedMesh, control.NeedCertificates, control.NeedGuards,
			control.NeedBackups, control.NeedBackupPlans, control.NeedBackupLocations, control.NeedVolumeSnapshots,
		},
		group: gvk.Group, name: gvk.Kind,
		example: &wire[definitionSpec]{},
		connect: wireClient[definitionSpec, wireStatus](gvk, kindDefinitions),
		convert: converting(convertDefinition),
		table:   callerTable{kindDefinitions},
	}
}

func apiServiceSource() source {
	gvk := schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"}
	return source{
		id:    kindAPIServices,
		needs: []control.Need{control.NeedAdmissionBackends, control.NeedClusterPolicies},
		group: gvk.Group, name: gvk.Kind,
		example: &wire[apiServiceSpec]{},
		connect: wireClient[apiServiceSpec, wireStatus](gvk, kindAPIServices),
		convert: converting(convertAPIService),
		table:   callerTable{kindAPIServices},
	}
}

func ingressSource(fieldManager string) source {
	return source{
		id: kindIngresses, needs: []control.Need{control.NeedEntrances, control.NeedIngresses},
		group: networkingv1.GroupName, name: "Ingress",
		example: &networkingv1.Ingress{},
		connect: connectTo(networkingv1client.NewForConfig, func(c *networkingv1client.NetworkingV1Client, namespace string) client {
			return clientOf(c.Ingresses(namespace))
		}),
		convert: converting(func(i *networkingv1.Ingress) *jointItem { return convertIngresses(i, fieldManager) }),
		table:   ingressTable(),
	}
}

// converting makes items of objects of type O, and leaves items as they are:
// objects of an initial list are converted as they arrive, and handed on.
func converting[O runtime.Object, I any](convert func(O) I) func(any) (any, error) {
	return tryConverting(func(object O) (I, error) { return convert(object), nil })
}

// tryConverting is converting, where that may fail.
func tryConverting[O runtime.Object, I any](convert func(O) (I, error)) func(any) (any, error) {
	return func(object any) (any, error) {
		switch object := object.(type) {
		case O:
			return convert(object)
		case I:
			return object, nil
		default:
			return nil, fmt.Errorf("unexpected object of type %T", object)
		}
	}
}
