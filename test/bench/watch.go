package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	networkingclient "k8s.io/client-go/kubernetes/typed/networking/v1"

	"github.com/holdfast-dev/holdfast/test/bench/denyingress"
)

// watcher watches the object in every namespace, and tells when it is good.
type watcher struct {
	mu   sync.Mutex
	good map[string]bool
	// waiting are the drifts that are not repaired yet, by namespace.
	waiting map[string]*drift
	// reopened counts objects of which an engine wrote that they allow ingress.
	reopened int
	// broken is closed when watching ends; err then says why.
	broken chan struct{}
	err    error
}

// drift is one deviation, from the request that makes it to its repair.
type drift struct {
	namespace string
	// acknowledged is when the request that made it was answered.
	acknowledged time.Time
	// seen is true once the watch has shown the deviation.
	seen bool
	// repaired is when the watch showed the object good again; done is then closed.
	repaired time.Time
	done     chan struct{}
}

// latency is the time from the answer to the drift's request to the repair.
// A repair that the watch showed before that answer came counts as none.
func (d *drift) latency() time.Duration {
	return max(0, d.repaired.Sub(d.acknowledged))
}

// startWatcher begins to watch. The watch ends with ctx.
func startWatcher(ctx context.Context, client kubernetes.Interface) (*watcher, error) {
	policies := client.NetworkingV1().NetworkPolicies(metav1.NamespaceAll)
	options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", denyingress.Name).String()}
	list, err := policies.List(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("list network policies: %w", err)
	}
	w := &watcher{good: map[string]bool{}, waiting: map[string]*drift{}, broken: make(chan struct{})}
	for i := range list.Items {
		w.good[list.Items[i].Namespace] = denyingress.Good(&list.Items[i].Spec)
	}
	options.ResourceVersion = list.ResourceVersion
	go func() {
		defer close(w.broken)
		for w.err == nil {
			w.err = w.follow(ctx, policies, &options)
		}
	}()
	return w, nil
}

// follow watches until the API server ends the watch, as it does when a watcher
// falls behind. The next call continues where it ended, so that nothing is missed.
func (w *watcher) follow(ctx context.Context, policies networkingclient.NetworkPolicyInterface, options *metav1.ListOptions) error {
	events, err := policies.Watch(ctx, *options)
	if err != nil {
		return fmt.Errorf("watch network policies: %w", err)
	}
	defer events.Stop()
	for event := range events.ResultChan() {
		policy, ok := event.Object.(*networkingv1.NetworkPolicy)
		if !ok {
			return fmt.Errorf("the watch of network policies gave %s: %v", event.Type, event.Object)
		}
		options.ResourceVersion = policy.ResourceVersion
		w.saw(policy.Namespace, event.Type != watch.Deleted && denyingress.Good(&policy.Spec), time.Now())
		if event.Type != watch.Deleted && denyingress.OpenedBy(policy, denyingress.FieldManager) {
			w.mu.Lock()
			w.reopened++
			w.mu.Unlock()
		}
	}
	return ctx.Err()
}

// saw takes note of the state of a namespace's object.
func (w *watcher) saw(namespace string, good bool, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.good[namespace] = good
	d := w.waiting[namespace]
	switch {
	case d == nil:
	case !good:
		d.seen = true
	case d.seen:
		d.repaired = now
		delete(w.waiting, namespace)
		close(d.done)
	}
}

// expect returns a drift to be made in a namespace. With absent the object does
// not exist, so that there is no deviation to be seen first.
func (w *watcher) expect(namespace string, absent bool) *drift {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := &drift{namespace: namespace, seen: absent, done: make(chan struct{})}
	w.waiting[namespace] = d
	return d
}

// await waits until all drifts are repaired.
func (w *watcher) await(ctx context.Context, p *process, drifts []*drift, timeout time.Duration) error {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for i, d := range drifts {
		select {
		case <-d.done:
		case <-deadline.C:
			return fmt.Errorf("%s: %d of %d drifts were not repaired within %s, the first of them in %s; its log ends:\n%s",
				p.name, w.unrepaired(drifts[i:]), len(drifts), timeout, d.namespace, p.tail())
		case <-p.exited:
			return p.gone()
		case <-w.broken:
			return w.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (w *watcher) unrepaired(drifts []*drift) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, d := range drifts {
		if w.waiting[d.namespace] == d {
			n++
		}
	}
	return n
}

// awaitSeen waits until the watch has shown that none of the objects is good.
func (w *watcher) awaitSeen(ctx context.Context, drifts []*drift) error {
	return poll(ctx, pollEvery, time.Minute, func() (bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, d := range drifts {
			if !d.seen {
				return false, nil
			}
		}
		return true, nil
	})
}

// reopenings returns how often an engine wrote an object that allows ingress.
func (w *watcher) reopenings() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reopened
}

// bad returns how many of the namespaces are without a good object.
func (w *watcher) bad(namespaces []string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, namespace := range namespaces {
		if !w.good[namespace] {
			n++
		}
	}
	return n
}
