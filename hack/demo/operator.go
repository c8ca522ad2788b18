package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// The bounds of waiting, generous for loaded machines.
const (
	poll      = 20 * time.Millisecond
	waitLimit = 3 * time.Minute
	stopLimit = time.Minute
)

// operator is a running operator.
type operator struct {
	cmd     *exec.Cmd
	log     string
	exited  chan struct{}
	err     error
	started time.Time
}

// startOperator starts the operator as a process, and waits until it is ready.
func (d *demo) startOperator(ctx context.Context) error {
	return d.during("starting the operator, with the rights of its service account", func() error { return d.launch(ctx) })
}

func (d *demo) launch(ctx context.Context) error {
	probe, err := d.cluster.FreeAddress()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(d.path("operator.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	// Without a lease: where the API server takes long to start again it would be lost,
	// and the operator end, which nobody starts again here.
	cmd := exec.Command(d.bin()+"/holdfast", "--leader-elect=false",
		"--kubeconfig", d.path("operator.kubeconfig"),
		"--ledger-dir", d.ledger(),
		"--metrics-bind-address", "0",
		"--health-probe-bind-address", probe, "--ledger-bind-address=0")
	cmd.Stdout, cmd.Stderr = log, log
	// A Ctrl-C is for the demo, which then stops the operator in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	o := &operator{cmd: cmd, log: log.Name(), exited: make(chan struct{}), started: time.Now()}
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start the operator: %w", err), log.Close())
	}
	d.operator = o
	go func() {
		o.err = errors.Join(cmd.Wait(), log.Close())
		close(o.exited)
	}()
	return o.awaitReady(ctx, "http://"+probe+"/readyz")
}

func (o *operator) awaitReady(ctx context.Context, url string) error {
	err := wait.PollUntilContextTimeout(ctx, poll, waitLimit, true, func(ctx context.Context) (bool, error) {
		select {
		case <-o.exited:
			return false, fmt.Errorf("it ended: %w", o.err)
		default:
		}
		return answersOK(ctx, url), nil
	})
	if err != nil {
		return fmt.Errorf("the operator does not get ready: %w", err)
	}
	return nil
}

// logEnd is how much of the operator's log is shown where something fails, in lines.
const logEnd = 40

// lastWords is the end of the operator's log, if it was started.
func (o *operator) lastWords() string {
	if o == nil {
		return ""
	}
	text, err := os.ReadFile(o.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "the end of the operator's log:\n" + strings.Join(lines[max(0, len(lines)-logEnd):], "\n")
}

// answersOK reports whether a URL answers, with status 200.
func answersOK(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// stop asks the operator to end, and waits until it has.
func (o *operator) stop() error {
	if err := o.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	select {
	case <-o.exited:
		return nil
	case <-time.After(stopLimit):
		<-o.killed()
		return errors.New("the operator had to be killed")
	}
}

// killed kills the operator, and is closed when it is gone.
func (o *operator) killed() <-chan struct{} {
	_ = o.cmd.Process.Kill() // it may be gone already
	return o.exited
}
