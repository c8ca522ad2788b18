package controllers

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
)

// trigger puts requests into a controller's queue. It is a source: until its
// controller starts, requests wait here.
type trigger struct {
	// asked is told of each request; may be nil.
	asked func(ctrl.Request)

	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[ctrl.Request]
	early []queued
}

type queued struct {
	req      ctrl.Request
	after    time.Duration
	priority int
}

// Start hands over the controller's queue.
func (t *trigger) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = queue
	for _, q := range t.early {
		t.add(q)
	}
	t.early = nil
	return nil
}

// now asks for a request to be reconciled as soon as may be.
func (t *trigger) now(req ctrl.Request) { t.enqueue(queued{req: req}) }

// low asks for a request to be reconciled after all that is urgent.
func (t *trigger) low(req ctrl.Request) { t.enqueue(queued{req: req, priority: handler.LowPriority}) }

// after asks for a request to be reconciled after a time.
func (t *trigger) after(req ctrl.Request, d time.Duration) { t.enqueue(queued{req: req, after: d}) }

func (t *trigger) enqueue(q queued) {
	if t.asked != nil && q.after == 0 {
		t.asked(q.req)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.queue == nil {
		t.early = append(t.early, q)
		return
	}
	t.add(q)
}

func (t *trigger) add(q queued) {
	if pq, ok := t.queue.(priorityqueue.PriorityQueue[ctrl.Request]); ok {
		pq.AddWithOpts(priorityqueue.AddOpts{After: q.after, Priority: &q.priority}, q.req)
		return
	}
	t.queue.AddAfter(q.req, q.after)
}
