package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// stopGrace is how long an engine may take to end after SIGTERM.
	stopGrace = 30 * time.Second
	// logTail is how many bytes of a failed engine's log an error carries.
	logTail = 3000
)

// process is a running engine.
type process struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	// started is when the process was started.
	started time.Time
	// exited is closed when the process has ended; err is then its wait error.
	exited chan struct{}
	err    error
}

// startProcess starts a program whose output is appended to a file.
func startProcess(name, logPath, binary string, args ...string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, logPath: logPath, cmd: exec.Command(binary, args...), exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = childAttributes()
	started := make(chan error, 1)
	go p.live(started, log)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// live starts the process and waits for its end, on one operating system thread:
// the kernel ties a child to the thread that started it.
func (p *process) live(started chan<- error, log *os.File) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() { _ = log.Close() }()
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	p.err = p.cmd.Wait()
	close(p.exited)
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) usage() (usage, error) {
	u, err := usageOf(p.pid())
	if err != nil {
		return usage{}, errors.Join(err, p.gone())
	}
	return u, nil
}

// stop ends the process as Kubernetes does, and returns an error unless it ends
// in order.
func (p *process) stop() error {
	if err := p.gone(); err != nil {
		return err
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.exited:
	case <-time.After(stopGrace):
		err := p.cmd.Process.Kill()
		<-p.exited
		return errors.Join(fmt.Errorf("%s did not stop within %s; its log ends:\n%s", p.name, stopGrace, p.tail()), err)
	}
	if p.err != nil {
		return fmt.Errorf("stop %s: %w; its log ends:\n%s", p.name, p.err, p.tail())
	}
	return nil
}

// gone returns an error if the process has ended by itself.
func (p *process) gone() error {
	select {
	case <-p.exited:
		return fmt.Errorf("%s ended by itself (%v); its log ends:\n%s", p.name, p.cmd.ProcessState, p.tail())
	default:
		return nil
	}
}

func (p *process) tail() string {
	content, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(content[max(0, len(content)-logTail):]))
}
