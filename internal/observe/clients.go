package observe

import (
	"context"
	"net"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/connrotation"
)

// protobuf is several times cheaper to decode than JSON.
const protobuf = "application/vnd.kubernetes.protobuf"

// dialTimeout is the library's own default, for connections and keep-alives.
const dialTimeout = 30 * time.Second

// client lists and watches one kind.
type client struct {
	list  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// connect makes the client of a kind, in one namespace or, without a name, in all.
type connect func(config *rest.Config, namespace string) (client, error)

// connectTo makes a client of one kind from what makes that of its group.
func connectTo[G any](group func(*rest.Config) (G, error), kind func(G, string) client) connect {
	return func(config *rest.Config, namespace string) (client, error) {
		g, err := group(config)
		if err != nil {
			return client{}, err
		}
		return kind(g, namespace), nil
	}
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

// selecting narrows a client to the objects that a selector matches.
func selecting(c client, narrow func(*metav1.ListOptions)) client {
	return client{
		list: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			narrow(&options)
			return c.list(ctx, options)
		},
		watch: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			narrow(&options)
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
