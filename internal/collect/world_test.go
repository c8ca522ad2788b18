package collect_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/collect"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

const (
	fieldManager = "holdfast"
	operatorsOwn = "holdfast-system"
	patience     = time.Minute
)

// cluster is a real API server without a controller manager.
type cluster struct {
	*controlplane.ControlPlane
	kubernetes.Interface
}

func startCluster(tb testing.TB) *cluster {
	tb.Helper()
	cp, err := controlplane.Start(tb.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			tb.Error(err)
		}
	})
	client, err := kubernetes.NewForConfig(cp.RESTConfig())
	if err != nil {
		tb.Fatal(err)
	}
	return &cluster{cp, client}
}

func (c *cluster) create(tb testing.TB, name string, labels map[string]string) {
	tb.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	if _, err := c.CoreV1().Namespaces().Create(tb.Context(), namespace, metav1.CreateOptions{}); err != nil {
		tb.Fatal(err)
	}
}

// drop deletes a namespace, and lets it go at once.
func (c *cluster) drop(tb testing.TB, name string) {
	tb.Helper()
	namespaces := c.CoreV1().Namespaces()
	if err := namespaces.Delete(tb.Context(), name, metav1.DeleteOptions{}); err != nil {
		tb.Fatal(err)
	}
	namespace, err := namespaces.Get(tb.Context(), name, metav1.GetOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	namespace.Spec.Finalizers = nil
	if _, err := namespaces.Finalize(tb.Context(), namespace, metav1.UpdateOptions{}); err != nil {
		tb.Fatal(err)
	}
}

func (c *cluster) deny(ctx context.Context, namespace string) error {
	_, err := c.NetworkingV1().NetworkPolicies(namespace).Create(ctx, &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "deny"},
		Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
	}, metav1.CreateOptions{})
	return err
}

func (c *cluster) allow(ctx context.Context, namespace string) error {
	return c.NetworkingV1().NetworkPolicies(namespace).Delete(ctx, "deny", metav1.DeleteOptions{})
}

// label sets the tier of a namespace.
func (c *cluster) label(tb testing.TB, namespace, tier string) {
	tb.Helper()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]string{"tier": tier}}})
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := c.CoreV1().Namespaces().Patch(tb.Context(), namespace, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		tb.Fatal(err)
	}
}

var production = map[string]string{"tier": "production"}

// baseline is a policy over namespaces labelled tier=production.
func baseline(edits ...func(*v1alpha1.ControlPolicy)) *v1alpha1.ControlPolicy {
	deny := &v1alpha1.NetworkIsolation{DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionIngress}}
	p := &v1alpha1.ControlPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "baseline", UID: "uid-of-policy", Generation: 1},
		Spec: v1alpha1.ControlPolicySpec{
			Scope: v1alpha1.Scope{
				NamespaceSelector: metav1.LabelSelector{MatchLabels: production},
				Exclusions:        []v1alpha1.Exclusion{{Namespaces: []string{"legacy"}, Reason: "RISK-1"}},
			},
			Controls: []v1alpha1.ControlSpec{{ID: "NET-1", NetworkIsolation: deny}},
		},
	}
	for _, edit := range edits {
		edit(p)
	}
	return p
}

func defined(tb testing.TB, p *v1alpha1.ControlPolicy) *assess.Definition {
	tb.Helper()
	def, err := assess.Define(p)
	if err != nil {
		tb.Fatal(err)
	}
	return def
}

// world is a cluster that is watched, judged and recorded.
type world struct {
	*cluster
	tb       testing.TB
	dir      string
	def      *assess.Definition
	observer *observe.Observer
	recorder *ledger.Recorder
	engine   *engine
	options  collect.Options
	slots    int
}

// newWorld watches a cluster, and records what a policy says of it.
func newWorld(tb testing.TB, c *cluster, p *v1alpha1.ControlPolicy) *world {
	tb.Helper()
	return newWorldThrough(tb, c, p, c.RESTConfig())
}

// newWorldThrough is newWorld, where watches go another way than collections.
func newWorldThrough(tb testing.TB, c *cluster, p *v1alpha1.ControlPolicy, watches *rest.Config) *world {
	tb.Helper()
	w := &world{cluster: c, tb: tb, dir: tb.TempDir(), def: defined(tb, p)}
	w.engine = &engine{world: w, queued: map[string]bool{}, under: map[string]bool{}, deaf: map[string]bool{}, wake: make(chan struct{}, 1)}
	head := ledger.FileHead{Path: filepath.Join(tb.TempDir(), "head")}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	identity := ledger.ClusterBody{KubeSystemUID: "uid-of-kube-system"}
	w.recorder = ledger.NewRecorder(ledger.RecorderOptions{
		Open: func(ctx context.Context) (*ledger.Log, *ledger.Opened, error) {
			return ledger.Open(ctx, ledger.Options{Dir: w.dir, Key: key, Head: head, Cluster: identity, Log: logr.Discard()})
		},
		Cluster: identity, Operator: ledger.OperatorBody{Process: "test", StartedAt: ledger.At(time.Now())},
		Now: time.Now, Retry: time.Second, Log: logr.Discard(),
	})
	w.observer, err = observe.New(observe.Options{Config: watches, FieldManager: fieldManager, OnScope: w.engine.trigger, Log: logr.Discard()})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { fail(tb, w.recorder.Run(ctx)) })
	var demanded []control.Need
	for i := range w.def.Controls {
		demanded = append(demanded, w.def.Controls[i].Needs...)
	}
	w.observer.Demand(demanded...)
	running.Go(func() { fail(tb, w.observer.Start(ctx)) })
	<-w.recorder.Opened()
	w.recorder.Record(introduction(w.def)...)
	if err := w.observer.WaitForSync(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	running.Go(func() { w.engine.run(ctx) })
	tb.Cleanup(func() { cancel(); running.Wait() })
	w.options = collect.Options{Config: c.RESTConfig(), Observer: w.observer, Recorder: w.recorder, FieldManager: fieldManager,
		Namespace: operatorsOwn, KeySecret: "holdfast-ledger-key",
		Settled: w.engine.settled, Requeue: w.engine.requeue,
		Probed: func(string) ([]control.Observation, bool) { return nil, false }, Now: time.Now, Log: logr.Discard()}
	return w
}

func fail(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Error(err)
	}
}

// introduction drafts that a policy is in operation.
func introduction(def *assess.Definition) []ledger.Draft {
	now := time.Now()
	drafts := []ledger.Draft{{At: now, Entry: ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: def.Ref(nil),
		Change: &ledger.ChangeBody{Type: ledger.ChangeCreated, To: def.SpecObject.Digest}},
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{def.SpecObject}, nil }}}
	for i := range def.Controls {
		c := &def.Controls[i]
		drafts = append(drafts, ledger.Draft{At: now, Entry: ledger.Entry{Kind: ledger.KindControlIntroduced, Policy: def.Ref(c), Control: c.Spec.ID,
			Intro: &ledger.IntroBody{OperatingFrom: ledger.At(now)}}})
	}
	return drafts
}

// collect makes a collection.
func (w *world) collect(edits ...func(*collect.Options, *collect.Request)) *collect.Result {
	w.tb.Helper()
	options := w.options
	w.slots++
	slot := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(w.slots) * time.Hour)
	next := slot.Add(time.Hour)
	req := collect.Request{Schedule: ledger.ScheduleRef{Name: "hourly", UID: "uid-of-schedule", Generation: 1}, Slot: slot, Next: &next,
		Definitions: []*assess.Definition{w.def}}
	for _, edit := range edits {
		edit(&options, &req)
	}
	result, err := collect.New(options).Collect(w.tb.Context(), req)
	if err != nil {
		w.tb.Fatal(err)
	}
	return result
}

// recorded waits until a namespace is in the scope of the policy with an outcome,
// or with none.
func (w *world) recorded(namespace string, want control.Outcome) {
	w.tb.Helper()
	w.eventually(namespace+" to be "+string(want), func() bool {
		var got control.Outcome
		w.recorder.View(func(k *ledger.Known) {
			for _, m := range k.MembersOf(namespace) {
				if r, ok := k.Unit(ledger.Unit{Policy: "baseline", Control: "NET-1", Subject: m.Subject}); ok {
					got = r.State.Outcome
				}
			}
		})
		return got == want
	})
}

// complete is whether all namespaces in scope that the API server has are recorded. That
// the engine has nothing to do is not enough: it may not have heard of all yet.
func (w *world) complete() bool {
	list, err := w.cluster.CoreV1().Namespaces().List(w.tb.Context(), metav1.ListOptions{})
	if err != nil {
		w.tb.Fatal(err)
	}
	complete := true
	w.recorder.View(func(k *ledger.Known) {
		judged := func(m *ledger.Member) bool {
			_, found := k.Unit(ledger.Unit{Policy: "baseline", Control: "NET-1", Subject: m.Subject})
			return found
		}
		for i := range list.Items {
			ns := control.Namespace{Name: list.Items[i].Name, Labels: list.Items[i].Labels}
			if w.def.Dispose(ns) == assess.InScope && !slices.ContainsFunc(k.MembersOf(ns.Name), judged) {
				complete = false
			}
		}
	})
	return complete
}

func (w *world) eventually(what string, condition func() bool) {
	w.tb.Helper()
	err := wait.PollUntilContextTimeout(w.tb.Context(), 5*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return condition(), nil })
	if err != nil {
		w.tb.Fatalf("%s: %v", what, err)
	}
}

// user is a user who may list the resources, and nothing else.
func (c *cluster) user(tb testing.TB, name string, resources ...string) *rest.Config {
	tb.Helper()
	config, err := c.RESTConfigForUser(name)
	if err != nil {
		tb.Fatal(err)
	}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if len(resources) > 0 {
		role.Rules = []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: resources, Verbs: []string{"list"}}}
	}
	if _, err := c.RbacV1().ClusterRoles().Create(tb.Context(), role, metav1.CreateOptions{}); err != nil {
		tb.Fatal(err)
	}
	c.bind(tb, name, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name})
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		tb.Fatal(err)
	}
	granted := func(context.Context) (bool, error) {
		_, err := client.NetworkingV1().NetworkPolicies("").List(tb.Context(), metav1.ListOptions{Limit: 1})
		return len(resources) == 0 || err == nil, nil
	}
	if err := wait.PollUntilContextTimeout(tb.Context(), 5*time.Millisecond, patience, true, granted); err != nil {
		tb.Fatal(err)
	}
	return config
}

// bind binds a ClusterRole everywhere.
func (c *cluster) bind(tb testing.TB, role string, subjects ...rbacv1.Subject) {
	tb.Helper()
	_, err := c.RbacV1().ClusterRoleBindings().Create(tb.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}, metav1.CreateOptions{})
	if err != nil {
		tb.Fatal(err)
	}
}

// wrapped is a configuration whose requests are wrapped.
func wrapped(config *rest.Config, wrap func(next roundTripper) roundTripper) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(wrapper(wrap))
	return config
}
