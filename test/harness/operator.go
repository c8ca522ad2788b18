package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
)

const (
	// lease is the name of the operator's lease.
	lease = "holdfast.dev"
	// logTail is how many bytes of the operator's log a failed test shows.
	logTail = 6000
)

// OperatorOptions say how the operator runs. The zero value is a user, a ledger
// and a namespace of its own.
type OperatorOptions struct {
	// Name names the release, and the operator's namespace. Empty means holdfast,
	// whose namespace is holdfast-system.
	Name string
	// Values are values of the chart, as name=value, besides those by which the
	// operator may enforce.
	Values []string
	// Binary is the program; empty means the cluster's.
	Binary string
	// Dir holds the ledger, the key and the log; empty means a directory that
	// ends with the test.
	Dir string
	// APIServer is the host:port to connect to, such as that of a Proxy; empty
	// means API server 0.
	APIServer string
	// KeyInSecret leaves the signing key to the Secret that the operator makes.
	KeyInSecret bool
	// SecureMetrics leaves the metrics as the chart has them: over TLS, and to those
	// who may read them. The other helpers then know nothing of them.
	SecureMetrics bool
	// Args are appended to the arguments.
	Args []string
	// Env is added to the environment, as KEY=value.
	Env []string
}

// Operator is a release of the chart, and the operator's process, one after
// another: it may be started again on the ledger that it left. Tests may change
// Args, Env and Binary between.
type Operator struct {
	OperatorOptions
	// Release is the name of the release, and of its objects. Namespace is its own.
	Release, Namespace string
	// User is the user that the API server knows the operator by: its service
	// account.
	User string
	// Rights are what it may do, and Prober what the account may by which it tries
	// guards.
	Rights, Prober *Rights
	// LedgerDir, KeyFile and LogFile are what it writes.
	LedgerDir, KeyFile, LogFile string
	// LedgerAddress is where it serves the ledger.
	LedgerAddress string

	cluster *Cluster
	// account is the service account; container and podUID are what a pod of the
	// Deployment would be made of.
	account    string
	container  corev1.Container
	podUID     types.UID
	kubeconfig string
	metrics    string
	probes     string
	process    *process
	reader     reader
}

// process is one run of the operator.
type process struct {
	cmd *exec.Cmd
	// exited is closed when the process has ended; err is then its wait error.
	exited chan struct{}
	err    error
}

// StartOperator starts an operator that ends with the test, and returns once it
// is ready.
func (c *Cluster) StartOperator(tb testing.TB, opts OperatorOptions) *Operator {
	tb.Helper()
	o := c.NewOperator(tb, opts)
	o.Start(tb)
	return o
}

// NewOperator prepares an operator, and does not start it. What is running when
// the test ends is killed then.
func (c *Cluster) NewOperator(tb testing.TB, opts OperatorOptions) *Operator {
	tb.Helper()
	o := &Operator{OperatorOptions: opts, cluster: c, Release: opts.Name, Namespace: opts.Name, podUID: uuid.NewUUID()}
	if opts.Name == "" {
		o.Release, o.Namespace = "holdfast", "holdfast-system"
	}
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	if o.Binary == "" {
		o.Binary = c.Binary
	}
	o.LedgerDir, o.KeyFile, o.LogFile = filepath.Join(o.Dir, "ledger"), filepath.Join(o.Dir, "key.pem"), filepath.Join(o.Dir, "log")
	o.metrics, o.probes, o.LedgerAddress = c.freeAddress(tb), c.freeAddress(tb), c.freeAddress(tb)
	o.install(tb)
	tb.Cleanup(func() {
		if o.Running() {
			o.Kill(tb)
		}
		if tb.Failed() {
			tb.Logf("the log of %s ends:\n%s", o.Release, o.Log())
		}
	})
	return o
}

// Start starts the operator, and returns once it is ready.
func (o *Operator) Start(tb testing.TB) {
	tb.Helper()
	o.Launch(tb)
	Eventually(tb, "the operator is ready", func() error {
		if !o.Running() {
			tb.Fatalf("the operator ended by itself: %v; its log ends:\n%s", o.process.err, o.Log())
		}
		return o.Ready()
	})
}

// Launch starts the operator, and does not wait for anything.
func (o *Operator) Launch(tb testing.TB) {
	tb.Helper()
	if o.Running() {
		tb.Fatal("start the operator: it is running")
	}
	log, err := os.OpenFile(o.LogFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(o.Binary, o.arguments()...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = slices.Concat(os.Environ(), o.environment(tb), o.Env)
	cmd.SysProcAttr = childAttributes()
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)
	go p.live(started, log)
	if err := <-started; err != nil {
		tb.Fatalf("start the operator: %v", err)
	}
	o.process = p
}

// arguments are those of the Deployment's container, and after them what differs
// outside a pod: later ones win.
func (o *Operator) arguments() []string {
	args := append(slices.Clone(o.container.Args),
		"--kubeconfig", o.kubeconfig, "--ledger-dir", o.LedgerDir, "--metrics-bind-address", o.metrics,
		"--health-probe-bind-address", o.probes, "--ledger-bind-address", o.LedgerAddress)
	if !o.SecureMetrics {
		args = append(args, "--metrics-secure=false")
	}
	if !o.KeyInSecret {
		args = append(args, "--ledger-key-file", o.KeyFile)
	}
	return append(args, o.Args...)
}

// live starts the process and waits for its end, on one operating system thread:
// the kernel ties a child to the thread that started it.
func (p *process) live(started chan<- error, log io.Closer) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
		close(p.exited)
	}
	_ = log.Close()
}

// Running is whether the process lives.
func (o *Operator) Running() bool {
	if o.process == nil {
		return false
	}
	select {
	case <-o.process.exited:
		return false
	default:
		return true
	}
}

// PID is the id of the process that runs, or ran last.
func (o *Operator) PID() int { return o.process.cmd.Process.Pid }

// Stop ends the operator as Kubernetes does, with SIGTERM, and waits for its end,
// which must be in order.
func (o *Operator) Stop(tb testing.TB) {
	tb.Helper()
	o.signal(tb, syscall.SIGTERM)
	o.AwaitExit(tb)
	if o.process.err != nil {
		tb.Fatalf("the operator did not stop in order: %v; its log ends:\n%s", o.process.err, o.Log())
	}
}

// Kill ends the operator at once, with SIGKILL, and frees its lease, which would
// run out by itself.
func (o *Operator) Kill(tb testing.TB) {
	tb.Helper()
	o.signal(tb, syscall.SIGKILL)
	o.AwaitExit(tb)
	o.FreeLease(tb)
}

// FreeLease takes the lease from an operator that died with it.
func (o *Operator) FreeLease(tb testing.TB) {
	tb.Helper()
	l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: lease}}
	// The context of a test is over when its clean-up runs.
	if err := o.cluster.Delete(context.Background(), l); err != nil && !apierrors.IsNotFound(err) {
		tb.Fatalf("free the lease: %v", err)
	}
}

// AwaitExit waits until the process has ended, by itself or not.
func (o *Operator) AwaitExit(tb testing.TB) {
	tb.Helper()
	timeout := time.NewTimer(Patience)
	defer timeout.Stop()
	select {
	case <-o.process.exited:
	case <-timeout.C:
		tb.Fatalf("the operator did not end within %s; its log ends:\n%s", Patience, o.Log())
	}
}

func (o *Operator) signal(tb testing.TB, s syscall.Signal) {
	tb.Helper()
	if err := o.process.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		tb.Fatalf("signal the operator: %v", err)
	}
}

// Log is the end of the operator's log.
func (o *Operator) Log() string {
	content, err := os.ReadFile(o.LogFile)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(content[max(0, len(content)-logTail):]))
}

// Ready returns nil if the operator says that it is ready, or what it says.
func (o *Operator) Ready() error { return o.probe(context.Background(), "/readyz") }

// probe asks a probe.
func (o *Operator) probe(ctx context.Context, path string) error {
	_, err := get(ctx, "http://"+o.probes+path)
	return err
}

// get returns the body of a page.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return body, nil
}

// freeAddress returns an address for a server of the operator's.
func (c *Cluster) freeAddress(tb testing.TB) string {
	tb.Helper()
	address, err := c.FreeAddress()
	if err != nil {
		tb.Fatal(err)
	}
	return address
}
