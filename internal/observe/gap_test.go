package observe_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/observe"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// The timings of these tests. A watch shows a sign of life at least every
// minute, so at this pace idle watches are looked into again and again.
const (
	progressTimeout = time.Second
	supervision     = 100 * time.Millisecond
	// A live request of an API server that is there may take its time.
	probeTimeout = pollTimeout / 2
)

func TestGaps(t *testing.T) {
	c := startCluster(t)
	c.createFence(t, "fence")
	c.createNamespace(t, "held")
	c.createPolicy(t, "held", "given")
	t.Run("permissionRevoked", func(t *testing.T) { testPermissionRevoked(t, c) })
	t.Run("forbiddenFromTheStart", func(t *testing.T) { testForbiddenFromTheStart(t, c) })
	t.Run("unreachable", func(t *testing.T) { testUnreachable(t, c) })
	t.Run("idle", func(t *testing.T) { testIdle(t, c) })
	t.Run("frozen", func(t *testing.T) { testFrozen(t, c) })
	t.Run("compacted", func(t *testing.T) { testCompacted(t) })
}

// testPermissionRevoked: one gap for the kind, from the last proof of
// observation until observation is proven again.
func testPermissionRevoked(t *testing.T, c *cluster) {
	const user = "revoked"
	config := c.user(t, user)
	c.grant(t, user, config, "namespaces", "pods", "networkpolicies")
	proxy := c.proxy(t)
	// A live request at the moment of the cut would be a gap of another kind.
	o := started(t, observe.Options{Config: proxy.RESTConfig(config), PollInterval: supervision})
	if got := o.Epoch(control.NeedNetworkPolicies); got != 1 {
		t.Errorf("epoch = %d before any gap", got)
	}
	c.fence(t, o, "fence") // a watch that delivered nothing would begin again with a list
	proven := o.Progress()[control.NeedNetworkPolicies].At

	c.grant(t, user, config, "namespaces", "pods")
	reconnect(t, proxy)
	eventually(t, "network policies are forbidden", func() bool {
		return len(o.gapsOf(control.NeedNetworkPolicies)) > 0
	})
	if got := o.Progress()[control.NeedNetworkPolicies].State; got != observe.Forbidden {
		t.Errorf("network policies are %s", got)
	}
	unavailable := o.snapshot(t, "held").Unavailable
	if unavailable[control.NeedNetworkPolicies] != control.ReasonForbidden || unavailable[control.NeedPods] != "" {
		t.Errorf("unavailable: %v", unavailable)
	}
	began := o.gapsOf(control.NeedNetworkPolicies)
	if len(began) != 1 || began[0].Cause != observe.CauseForbidden || began[0].To != nil || began[0].From.Before(proven) {
		t.Fatalf("gaps = %+v, want one that began after %s", began, proven)
	}
	before := o.triggered("fence")

	c.deletePolicy(t, "held", "given")
	c.grant(t, user, config, "namespaces", "pods", "networkpolicies")
	eventually(t, "network policies are observed again", func() bool {
		return len(o.gapsOf(control.NeedNetworkPolicies)) > 1
	})
	if got := o.Progress()[control.NeedNetworkPolicies].State; got != observe.Live {
		t.Errorf("network policies are %s", got)
	}
	ended := o.gapsOf(control.NeedNetworkPolicies)
	if len(ended) != 2 || ended[1].Key != began[0].Key || ended[1].From != began[0].From || ended[1].To == nil {
		t.Fatalf("gaps = %+v, want the end of the one that began", ended)
	}
	if got := o.Epoch(control.NeedNetworkPolicies); got != 2 {
		t.Errorf("epoch = %d after a gap", got)
	}
	if got := o.Epoch(control.NeedPods, control.NeedNamespaces); got != 1 {
		t.Errorf("epoch of the kinds without a gap = %d", got)
	}
	eventually(t, "what did not change is announced too", func() bool { return o.triggered("fence") > before })
	snapshot := o.snapshot(t, "held")
	if snapshot.Unavailable[control.NeedNetworkPolicies] != "" || len(snapshot.NetworkPolicies) > 0 {
		t.Errorf("snapshot after the gap: %+v", snapshot)
	}
	c.createPolicy(t, "held", "given")
}

// testForbiddenFromTheStart: a kind that was never allowed does not hold up the
// others, and its gap begins with the process.
func testForbiddenFromTheStart(t *testing.T, c *cluster) {
	const user = "newcomer"
	config := c.user(t, user)
	c.grant(t, user, config, "namespaces")
	var begin time.Time // what the clock said first
	var once sync.Once
	// What is denied is not left to be found by the probe, two minutes later.
	o := start(t, observe.Options{Config: config, Now: func() time.Time {
		now := time.Now()
		once.Do(func() { begin = now })
		return now
	}})
	ctx, cancel := context.WithTimeout(t.Context(), pollTimeout)
	defer cancel()
	if err := o.WaitForSync(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the gap begins", func() bool { return len(o.gapsOf(control.NeedNetworkPolicies)) > 0 })
	began := o.gapsOf(control.NeedNetworkPolicies)
	if len(began) != 1 || began[0].Cause != observe.CauseForbidden || !began[0].From.Equal(begin) {
		t.Fatalf("gaps = %+v, want one from %s", began, begin)
	}
	const remedy = `grant {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [list, watch]} by a ClusterRole` +
		` with the label rbac.holdfast.dev/aggregate-to-observe: "true"`
	if began[0].Remedy != remedy {
		t.Errorf("remedy %q, want %q", began[0].Remedy, remedy)
	}
	if got := o.snapshot(t, "held").Unavailable[control.NeedNetworkPolicies]; got != control.ReasonForbidden {
		t.Errorf("reason = %q, want %q", got, control.ReasonForbidden)
	}
	c.grant(t, user, config, "namespaces", "networkpolicies")
	eventually(t, "the gap ends", func() bool { return len(o.gapsOf(control.NeedNetworkPolicies)) == 2 })
	snapshot := o.snapshot(t, "held")
	if diff := cmp.Diff([]string{"given"}, names(snapshot.NetworkPolicies)); diff != "" ||
		snapshot.Unavailable[control.NeedNetworkPolicies] != "" {
		t.Errorf("snapshot after the gap: %+v", snapshot)
	}
}

// testUnreachable: without an API server every kind is in a gap, which ends
// without a list, with all that happened meanwhile seen.
func testUnreachable(t *testing.T, c *cluster) {
	proxy := c.proxy(t)
	o := started(t, fast(proxy.RESTConfig(c.RESTConfig())))
	c.fence(t, o, "fence") // as above
	if err := proxy.Cut(); err != nil {
		t.Fatal(err)
	}
	kinds := []control.Need{control.NeedNamespaces, control.NeedNetworkPolicies, control.NeedPods}
	eventually(t, "all kinds are unreachable", func() bool {
		for _, need := range kinds {
			if o.Progress()[need].State != observe.Unreachable {
				return false
			}
		}
		return true
	})
	if got := o.snapshot(t, "held").Unavailable[control.NeedNamespaces]; got != control.ReasonFailed {
		t.Errorf("reason = %q, want %q", got, control.ReasonFailed)
	}
	c.createPolicy(t, "held", "meanwhile")
	before := o.triggered("fence")
	if err := proxy.Resume(); err != nil {
		t.Fatal(err)
	}
	for _, need := range kinds {
		eventually(t, "the gap of "+string(need)+" ends", func() bool {
			gaps := o.gapsOf(need)
			return len(gaps) == 2 && gaps[1].Cause == observe.CauseUnreachable && gaps[1].To != nil
		})
	}
	eventually(t, "what did not change is announced, once for namespaces and once for policies at least", func() bool {
		return o.triggered("fence")-before >= 2
	})
	if diff := cmp.Diff([]string{"given", "meanwhile"}, names(o.snapshot(t, "held").NetworkPolicies)); diff != "" {
		t.Errorf("policies after the gap (-want +got):\n%s", diff)
	}
	c.deletePolicy(t, "held", "meanwhile")
}

// testIdle: a watch on which nothing happens is proven by live requests, and is
// no gap.
func testIdle(t *testing.T, c *cluster) {
	o := started(t, fast(c.RESTConfig()))
	begin := time.Now()
	for range 3 {
		proven := o.Progress()[control.NeedNetworkPolicies].At
		eventually(t, "progress is proven", func() bool {
			return o.Progress()[control.NeedNetworkPolicies].At.After(proven)
		})
	}
	if took := time.Since(begin); took < progressTimeout {
		t.Errorf("progress was proven three times in %s: something happened", took)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.gaps) > 0 {
		t.Errorf("gaps of idle watches: %+v", o.gaps)
	}
}

// testFrozen: a watch that delivers nothing, in a healthy process with a healthy
// API server, is found, broken off and caught up with.
func testFrozen(t *testing.T, c *cluster) {
	proxy := c.proxy(t)
	o := started(t, fast(proxy.RESTConfig(c.RESTConfig())))
	proven := o.Progress()[control.NeedNetworkPolicies].At
	before := o.triggered("held")
	proxy.Freeze()
	frozen := time.Now()
	c.deletePolicy(t, "held", "given")

	eventually(t, "the stalled watch is found", func() bool {
		return len(o.gapsOf(control.NeedNetworkPolicies)) == 2
	})
	gaps := o.gapsOf(control.NeedNetworkPolicies)
	began, ended := gaps[0], gaps[1]
	if began.Cause != observe.CauseWatchStalled || began.To != nil || began.From.Before(proven) || began.From.After(frozen) {
		t.Errorf("gap = %+v, want one of a stalled watch from between %s and %s", began, proven, frozen)
	}
	if ended.Key != began.Key || ended.To == nil {
		t.Errorf("end of the gap = %+v, want that of %s", ended, began.Key)
	}
	if len(o.snapshot(t, "held").NetworkPolicies) > 0 || o.triggered("held") == before {
		t.Error("what the watch withheld was not caught up with")
	}
	if gaps := o.gapsOf(control.NeedPods); len(gaps) > 0 {
		t.Errorf("gaps = %+v of a watch that withheld nothing", gaps)
	}
	c.createPolicy(t, "held", "given")
}

// testCompacted: a watch that cannot go on where it stood begins again with a
// list, which is a gap of its own.
func testCompacted(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{
		NoControllerManager: true,
		// Without its cache the API server asks etcd for what happened since.
		APIServerArgs: []string{"--watch-cache=false"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	}()
	c := &cluster{ControlPlane: cp, Interface: newClient(t, cp.RESTConfig())}
	c.createNamespace(t, "held")
	c.createPolicy(t, "held", "given")
	proxy := c.proxy(t)
	// Only the broken connection is to be noticed here, not the silence.
	o := started(t, observe.Options{Config: proxy.RESTConfig(c.RESTConfig())})
	version := o.Progress()[control.NeedNetworkPolicies].Version
	if err := proxy.Cut(); err != nil {
		t.Fatal(err)
	}
	c.deletePolicy(t, "held", "given")
	c.createPolicy(t, "held", "other")
	c.compact(t)
	before := o.triggered("held")
	if err := proxy.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the gap is told", func() bool { return len(o.gapsOf(control.NeedNetworkPolicies)) == 1 })
	gap := o.gapsOf(control.NeedNetworkPolicies)[0]
	if gap.Cause != observe.CauseWatchRestarted || gap.To == nil || !gap.From.Before(*gap.To) {
		t.Errorf("gap = %+v, want one of a restarted watch, with its end", gap)
	}
	eventually(t, "everything is announced again", func() bool { return o.triggered("held") > before })
	if diff := cmp.Diff([]string{"other"}, names(o.snapshot(t, "held").NetworkPolicies)); diff != "" {
		t.Errorf("policies after the gap (-want +got):\n%s", diff)
	}
	if !atLeast(t, o.Progress()[control.NeedNetworkPolicies].Version, version) || o.Epoch(control.NeedNetworkPolicies) != 2 {
		t.Errorf("progress = %+v", o.Progress())
	}
}

// fast are options that find a lost watch within seconds.
func fast(config *rest.Config) observe.Options {
	return observe.Options{
		Config:          config,
		ProgressTimeout: progressTimeout,
		ProbeTimeout:    probeTimeout,
		PollInterval:    supervision,
	}
}

func (c *cluster) proxy(t *testing.T) *controlplane.Proxy {
	t.Helper()
	proxy, err := c.Proxy(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	return proxy
}

// reconnect breaks all connections and allows new ones.
func reconnect(t *testing.T, proxy *controlplane.Proxy) {
	t.Helper()
	if err := proxy.Cut(); err != nil {
		t.Fatal(err)
	}
	if err := proxy.Resume(); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) user(t *testing.T, name string) *rest.Config {
	t.Helper()
	config, err := c.RESTConfigForUser(name)
	if err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	}
	if _, err := c.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return config
}

// grant lets a user list and watch exactly the resources, and returns when the
// API server goes by that.
func (c *cluster) grant(t *testing.T, user string, config *rest.Config, resources ...string) {
	t.Helper()
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"", "networking.k8s.io"}, Resources: resources, Verbs: []string{"list", "watch"},
		}},
	}
	// An update makes the role where there is none.
	if _, err := c.RbacV1().ClusterRoles().Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, config)
	eventually(t, "the permissions of "+user, func() bool {
		_, err := client.NetworkingV1().NetworkPolicies("").List(t.Context(), metav1.ListOptions{Limit: 1})
		return (err == nil) == slices.Contains(resources, "networkpolicies")
	})
}

// compact makes etcd forget everything but the present state.
func (c *cluster) compact(t *testing.T) {
	t.Helper()
	present, err := c.NetworkingV1().NetworkPolicies("").List(t.Context(), metav1.ListOptions{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	body := document(t, map[string]any{"revision": present.ResourceVersion, "physical": true})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.EtcdURL()+"/v3/kv/compaction", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("compact etcd: %s", response.Status)
	}
}
