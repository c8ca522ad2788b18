package observe

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

// wireOf is an object of a kind whose Go module is too heavy, or whose objects are
// too large, to be read as what they are: of its spec and status only the fields
// of S and T are decoded. It is dropped once it is converted.
type wireOf[S, T any] struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec S `json:"spec"`
	// Specs are further specs, which Cilium's kinds have.
	Specs  []S `json:"specs,omitempty"`
	Status T   `json:"status"`
}

// wire is an object of whose status nothing but conditions is looked at.
type wire[S any] = wireOf[S, wireStatus]

type wireStatus struct {
	Conditions []wireCondition `json:"conditions,omitempty"`
}

type wireCondition struct {
	Type   string                 `json:"type"`
	Status metav1.ConditionStatus `json:"status"`
}

// wireList is a list of them.
type wireList[S, T any] struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []wireOf[S, T] `json:"items"`
}

// DeepCopyObject implements runtime.Object. Nothing in an object is changed after
// it was decoded, so the copy shares it.
func (w *wireOf[S, T]) DeepCopyObject() runtime.Object {
	c := *w
	return &c
}

// DeepCopyObject implements runtime.Object, as above.
func (l *wireList[S, T]) DeepCopyObject() runtime.Object {
	c := *l
	return &c
}

// wireClient returns what makes a client of a resource, of which S and T are read.
func wireClient[S, T any](gvk schema.GroupVersionKind, resource string) connect {
	return func(config *rest.Config, namespace string) (client, error) {
		gv := gvk.GroupVersion()
		known := runtime.NewScheme()
		known.AddKnownTypeWithName(gvk, &wireOf[S, T]{})
		known.AddKnownTypeWithName(gv.WithKind(gvk.Kind+"List"), &wireList[S, T]{})
		metav1.AddToGroupVersion(known, gv)
		config = rest.CopyConfig(config)
		config.GroupVersion, config.APIPath = &gv, "/apis"
		config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
		config.NegotiatedSerializer = serializer.NewCodecFactory(known).WithoutConversion()
		requests, err := rest.RESTClientFor(config)
		if err != nil {
			return client{}, fmt.Errorf("client of %s: %w", resource, err)
		}
		codec := runtime.NewParameterCodec(known)
		return client{
			list: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
				list := &wireList[S, T]{}
				return list, requests.Get().NamespaceIfScoped(namespace, namespace != "").Resource(resource).VersionedParams(&options, codec).Do(ctx).Into(list)
			},
			watch: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
				options.Watch = true
				return requests.Get().NamespaceIfScoped(namespace, namespace != "").Resource(resource).VersionedParams(&options, codec).Watch(ctx)
			},
		}, nil
	}
}
