package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// operatorUser is who the operator runs as: the service account of the manifests
// that are installed, with no more rights than that.
const operatorUser = "system:serviceaccount:holdfast-system:holdfast"

// demo is everything that runs, and the screen it is shown on.
type demo struct {
	*screen
	// root is the repository, dir what the demo writes: kubeconfigs, ledger, log.
	root, dir string
	// env is the environment of the commands that are shown.
	env     []string
	cluster *controlplane.ControlPlane
	// balancer stands before the API server: while that is started again it sends
	// nobody there.
	balancer *controlplane.Proxy
	client   client.WithWatch
	operator *operator
	front    *front
	// full is whether the part of the story is shown that takes the real Velero.
	full    bool
	backups *backups
	story   story
}

// prepare builds the binaries and starts the cluster and the operator. What it
// returns is to be stopped, also if there is an error.
func prepare(ctx context.Context, s *screen, full bool) (*demo, error) {
	d := &demo{screen: s, full: full}
	for _, stage := range []func(context.Context) error{d.locate, d.build, d.startCluster, d.startFront, d.install, d.startOperator} {
		if err := stage(ctx); err != nil {
			return d, err
		}
	}
	return d, nil
}

// locate finds the repository, and makes the demo's own directory.
func (d *demo) locate(ctx context.Context) error {
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find the repository: %w", err)
	}
	d.root = strings.TrimSpace(string(module))
	if d.dir, err = os.MkdirTemp("", "holdfast-demo-"); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	if err := os.RemoveAll(d.records()); err != nil {
		return err
	}
	return os.MkdirAll(d.records(), 0o755)
}

// bin is where the binaries are.
func (d *demo) bin() string { return filepath.Join(d.root, "bin") }

// path is a file that the demo writes.
func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// ledger is the ledger's directory.
func (d *demo) ledger() string { return d.path("ledger") }

func (d *demo) build(ctx context.Context) error {
	return d.during("building the operator and the kubectl plugin into bin/", func() error {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", d.bin()+string(filepath.Separator), ".", "./cmd/kubectl-holdfast")
		cmd.Dir = d.root
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
		return nil
	})
}

func (d *demo) startCluster(ctx context.Context) error {
	err := d.during("starting etcd, an API server and a controller manager", func() (err error) {
		d.cluster, err = controlplane.Start(ctx, controlplane.Options{Dir: d.path("cluster"), Published: true})
		return err
	})
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if d.client, err = client.NewWithWatch(d.cluster.RESTConfig(), client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if d.balancer, err = d.cluster.Proxy(0); err != nil {
		return err
	}
	path := strings.Join([]string{d.bin(), filepath.Dir(d.cluster.KubectlPath()), os.Getenv("PATH")}, string(filepath.ListSeparator))
	d.env = append(os.Environ(), "PATH="+path, "KUBECONFIG="+d.cluster.Kubeconfig(), "DEMO="+d.dir, "RECORDS="+d.records())
	return nil
}

// startFront begins to serve the shop, and tells the commands where.
func (d *demo) startFront(context.Context) (err error) {
	if d.front, err = newFront(); err != nil {
		return err
	}
	https, http, err := d.front.ports()
	d.env = append(d.env, "HTTPS="+https, "HTTP="+http)
	return err
}

// install installs the API and the permissions, as a user would.
func (d *demo) install(ctx context.Context) error {
	apply := "kubectl apply -k hack/demo/manifests/install"
	if d.full {
		apply += "-full"
	}
	err := d.during(apply, func() error {
		// A kind that was just created may have no conditions yet, which --for=condition takes for an error.
		_, err := d.quietly(ctx, apply+` && `+
			`kubectl wait --for='jsonpath={.status.conditions[?(@.type=="Established")].status}=True' `+
			`crd/controlpolicies.holdfast.dev crd/evidenceschedules.holdfast.dev crd/evidencerecords.holdfast.dev crd/encryptedstorageclasses.holdfast.dev`)
		return err
	})
	if err != nil {
		return err
	}
	kubeconfig, err := d.cluster.KubeconfigFor(operatorUser, "system:serviceaccounts", "system:serviceaccounts:holdfast-system")
	if err != nil {
		return err
	}
	kubeconfig = bytes.ReplaceAll(kubeconfig, []byte(d.cluster.RESTConfig().Host), []byte("https://"+d.balancer.Addr()))
	return os.WriteFile(d.path("operator.kubeconfig"), kubeconfig, 0o600)
}

// stop ends everything, and removes what the demo wrote.
func (d *demo) stop() error {
	var err error
	if d.operator != nil {
		err = d.operator.stop()
	}
	if d.backups != nil {
		err = errors.Join(err, d.backups.stop())
	}
	if d.front != nil {
		err = errors.Join(err, d.front.stop())
	}
	if d.balancer != nil {
		err = errors.Join(err, d.balancer.Close())
	}
	if d.cluster != nil {
		err = errors.Join(err, d.cluster.Stop())
	}
	if d.dir != "" {
		err = errors.Join(err, os.RemoveAll(d.dir))
	}
	return err
}

// quietly runs a shell command in the repository, and returns what it printed.
func (d *demo) quietly(ctx context.Context, line string) (string, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = d.root, d.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", line, err, out.String())
	}
	return out.String(), err
}

// shell shows a command and what it prints.
func (d *demo) shell(ctx context.Context, line string) (string, error) {
	d.command(line)
	out, err := d.quietly(ctx, line)
	d.output(out)
	return out, err
}

// shells shows commands that have to succeed.
func (d *demo) shells(ctx context.Context, lines ...string) error {
	for _, line := range lines {
		if _, err := d.shell(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

// status shows a command, and returns its exit status.
func (d *demo) status(ctx context.Context, line string) (string, int, error) {
	out, err := d.shell(ctx, line)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		return out, exit.ExitCode(), nil
	}
	return out, 0, err
}
