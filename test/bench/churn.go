package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// pods are those of a cluster, counted through: one in each namespace, then a
// second in each, and so on.
type pods struct {
	cluster *cluster
	// count is how many there were at first.
	count int
}

// namespace returns where the n-th pod is.
func (p *pods) namespace(n int) string {
	return p.cluster.namespaces[n%len(p.cluster.namespaces)]
}

// shape returns what the n-th pod is.
func (p *pods) shape(n int) podShape {
	app := apps[n/len(p.cluster.namespaces)%len(apps)]
	return podShape{name: fmt.Sprintf("%s-5d8f7c9b64-%06d", app, n), app: app}
}

func (p *pods) create(ctx context.Context, n int) error {
	return p.cluster.createPod(ctx, p.namespace(n), p.shape(n))
}

// relabel makes a pod one of the app after its own.
func (p *pods) relabel(ctx context.Context, n int) error {
	other := p.shape(n + len(p.cluster.namespaces)).app
	_, err := p.cluster.bulk.CoreV1().Pods(p.namespace(n)).Patch(ctx, p.shape(n).name, types.MergePatchType,
		fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, appLabel, other), metav1.PatchOptions{FieldManager: fieldManager})
	return err
}

// remove deletes a pod. Without a node there is nobody to wait for.
func (p *pods) remove(ctx context.Context, n int) error {
	return p.cluster.bulk.CoreV1().Pods(p.namespace(n)).Delete(ctx, p.shape(n).name, metav1.DeleteOptions{})
}

// createAll creates the pods that there are at first.
func (p *pods) createAll(ctx context.Context) error {
	numbers := make([]int, p.count)
	for n := range numbers {
		numbers[n] = n
	}
	return atOnce(numbers, bulkWriters, func(n int) error { return p.create(ctx, n) })
}

// churn creates a pod, gives one another label and deletes one, by turns, each a
// pod that was not touched before.
func (p *pods) churn(ctx context.Context, events, rate int) error {
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	errs := make([]error, events)
	var group sync.WaitGroup
	for k := range events {
		group.Go(func() { errs[k] = p.change(ctx, k) })
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	group.Wait()
	return errors.Join(errs...)
}

// change makes the k-th change: labels go up from the first pod, deletions down
// from the last.
func (p *pods) change(ctx context.Context, k int) error {
	switch k % 3 {
	case 0:
		return p.create(ctx, p.count+k/3)
	case 1:
		return p.relabel(ctx, k/3)
	default:
		return p.remove(ctx, p.count-1-k/3)
	}
}
