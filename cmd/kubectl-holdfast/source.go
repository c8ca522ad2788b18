package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/bundle"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
	"github.com/holdfast-dev/holdfast/internal/serve"
)

// The operator's namespace, and the Service that serves its ledger.
const (
	defaultOperatorNamespace = "holdfast-system"
	defaultLedgerService     = "holdfast-ledger"
	ledgerPort               = "ledger"
)

// sources open what LEDGER names: a ledger's directory, a bundle, or, where it
// is left out, the ledger that an operator serves.
type sources struct {
	to                 *connection
	namespace, service string
}

// bind adds the flags that say which operator.
func (s *sources) bind(root *cobra.Command) {
	root.PersistentFlags().StringVar(&s.namespace, "operator-namespace", defaultOperatorNamespace, "namespace of the operator whose ledger is read, where no LEDGER is named")
	root.PersistentFlags().StringVar(&s.service, "service", defaultLedgerService, "Service that serves that ledger")
}

// takes has a command accept one LEDGER, or none.
func takes(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.Use += " [LEDGER]"
	cmd.Long += `

LEDGER is a ledger's directory, or a bundle. Without it, the ledger is that of
the operator in the cluster: what is new of it is copied to this machine first.`
	return cmd
}

// named is the LEDGER that was named, or nothing.
func named(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// openedLedger is a ledger that is read.
type openedLedger struct {
	*ledger.Reader
	// name is what it is called to people.
	name string
	// bundle is set where it was packed; copied is set where it is a copy that
	// has no more than a reader needs.
	bundle *bundle.Bundle
	copied bool
	close  func() error
}

// done gives back what reading took.
func (o *openedLedger) done() {
	// A directory for temporary files that cannot be removed is nothing to fail for.
	_ = o.close()
}

// verify verifies the ledger, and what it came in.
func (o *openedLedger) verify(ctx context.Context, opts ledger.VerifyOptions) (*ledger.VerifyReport, error) {
	if o.bundle != nil {
		return o.bundle.Verify(ctx, opts)
	}
	opts.Copy = o.copied
	if o.copied && !volume.Exists(filepath.Join(o.Dir(), "ledgers", o.Chain()[0].LedgerID, "actors")) {
		opts.Omitted = func(class, _ string) bool { return class == "actors" }
	}
	return ledger.Verify(ctx, o.Dir(), opts)
}

// open opens the ledger that arg names.
func (s *sources) open(cmd *cobra.Command, arg string) (*openedLedger, error) {
	if arg == "" {
		return s.served(cmd)
	}
	info, err := os.Stat(arg)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open the ledger: %w", err)
	case info.IsDir():
		return openDir(arg)
	}
	packed, err := bundle.Is(arg)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	if !packed {
		return nil, fmt.Errorf("open the ledger: %s is neither a directory nor a bundle", arg)
	}
	return openBundle(cmd, arg)
}

// openDir opens a volume, a copy of one, or a bundle that somebody unpacked.
func openDir(dir string) (*openedLedger, error) {
	o := &openedLedger{name: dir, close: func() error { return nil }}
	unpacked, err := bundle.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	if unpacked != nil {
		o.bundle, dir = unpacked, unpacked.Volume()
	}
	o.copied = !volume.Exists(filepath.Join(dir, "LOCK"))
	o.Reader, err = ledger.NewReader(dir)
	return o, err
}

// openBundle unpacks a bundle into a directory for temporary files.
func openBundle(cmd *cobra.Command, file string) (*openedLedger, error) {
	dir, err := os.MkdirTemp("", "holdfast-bundle-")
	if err != nil {
		return nil, err
	}
	o := &openedLedger{name: file, copied: true, close: func() error { return os.RemoveAll(dir) }}
	p := startProgress(cmd.Context(), cmd.ErrOrStderr())
	defer p.end()
	p.at("unpacking %s", file)
	if err := o.unpack(cmd.Context(), file, dir); err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

func (o *openedLedger) unpack(ctx context.Context, file, dir string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	o.bundle, err = bundle.Open(ctx, f, dir, bundle.Limits{})
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	o.Reader, err = ledger.NewReader(o.bundle.Volume())
	return err
}

// remote is the ledger that the operator serves, reached through the API server.
func (s *sources) remote() (*serve.Remote, error) {
	config, err := s.to.loader().ClientConfig()
	if err != nil {
		return nil, unconfigured(err)
	}
	config.QPS, config.UserAgent = -1, "kubectl-holdfast"
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, err
	}
	base = base.JoinPath("api/v1/namespaces", s.namespace, "services", s.service+":"+ledgerPort, "proxy")
	return &serve.Remote{Base: base, Client: client}, nil
}

// served brings the copy of what the operator serves up to date, and opens it.
func (s *sources) served(cmd *cobra.Command) (*openedLedger, error) {
	remote, err := s.remote()
	if err != nil {
		return nil, err
	}
	dir, err := cacheOf(remote)
	if err != nil {
		return nil, err
	}
	lock, err := volume.Lock(dir + ".lock")
	if err != nil {
		return nil, fmt.Errorf("the copy of the ledger in %s: %w", dir, err)
	}
	p := startProgress(cmd.Context(), cmd.ErrOrStderr())
	remote.Progress = func(what string) { p.at("%s", what) }
	err = remote.Mirror(cmd.Context(), dir)
	p.end()
	if errors.Is(err, serve.ErrNotAContinuation) {
		err = fmt.Errorf("%w; the copy in %s is as it was: keep it, it shows what the ledger said before, and move it away to copy anew", err, dir)
	}
	if err != nil {
		return nil, errors.Join(explained(err, remote.Base.Host), lock.Close())
	}
	o := &openedLedger{name: "the operator's ledger", copied: true, close: lock.Close}
	if o.Reader, err = ledger.NewReader(dir); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return o, nil
}

// cacheOf is where the copy of a ledger that is served lies.
func cacheOf(remote *serve.Remote) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for a copy of the ledger: %w", err)
	}
	sum := sha256.Sum256([]byte(remote.Base.String()))
	dir := filepath.Join(cache, "kubectl-holdfast", hex.EncodeToString(sum[:8]))
	return dir, os.MkdirAll(filepath.Dir(dir), 0o700)
}
