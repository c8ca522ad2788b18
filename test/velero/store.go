package velero

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"github.com/holdfast-dev/holdfast/test/process"
)

const (
	// Bucket is the bucket of every store.
	Bucket = "backups"
	// Region is the region that the store says it is in.
	Region = "us-east-1"

	// The root user of the store.
	accessKey = "velero"
	secretKey = "velero-secret"
	// healthPath is where the store says that it serves.
	healthPath = "/health"
)

// Addresses hands out addresses to listen on, as a control plane does.
type Addresses interface {
	// FreeAddress returns a loopback address, host:port, that nobody else is given.
	FreeAddress() (string, error)
}

// Store is an S3 server with one bucket, in a directory, over TLS. It may be stopped
// and started again, with the same address and the same data.
type Store struct {
	address     string
	dir         string
	certificate *certificate
	client      *http.Client
	process     *process.Process
}

// StartStore starts a store whose files are in dir, a directory of its own that is
// made if needed, and returns once it serves. The caller stops it.
func StartStore(ctx context.Context, addresses Addresses, dir string) (*Store, error) {
	binaries, err := assets()
	if err != nil {
		return nil, err
	}
	address, err := addresses.FreeAddress()
	if err != nil {
		return nil, fmt.Errorf("start the object store: %w", err)
	}
	s := &Store{address: address, dir: dir}
	for _, folder := range []string{s.BucketDir(), s.metadataDir()} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("start the object store: %w", err)
		}
	}
	if s.certificate, err = newCertificate(dir); err != nil {
		return nil, fmt.Errorf("start the object store: %w", err)
	}
	if s.client, err = s.certificate.client(); err != nil {
		return nil, fmt.Errorf("start the object store: %w", err)
	}
	s.process = &process.Process{
		Name:   "the object store",
		Binary: filepath.Join(binaries, storeBinary),
		// Metadata in files of their own: not every file system has extended attributes.
		Args: []string{"--port", address, "--region", Region, "--health", healthPath, "--quiet",
			"--cert", s.certificate.public, "--key", s.certificate.private,
			"posix", "--sidecar", s.metadataDir(), filepath.Dir(s.BucketDir())},
		Env:     []string{"ROOT_ACCESS_KEY=" + accessKey, "ROOT_SECRET_KEY=" + secretKey},
		LogPath: filepath.Join(dir, "store.log"),
	}
	return s, s.Start(ctx)
}

// Start starts a store that was stopped, and returns once it serves.
func (s *Store) Start(ctx context.Context) error {
	if err := s.process.Start(); err != nil {
		return err
	}
	if err := s.process.WaitReady(ctx, s.serves); err != nil {
		return errors.Join(err, s.process.Kill())
	}
	return nil
}

// Stop ends the store. What it holds stays. Stopping again is no error.
func (s *Store) Stop() error { return s.process.Stop() }

// Freeze has the store answer nothing until Thaw, and keep its connections.
func (s *Store) Freeze() error { return syscall.Kill(s.process.PID(), syscall.SIGSTOP) }

// Thaw ends what Freeze began. Thawing a store that is not frozen is no error.
func (s *Store) Thaw() error { return syscall.Kill(s.process.PID(), syscall.SIGCONT) }

// URL is where the store serves, or would if it were started.
func (s *Store) URL() string { return "https://" + s.address }

// CACert is the certificate by which the store is trusted, in PEM.
func (s *Store) CACert() []byte { return s.certificate.pem }

// BucketDir is the directory that is the bucket.
func (s *Store) BucketDir() string { return filepath.Join(s.dir, "buckets", Bucket) }

// Log is the end of the store's log.
func (s *Store) Log() string { return s.process.LogTail() }

// metadataDir is where the store keeps what S3 knows of an object besides its content.
func (s *Store) metadataDir() string { return filepath.Join(s.dir, "metadata") }

func (s *Store) serves(ctx context.Context) error { return getOK(ctx, s.client, s.URL()+healthPath) }

// getOK gets a URL and insists on status 200.
func getOK(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}
