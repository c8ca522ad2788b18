package probe_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe"
)

// rig is a Runner with probes of the test's own, in a bubble of time.
type rig struct {
	*probe.Runner
	began time.Time
	stop  func()

	mu     sync.Mutex
	events []string // "recorded …" and "seen …", in order
	runs   []probe.Run
	log    strings.Builder
}

// start starts a Runner that ends with the bubble.
func start(t *testing.T, probes map[string]probe.Func, change ...func(*probe.Options)) *rig {
	t.Helper()
	r := &rig{began: time.Now()}
	options := probe.Options{Probes: probes, Log: funcr.New(func(_, args string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.log.WriteString(args)
	}, funcr.Options{})}
	options.Record = func(run probe.Run) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.runs = append(r.runs, run)
		r.events = append(r.events, fmt.Sprintf("recorded %s %s %d", run.Of, run.Scope, len(run.Observations)))
	}
	options.OnSeen = func(scope string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, "seen "+scope)
	}
	for _, c := range change {
		c(&options)
	}
	runner, err := probe.New(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Start(ctx) }()
	r.Runner = runner
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	return r
}

// since are when the runs ended, after the start.
func (r *rig) since() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var at []time.Duration
	for _, run := range r.runs {
		at = append(at, run.EndedAt.Sub(r.began))
	}
	return at
}

func (r *rig) recorded() []probe.Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.runs)
}

// happened are the events.
func (r *rig) happened() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// logged is what was logged.
func (r *rig) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// host is a handshake with a host, wanted by control C-1 of policy p.
func host(name string, every time.Duration) probe.Wanted {
	return probe.Wanted{
		Policy: "p", Control: "C-1",
		Target: control.Target{Every: every, Handshake: &control.HandshakeTarget{Address: "192.0.2.1", Port: 443, Host: name}},
	}
}

// versions answers every handshake with TLS 1.3.
func versions(_ context.Context, _ probe.Wanted, seen *control.Observation) error {
	seen.Served = &control.Served{Versions: []string{"1.3"}}
	return nil
}

func handshakes(f probe.Func) map[string]probe.Func {
	return map[string]probe.Func{control.ProbeHandshake: f}
}
