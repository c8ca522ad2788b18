package collect_test

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// BenchmarkCollect is a collection of 10,000 namespaces, each with a policy that
// denies ingress, under a policy of five controls: time, the process's CPU, and
// how much more of the heap is in use at most. The first collection, which also writes all
// objects, is told apart from the next ones.
func BenchmarkCollect(b *testing.B) {
	const namespaces = 10_000
	c := startCluster(b)
	c.create(b, operatorsOwn, nil)
	var group errgroup.Group
	group.SetLimit(32)
	for i := range namespaces {
		group.Go(func() error {
			name := fmt.Sprintf("tenant-%05d", i)
			c.create(b, name, production)
			return c.deny(b.Context(), name)
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	w := newWorld(b, c, baseline(func(p *v1alpha1.ControlPolicy) {
		for i := range 4 {
			more := *p.Spec.Controls[0].DeepCopy()
			more.ID = fmt.Sprintf("NET-%d", i+2)
			p.Spec.Controls = append(p.Spec.Controls, more)
		}
	}))
	w.recorded(fmt.Sprintf("tenant-%05d", namespaces-1), control.Conforming)
	w.eventually("everything to be judged", func() bool {
		judged := 0
		w.recorder.View(func(k *ledger.Known) {
			if t := k.Tally("baseline", "NET-5"); t != nil {
				judged = t.Conforming
			}
		})
		return judged == namespaces
	})
	b.Run("first", func(b *testing.B) { w.measure(b) })
	b.Run("next", func(b *testing.B) { w.measure(b) })
}

func (w *world) measure(b *testing.B) {
	b.Helper()
	w.tb = b
	for b.Loop() {
		runtime.GC()
		before, cpu := heapLive(), cpuTime(b)
		var peak atomic.Uint64
		done, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-done:
					return
				case <-time.After(20 * time.Millisecond):
					peak.Store(max(peak.Load(), heapLive()))
				}
			}
		}()
		r := w.collect()
		close(done)
		<-stopped
		if state := r.Entry.Collection.State; state != ledger.CollectionCompleted {
			b.Fatalf("got %s: %s", state, r.Entry.Message)
		}
		b.ReportMetric((cpuTime(b) - cpu).Seconds(), "cpu-s/op")
		b.ReportMetric(float64(peak.Load()-min(before, peak.Load()))/(1<<20), "MiB-more/op")
	}
}

// heapLive is what the newest garbage collection left.
func heapLive() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
