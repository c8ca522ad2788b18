package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
	"github.com/holdfast-dev/holdfast/internal/policyfile"
	"github.com/holdfast-dev/holdfast/internal/reperform"
)

// manifest is a collection that is being made of the cluster, as the operator
// makes them.
type manifest struct {
	ledger.Manifest
	chunk   ledger.ManifestChunk
	objects []ledger.Object
}

// collected writes a ledger with one collection of the cluster as it is now, by a
// policy. It returns the ledger's directory.
func (e *environment) collected(t *testing.T, policy *v1alpha1.ControlPolicy) string {
	t.Helper()
	def, err := assess.Define(policy)
	if err != nil {
		t.Fatal(err)
	}
	observed, err := observe.List(t.Context(), rest.CopyConfig(e.RESTConfig()), observe.StaticOptions{FieldManager: enforce.FieldManager})
	if err != nil {
		t.Fatal(err)
	}
	now := ledger.At(time.Now())
	m := &manifest{Manifest: ledger.Manifest{Schema: ledger.ManifestSchema, Slot: now, Schedule: ledger.ScheduleRef{Name: "hourly"}},
		chunk: ledger.ManifestChunk{Schema: ledger.ChunkSchema}}
	for _, r := range observed.Readings() {
		m.Lists = append(m.Lists, ledger.ManifestList{Group: r.Group, Version: r.Version, Resource: r.Resource, Query: r.Query,
			ResourceVersion: r.ResourceVersion, Pages: r.Pages, Count: r.Count, From: ledger.At(r.From), To: ledger.At(r.To)})
	}
	observed.Namespaces(func(ns control.Namespace) bool {
		m.add(t, def, observed, ns)
		return true
	})
	c := &def.Controls[0]
	m.objects = append(m.objects, c.Object, def.SpecObject)
	m.Policies = []ledger.ManifestPolicy{{Name: def.Name, UID: def.UID, Generation: def.Generation, Spec: def.SpecObject.Digest,
		Controls: []ledger.ManifestControl{{ID: c.Spec.ID, Type: c.Type, Definition: c.Digest, Input: c.Object.Digest, EvaluatorVersion: c.Kind.EvaluatorVersion()}}}}
	m.Chunks = []ledger.ManifestChunkRef{{Digest: m.object(t, m.chunk), Scopes: len(m.chunk.Scopes)}}
	return m.write(t, now)
}

// add adds a namespace.
func (m *manifest) add(t *testing.T, def *assess.Definition, observed *observe.Static, ns control.Namespace) {
	t.Helper()
	snapshot, err := observed.Snapshot(ns.Name)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := new(assess.Encoder).Parts(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	disposition := def.Dispose(ns)
	scope := ledger.ManifestScope{Subject: ns.Subject(), Standings: []ledger.ManifestStanding{{Policy: def.Name, Disposition: string(disposition)}}}
	for _, p := range parts {
		scope.Inputs, m.objects = append(scope.Inputs, ledger.Input{Role: p.Role, Digest: p.Digest}), append(m.objects, p.Object)
	}
	if disposition == assess.InScope {
		for _, u := range assess.Judge(def, snapshot, time.Now()) {
			scope.Units = append(scope.Units, ledger.ManifestUnit{Policy: def.Name, Control: u.Control.Spec.ID, State: u.State})
		}
	}
	m.chunk.Scopes = append(m.chunk.Scopes, scope)
}

func (m *manifest) object(t *testing.T, v any) string {
	t.Helper()
	o, err := ledger.NewObject(v)
	if err != nil {
		t.Fatal(err)
	}
	m.objects = append(m.objects, o)
	return o.Digest
}

// write writes the ledger.
func (m *manifest) write(t *testing.T, now ledger.Time) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "ledger")
	w, err := ledger.OpenWriter(t.Context(), ledger.WriterOptions{
		Options: ledger.Options{Dir: dir, Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte("k"), ed25519.SeedSize)),
			Head: ledger.FileHead{Path: filepath.Join(root, "head")}, Cluster: ledger.ClusterBody{KubeSystemUID: "uid-1"},
			CheckpointInterval: 100 * time.Millisecond, MinFree: 1, Log: logr.Discard()},
		Operator: ledger.OperatorBody{Process: "process", Version: "v0.1.0", StartedAt: now},
	})
	if err != nil {
		t.Fatal(err)
	}
	digest := m.object(t, m.Manifest)
	if err := w.PutObjects(m.objects); err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(ledger.Draft{At: now.Time, Entry: ledger.Entry{Kind: ledger.KindCollected, Schedule: &m.Schedule, Collection: &ledger.CollectionBody{
		Slot: now, Started: now, Ended: now, State: ledger.CollectionCompleted, Manifest: digest}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// auditor is a user with nothing but the rights that config gives auditors
// to reperform.
func (e *environment) auditor(t *testing.T) []string {
	t.Helper()
	content, err := os.Open(filepath.Join("..", "..", "config", "base", "rbac-auditor-reperform.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = content.Close() }()
	documents, err := policyfile.Documents(content)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range documents {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal(document, &role); err != nil {
			t.Fatal(err)
		}
		if role.Name == "holdfast-auditor-reperform" {
			return e.as(t, "auditor", role.Rules...)
		}
	}
	t.Fatal("there is no ClusterRole holdfast-auditor-reperform")
	return nil
}

// reperformed runs the command as an auditor.
func (e *environment) reperformed(t *testing.T, dir string, auditor []string, wantStatus int) *reperformReport {
	t.Helper()
	out, errs, status := holdfast(t, append([]string{"reperform", dir, "--as-me", "-o", "json"}, auditor...)...)
	if status != wantStatus || errs != "" {
		t.Fatalf("status %d, want %d: %s\n%s", status, wantStatus, errs, out)
	}
	report := &reperformReport{}
	if err := json.Unmarshal([]byte(out), report); err != nil {
		t.Fatal(err)
	}
	return report
}

// reperform: E45, with the rights that an auditor has.
func (e *environment) reperform(t *testing.T) {
	dir, auditor := e.collected(t, e.policy(t, "observe.yaml")), e.auditor(t)
	same := e.reperformed(t, dir, auditor, statusDone)
	if same.User != "auditor" || same.Compared < 3 || same.Same != same.Compared || len(same.Differences) != 0 || len(same.NotCompared) != 0 {
		t.Errorf("got %+v", same)
	}
	for _, l := range same.Lists {
		if l.Failed != "" || l.ResourceVersion == "" || strings.Contains(l.Query, "secrets") {
			t.Errorf("list %+v", l)
		}
	}

	deny := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "deny", Namespace: "web"},
		Spec: networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}}}
	e.create(t, deny)
	t.Cleanup(func() {
		if err := client.IgnoreNotFound(e.Delete(t.Context(), deny)); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	changed := e.reperformed(t, dir, auditor, statusDone)
	if len(changed.Differences) != 1 || changed.Differences[0].Class != reperform.Since || !strings.Contains(changed.Differences[0].Why[0], "NetworkPolicy deny has the resourceVersion") {
		t.Errorf("got %+v", changed.Differences)
	}
	out, _, status := holdfast(t, append([]string{"reperform", dir, "--as-me"}, auditor...)...)
	for _, want := range []string{" as auditor\n", "/apis/networking.k8s.io/v1/networkpolicies: ", "Since: Namespace web under baseline/NET-1: in the manifest Deviating", "1 difference.\n"} {
		if status != statusDone || !strings.Contains(out, want) {
			t.Errorf("status %d, want %q in\n%s", status, want, out)
		}
	}

	dir = e.collected(t, e.policyNamed(t, "baseline"))
	if err := e.Delete(t.Context(), deny); err != nil {
		t.Fatal(err)
	}
	gone := e.reperformed(t, dir, auditor, statusIncomplete)
	if len(gone.Differences) != 1 || gone.Differences[0].Class != reperform.Unproven {
		t.Errorf("got %+v", gone.Differences)
	}
}

// policyNamed reads a policy.
func (e *environment) policyNamed(t *testing.T, name string) *v1alpha1.ControlPolicy {
	t.Helper()
	policy := &v1alpha1.ControlPolicy{}
	if err := e.Get(t.Context(), client.ObjectKey{Name: name}, policy); err != nil {
		t.Fatal(err)
	}
	return policy
}

// reperformRefuses: one sentence for what cannot be done.
func (e *environment) reperformRefuses(t *testing.T) {
	dir := e.collected(t, e.policy(t, "observe.yaml"))
	blind := e.as(t, "sightless")
	half := e.as(t, "half", reading([]string{""}, "namespaces"), reading([]string{"networking.k8s.io"}, "networkpolicies"))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"not as me":          {append([]string{dir}, blind...), "say so with --as-me"},
		"no rights":          {append([]string{dir, "--as-me"}, blind...), "namespaces"},
		"no collection":      {append([]string{write(t).dir, "--as-me"}, blind...), "the ledger has no collection"},
		"an unknown control": {append([]string{dir, "--as-me", "--control", "NET-9"}, blind...), "has no control [NET-9]"},
	} {
		_, errs, status := holdfast(t, append([]string{"reperform"}, c.args...)...)
		if status != statusFailed || !strings.Contains(errs, c.want) {
			t.Errorf("%s: status %d, %q, want %q", name, status, errs, c.want)
		}
	}
	report := e.reperformed(t, dir, half, statusIncomplete)
	if report.Compared != 0 || len(report.NotCompared) != 1 {
		t.Errorf("with half of the rights: %+v", report)
	}
}
