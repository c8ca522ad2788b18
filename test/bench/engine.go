package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The engines, by name.
const (
	floorName    = "floor"
	holdfastName = "holdfast"
)

// The operator's histograms of how long evidence takes.
const (
	durableMetric    = "holdfast_ledger_append_durable_seconds"
	integratedMetric = "holdfast_ledger_integrated_seconds"
)

// engine is a program that repairs.
type engine struct {
	name   string
	binary string
	// user and groups are who it is to the API server: requests are counted by user.
	user   string
	groups []string
}

// buildEngines builds the programs into a directory.
func buildEngines(ctx context.Context, dir string, names []string) ([]*engine, error) {
	known := map[string]*engine{
		floorName: {user: "floor"},
		holdfastName: {
			user:   "system:serviceaccount:holdfast-system:holdfast",
			groups: []string{"system:serviceaccounts", "system:serviceaccounts:holdfast-system"},
		},
	}
	packages := map[string]string{floorName: "./test/bench/floor", holdfastName: "."}
	var engines []*engine
	for _, name := range names {
		e := known[name]
		if e == nil {
			return nil, fmt.Errorf("there is no engine %q", name)
		}
		e.name, e.binary = name, filepath.Join(dir, name)
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", e.binary, packages[name])
		if output, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w: %s", name, err, output)
		}
		engines = append(engines, e)
	}
	return engines, nil
}

// instance is an engine at work on a cluster.
type instance struct {
	*process
	engine  *engine
	cluster *cluster
	// metricsURL is where the operator's metrics are, "" for the floor.
	metricsURL string
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
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		i.metricsURL = "http://" + address + "/metrics"
		args = append(args, c.operatorArgs(address)...)
	}
	i.process, err = startProcess(e.name, filepath.Join(c.dir, e.name+".log"), e.binary, args...)
	return i, err
}

// operatorArgs are the operator's, all others being the defaults.
func (c *cluster) operatorArgs(metricsAddress string) []string {
	return []string{
		"--namespace=holdfast-system",
		"--ledger-dir=" + c.ledgerDir(),
		"--ledger-key-file=" + filepath.Join(c.dir, "ledger.key"),
		"--metrics-bind-address=" + metricsAddress,
		"--metrics-secure=false",
		"--health-probe-bind-address=0",
		"--leader-elect",
	}
}

func (c *cluster) ledgerDir() string { return filepath.Join(c.dir, "ledger") }

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

// freeAddress returns a loopback address that was free a moment ago.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// evidence are the operator's histograms of how long evidence takes.
type evidence struct {
	durable, integrated histogram
}

func (e evidence) since(earlier evidence) evidence {
	return evidence{e.durable.since(earlier.durable), e.integrated.since(earlier.integrated)}
}

func (e evidence) plus(other evidence) evidence {
	return evidence{e.durable.plus(other.durable), e.integrated.plus(other.integrated)}
}

// evidence reads the histograms; of the floor they are empty.
func (i *instance) evidence(ctx context.Context) (read evidence, err error) {
	if i.metricsURL == "" {
		return evidence{}, nil
	}
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, i.metricsURL, nil)
	if err != nil {
		return evidence{}, err
	}
	response, err := http.DefaultClient.Do(get)
	if err != nil {
		return evidence{}, fmt.Errorf("read the operator's metrics: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return evidence{}, fmt.Errorf("read the operator's metrics: %s", response.Status)
	}
	found, err := parseHistograms(response.Body, durableMetric, integratedMetric)
	return evidence{durable: found[durableMetric], integrated: found[integratedMetric]}, err
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
