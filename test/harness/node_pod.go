package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// backOff is the time before a container that ended is started again. It
	// doubles each time, up to backOffMax. A kubelet begins with 10 s.
	backOff    = time.Second
	backOffMax = 30 * time.Second
	// messageTail is how many bytes of a log become the message of a container
	// that failed, as a kubelet has it.
	messageTail = 2048
)

// nodePod is the life of one pod.
type nodePod struct {
	node   *Node
	pod    *corev1.Pod
	ip     string
	cancel context.CancelFunc
	// grace is how long the process may take to end, in nanoseconds.
	grace atomic.Int64

	// These are the only goroutine's own.
	begun    metav1.Time
	restarts int32
	status   corev1.ContainerStatus
}

// end has the pod end, and its process within the grace.
func (p *nodePod) end(grace time.Duration) {
	p.grace.Store(int64(grace))
	p.cancel()
}

// live is the pod's life: it is scheduled, its container runs, is started again
// whenever it ended, and the pod is removed when it was deleted.
func (p *nodePod) live(ctx context.Context) {
	p.status = waiting("ContainerCreating", "")
	if !p.schedule(ctx) {
		return
	}
	p.begun = metav1.Now()
	p.write(corev1.PodPending)
	container, err := p.prepare(ctx)
	if err != nil && ctx.Err() == nil {
		p.node.complain(p.pod, "%v", err)
		p.status = waiting("CreateContainerConfigError", err.Error())
		p.write(corev1.PodPending)
		<-ctx.Done()
	}
	for pause := backOff; ctx.Err() == nil; pause = min(2*pause, backOffMax) {
		p.runOnce(ctx, container)
		if ctx.Err() != nil {
			break
		}
		message := fmt.Sprintf("back-off %s restarting failed container=%s", pause, p.container().Name)
		last := p.status.State
		p.status = waiting("CrashLoopBackOff", message)
		p.status.LastTerminationState = last
		p.write(corev1.PodRunning)
		sleep(ctx, pause)
		p.restarts++
	}
	p.remove()
}

func (p *nodePod) container() *corev1.Container { return &p.pod.Spec.Containers[0] }

// runOnce runs the container's process until it ends, by itself, or because its
// probes fail or ctx ends.
func (p *nodePod) runOnce(ctx context.Context, c Container) {
	process, err := p.start(c)
	if err != nil {
		p.node.complain(p.pod, "start its container: %v", err)
		p.status.State = terminated(1, "ContainerCannotRun", err.Error(), metav1.Now())
		return
	}
	started := metav1.Now()
	last := p.status.LastTerminationState
	p.status = corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}}, LastTerminationState: last}
	p.write(corev1.PodRunning)

	probing, cancel := context.WithCancel(ctx)
	defer cancel()
	health := p.probe(probing, c.Ports)
	for {
		select {
		case <-process.exited:
			p.ended(process, started)
			return
		case <-ctx.Done():
			process.terminate(time.Duration(p.grace.Load()))
			p.ended(process, started)
			return
		case h := <-health:
			p.status.Started, p.status.Ready = new(h.started), h.ready
			if h.failed != nil {
				process.terminate(time.Duration(*p.pod.Spec.TerminationGracePeriodSeconds) * time.Second)
				continue
			}
			p.write(corev1.PodRunning)
		}
	}
}

// start starts the container's process.
func (p *nodePod) start(c Container) (*process, error) {
	cmd, err := p.node.launch.Command(c)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(p.node.logFile(p.pod.Namespace, p.pod.Name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = childAttributes()
		if os.Geteuid() == 0 {
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: c.UID, Gid: c.GID, Groups: []uint32{c.GID}}
		}
	}
	process := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)
	go process.live(started, log)
	return process, <-started
}

// terminate ends the process with SIGTERM, and after the grace with SIGKILL.
func (p *process) terminate(grace time.Duration) {
	// One that has ended meanwhile needs no signal.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	select {
	case <-p.exited:
	case <-timeout.C:
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// ended notes how the process ended.
func (p *nodePod) ended(process *process, started metav1.Time) {
	code, reason, message := int32(process.cmd.ProcessState.ExitCode()), "Completed", ""
	if status, ok := process.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int32(status.Signal())
	}
	if code != 0 {
		reason = "Error"
		if p.container().TerminationMessagePolicy == corev1.TerminationMessageFallbackToLogsOnError {
			log, _ := os.ReadFile(p.node.logFile(p.pod.Namespace, p.pod.Name))
			message = string(log[max(0, len(log)-messageTail):])
		}
	}
	p.status = corev1.ContainerStatus{State: terminated(code, reason, message, started)}
}

// remove says how a deleted pod ended, and removes it.
func (p *nodePod) remove() {
	if p.node.life.Err() != nil {
		return // the test is over
	}
	phase := corev1.PodSucceeded
	if t := p.status.State.Terminated; t == nil || t.ExitCode != 0 {
		phase = corev1.PodFailed
	}
	p.write(phase)
	p.try("remove it", func(ctx context.Context) error {
		return p.node.clients.CoreV1().Pods(p.pod.Namespace).Delete(ctx, p.pod.Name,
			metav1.DeleteOptions{GracePeriodSeconds: new(int64(0)), Preconditions: &metav1.Preconditions{UID: &p.pod.UID}})
	})
}

// write writes the pod's status.
func (p *nodePod) write(phase corev1.PodPhase) {
	c := p.container()
	s := p.status
	s.Name, s.Image, s.ImageID, s.RestartCount = c.Name, c.Image, c.Image, p.restarts
	s.ContainerID = "process://" + string(p.pod.UID)
	status := corev1.PodStatus{
		Phase: phase, HostIP: p.node.host.Hostname(), PodIP: p.ip, PodIPs: []corev1.PodIP{{IP: p.ip}},
		StartTime: &p.begun, ContainerStatuses: []corev1.ContainerStatus{s},
		Conditions: []corev1.PodCondition{
			p.condition(corev1.PodScheduled, true, ""), p.condition(corev1.PodInitialized, true, ""),
			p.condition(corev1.ContainersReady, s.Ready, "ContainersNotReady"), p.condition(corev1.PodReady, s.Ready, "ContainersNotReady"),
		},
	}
	p.patch(status)
}

// condition is a condition of the pod, with the reason that it has while false.
func (p *nodePod) condition(kind corev1.PodConditionType, holds bool, reason string) corev1.PodCondition {
	c := corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}
	if !holds {
		c.Status, c.Reason = corev1.ConditionFalse, reason
	}
	for _, before := range p.pod.Status.Conditions {
		if before.Type == kind && before.Status == c.Status {
			c.LastTransitionTime = before.LastTransitionTime
		}
	}
	return c
}

// patch merges a status into the pod's.
func (p *nodePod) patch(status corev1.PodStatus) {
	content, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": p.pod.UID}, "status": status})
	if err != nil {
		p.node.complain(p.pod, "encode its status: %v", err)
		return
	}
	p.try("write its status", func(ctx context.Context) error {
		pod, err := p.node.clients.CoreV1().Pods(p.pod.Namespace).
			Patch(ctx, p.pod.Name, types.StrategicMergePatchType, content, metav1.PatchOptions{}, "status")
		if err == nil {
			p.pod = pod
		}
		return err
	})
}

// try sends a request until it is answered, or the test is over. A pod that is
// gone, or another of its name, is no failure.
func (p *nodePod) try(what string, request func(context.Context) error) {
	var last error
	err := wait.PollUntilContextTimeout(p.node.life, poll, Patience, true, func(ctx context.Context) (bool, error) {
		last = request(ctx)
		if apierrors.IsNotFound(last) || apierrors.IsConflict(last) {
			last = nil
		}
		return last == nil || apierrors.IsInvalid(last) || apierrors.IsForbidden(last), nil
	})
	if p.node.life.Err() == nil && (err != nil || last != nil) {
		p.node.complain(p.pod, "%s: %v", what, last)
	}
}

func waiting(reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

func terminated(code int32, reason, message string, started metav1.Time) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, Message: message, StartedAt: started, FinishedAt: metav1.Now(),
	}}
}

// sleep waits for d, or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
