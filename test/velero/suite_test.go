//go:build velero

package velero_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/holdfast-dev/holdfast/test/controlplane"
	"github.com/holdfast-dev/holdfast/test/harness"
	"github.com/holdfast-dev/holdfast/test/velero"
)

func TestVelero(t *testing.T) {
	// Clients are quiet: what a spec has to say is in its failure.
	ctrl.SetLogger(logr.Discard())
	RegisterFailHandler(Fail)
	RunSpecs(t, "Holdfast beside Velero")
}

var (
	// cluster is the cluster of all specs.
	cluster *harness.Cluster
	// shared is the Velero of all specs that leave it alone, with its store.
	shared *installation
)

var _ = BeforeSuite(func() {
	Expect(velero.Built()).To(Succeed())
	tb := newTB()
	cluster = harness.StartCluster(tb, harness.ClusterOptions{})
	// Velero learns of CRDs when it starts, and then every five minutes.
	Expect(controlplane.InstallCRDs(tb.Context(), cluster.RESTConfig(), "testdata/crds")).To(Succeed())
	shared = install(tb, velero.Options{Args: []string{"--concurrent-backups=4"}})
})

// installation is a Velero with a store of its own.
type installation struct {
	*velero.Server
	store *velero.Store
}

// install installs Velero with a store of its own, and has both end with the spec, or
// the suite. Dir and Store of the options are the function's to fill in.
func install(tb testing.TB, options velero.Options) *installation {
	tb.Helper()
	dir := tb.TempDir()
	store, err := velero.StartStore(tb.Context(), cluster, filepath.Join(dir, "store"))
	if err != nil {
		tb.Fatal(err)
	}
	options.Dir, options.Store = filepath.Join(dir, "velero"), store
	server, err := velero.Install(tb.Context(), cluster, options)
	if err != nil {
		tb.Fatal(errors.Join(err, store.Stop()))
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the log of Velero in %s ends:\n%s\nthat of its store ends:\n%s", server.Namespace, server.Log(), store.Log())
		}
		if err := errors.Join(server.Stop(), store.Stop()); err != nil {
			tb.Error(err)
		}
	})
	return &installation{Server: server, store: store}
}
