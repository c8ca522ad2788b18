// Command backupfloor tells with the least that can tell it how old the newest
// backup of each namespace is: two informers, and a time for each namespace. It does
// not judge what else is in a backup, keeps no evidence, and asks nobody for his
// objective. What an operator costs beyond it is the price of what the operator does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// ready is the line that the program prints when it has read everything.
const ready = "all backups were read"

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

// run follows the backups until ctx ends.
func run(ctx context.Context, kubeconfig string) error {
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	cfg.QPS = -1
	typed, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	untyped, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return err
	}
	f := &floor{newest: map[string]time.Time{}}
	namespaces := informers.NewSharedInformerFactory(typed, 0).Core().V1().Namespaces().Informer()
	backups := dynamicinformer.NewDynamicSharedInformerFactory(untyped, 0).
		ForResource(schema.GroupVersionResource{Group: "velero.io", Version: "v1", Resource: "backups"}).Informer()
	if err := errors.Join(namespaces.SetTransform(slimNamespace), backups.SetTransform(slimBackup)); err != nil {
		return err
	}
	if err := follow(ctx, namespaces, f.namespaceChanged); err != nil {
		return fmt.Errorf("namespaces: %w", err)
	}
	if err := follow(ctx, backups, f.backupChanged); err != nil {
		return fmt.Errorf("backups: %w", err)
	}
	fmt.Println(ready)
	<-ctx.Done()
	return nil
}

// follow runs an informer, and returns once fn has seen all that is there.
func follow(ctx context.Context, informer cache.SharedIndexInformer, fn func(any)) error {
	handled, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: fn, UpdateFunc: func(_, obj any) { fn(obj) }})
	if err != nil {
		return err
	}
	go informer.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), handled.HasSynced) {
		return ctx.Err()
	}
	return nil
}

type floor struct {
	mu sync.Mutex
	// newest is when the newest backup began that completed, by namespace.
	newest map[string]time.Time
}

func (f *floor) namespaceChanged(obj any) {
	if namespace, ok := obj.(*corev1.Namespace); ok {
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, known := f.newest[namespace.Name]; !known {
			f.newest[namespace.Name] = time.Time{}
		}
	}
}

func (f *floor) backupChanged(obj any) {
	backup, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return
	}
	phase, _, _ := unstructured.NestedString(backup.Object, "status", "phase")
	text, _, _ := unstructured.NestedString(backup.Object, "status", "startTimestamp")
	started, err := time.Parse(time.RFC3339, text)
	if phase != "Completed" || err != nil {
		return
	}
	included, _, _ := unstructured.NestedStringSlice(backup.Object, "spec", "includedNamespaces")
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(included, "*") {
		for _, name := range included {
			f.began(name, started)
		}
		return
	}
	for name := range f.newest {
		f.began(name, started)
	}
}

// began takes note of a backup of a namespace.
func (f *floor) began(namespace string, at time.Time) {
	if newest, known := f.newest[namespace]; known && at.After(newest) {
		f.newest[namespace] = at
	}
}

// slimNamespace keeps the name of a namespace.
func slimNamespace(obj any) (any, error) {
	if namespace, ok := obj.(*corev1.Namespace); ok {
		namespace.ManagedFields, namespace.Annotations, namespace.Labels = nil, nil, nil
	}
	return obj, nil
}

// slimBackup keeps of a backup which namespaces it selects, and how it went.
func slimBackup(obj any) (any, error) {
	backup, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return obj, nil
	}
	slim := &unstructured.Unstructured{Object: map[string]any{}}
	slim.SetNamespace(backup.GetNamespace())
	slim.SetName(backup.GetName())
	slim.SetResourceVersion(backup.GetResourceVersion())
	for _, fields := range [][]string{{"spec", "includedNamespaces"}, {"status", "phase"}, {"status", "startTimestamp"}} {
		value, found, err := unstructured.NestedFieldNoCopy(backup.Object, fields...)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		if err := unstructured.SetNestedField(slim.Object, value, fields...); err != nil {
			return nil, err
		}
	}
	return slim, nil
}
