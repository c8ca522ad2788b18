package collect_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
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
		Settled: w.engine.settled, Requeue: w.engine.requeue, Now: time.Now, Log: logr.Discard()}
	return w
}

func fail(tb testing.TB, err error) {
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

func (w *world) eventually(what string, condition func() bool) {
	w.tb.Helper()
	err := wait.PollUntilContextTimeout(w.tb.Context(), 5*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return condition(), nil })
	if err != nil {
		w.tb.Fatalf("%s: %v", what, err)
	}
}

// entries are the entries of some kinds that are in the log so far, with all that
// is recorded among them.
func (w *world) entries(kinds ...ledger.Kind) []*ledger.Entry {
	w.tb.Helper()
	reader, err := ledger.NewReader(w.dir)
	if err != nil {
		w.tb.Fatal(err)
	}
	current, err := reader.Current()
	if err != nil {
		w.tb.Fatal(err)
	}
	var next uint64
	w.recorder.View(func(k *ledger.Known) { next = k.NextSeq })
	w.eventually("the log to have all entries", func() bool {
		total, err := reader.Entries(current.LedgerID)
		return err == nil && total >= next
	})
	var entries []*ledger.Entry
	err = reader.Read(w.tb.Context(), ledger.ReadOptions{LedgerID: current.LedgerID}, func(_ uint64, data []byte) error {
		e, err := ledger.Decode(data)
		if err == nil && (len(kinds) == 0 || slices.Contains(kinds, e.Kind)) {
			entries = append(entries, e)
		}
		return err
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	return entries
}

// verified checks that the ledger, and every manifest in it, is found to be right.
func (w *world) verified() {
	w.tb.Helper()
	w.entries() // all are in the log
	report, err := ledger.Verify(w.tb.Context(), w.dir, ledger.VerifyOptions{})
	if err != nil {
		w.tb.Fatal(err)
	}
	for _, p := range report.Problems {
		w.tb.Errorf("the ledger does not verify: %s", p)
	}
	if n := report.Ledgers[0].Manifests; n == 0 {
		w.tb.Error("no manifest was verified")
	}
}

// object reads an object of the ledger.
func (w *world) object(digest string, into any) {
	w.tb.Helper()
	reader, err := ledger.NewReader(w.dir)
	if err != nil {
		w.tb.Fatal(err)
	}
	current, err := reader.Current()
	if err != nil {
		w.tb.Fatal(err)
	}
	data, err := reader.Object(current.LedgerID, digest)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		w.tb.Fatal(err)
	}
}

// scopes reads the scopes of a manifest.
func (w *world) scopes(m *ledger.Manifest) []ledger.ManifestScope {
	w.tb.Helper()
	var scopes []ledger.ManifestScope
	for _, ref := range m.Chunks {
		var chunk ledger.ManifestChunk
		w.object(ref.Digest, &chunk)
		if len(chunk.Scopes) != ref.Scopes || chunk.Scopes[0].Subject.Name != ref.First || chunk.Scopes[ref.Scopes-1].Subject.Name != ref.Last {
			w.tb.Errorf("chunk %+v holds %d scopes", ref, len(chunk.Scopes))
		}
		scopes = append(scopes, chunk.Scopes...)
	}
	return scopes
}

// unitOf is the unit of a namespace in a manifest.
func (w *world) unitOf(m *ledger.Manifest, namespace string) *ledger.ManifestUnit {
	w.tb.Helper()
	for _, s := range w.scopes(m) {
		if s.Subject.Name == namespace && len(s.Units) == 1 {
			return &s.Units[0]
		}
	}
	w.tb.Fatalf("the manifest has no unit of %s", namespace)
	return nil
}

// engine is the least that judges and records.
type engine struct {
	*world
	mu            sync.Mutex
	queued, under map[string]bool
	requeued      []string
	// deaf are the namespaces of which it hears nothing.
	deaf map[string]bool
	wake chan struct{}
}

func (e *engine) trigger(t observe.Trigger) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.deaf[t.Namespace] {
		e.enqueue(t.Namespace)
	}
}

func (e *engine) requeue(namespace string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requeued = append(e.requeued, namespace)
	e.enqueue(namespace)
}

func (e *engine) enqueue(namespace string) {
	e.queued[namespace] = true
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// hear sets whether it hears of a namespace.
func (e *engine) hear(namespace string, hears bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deaf[namespace] = !hears
}

func (e *engine) settled(namespace string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.queued[namespace] && !e.under[namespace]
}

func (e *engine) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		}
		for {
			e.mu.Lock()
			name, found := "", false
			for n := range e.queued {
				name, found = n, true
				break
			}
			delete(e.queued, name)
			e.under[name] = found
			e.mu.Unlock()
			if !found {
				break
			}
			e.pass(name)
			e.mu.Lock()
			delete(e.under, name)
			e.mu.Unlock()
		}
	}
}

// pass judges one namespace, and records it.
func (e *engine) pass(name string) {
	snapshot, err := e.observer.Snapshot(name)
	gone := errors.Is(err, observe.ErrNotFound)
	if err != nil && !gone {
		fail(e.tb, err)
		return
	}
	now := time.Now()
	inScope := !gone && e.def.Dispose(snapshot.Namespace) == assess.InScope
	var drafts []ledger.Draft
	member := false
	e.recorder.View(func(k *ledger.Known) {
		for _, m := range k.MembersOf(name) {
			switch {
			case gone || m.Subject.UID != snapshot.Namespace.UID:
				drafts = append(drafts, membership(e.def, ledger.KindSubjectDeleted, m.Subject, now))
			case !inScope:
				drafts = append(drafts, membership(e.def, ledger.KindScopeLeft, m.Subject, now))
			default:
				member = true
			}
		}
	})
	if inScope {
		if !member {
			drafts = append(drafts, membership(e.def, ledger.KindSubjectAdded, snapshot.Namespace.Subject(), now))
		}
		for _, u := range assess.Judge(e.def, snapshot, now) {
			if !u.Blind(snapshot) {
				drafts = append(drafts, outcome(&u, u.State, now))
			}
		}
	}
	e.recorder.Record(drafts...)
}

func membership(def *assess.Definition, kind ledger.Kind, subject control.Subject, now time.Time) ledger.Draft {
	return ledger.Draft{At: now, Entry: ledger.Entry{Kind: kind, Policy: def.Ref(nil), Subject: &subject, Scope: &ledger.ScopeBody{}}}
}

func outcome(u *assess.Unit, state control.State, now time.Time) ledger.Draft {
	subject := u.Subject
	return ledger.Draft{At: now, Epoch: 1, Entry: ledger.Entry{Kind: ledger.KindOutcomeChanged, Policy: u.Def.Ref(u.Control),
		Control: u.Control.Spec.ID, EvaluatorVersion: u.Control.Kind.EvaluatorVersion(), Subject: &subject, To: &state}}
}

// assembled is the snapshot that a scope's inputs make.
func (w *world) assembled(s *ledger.ManifestScope) *control.Snapshot {
	w.tb.Helper()
	fields := map[string]json.RawMessage{}
	for _, in := range s.Inputs {
		var part json.RawMessage
		w.object(in.Digest, &part)
		fields[in.Role] = part
	}
	whole, err := json.Marshal(fields)
	snapshot := &control.Snapshot{}
	if err == nil {
		err = json.Unmarshal(whole, snapshot)
	}
	if err != nil {
		w.tb.Fatal(err)
	}
	return snapshot
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
