// Command floor repairs with the least that can repair: two informers and one
// server-side apply per event that is not good. It has no queue, no retry, no
// evidence and no leader election. What an operator costs beyond it is the price
// of what the operator does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/holdfast-dev/holdfast/test/bench/denyingress"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "path of the kubeconfig file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run repairs until ctx ends.
func run(ctx context.Context, kubeconfig string) error {
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	cfg.QPS = -1
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	f := &floor{
		rest:       client.NetworkingV1().RESTClient(),
		namespaces: factory.Core().V1().Namespaces().Informer(),
		policies:   factory.Networking().V1().NetworkPolicies().Informer(),
	}
	return f.run(ctx)
}

type floor struct {
	rest       rest.Interface
	namespaces cache.SharedIndexInformer
	policies   cache.SharedIndexInformer
}

// run starts the informers. Policies come first: a namespace whose policy is
// not known yet would be written for nothing.
func (f *floor) run(ctx context.Context) error {
	if err := f.policies.SetTransform(slimPolicy); err != nil {
		return err
	}
	if err := f.namespaces.SetTransform(slimNamespace); err != nil {
		return err
	}
	go f.policies.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), f.policies.HasSynced) {
		return fmt.Errorf("network policies: %w", ctx.Err())
	}
	if _, err := f.namespaces.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { f.namespaceChanged(ctx, obj) },
		UpdateFunc: func(_, obj any) { f.namespaceChanged(ctx, obj) },
	}); err != nil {
		return err
	}
	go f.namespaces.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), f.namespaces.HasSynced) {
		return fmt.Errorf("namespaces: %w", ctx.Err())
	}
	if _, err := f.policies.AddEventHandler(cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(_, obj any) { f.policyChanged(ctx, obj) },
		DeleteFunc: func(obj any) { f.policyDeleted(ctx, obj) },
	}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (f *floor) namespaceChanged(ctx context.Context, obj any) {
	namespace, ok := obj.(*corev1.Namespace)
	if !ok || namespace.Labels[denyingress.Label] != "true" {
		return
	}
	found, exists, err := f.policies.GetStore().GetByKey(namespace.Name + "/" + denyingress.Name)
	if err == nil && exists {
		if policy, ok := found.(*networkingv1.NetworkPolicy); ok && denyingress.Good(&policy.Spec) {
			return
		}
	}
	go f.apply(ctx, namespace.Name)
}

func (f *floor) policyChanged(ctx context.Context, obj any) {
	policy, ok := obj.(*networkingv1.NetworkPolicy)
	if ok && policy.Name == denyingress.Name && !denyingress.Good(&policy.Spec) {
		f.applySelected(ctx, policy.Namespace)
	}
}

func (f *floor) policyDeleted(ctx context.Context, obj any) {
	if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = unknown.Obj
	}
	policy, ok := obj.(*networkingv1.NetworkPolicy)
	if ok && policy.Name == denyingress.Name {
		f.applySelected(ctx, policy.Namespace)
	}
}

func (f *floor) applySelected(ctx context.Context, name string) {
	found, exists, err := f.namespaces.GetStore().GetByKey(name)
	if err != nil || !exists {
		return
	}
	if namespace, ok := found.(*corev1.Namespace); ok && namespace.Labels[denyingress.Label] == "true" {
		go f.apply(ctx, name)
	}
}

// apply writes the object, without looking at the answer.
func (f *floor) apply(ctx context.Context, namespace string) {
	err := f.rest.Patch(types.ApplyPatchType).
		Namespace(namespace).Resource("networkpolicies").Name(denyingress.Name).
		Param("fieldManager", denyingress.FieldManager).Param("force", "true").
		Body(denyingress.Body(namespace)).Do(ctx).Error()
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "%s apply in %s: %v\n", time.Now().Format(time.RFC3339Nano), namespace, err)
	}
}

// slimPolicy keeps what is judged of a network policy.
func slimPolicy(obj any) (any, error) {
	if policy, ok := obj.(*networkingv1.NetworkPolicy); ok {
		policy.ManagedFields, policy.Annotations, policy.Labels = nil, nil, nil
	}
	return obj, nil
}

// slimNamespace keeps what is judged of a namespace.
func slimNamespace(obj any) (any, error) {
	if namespace, ok := obj.(*corev1.Namespace); ok {
		namespace.ManagedFields, namespace.Annotations = nil, nil
	}
	return obj, nil
}
