package velero

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/test/process"
)

const (
	// Namespace is where Velero is installed unless Options say otherwise.
	Namespace = "velero"
	// Location is the name of the BackupStorageLocation that Install makes.
	Location = "default"
)

// Cluster is the control plane that Velero backs up.
type Cluster interface {
	Addresses
	// RESTConfig is the configuration of an admin's clients.
	RESTConfig() *rest.Config
	// Kubeconfig is the path of an admin's kubeconfig.
	Kubeconfig() string
}

// Options say how Velero is installed. Dir and Store are needed.
type Options struct {
	// Dir is the directory in which it writes, log included, one of its own that is
	// made if needed.
	Dir string
	// Store is where backups go.
	Store *Store
	// Namespace is where it is installed; empty means [Namespace].
	Namespace string
	// Prefix is the folder in the bucket. Clusters with the same one see the
	// backups of each other.
	Prefix string
	// Args are appended to the arguments of the server.
	Args []string
}

// Server is an installation of Velero, and the process of its server, one after
// another. The embedded client is an admin's, and reads past all caches.
type Server struct {
	client.Client
	// Namespace is where Velero is installed.
	Namespace string

	options  Options
	process  *process.Process
	metrics  string
	launched time.Time
}

// Install installs Velero in a cluster: the CRDs, its namespace, a
// BackupStorageLocation, and the Deployment that Velero looks for before it restores,
// without replicas. Then it starts the server, and returns once that has looked at
// the location. The caller stops it.
func Install(ctx context.Context, cluster Cluster, options Options) (*Server, error) {
	binaries, err := assets()
	if err != nil {
		return nil, err
	}
	options.Namespace = cmp.Or(options.Namespace, Namespace)
	s := &Server{Namespace: options.Namespace, options: options}
	if s.Client, err = client.New(cluster.RESTConfig(), client.Options{FieldOwner: "velero-test"}); err != nil {
		return nil, fmt.Errorf("install Velero: %w", err)
	}
	if s.metrics, err = cluster.FreeAddress(); err != nil {
		return nil, fmt.Errorf("install Velero: %w", err)
	}
	if err := errors.Join(os.MkdirAll(s.tempDir(), 0o700), s.writeCredentials()); err != nil {
		return nil, fmt.Errorf("install Velero: %w", err)
	}
	s.process = &process.Process{
		Name:    "the Velero server",
		Binary:  filepath.Join(binaries, serverBinary),
		Args:    slices.Concat(s.arguments(binaries, cluster.Kubeconfig()), options.Args),
		Env:     s.environment(),
		LogPath: filepath.Join(options.Dir, "velero.log"),
	}
	if err := s.installCRDs(ctx, cluster.Kubeconfig()); err != nil {
		return nil, err
	}
	if err := s.installObjects(ctx); err != nil {
		return nil, err
	}
	return s, s.Start(ctx)
}

// arguments are those of the server. It acts as fast as it can be told to, and as
// often.
func (s *Server) arguments(binaries, kubeconfig string) []string {
	return []string{"server",
		"--kubeconfig=" + kubeconfig,
		"--plugin-dir=" + filepath.Join(binaries, pluginFolder),
		"--metrics-address=" + s.metrics,
		"--profiler-address=",
		"--log-level=debug",
		"--client-qps=500", "--client-burst=1000",
		"--store-validation-frequency=1s",
		"--backup-sync-period=1s",
		"--garbage-collection-frequency=2s",
		"--item-operation-sync-frequency=1s",
		"--resource-timeout=1m",
	}
}

// environment is that of the server, and so of the plugin. Nothing of the caller's
// decides where they write and who they are.
func (s *Server) environment() []string {
	return []string{
		"VELERO_NAMESPACE=" + s.Namespace,
		"TMPDIR=" + s.tempDir(), "HOME=" + s.tempDir(),
		"AWS_SHARED_CREDENTIALS_FILE=" + s.credentials(), "AWS_EC2_METADATA_DISABLED=true",
	}
}

// Start starts a server that was stopped or killed, and returns once it has looked
// at the location, available or not.
func (s *Server) Start(ctx context.Context) error {
	s.launched = time.Now().Truncate(time.Second)
	if err := s.process.Start(); err != nil {
		return err
	}
	if err := s.process.WaitReady(ctx, s.ready); err != nil {
		return errors.Join(err, s.process.Kill())
	}
	return nil
}

// ready returns nil once the server has looked at the location since it started.
func (s *Server) ready(ctx context.Context) error {
	if err := getOK(ctx, http.DefaultClient, "http://"+s.metrics+"/metrics"); err != nil {
		return err
	}
	location := s.New(KindLocation, Location)
	if err := s.Get(ctx, client.ObjectKeyFromObject(location), location); err != nil {
		return client.IgnoreNotFound(err) // a test has deleted it
	}
	validated, err := timeAt(location, "status", "lastValidationTime")
	if err != nil {
		return err
	}
	if validated.Before(s.launched) {
		return fmt.Errorf("the location %s was last looked at: %s", Location, validated)
	}
	return nil
}

// Stop ends the server in order. Its objects stay. Stopping again is no error.
func (s *Server) Stop() error { return s.process.Stop() }

// Kill ends the server at once. What it was doing stays as it was, until it starts
// again.
func (s *Server) Kill() error { return s.process.Kill() }

// Running is whether the server was started, and neither stopped nor killed since.
func (s *Server) Running() bool { return s.process.PID() != 0 }

// Log is the end of the server's log.
func (s *Server) Log() string { return s.process.LogTail() }

// tempDir is where the server has its temporary files.
func (s *Server) tempDir() string { return filepath.Join(s.options.Dir, "tmp") }

// installCRDs has Velero install its CRDs, as its users do.
func (s *Server) installCRDs(ctx context.Context, kubeconfig string) error {
	cmd := exec.CommandContext(ctx, s.process.Binary, "install", "--crds-only", "--kubeconfig="+kubeconfig)
	cmd.Env = slices.Concat(os.Environ(), s.process.Env)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("install the CRDs of Velero: %w\n%s", err, output)
	}
	return nil
}
