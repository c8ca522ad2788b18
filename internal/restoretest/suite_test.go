package restoretest_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/test/controlplane"
	"github.com/holdfast-dev/holdfast/test/crds"
	"github.com/holdfast-dev/holdfast/test/harness"
)

const (
	// user may do what the chart grants to restore tests, and no more.
	user = "tester"
	// patience is how long anything may take on a busy machine.
	patience = 5 * time.Minute
)

// shared is the one control plane of the package, with its controllers: they delete
// what is in a namespace, and have quotas come into force.
var shared *controlplane.ControlPlane

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	log.SetLogger(logr.Discard()) // each tester has its own
	flag.Parse()
	err := flag.Set("test.parallel", "12") // cases wait for most of their time
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if shared, err = controlplane.Start(context.Background(), controlplane.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return m.Run()
}

// admin is a client that may do everything.
func admin(t *testing.T) client.Client {
	t.Helper()
	c, err := client.New(shared.RESTConfig(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestOnAnAPIServer restores on a real API server, with a Velero that is scripted. Each
// case is a cluster of its own, by the UID that its tester goes by, and what it does
// beside the others shows that one is told from the other.
func TestOnAnAPIServer(t *testing.T) {
	crds.Install(t, shared, crds.Velero)
	grant(t)
	startKubelet(t)
	t.Run("together", func(t *testing.T) {
		t.Run("what comes back is compared", testRestores)
		t.Run("a process that ends at any step", testKilled)
		t.Run("a process that ends while Velero restores", testKilledWhileRestoring)
		t.Run("what is not ours is not touched", testForeign)
		t.Run("a volume that is in use elsewhere", testSharedVolume)
		t.Run("what is missing, or in the way", testHindrances)
		t.Run("what is in the way is told once", testToldOnce)
		t.Run("a namespace without its service account", testYoungNamespace)
		t.Run("a sentinel that is not wanted any more", testForget)
		t.Run("results count, and then do not", testCadence)
	})
	t.Run("Velero is removed meanwhile", testVeleroRemoved)
}

// grant grants the user what the chart grants.
func grant(t *testing.T) {
	t.Helper()
	var rules []rbacv1.PolicyRule
	table := permissions.Holdfast()
	for _, r := range table.Of(permissions.Probe, "restoreTests") {
		rules = append(rules, rbacv1.PolicyRule{Verbs: r.Verbs, APIGroups: []string{r.Group}, Resources: r.Resources, ResourceNames: r.Names})
	}
	// These it may list to observe the cluster.
	rules = append(rules, rbacv1.PolicyRule{Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"namespaces", "persistentvolumes"}})
	c, meta := admin(t), metav1.ObjectMeta{Name: user}
	for _, object := range []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules},
		&rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}},
	} {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	may := func() error {
		cfg := configOf(t, user)
		u, err := client.New(cfg, client.Options{})
		if err != nil {
			return err
		}
		return u.List(t.Context(), &corev1.PersistentVolumeList{})
	}
	eventually(t, "the rights are in force", may)
}

// configOf is the configuration of a user's client.
func configOf(t *testing.T, name string) *rest.Config {
	t.Helper()
	cfg, err := shared.RESTConfigForUser(name)
	if err != nil {
		t.Fatal(err)
	}
	cfg.WarningHandler = rest.NoWarnings{}
	return cfg
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() error) {
	t.Helper()
	harness.EventuallyWithin(t, patience, what, holds)
}

// numbered makes names that no other case has.
var numbered atomic.Int64

// unique is a name that no other case has.
func unique(prefix string) string { return fmt.Sprintf("%s-%d", prefix, numbered.Add(1)) }
