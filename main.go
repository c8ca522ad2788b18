// Command holdfast is the operator: it holds controls, and records that they held.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
	_ "time/tzdata" // time zones of schedules, wherever the operator runs

	"github.com/go-logr/logr"
	_ "golang.org/x/crypto/x509roots/fallback" // certificate authorities of anchors, in an image that has none
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/operator"
	"github.com/holdfast-dev/holdfast/internal/sentinel"
	"github.com/holdfast-dev/holdfast/internal/version"
)

// flags are the command line.
type flags struct {
	operator      operator.Options
	metricsAddr   string
	metricsSecure bool
	probeAddr     string
	version       bool
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == sentinel.Command {
		beSentinel(os.Args[2:])
		return
	}
	var f flags
	logging := f.bind(flag.CommandLine)
	flag.Parse()
	if f.version {
		_, _ = fmt.Fprintln(os.Stdout, "holdfast", version.String(), runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
		return
	}
	log := zap.New(zap.UseFlagOptions(logging))
	ctrl.SetLogger(operator.Quiet(log))
	klog.SetLogger(operator.Quiet(log.WithName("client-go")))
	if err := run(&f, log); err != nil {
		log.Error(err, "Holdfast stops")
		os.Exit(1)
	}
}

// beSentinel is what a sentinel's pod runs, which needs nothing of the operator but
// its image.
func beSentinel(args []string) {
	if err := sentinel.Run(args); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "holdfast "+sentinel.Command+":", err)
		os.Exit(1)
	}
}

// bind declares the flags. -kubeconfig is declared by controller-runtime.
func (f *flags) bind(set *flag.FlagSet) *zap.Options {
	set.StringVar(&f.operator.Namespace, "namespace", "holdfast-system",
		"Namespace of the operator: of its lease, its signing key and its head mark.")
	set.StringVar(&f.operator.LedgerDir, "ledger-dir", "/var/lib/holdfast/ledger",
		"Directory of the ledger: a volume that outlives the pod.")
	set.BoolVar(&f.operator.LedgerEphemeral, "ledger-ephemeral", false,
		"The ledger's directory ends with the pod, and the evidence with it: EvidenceRecorded is False with the reason NotDurable.")
	set.StringVar(&f.operator.KeyFile, "ledger-key-file", "",
		"File of the ledger's signing key, made if absent: for a run outside a cluster. Empty: the Secret holdfast-ledger-key.")
	set.IntVar(&f.operator.ContentionThreshold, "contention-threshold", 30,
		"Number of repairs of one object within an hour beyond which it counts as contested, and repairs back off.")
	set.DurationVar(&f.operator.ProgressTimeout, "progress-timeout", 2*time.Minute,
		"Time without an event or a bookmark after which a watch has to prove that it is alive. API servers send a bookmark every minute.")
	set.StringVar(&f.operator.DNSService, "dns-service", "",
		"Service of the cluster's DNS, as namespace/name. Empty: the one that this pod resolves names by, else kube-system/kube-dns.")
	set.StringVar(&f.operator.ExportDir, "export-dir", "",
		"Directory to which the exports of EvidenceSchedules are written: a volume. Empty: none are.")
	set.StringVar(&f.operator.LedgerAddress, "ledger-bind-address", ":8082",
		"Address at which the ledger is served for reading, to those that the API server's service proxy lets through. \"0\" turns it off.")
	set.StringVar(&f.metricsAddr, "metrics-bind-address", ":8443",
		"Address of the metrics endpoint. \"0\" turns it off.")
	set.BoolVar(&f.metricsSecure, "metrics-secure", true,
		"Serve metrics over TLS, to clients that the API server authenticates and authorizes.")
	set.StringVar(&f.probeAddr, "health-probe-bind-address", ":8081",
		"Address of the probes /healthz and /readyz. \"0\" turns them off.")
	set.BoolVar(&f.operator.LeaderElection, "leader-elect", true,
		"Hold a lease, so that one process acts at a time.")
	set.BoolVar(&f.version, "version", false, "Print the version, and stop.")
	logging := &zap.Options{}
	logging.BindFlags(set)
	// An error is a sentence that says what to do. Where in the program it was found
	// is for those who ask for it.
	utilruntime.Must(set.Set("zap-stacktrace-level", "panic"))
	return logging
}

func run(f *flags, log logr.Logger) error {
	ctx := ctrl.SetupSignalHandler()
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find a cluster (-kubeconfig, $KUBECONFIG, or a service account): %w", err)
	}
	// The API server's own priority and fairness paces us; client-go's limiter would only add a delay.
	cfg.QPS = -1
	f.operator.Clock = operator.NewServerClock(cfg)
	f.operator.PodUID, f.operator.Image = os.Getenv("POD_UID"), os.Getenv("OPERATOR_IMAGE")
	f.operator.Log, f.operator.Arguments = log, os.Args[1:]
	probes := operator.NewProbes()
	if err := probes.Serve(ctx, f.probeAddr); err != nil {
		return err
	}
	facts, err := operator.Prepare(ctx, cfg, f.operator, probes)
	if errors.Is(err, context.Canceled) {
		log.Info("Holdfast has stopped, before it could start")
		return nil
	}
	if err != nil {
		return err
	}
	mgr, err := newManager(cfg, f, log)
	if err != nil {
		return err
	}
	stop, err := operator.Setup(ctx, mgr, f.operator, facts, probes)
	if err != nil {
		return err
	}
	log.Info("Holdfast starts", "version", version.String(), "cluster", cfg.Host, "ledger", f.operator.LedgerDir)
	if err := errors.Join(mgr.Start(ctx), stop()); err != nil {
		return fmt.Errorf("run the manager: %w", err)
	}
	log.Info("Holdfast has stopped")
	return nil
}

// newManager returns a manager that reads ControlPolicies and EvidenceSchedules
// through its cache, and nothing else.
func newManager(cfg *rest.Config, f *flags, log logr.Logger) (ctrl.Manager, error) {
	scheme := apiruntime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	metrics := metricsserver.Options{BindAddress: f.metricsAddr, SecureServing: f.metricsSecure}
	if f.metricsSecure {
		metrics.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	lock, err := leaseLock(cfg, f)
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:  scheme,
		Logger:  operator.Quiet(log),
		Metrics: metrics,
		Cache: cache.Options{
			ReaderFailOnMissingInformer: true,
			ByObject:                    map[client.Object]cache.ByObject{&v1alpha1.ControlPolicy{}: {}, &v1alpha1.EvidenceSchedule{}: {}},
		},
		LeaderElection: f.operator.LeaderElection, LeaderElectionResourceLockInterface: lock,
		LeaderElectionReleaseOnCancel: true,
		// Twelve renewals a minute.
		LeaseDuration: new(30 * time.Second),
		RenewDeadline: new(renewDeadline),
		RetryPeriod:   new(5 * time.Second),
	})
	if err != nil {
		return nil, fmt.Errorf("set up the manager: %w", err)
	}
	return mgr, nil
}

const renewDeadline = 20 * time.Second

// leaseLock is the lock of leader election. Its holder is the pod, or where
// there is none, the ledger on this host: so a container that crashed takes its
// own lease up again at once. That two processes of one pod do not act at the
// same time is the container runtime's business, and the ledger's lock's.
func leaseLock(cfg *rest.Config, f *flags) (resourcelock.Interface, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name the holder of the lease: %w", err)
	}
	holder := f.operator.PodUID
	if holder == "" {
		dir, err := filepath.Abs(f.operator.LedgerDir)
		if err != nil {
			return nil, fmt.Errorf("name the holder of the lease: %w", err)
		}
		holder = ledger.Digest([]byte(dir))[:16]
	}
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, f.operator.Namespace, operator.Lease,
		resourcelock.ResourceLockConfig{Identity: host + "_" + holder}, cfg, renewDeadline)
	if err != nil {
		return nil, fmt.Errorf("set up leader election: %w", err)
	}
	return lock, nil
}
