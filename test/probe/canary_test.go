package probe_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe/canary"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

const (
	namespace = "holdfast-system"
	canaryKey = "/registry/secrets/" + namespace + "/" + permissions.CanaryName
)

// The API servers, all of one etcd.
const (
	plain = iota // without an encryption config, and later with others
	gcm          // whose encryption is switched off while it runs
	cbc          // whose key is rotated while it runs
	vault        // with KMS v2
	number
)

// config is an encryption config of Secrets. The keys protect nothing.
func config(providers ...string) []byte {
	return []byte("apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n  - " +
		strings.Join(providers, "\n  - ") + "\n")
}

const (
	identity  = "identity: {}"
	aesgcm    = "aesgcm: {keys: [{name: gcm-key, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]}"
	aescbc    = "aescbc: {keys: [{name: cbc-key, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]}"
	rotated   = "aescbc: {keys: [{name: new-key, secret: ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=}, {name: cbc-key, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]}"
	secretbox = "secretbox: {keys: [{name: box-key, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]}"
)

// cluster is what the cases of the suite share.
type cluster struct {
	cp     *controlplane.ControlPlane
	kms    *kms
	client client.Client
	// config is that of a user who may do what the chart grants to probe, and no more.
	config *rest.Config
}

// TestOnAPIServers probes real API servers, each of which stores in another way, and
// confirms what the probe says by what etcd holds. What needs one API server, and no
// matter which, is tried while those look for changes.
func TestOnAPIServers(t *testing.T) {
	c := startCluster(t)
	t.Run("metrics are forbidden", c.testMetricsForbidden)
	t.Run("writing is forbidden", c.testWritingForbidden)
	t.Run("how API servers store", c.testStored)
	t.Run("a canary that was left over", c.testLeftOver)
	t.Run("the API server restarts with another config", c.testRestarted)
	t.Run("nobody listens", c.testNobodyListens)
	t.Run("meanwhile", func(t *testing.T) {
		t.Run("a runner sees what changes while they run", c.testChanges)
		t.Run("TLS Secrets", c.testCertificates)
		t.Run("hosts and what they are to serve", c.testHosts)
		t.Run("guards", c.testGuards)
		t.Run("the password of Velero's repositories", c.testRepositories)
		t.Run("nothing secret gets out", c.testLeaks)
	})
	t.Run("nothing is left", c.testNothingIsLeft)
}

// startCluster starts API servers on one etcd.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	plugin := startKMS(t)
	cp, err := controlplane.Start(t.Context(), controlplane.Options{
		APIServers: number, NoControllerManager: true, EncryptionReload: true,
		EncryptionConfigs: map[int][]byte{
			gcm: config(aesgcm, identity), cbc: config(aescbc, identity),
			vault: config("kms: {apiVersion: v2, name: vault, endpoint: \"unix://"+plugin.socket+"\", timeout: 5s}", identity),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	cfg := cp.RESTConfig()
	cfg.WarningHandler = rest.NoWarnings{} // some Secrets of the suite hold no certificate
	admin, err := client.New(cfg, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{cp: cp, kms: plugin, client: admin}
	c.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	c.config = c.user(t, "operator", func(r permissions.Rule) bool {
		return r.Role == permissions.Probe || r.Role == permissions.TLSSecrets || r.Role == permissions.VeleroRepository
	})
	return c
}

// user returns the configuration of a user who has those of the chart's rules that
// are wanted.
func (c *cluster) user(t *testing.T, name string, wanted func(permissions.Rule) bool) *rest.Config {
	t.Helper()
	cfg, err := c.cp.RESTConfigForUser(name)
	if err != nil {
		t.Fatal(err)
	}
	c.grant(t, name, rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}, wanted)
	return cfg
}

// grant grants rules.
func (c *cluster) grant(t *testing.T, name string, to rbacv1.Subject, wanted func(permissions.Rule) bool) {
	t.Helper()
	var own, everywhere []rbacv1.PolicyRule
	for _, r := range permissions.Holdfast().Rules {
		if !wanted(r) {
			continue
		}
		rule := rbacv1.PolicyRule{Verbs: r.Verbs, ResourceNames: r.Names, NonResourceURLs: r.URLs}
		if len(r.Resources) > 0 {
			rule.APIGroups, rule.Resources = []string{r.Group}, r.Resources
		}
		if r.Namespaced {
			own = append(own, rule)
			continue
		}
		everywhere = append(everywhere, rule)
	}
	subjects := []rbacv1.Subject{to}
	meta := metav1.ObjectMeta{Name: name, Namespace: namespace}
	c.create(t, &rbacv1.Role{ObjectMeta: meta, Rules: own})
	c.create(t, &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}})
	c.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: everywhere})
	c.create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	})
}

// create creates an object.
func (c *cluster) create(t *testing.T, object client.Object) {
	t.Helper()
	if err := c.client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// target is a resource of one API server.
func (c *cluster) target(server int, resource string) control.CanaryTarget {
	return control.CanaryTarget{Endpoint: strings.TrimPrefix(c.cp.RESTConfigFor(server).Host, "https://"), Resource: resource}
}

// probe probes an API server once it knows the rights of the user, and returns what
// it says and what etcd holds of the canary.
func (c *cluster) probe(t *testing.T, server int) (*control.Stored, []byte) {
	t.Helper()
	revision, err := c.cp.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stored := c.seen(t, server, "secrets")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	held, err := c.cp.StoredSince(ctx, canaryKey, revision, "")
	if err != nil {
		t.Fatal(err)
	}
	return stored, held
}

// seen is what the probe says, once the API server knows the rights of the user.
func (c *cluster) seen(t *testing.T, server int, resource string) *control.Stored {
	t.Helper()
	prober := c.prober(t, c.config)
	var stored *control.Stored
	eventually(t, "the probe sees something", func(ctx context.Context) error {
		var err error
		stored, err = prober.Probe(ctx, c.target(server, resource))
		return err
	})
	stored.ConfigHash = "" // of a config that holds the path of a socket
	return stored
}

func (c *cluster) prober(t *testing.T, cfg *rest.Config) *canary.Prober {
	t.Helper()
	prober, err := canary.New(cfg, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return prober
}

// eventually waits until something succeeds. API servers look for changes of their
// configuration once a minute, and where that fails, a minute later.
func eventually(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// hashOf is what API servers call a key id.
func hashOf(keyID string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(keyID))) }

func (c *cluster) testStored(t *testing.T) {
	tests := map[string]struct {
		server  int
		want    control.Stored
		begins  string
		verdict control.Outcome
	}{
		"no encryption config": {plain, control.Stored{NoTransformer: true}, "k8s\x00", control.Deviating},
		"aesgcm":               {gcm, control.Stored{Prefixes: map[string]int{"k8s:enc:aesgcm:v1:": 1}, Keys: map[string]int{"gcm-key": 1}}, "k8s:enc:aesgcm:v1:gcm-key:", control.Conforming},
		"aescbc":               {cbc, control.Stored{Prefixes: map[string]int{"k8s:enc:aescbc:v1:": 1}, Keys: map[string]int{"cbc-key": 1}}, "k8s:enc:aescbc:v1:cbc-key:", control.Conforming},
		"KMS v2":               {vault, control.Stored{Prefixes: map[string]int{"k8s:enc:kms:v2:vault:": 1}, KeyIDs: []string{hashOf("first")}}, "k8s:enc:kms:v2:vault:", control.Conforming},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, held := c.probe(t, test.server)
			if diff := cmp.Diff(&test.want, normal(got)); diff != "" {
				t.Errorf("what the probe says (-want +got):\n%s", diff)
			}
			if !bytes.HasPrefix(held, []byte(test.begins)) {
				t.Errorf("etcd holds %q, want %q", held[:min(len(held), 30)], test.begins)
			}
			if verdict := c.judge(t, test.server, got); verdict != test.verdict {
				t.Errorf("the verdict is %s, want %s", verdict, test.verdict)
			}
		})
	}
	t.Run("a resource that is not in the config", func(t *testing.T) {
		if diff := cmp.Diff(&control.Stored{NoTransformer: true}, c.seen(t, gcm, "configmaps")); diff != "" {
			t.Error(diff)
		}
	})
}

// normal is what was seen without maps that are empty, and without what the API
// servers' own start read.
func normal(s *control.Stored) *control.Stored {
	if len(s.Prefixes) == 0 {
		s.Prefixes = nil
	}
	if len(s.Keys) == 0 {
		s.Keys = nil
	}
	s.ReadInTheClear = 0
	return s
}

func (c *cluster) testMetricsForbidden(t *testing.T) {
	blind := c.user(t, "blind", func(r permissions.Rule) bool { return r.Role == permissions.Probe && len(r.URLs) == 0 })
	c.wantForbidden(t, blind, "does not let Holdfast read its metrics: set the chart's value probe.enabled=true, or grant {nonResourceURLs: [/metrics]")
}

func (c *cluster) testWritingForbidden(t *testing.T) {
	mute := c.user(t, "mute", func(r permissions.Rule) bool { return r.Role == permissions.Probe && len(r.URLs) > 0 })
	c.wantForbidden(t, mute, "may not create a canary in holdfast-system")
}

// wantForbidden insists on a probe that says which right is missing.
func (c *cluster) wantForbidden(t *testing.T, cfg *rest.Config, want string) {
	t.Helper()
	prober := c.prober(t, cfg)
	eventually(t, "the right that is missing is named", func(ctx context.Context) error {
		stored, err := prober.Probe(ctx, c.target(gcm, "secrets"))
		why := unseen.Of(err)
		if stored != nil || why.Reason != control.ReasonForbidden || !strings.Contains(why.Message, want) {
			return fmt.Errorf("got %+v, %s %w", stored, why.Reason, why)
		}
		return nil
	})
}

// testLeftOver: what a crash left over holds up nothing, and goes.
func (c *cluster) testLeftOver(t *testing.T) {
	leftOver := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: permissions.CanaryName, Namespace: namespace}}
	c.create(t, leftOver.DeepCopy())
	if stored := c.seen(t, gcm, "secrets"); len(stored.Prefixes) != 1 {
		t.Errorf("got %+v", stored)
	}
	c.wantNoCanary(t)
	c.create(t, leftOver)
	c.prober(t, c.config).CleanUp(t.Context())
	c.wantNoCanary(t)
}

func (c *cluster) wantNoCanary(t *testing.T) {
	t.Helper()
	err := c.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: permissions.CanaryName}, &corev1.Secret{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the canary is still there: %v", err)
	}
}

// testRestarted: what is counted begins anew with each process.
func (c *cluster) testRestarted(t *testing.T) {
	tests := []struct {
		name    string
		config  []byte
		want    control.Stored
		begins  string
		verdict control.Outcome
	}{
		{"secretbox", config(secretbox, identity), control.Stored{Prefixes: map[string]int{"k8s:enc:secretbox:v1:": 1}, Keys: map[string]int{"box-key": 1}}, "k8s:enc:secretbox:v1:box-key:", control.Conforming},
		{"identity first", config(identity, secretbox), control.Stored{Prefixes: map[string]int{"": 1}}, "k8s\x00", control.Deviating},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := c.cp.Encrypt(t.Context(), plain, test.config); err != nil {
				t.Fatal(err)
			}
			got, held := c.probe(t, plain)
			if diff := cmp.Diff(&test.want, normal(got)); diff != "" {
				t.Errorf("what the probe says (-want +got):\n%s", diff)
			}
			if !bytes.HasPrefix(held, []byte(test.begins)) {
				t.Errorf("etcd holds %q, want %q", held[:min(len(held), 30)], test.begins)
			}
			if verdict := c.judge(t, plain, got); verdict != test.verdict {
				t.Errorf("the verdict is %s, want %s", verdict, test.verdict)
			}
		})
	}
}

func (c *cluster) testNobodyListens(t *testing.T) {
	address, err := c.cp.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.prober(t, c.config).Probe(t.Context(), control.CanaryTarget{Endpoint: address, Resource: "secrets"})
	want := &unseen.Error{Reason: control.ReasonInconclusive, Message: "The API server " + address + " gave no answer: the connection was refused."}
	if diff := cmp.Diff(want, unseen.Of(err)); diff != "" {
		t.Error(diff)
	}
}

// testNothingIsLeft: no canary outlives its probe.
func (c *cluster) testNothingIsLeft(t *testing.T) {
	c.wantNoCanary(t)
	var list corev1.ConfigMapList
	if err := c.client.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if strings.HasPrefix(list.Items[i].Name, "holdfast") {
			t.Errorf("left: %s", list.Items[i].Name)
		}
	}
}
