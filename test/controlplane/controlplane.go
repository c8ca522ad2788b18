package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/test/process"
)

// apiServerStopGrace is short: an API server with open watches waits for its
// clients, and has nothing to lose, because everything is in etcd.
const apiServerStopGrace = time.Second

// ControlPlane is a running control plane. Its methods may be used concurrently,
// except that starting and stopping is one caller's business.
type ControlPlane struct {
	options Options
	assets  string
	dir     string
	ports   *ports
	ca      *authority
	admin   keyPair

	etcdPort       string
	apiServerPorts []string
	// published is the address at which the API servers are published, or "".
	published string

	// encrypted is which API servers have an encryption config.
	encrypted []bool

	etcd              *process.Process
	apiServers        []*process.Process
	controllerManager *process.Process
}

// Start starts a control plane and returns when every component is ready, which
// takes a few seconds. ctx bounds the start only; the control plane runs until
// Stop. When Start fails nothing is left running, and the error holds the end of
// the failing component's log.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	cp, err := prepare(options)
	if err != nil {
		return nil, fmt.Errorf("prepare the control plane: %w", err)
	}
	if err := cp.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the control plane: %w", err), cp.Stop())
	}
	return cp, nil
}

// Stop ends all components and removes the directory unless Options.Dir named
// it. Stopping again is no error.
func (cp *ControlPlane) Stop() error {
	var group errgroup.Group
	if cp.controllerManager != nil {
		group.Go(cp.controllerManager.Stop)
	}
	for _, server := range cp.apiServers {
		group.Go(server.Stop)
	}
	err := group.Wait()
	if cp.etcd != nil {
		err = errors.Join(err, cp.etcd.Stop())
	}
	cp.ports.close()
	if cp.options.Dir == "" {
		err = errors.Join(err, os.RemoveAll(cp.dir))
	}
	if err != nil {
		return fmt.Errorf("stop the control plane: %w", err)
	}
	return nil
}

// StopAPIServer stops one API server, counted from 0, and breaks its open
// watches. The controller manager uses server 0 and is without work while that
// is stopped.
func (cp *ControlPlane) StopAPIServer(server int) error {
	return cp.apiServers[server].Stop()
}

// StartAPIServer starts an API server again, on the port it had, and returns
// when it is ready.
func (cp *ControlPlane) StartAPIServer(ctx context.Context, server int) error {
	if err := cp.apiServers[server].Start(); err != nil {
		return err
	}
	return cp.awaitAPIServer(ctx, server)
}

// start brings the components up in the order in which they need one another.
func (cp *ControlPlane) start(ctx context.Context) error {
	if err := cp.step("etcd", func() error { return cp.startEtcd(ctx) }); err != nil {
		return err
	}
	if err := cp.step(apiServerBinary, func() error { return cp.startAPIServers(ctx) }); err != nil {
		return err
	}
	if cp.options.Published {
		if err := cp.publish(ctx); err != nil {
			return err
		}
	}
	if cp.options.NoControllerManager {
		return nil
	}
	return cp.step(controllerManagerBinary, func() error { return cp.startControllerManager(ctx) })
}

// step does one step of the start and reports it with the time it took.
func (cp *ControlPlane) step(name string, do func() error) error {
	begin := time.Now()
	if err := do(); err != nil {
		return err
	}
	if cp.options.Progress != nil {
		// Progress is for people: when nobody can read it, the start goes on.
		_, _ = fmt.Fprintf(cp.options.Progress, "%s ready in %s\n", name, time.Since(begin).Round(time.Millisecond))
	}
	return nil
}

// prepare makes everything that exists before the first component starts. When
// it fails it leaves no temporary directory.
func prepare(options Options) (_ *ControlPlane, err error) {
	assets, err := findAssets(options.AssetsDir)
	if err != nil {
		return nil, err
	}
	dir, err := makeDir(options.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && options.Dir == "" {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	options.APIServers = max(options.APIServers, 1)
	if options.Output != nil {
		options.Output = &lockedWriter{w: options.Output}
	}
	cp := &ControlPlane{options: options, assets: assets, dir: dir, ports: &ports{}}
	if err := cp.prepareIdentity(); err != nil {
		return nil, err
	}
	if err := cp.prepareAddress(); err != nil {
		return nil, err
	}
	if err := cp.prepareAPIServerFiles(); err != nil {
		return nil, err
	}
	return cp, cp.prepareProcesses()
}

// makeDir returns the absolute path of the directory to use, which exists.
func makeDir(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "controlplane-")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// prepareProcesses chooses the ports and defines the components.
func (cp *ControlPlane) prepareProcesses() error {
	var err error
	if cp.etcdPort, err = cp.ports.next(); err != nil {
		return err
	}
	for range cp.options.APIServers {
		port, err := cp.ports.next()
		if err != nil {
			return err
		}
		cp.apiServerPorts = append(cp.apiServerPorts, port)
	}
	if err := cp.writeAdminKubeconfig(); err != nil {
		return err
	}
	cp.etcd = cp.newProcess(etcdBinary, etcdBinary, cp.etcdArgs())
	for server := range cp.apiServerPorts {
		name := fmt.Sprintf("%s-%d", apiServerBinary, server)
		component := cp.newProcess(name, apiServerBinary, cp.apiServerArgs(server))
		component.StopGrace = apiServerStopGrace
		cp.apiServers = append(cp.apiServers, component)
	}
	return nil
}

func (cp *ControlPlane) newProcess(name, binary string, args []string) *process.Process {
	return &process.Process{
		Name:    name,
		Binary:  filepath.Join(cp.assets, binary),
		Args:    args,
		LogPath: cp.path(name + ".log"),
		Output:  cp.options.Output,
	}
}

// path returns the path of a file in the control plane's directory.
func (cp *ControlPlane) path(name string) string {
	return filepath.Join(cp.dir, name)
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
