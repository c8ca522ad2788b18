package observe

import (
	"context"
	"fmt"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	networkingv1client "k8s.io/client-go/kubernetes/typed/networking/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/connrotation"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// protobuf is several times cheaper to decode than JSON.
const protobuf = "application/vnd.kubernetes.protobuf"

// dialTimeout is the library's own default, for connections and keep-alives.
const dialTimeout = 30 * time.Second

// source says how a kind is watched and kept.
type source struct {
	need control.Need
	// example is an object of the type that the API server sends.
	example runtime.Object
	// connect makes the client of the kind.
	connect func(*rest.Config) (client, error)
	// convert makes an item of the table from an object.
	convert func(object any) (any, error)
	table   table
}

// client lists and watches one kind.
type client struct {
	list  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
}

func namespaceSource() source {
	return source{
		need:    control.NeedNamespaces,
		example: &corev1.Namespace{},
		connect: func(config *rest.Config) (client, error) {
			core, err := corev1client.NewForConfig(config)
			if err != nil {
				return client{}, err
			}
			return clientOf(core.Namespaces()), nil
		},
		convert: func(object any) (any, error) {
			switch n := object.(type) {
			case *corev1.Namespace:
				return convertNamespace(n), nil
			case *control.Namespace:
				return n, nil
			default:
				return nil, unexpected(object)
			}
		},
		table: namespaceTable{},
	}
}

func policySource(fieldManager string) source {
	return source{
		need:    control.NeedNetworkPolicies,
		example: &networkingv1.NetworkPolicy{},
		connect: func(config *rest.Config) (client, error) {
			networking, err := networkingv1client.NewForConfig(config)
			if err != nil {
				return client{}, err
			}
			return clientOf(networking.NetworkPolicies(metav1.NamespaceAll)), nil
		},
		convert: func(object any) (any, error) {
			switch p := object.(type) {
			case *networkingv1.NetworkPolicy:
				return convertPolicy(p, fieldManager), nil
			case *policyItem:
				return p, nil
			default:
				return nil, unexpected(object)
			}
		},
		table: policyTable{},
	}
}

// podSource watches the pods that run or will run. The API server leaves the
// others out, and reports a pod that ends as deleted.
func podSource() source {
	running := fields.AndSelectors(
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)),
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)),
	).String()
	return source{
		need:    control.NeedPods,
		example: &corev1.Pod{},
		connect: func(config *rest.Config) (client, error) {
			core, err := corev1client.NewForConfig(config)
			if err != nil {
				return client{}, err
			}
			return selecting(clientOf(core.Pods(metav1.NamespaceAll)), running), nil
		},
		convert: func(object any) (any, error) {
			switch p := object.(type) {
			case *corev1.Pod:
				return convertPod(p), nil
			case podItem:
				return p, nil
			default:
				return nil, unexpected(object)
			}
		},
		table: podTable{},
	}
}

func unexpected(object any) error {
	return fmt.Errorf("unexpected object of type %T", object)
}

// typedClient is what the generated clients have in common.
type typedClient[L runtime.Object] interface {
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
}

func clientOf[L runtime.Object](typed typedClient[L]) client {
	return client{
		list: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return typed.List(ctx, options)
		},
		watch: typed.Watch,
	}
}

// selecting narrows a client to the objects that match a field selector.
func selecting(c client, selector string) client {
	return client{
		list: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = selector
			return c.list(ctx, options)
		},
		watch: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = selector
			return c.watch(ctx, options)
		},
	}
}

// dedicated returns a configuration whose connections are shared with nobody,
// and a tracker that can break them off.
func dedicated(config *rest.Config) (*rest.Config, *connrotation.Dialer) {
	config = rest.CopyConfig(config)
	config.ContentType = protobuf
	config.AcceptContentTypes = protobuf + ",application/json"
	dial := config.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}).DialContext
	}
	dialer := connrotation.NewDialer(dial)
	config.Dial = dialer.DialContext
	return config, dialer
}
