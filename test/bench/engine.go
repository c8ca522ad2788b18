package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/ledger/clusterstore"
)

// The engines, by name.
const (
	floorName       = "floor"
	backupFloorName = "backupfloor"
	holdfastName    = "holdfast"
)

// operatorNamespace is where the operator keeps what is its own.
const operatorNamespace = "holdfast-system"

// engine is a program that repairs.
type engine struct {
	name   string
	binary string
	// user and groups are who it is to the API server: requests are counted by user.
	user   string
	groups []string
}

// buildEngines builds the programs into a directory.
func buildEngines(ctx context.Context, dir string) (map[string]*engine, error) {
	engines := map[string]*engine{
		floorName:       {user: "floor"},
		backupFloorName: {user: "backupfloor"},
		holdfastName: {
			user:   "system:serviceaccount:holdfast-system:holdfast",
			groups: []string{"system:serviceaccounts", "system:serviceaccounts:holdfast-system"},
		},
	}
	packages := map[string]string{floorName: "./test/bench/floor", backupFloorName: "./test/bench/backupfloor", holdfastName: "."}
	for name, e := range engines {
		e.name, e.binary = name, filepath.Join(dir, name)
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", e.binary, packages[name])
		if output, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w: %s", name, err, output)
		}
	}
	return engines, nil
}

// instance is an engine at work on a cluster.
type instance struct {
	*process
	engine  *engine
	cluster *cluster
	// metricsURL is where the operator's metrics are, "" for a floor.
	metricsURL string
	// memory is its highest memory.
	memory *memoryWatch
}

// start starts an engine on a cluster.
func (e *engine) start(c *cluster) (*instance, error) {
	kubeconfig, err := e.kubeconfig(c)
	if err != nil {
		return nil, err
	}
	i := &instance{engine: e, cluster: c}
	args := []string{"--kubeconfig=" + kubeconfig}
	if e.name == holdfastName {
		address, err := c.controlPlane.FreeAddress()
		if err != nil {
			return nil, err
		}
		i.metricsURL = "http://" + address + "/metrics"
		args = append(args, c.operatorArgs(address)...)
	}
	i.process, err = startProcess(e.name, filepath.Join(c.dir, e.name+".log"), e.binary, args...)
	if err != nil {
		return nil, err
	}
	i.memory = watchMemory(i.process)
	return i, nil
}

// operatorArgs are the operator's, all others being the defaults.
func (c *cluster) operatorArgs(metricsAddress string) []string {
	return []string{
		"--namespace=" + operatorNamespace,
		"--ledger-dir=" + c.ledgerDir(),
		"--ledger-key-file=" + c.ledgerDir() + ".key",
		"--metrics-bind-address=" + metricsAddress,
		"--metrics-secure=false",
		"--health-probe-bind-address=0",
		"--ledger-bind-address=0",
		"--leader-elect",
	}
}

func (c *cluster) ledgerDir() string {
	return filepath.Join(c.dir, fmt.Sprintf("ledger-%d", c.ledgers))
}

// forgetLedger makes the next start one as after the installation.
func (c *cluster) forgetLedger(ctx context.Context) error {
	c.ledgers++
	return c.client.CoreV1().ConfigMaps(operatorNamespace).Delete(ctx, clusterstore.HeadName, metav1.DeleteOptions{})
}

// kubeconfig returns the path of the engine's kubeconfig file, made once per cluster.
func (e *engine) kubeconfig(c *cluster) (string, error) {
	path := filepath.Join(c.dir, e.name+".kubeconfig")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	content, err := c.controlPlane.KubeconfigFor(e.user, e.groups...)
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, content, 0o600)
}

// quiet waits until neither the engine nor the API server has work. It gives up
// after half a minute: a busy machine is no reason to end a run.
func (i *instance) quiet(ctx context.Context) error {
	const (
		window    = 500 * time.Millisecond
		mostTries = 60
		// In one window: 4 % of a core for the engine, a tenth for the API server.
		engineIdle    = 20 * time.Millisecond
		apiServerIdle = 50 * time.Millisecond
	)
	for range mostTries {
		engineBefore, serverBefore, err := i.cpu()
		if err != nil {
			return err
		}
		if err := pause(ctx, window); err != nil {
			return err
		}
		engineAfter, serverAfter, err := i.cpu()
		if err != nil {
			return err
		}
		if engineAfter-engineBefore <= engineIdle && serverAfter-serverBefore <= apiServerIdle {
			return nil
		}
	}
	return nil
}

func (i *instance) cpu() (engine, apiServer time.Duration, err error) {
	mine, err := i.usage()
	if err != nil {
		return 0, 0, err
	}
	server, err := usageOf(i.cluster.controlPlane.APIServerPID(0))
	return mine.cpu, server.cpu, err
}

// reading is what can be read of an engine at one time, or between two times.
type reading struct {
	cpu      time.Duration
	evidence evidence
	// requests are everybody's since the last reading.
	requests requestCount
}

func (i *instance) reading(ctx context.Context) (reading, error) {
	used, err := i.usage()
	if err != nil {
		return reading{}, err
	}
	r := reading{cpu: used.cpu}
	if r.evidence, err = i.evidence(ctx); err != nil {
		return reading{}, err
	}
	r.requests, err = i.cluster.audit.news()
	return r, err
}

// during returns what came to pass while something was done.
func (i *instance) during(ctx context.Context, do func(context.Context) error) (reading, error) {
	before, err := i.reading(ctx)
	if err != nil {
		return reading{}, err
	}
	if err := do(ctx); err != nil {
		return reading{}, err
	}
	after, err := i.reading(ctx)
	return reading{after.cpu - before.cpu, after.evidence.since(before.evidence), after.requests}, err
}

// costOf measures what a number of events costs, up to when all that they caused
// has been written.
func (i *instance) costOf(ctx context.Context, events int, do func(context.Context) error) (cost, error) {
	spent, err := i.during(ctx, func(ctx context.Context) error {
		if err := do(ctx); err != nil {
			return err
		}
		return i.quiet(ctx)
	})
	return cost{events: events, cpu: spent.cpu, requests: spent.requests.of(i.engine.user)}, err
}
