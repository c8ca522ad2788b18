package operator

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// probeLimit is how long a probe's request may take to arrive.
const probeLimit = 10 * time.Second

// Probes answer /healthz, which says that the process lives, and /readyz, which
// says in one sentence what it waits for. They answer from the first moment on: a
// process that waits for its CRDs would be killed by the liveness probe of a
// manager that has not started.
type Probes struct {
	mu      sync.Mutex
	waiting string
}

// NewProbes returns probes that say that the operator starts.
func NewProbes() *Probes { return &Probes{waiting: "Holdfast starts"} }

// Waiting says what the operator waits for.
func (p *Probes) Waiting(sentence string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = sentence
}

// Ready says that the operator is ready.
func (p *Probes) Ready() { p.Waiting("") }

// Serve answers at an address for as long as the process lives, its stop included.
// It returns once it listens; "0" is nowhere.
func (p *Probes) Serve(ctx context.Context, address string) error {
	if address == "" || address == "0" {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serve the probes at -health-probe-bind-address: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, "") })
	mux.HandleFunc("GET /readyz", p.readyz)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: probeLimit}
	go func() { _ = server.Serve(listener) }() // it ends with the process: the listener is nobody else's to close
	return nil
}

func (p *Probes) readyz(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer(w, p.waiting)
}

// answer says ok, or what is waited for.
func answer(w http.ResponseWriter, waiting string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if waiting == "" {
		_, _ = io.WriteString(w, "ok\n")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, waiting+"\n")
}
