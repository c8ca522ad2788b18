package harness

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// eager is how often a startup or readiness probe is asked that has not succeeded
// yet: more often than by a kubelet, so that nobody waits for a period's end.
const eager = 200 * time.Millisecond

// health is what the probes say of a container.
type health struct {
	started, ready bool
	// failed is why the container is to be restarted.
	failed error
}

// probe asks the container's probes until ctx ends: the startup probe until it
// succeeds, the others after that. What changes is sent.
func (p *nodePod) probe(ctx context.Context, ports map[int32]string) <-chan health {
	changes := make(chan health)
	tell := func(h health) {
		select {
		case changes <- h:
		case <-ctx.Done():
		}
	}
	spec := p.container()
	target := target{spec: spec, ports: ports}
	go func() {
		if !target.starts(ctx, tell) {
			return
		}
		tell(health{started: true, ready: spec.ReadinessProbe == nil})
		go target.poll(ctx, spec.ReadinessProbe, true, func(err error) bool {
			tell(health{started: true, ready: err == nil})
			return false
		})
		target.poll(ctx, spec.LivenessProbe, false, func(err error) bool {
			if err != nil {
				tell(health{started: true, failed: fmt.Errorf("liveness probe: %w", err)})
			}
			return err != nil
		})
	}()
	return changes
}

// target is where a container's probes ask.
type target struct {
	spec  *corev1.Container
	ports map[int32]string
}

// starts asks the startup probe, if there is one, until it succeeds or fails.
func (t target) starts(ctx context.Context, tell func(health)) bool {
	started := t.spec.StartupProbe == nil
	t.poll(ctx, t.spec.StartupProbe, true, func(err error) bool {
		if started = err == nil; !started {
			tell(health{failed: fmt.Errorf("startup probe: %w", err)})
		}
		return true
	})
	return started
}

// poll asks a probe until ctx ends or report returns true. It reports each change:
// nil once it succeeds as often as it must, an error once it fails as often.
func (t target) poll(ctx context.Context, probe *corev1.Probe, hasty bool, report func(error) (done bool)) {
	if probe == nil {
		return
	}
	sleep(ctx, seconds(probe.InitialDelaySeconds))
	period, allowed := seconds(max(probe.PeriodSeconds, 1)), int(max(probe.FailureThreshold, 1))
	pause, failures, successes, known := period, 0, 0, false
	if hasty {
		pause, allowed = eager, allowed*int(period/eager)
	}
	for healthy := false; ctx.Err() == nil; sleep(ctx, pause) {
		err := t.ask(ctx, probe)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			failures, successes = 0, successes+1
			pause, allowed = period, int(max(probe.FailureThreshold, 1))
		} else {
			failures, successes = failures+1, 0
		}
		changed := !known || healthy == (err != nil)
		if !changed || err != nil && failures < allowed || err == nil && successes < int(max(probe.SuccessThreshold, 1)) {
			continue
		}
		known, healthy = true, err == nil
		if report(err) {
			return
		}
	}
}

// ask asks a probe once.
func (t target) ask(ctx context.Context, probe *corev1.Probe) error {
	get := probe.HTTPGet
	address, err := t.address(get.Port)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, seconds(max(probe.TimeoutSeconds, 1)))
	defer cancel()
	scheme := strings.ToLower(string(cmp.Or(get.Scheme, corev1.URISchemeHTTP)))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+get.Path, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as a kubelet does
	}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return fmt.Errorf("HTTP probe failed with statuscode: %d", response.StatusCode)
	}
	return nil
}

// address is the local address of a port, by number or name.
func (t target) address(port intstr.IntOrString) (string, error) {
	for _, p := range t.spec.Ports {
		if port == intstr.FromInt32(p.ContainerPort) || port == intstr.FromString(p.Name) {
			return t.ports[p.ContainerPort], nil
		}
	}
	return "", fmt.Errorf("the container states no port %s", port.String())
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
