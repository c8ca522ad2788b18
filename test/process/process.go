// Package process runs the programs that tests need beside them: those of a control
// plane, a backup server, an object store. A program dies with the test that started
// it, what it prints is in a file, and it can be stopped, killed and started again.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// readyTimeout bounds the start of one process; generous, for loaded machines.
	readyTimeout = 5 * time.Minute
	readyPoll    = 50 * time.Millisecond
	// stopGrace is how long a process may take to end after SIGTERM, unless it says.
	stopGrace = 5 * time.Second
	// tailLines is how much of a failing process's log an error carries.
	tailLines = 15
)

// Process is a program with its arguments. It can be started again after it was
// stopped. Its fields are set before the first start.
type Process struct {
	// Name is what errors call it.
	Name string
	// Binary is the program's path, or its name in the PATH.
	Binary string
	// Args are its arguments.
	Args []string
	// Env is added to the environment, as KEY=value.
	Env []string
	// LogPath is the file to which its output is appended.
	LogPath string
	// Output receives its output as well; nil means only the file does.
	Output io.Writer
	// StopGrace is how long it may take to end after SIGTERM; 0 means five seconds.
	StopGrace time.Duration

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

// Start launches the process and returns without waiting until it serves.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != nil {
		return fmt.Errorf("start %s: already started", p.Name)
	}
	log, err := os.OpenFile(p.LogPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	r := &run{cmd: exec.Command(p.Binary, p.Args...), exited: make(chan struct{})}
	r.cmd.SysProcAttr = childAttributes()
	r.cmd.Env = slices.Concat(os.Environ(), p.Env)
	r.cmd.Stdout = log
	if p.Output != nil {
		r.cmd.Stdout = io.MultiWriter(log, p.Output)
	}
	r.cmd.Stderr = r.cmd.Stdout
	started := make(chan error, 1)
	go r.live(started, log)
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
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

// WaitReady polls check until it succeeds. It fails when the process ends, when
// ctx is done or when five minutes are over, with the end of the process's log.
func (p *Process) WaitReady(ctx context.Context, check func(context.Context) error) error {
	r := p.current()
	if r == nil {
		return fmt.Errorf("%s is not started", p.Name)
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
			return fmt.Errorf("%s ended: %w\n%s", p.Name, r.err, p.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w\n%s", p.Name, ctx.Err(), err, p.LogTail())
		case <-ticker.C:
		}
	}
}

// Stop asks the process to end, kills it after its grace, and returns when it is
// gone, and whatever it started and left behind is killed. Stopping a process that does not run is no error.
func (p *Process) Stop() error {
	r := p.take()
	if r == nil {
		return nil
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.Name, err)
	}
	grace := p.StopGrace
	if grace == 0 {
		grace = stopGrace
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-r.exited:
	case <-timer.C:
	}
	return p.kill(r)
}

// Kill ends the process at once, without a chance to tidy up, and with it every
// process that it started; and returns when it is gone. Killing a process that does
// not run is no error.
func (p *Process) Kill() error {
	r := p.take()
	if r == nil {
		return nil
	}
	return p.kill(r)
}

// kill kills the process group, which is the process's own.
func (p *Process) kill(r *run) error {
	if err := syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", p.Name, err)
	}
	<-r.exited
	return nil
}

// PID returns the id of the running process, or 0 when it does not run.
func (p *Process) PID() int {
	r := p.current()
	if r == nil {
		return 0
	}
	return r.cmd.Process.Pid
}

func (p *Process) current() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

// take returns the run, which is from then on the caller's to end.
func (p *Process) take() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.run
	p.run = nil
	return r
}

// LogTail returns the last lines of the process's log, for an error message.
func (p *Process) LogTail() string {
	log, err := os.ReadFile(p.LogPath)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return strings.Join(lines, "\n")
}
