package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// readyTimeout bounds the start of one component; generous, for loaded machines.
	readyTimeout = 2 * time.Minute
	readyPoll    = 50 * time.Millisecond
	// stopGrace is how long a component may take to end after SIGTERM.
	stopGrace = 5 * time.Second
	// apiServerStopGrace is shorter: an API server with open watches waits for its
	// clients, and has nothing to lose, because everything is in etcd.
	apiServerStopGrace = time.Second
	// tailLines is how much of a failing component's log an error carries.
	tailLines = 15
)

// process is one component. It can be started again after it was stopped.
type process struct {
	name      string
	binary    string
	args      []string
	logPath   string
	output    io.Writer
	stopGrace time.Duration

	mu  sync.Mutex
	run *run
}

// run is one life of a process.
type run struct {
	cmd *exec.Cmd
	// exited is closed when the process has ended; err is then its wait error.
	exited chan struct{}
	err    error
}

// start launches the process and returns without waiting until it serves.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != nil {
		return fmt.Errorf("start %s: already started", p.name)
	}
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	r := &run{cmd: exec.Command(p.binary, p.args...), exited: make(chan struct{})}
	r.cmd.SysProcAttr = childAttributes()
	r.cmd.Stdout = log
	if p.output != nil {
		r.cmd.Stdout = io.MultiWriter(log, p.output)
	}
	r.cmd.Stderr = r.cmd.Stdout
	started := make(chan error, 1)
	go r.live(started, log)
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.run = r
	return nil
}

// live starts the process and waits for its end. It does both on one operating
// system thread, which it keeps: the kernel ties a child to the thread that
// started it, not to the process.
func (r *run) live(started chan<- error, log io.Closer) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := r.cmd.Start()
	started <- err
	if err == nil {
		err = r.cmd.Wait()
	}
	r.err = errors.Join(err, log.Close())
	close(r.exited)
}

// waitReady polls check until it succeeds. It fails when the process ends, when
// ctx is done or when readyTimeout is over, with the end of the process's log.
func (p *process) waitReady(ctx context.Context, check func(context.Context) error) error {
	r := p.current()
	if r == nil {
		return fmt.Errorf("%s is not started", p.name)
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-r.exited:
			return fmt.Errorf("%s ended: %w\n%s", p.name, r.err, p.logTail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w\n%s", p.name, ctx.Err(), err, p.logTail())
		case <-ticker.C:
		}
	}
}

// stop asks the process to end, kills it after its grace, and returns when it is
// gone. Stopping a process that does not run is no error.
func (p *process) stop() error {
	p.mu.Lock()
	r := p.run
	p.run = nil
	p.mu.Unlock()
	if r == nil {
		return nil
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	timer := time.NewTimer(p.stopGrace)
	defer timer.Stop()
	select {
	case <-r.exited:
		return nil
	case <-timer.C:
	}
	if err := r.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-r.exited
	return nil
}

// pid returns the id of the running process, or 0 when it does not run.
func (p *process) pid() int {
	r := p.current()
	if r == nil {
		return 0
	}
	return r.cmd.Process.Pid
}

func (p *process) current() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

// logTail returns the last lines of the process's log, for an error message.
func (p *process) logTail() string {
	log, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return strings.Join(lines, "\n")
}

// lockedWriter lets several components write to one writer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer.
func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
