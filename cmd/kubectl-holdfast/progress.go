package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	// patience is how long a command may take before it says what it is at.
	patience = 2 * time.Second
	// refresh is how often it says so again.
	refresh = 500 * time.Millisecond
)

// progress says on a terminal what a command is at, once it takes long.
type progress struct {
	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex
	what string
}

// startProgress begins to say what is done on w, if that is a terminal.
func startProgress(ctx context.Context, w io.Writer) *progress {
	p := &progress{done: make(chan struct{})}
	ctx, p.stop = context.WithCancel(ctx)
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		close(p.done)
		return p
	}
	go p.show(ctx, file, time.Now())
	return p
}

// at says what is done now.
func (p *progress) at(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what = fmt.Sprintf(format, args...)
}

// end takes what was said off the screen.
func (p *progress) end() {
	p.stop()
	<-p.done
}

func (p *progress) show(ctx context.Context, w io.Writer, began time.Time) {
	defer close(p.done)
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	shown := false
	for {
		select {
		case <-ctx.Done():
			if shown {
				// Nobody is there to tell where a terminal cannot be written.
				_, _ = io.WriteString(w, "\r\x1b[K")
			}
			return
		case now := <-tick.C:
			if now.Sub(began) < patience {
				continue
			}
			shown = true
			p.mu.Lock()
			_, _ = fmt.Fprintf(w, "\r\x1b[K%s … %s", p.what, now.Sub(began).Round(time.Second))
			p.mu.Unlock()
		}
	}
}
