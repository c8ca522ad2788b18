package reperform

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/census"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestMain silences Tessera.
func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// noon is when the manifest was made, at resourceVersion 1000.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a cluster, as it was or is.
type world map[string]*control.Snapshot

// Namespaces implements Cluster.
func (w world) Namespaces(fn func(control.Namespace) bool) {
	for _, s := range w {
		if !s.Namespace.IsCluster() && !fn(s.Namespace) {
			return
		}
	}
}

// Snapshot implements Cluster.
func (w world) Snapshot(name string) (*control.Snapshot, error) {
	if w[name] == nil {
		return nil, errors.New("there is none")
	}
	return new(*w[name]), nil
}

// ns is a namespace in scope that nothing is denied in.
func ns(name string) *control.Snapshot {
	return &control.Snapshot{Namespace: control.Namespace{Name: name, UID: "uid-" + name, Labels: map[string]string{"tier": "production"}, CreatedAt: noon.Add(-time.Hour)},
		NetworkPolicies: []control.NetworkPolicy{}}
}

// denied is a namespace in scope in which a policy of a version denies everything.
func denied(name, version string) *control.Snapshot {
	s := ns(name)
	s.NetworkPolicies = append(s.NetworkPolicies, control.NetworkPolicy{Name: "deny",
		Spec:     networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
		Identity: control.Identity{ResourceVersion: version}})
	return s
}

// edited is a namespace that was changed.
func edited(s *control.Snapshot, edit func(*control.Snapshot)) *control.Snapshot {
	edit(s)
	return s
}

// policyOf judges namespaces, or where there is the cluster, objects.
func policyOf(was world) *v1alpha1.ControlPolicy {
	p := &v1alpha1.ControlPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "uid-p", Generation: 1},
		Spec: v1alpha1.ControlPolicySpec{
			Scope: v1alpha1.Scope{NamespaceSelector: metav1.LabelSelector{MatchLabels: map[string]string{"tier": "production"}}},
			Controls: []v1alpha1.ControlSpec{{ID: "NET-1",
				NetworkIsolation: &v1alpha1.NetworkIsolation{DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionIngress}}}},
		},
	}
	if was[control.Cluster] != nil {
		encrypting(p)
	}
	return p
}

// collected writes a ledger with one collection of a world. edit may change the
// manifest's scopes, after is what is written after it.
func collected(t *testing.T, was world, edit func(*ledger.ManifestScope), after ...ledger.Entry) *ledger.Reader {
	t.Helper()
	root := t.TempDir()
	w, err := ledger.OpenWriter(t.Context(), ledger.WriterOptions{
		Options: ledger.Options{Dir: filepath.Join(root, "ledger"), Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte("k"), 32)),
			Head: ledger.FileHead{Path: filepath.Join(root, "head")}, Cluster: ledger.ClusterBody{KubeSystemUID: "uid"},
			MinFree: 1, CheckpointInterval: 100 * time.Millisecond, Log: logr.Discard()},
		Operator: ledger.OperatorBody{Process: "process", Version: "v0", StartedAt: ledger.At(noon.Add(-time.Hour))},
	})
	if err != nil {
		t.Fatal(err)
	}
	digest, objects := manifest(t, was, edit)
	if err := w.PutObjects(objects); err != nil {
		t.Fatal(err)
	}
	var entries []ledger.Entry
	for _, s := range was {
		subject := s.Namespace.Subject()
		entries = append(entries, ledger.Entry{Kind: ledger.KindSubjectAdded, Policy: &ledger.PolicyRef{Name: "p", UID: "uid-p", Generation: 1}, Subject: &subject})
	}
	entries = append(append(entries, ledger.Entry{Kind: ledger.KindCollected, Schedule: &ledger.ScheduleRef{Name: "s"}, Collection: &ledger.CollectionBody{
		Slot: ledger.At(noon), Started: ledger.At(noon), Ended: ledger.At(noon), State: ledger.CollectionCompleted, Manifest: digest}}), after...)
	for i := range entries {
		if _, err := w.Write(ledger.Draft{At: noon.Add(time.Duration(i) * time.Minute), Entry: entries[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	r, err := ledger.NewReader(filepath.Join(root, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// manifest makes the manifest of a world, and the objects that it names.
func manifest(t *testing.T, was world, edit func(*ledger.ManifestScope)) (digest string, objects []ledger.Object) {
	t.Helper()
	def, err := assess.Define(policyOf(was))
	if err != nil {
		t.Fatal(err)
	}
	object := func(v any) ledger.Object {
		o, err := ledger.NewObject(v)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
		return o
	}
	chunk := ledger.ManifestChunk{Schema: ledger.ChunkSchema}
	for _, s := range was {
		scope := ledger.ManifestScope{Subject: s.Namespace.Subject(),
			Standings: []ledger.ManifestStanding{{Policy: "p", Disposition: string(def.Dispose(s.Namespace))}}}
		parts, err := new(assess.Encoder).Parts(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			scope.Inputs, objects = append(scope.Inputs, ledger.Input{Role: p.Role, Digest: p.Digest}), append(objects, p.Object)
		}
		if def.Dispose(s.Namespace) == assess.InScope {
			for _, u := range assess.Judge(def, s, noon) {
				unit := ledger.ManifestUnit{Policy: "p", Control: u.Control.Spec.ID, State: u.State}
				if u.Subject != scope.Subject {
					unit.Subject = &u.Subject
				}
				scope.Units = append(scope.Units, unit)
			}
		}
		if edit != nil {
			edit(&scope)
		}
		chunk.Scopes = append(chunk.Scopes, scope)
	}
	c := &def.Controls[0]
	objects = append(objects, c.Object, def.SpecObject)
	list := func(resource string) ledger.ManifestList {
		return ledger.ManifestList{Version: "v1", Resource: resource, ResourceVersion: "1000", From: ledger.At(noon), To: ledger.At(noon)}
	}
	m := object(ledger.Manifest{Schema: ledger.ManifestSchema, Slot: ledger.At(noon), Schedule: ledger.ScheduleRef{Name: "s"},
		Lists: []ledger.ManifestList{list("namespaces"), list("networkpolicies"), list("ingresses")},
		Policies: []ledger.ManifestPolicy{{Name: "p", UID: "uid-p", Generation: 1, Spec: def.SpecObject.Digest, Controls: []ledger.ManifestControl{{
			ID: c.Spec.ID, Type: c.Type, Definition: c.Digest, Input: c.Object.Digest, EvaluatorVersion: c.Kind.EvaluatorVersion(), Unit: "Namespace"}}}},
		Chunks: []ledger.ManifestChunkRef{{Digest: object(chunk).Digest, Scopes: len(chunk.Scopes)}}})
	return m.Digest, objects
}

// compared compares a world with the newest manifest.
func compared(t *testing.T, r *ledger.Reader, now world, versions map[string]string) *Report {
	t.Helper()
	newest, err := census.At(t.Context(), r, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Prepare(r, newest, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Compare(t.Context(), Listed{Cluster: now, Versions: versions, At: noon.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestE45WhatChangedSinceIsNamed: each difference is told by what shows when it
// came about, and nothing that the manifest cannot have seen so passes as that.
func TestE45WhatChangedSinceIsNamed(t *testing.T) {
	deleted := ledger.Entry{Kind: ledger.KindSubjectDeleted, Policy: &ledger.PolicyRef{Name: "p", UID: "uid-p", Generation: 1},
		Subject: &control.Subject{Kind: "Namespace", Name: "gone", UID: "uid-gone"}}
	lie := func(scope *ledger.ManifestScope) {
		scope.Units[0].State = control.State{Outcome: control.Deviating, Basis: control.BasisConfiguration, Rules: []control.RuleState{{Rule: "NP-01", Reason: "Absent"}}}
	}
	cases := map[string]struct {
		was, now  world
		edit      func(*ledger.ManifestScope)
		after     []ledger.Entry
		versions  map[string]string
		wantClass string
		wantWhy   string
	}{
		"nothing changed": {was: world{"a": denied("a", "900")}, now: world{"a": denied("a", "900")}},
		"a policy was deleted": {was: world{"a": denied("a", "900")}, now: world{"a": ns("a")},
			wantClass: Unproven, wantWhy: "NetworkPolicy deny is gone"},
		"a policy was applied since": {was: world{"a": ns("a")}, now: world{"a": denied("a", "1001")},
			wantClass: Since, wantWhy: "NetworkPolicy deny has the resourceVersion 1001, later than 1000"},
		"a policy that was left out": {was: world{"a": ns("a")}, now: world{"a": denied("a", "999")},
			wantClass: Contradiction, wantWhy: "is not among the recorded inputs"},
		"a policy that was recorded otherwise": {was: world{"a": denied("a", "900")}, now: world{"a": edited(denied("a", "900"), func(s *control.Snapshot) {
			s.NetworkPolicies[0].Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
		})}, wantClass: Contradiction, wantWhy: "did not change since (resourceVersion 900), and was recorded otherwise"},
		"another verdict on the same": {was: world{"a": denied("a", "900")}, now: world{"a": denied("a", "900")}, edit: lie,
			wantClass: Contradiction, wantWhy: "the recorded inputs are the same"},
		"a namespace created since": {was: world{"a": denied("a", "900")}, now: world{"a": denied("a", "900"), "b": edited(denied("b", "1002"), func(s *control.Snapshot) {
			s.Namespace.CreatedAt = noon.Add(time.Second)
		})}, versions: map[string]string{"b": "1001"}, wantClass: Since, wantWhy: "created at 2026-03-01T12:00:01Z, after the manifest's list"},
		"a namespace that was left out": {was: world{"a": denied("a", "900")}, now: world{"a": denied("a", "900"), "b": denied("b", "800")},
			versions: map[string]string{"b": "1001"}, wantClass: Contradiction, wantWhy: "before the manifest was made"},
		"a namespace deleted, as the ledger says": {was: world{"a": denied("a", "900"), "gone": denied("gone", "900")}, now: world{"a": denied("a", "900")},
			after: []ledger.Entry{deleted}, wantClass: Since, wantWhy: "SubjectDeleted"},
		"a namespace deleted": {was: world{"a": denied("a", "900"), "gone": denied("gone", "900")}, now: world{"a": denied("a", "900")},
			wantClass: Unproven, wantWhy: "leaves no trace"},
		"a namespace relabelled since": {was: world{"a": denied("a", "900")}, now: world{"a": edited(denied("a", "900"), func(s *control.Snapshot) { s.Namespace.Labels = nil })},
			versions: map[string]string{"a": "1001"}, wantClass: Since, wantWhy: "Namespace a has the resourceVersion 1001"},
		"a namespace with other labels": {was: world{"a": denied("a", "900")}, now: world{"a": edited(denied("a", "900"), func(s *control.Snapshot) { s.Namespace.Labels = nil })},
			versions: map[string]string{"a": "999"}, wantClass: Contradiction, wantWhy: "did not change since"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := compared(t, collected(t, tc.was, tc.edit, tc.after...), tc.now, tc.versions)
			if tc.wantClass == "" {
				if len(got.Differences) != 0 || got.Same != got.Compared || got.Compared != 1 {
					t.Errorf("got %+v", got)
				}
				return
			}
			if len(got.Differences) != 1 {
				t.Fatalf("got %+v", got.Differences)
			}
			d := got.Differences[0]
			if why := strings.Join(d.Why, "; "); d.Class != tc.wantClass || !strings.Contains(why, tc.wantWhy) {
				t.Errorf("got %s: %s, want %s: %s", d.Class, why, tc.wantClass, tc.wantWhy)
			}
		})
	}
}

// TestE45CountsAreCompared: the census of the manifest and the one that was found
// stand side by side, and what cannot be compared is said.
func TestE45CountsAreCompared(t *testing.T) {
	out := edited(ns("out"), func(s *control.Snapshot) { s.Namespace.Labels = nil })
	blind := edited(denied("blind", "900"), func(s *control.Snapshot) {
		s.Unavailable = map[control.Need]string{control.NeedPods: control.ReasonForbidden}
	})
	was := world{"a": denied("a", "900"), "b": ns("b"), "out": out, "blind": denied("blind", "900")}
	got := compared(t, collected(t, was, nil), world{"a": denied("a", "900"), "b": ns("b"), "out": out, "blind": blind}, nil)
	found := got.Controls[0].Found
	if found.Sum() != found.Total || found.Total != 4 || found.NotSelected != 1 || found.Deviating != 1 {
		t.Errorf("found %+v", found)
	}
	if diff := cmp.Diff(map[string]int{"you may not list everything that the control needs": 1}, got.NotCompared); diff != "" {
		t.Errorf("not compared (-want +got):\n%s", diff)
	}
	if got.Namespaces != 4 || got.Compared != 2 || got.Same != 2 || len(got.Differences) != 0 {
		t.Errorf("got %+v", got)
	}
}

// TestNeedsHaveNoSecrets: what is listed is what the controls rest on.
func TestNeedsHaveNoSecrets(t *testing.T) {
	r := collected(t, world{"a": ns("a")}, nil)
	newest, err := census.At(t.Context(), r, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Prepare(r, newest, []string{"p/NET-1"})
	if err != nil {
		t.Fatal(err)
	}
	if needs := c.Needs(); !slices.Contains(needs, control.NeedNetworkPolicies) || !slices.Contains(needs, control.NeedNamespaces) || slices.Contains(needs, "secrets") {
		t.Errorf("got %v", needs)
	}
	if _, err := Prepare(r, newest, []string{"NET-9"}); err == nil || !strings.Contains(err.Error(), "has no control [NET-9]") {
		t.Errorf("got %v", err)
	}
	if _, err := c.Compare(t.Context(), Listed{Cluster: world{}}); err == nil || !strings.Contains(err.Error(), "no namespace was listed") {
		t.Errorf("got %v", err)
	}
}

func TestAfter(t *testing.T) {
	for pair, want := range map[[2]string]bool{
		{"1001", "1000"}: true, {"1000", "1000"}: false, {"999", "1000"}: false, {"10000", "9999"}: true, {"", "1000"}: false, {"1000", ""}: false,
	} {
		if got := after(pair[0], pair[1]); got != want {
			t.Errorf("%q is later than %q: %t", pair[0], pair[1], got)
		}
	}
}
