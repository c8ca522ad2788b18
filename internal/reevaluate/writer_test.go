package reevaluate

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestMain silences Tessera.
func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// writer writes a ledger that need not be true.
type writer struct {
	t       *testing.T
	dir     string
	def     *assess.Definition
	control *assess.Control
	w       *ledger.Writer
	at      time.Time
	// dying has namespaces be deleted, with pods that still run.
	dying bool
}

func newWriter(t *testing.T) *writer {
	t.Helper()
	def, err := assess.Define(&v1alpha1.ControlPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "uid-p", Generation: 1},
		Spec: v1alpha1.ControlPolicySpec{Controls: []v1alpha1.ControlSpec{{
			ID: "NET-1", NetworkIsolation: &v1alpha1.NetworkIsolation{DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionIngress}},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	w := &writer{t: t, dir: filepath.Join(root, "ledger"), def: def, control: &def.Controls[0], at: noon}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.w, err = ledger.OpenWriter(t.Context(), ledger.WriterOptions{
		Options: ledger.Options{Dir: w.dir, Key: key, Head: ledger.FileHead{Path: filepath.Join(root, "head")},
			Cluster: ledger.ClusterBody{KubeSystemUID: "uid"}, MinFree: 1, CheckpointInterval: 100 * time.Millisecond, Log: logr.Discard()},
		Operator: ledger.OperatorBody{Process: "process", Version: "v0", StartedAt: ledger.At(noon)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// policy is a NetworkPolicy that denies everything.
func (w *writer) policy(direction networkingv1.PolicyType) []control.NetworkPolicy {
	return []control.NetworkPolicy{{Name: "deny", Spec: networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{direction}}}}
}

func (w *writer) snapshot(name string, policies []control.NetworkPolicy) *control.Snapshot {
	return &control.Snapshot{NetworkPolicies: policies, Namespace: control.Namespace{Name: name, UID: "uid-" + name, CreatedAt: noon.Add(-time.Hour),
		Terminating: w.dying, HasRunningPods: w.dying}}
}

// judged is what the evaluator finds.
func (w *writer) judged(policies []control.NetworkPolicy) control.State {
	w.t.Helper()
	units := assess.Judge(w.def, w.snapshot("any", policies), noon)
	if len(units) != 1 || units[0].State.Outcome != control.Conforming {
		w.t.Fatalf("got %+v", units)
	}
	return units[0].State
}

// state states something of a namespace. edit may change the inputs, and says
// whether there are any.
func (w *writer) state(name string, policies []control.NetworkPolicy, to control.State, edit func(*[]assess.Part) bool) {
	w.t.Helper()
	snapshot := w.snapshot(name, policies)
	parts, err := new(assess.Encoder).Parts(snapshot)
	if err != nil {
		w.t.Fatal(err)
	}
	parts = append([]assess.Part{{Role: assess.RoleDefinition, Object: w.control.Object}}, parts...)
	if edit != nil && !edit(&parts) {
		parts = nil
	}
	w.at = w.at.Add(time.Second)
	subject := snapshot.Namespace.Subject()
	drafts := []ledger.Draft{
		{At: w.at, Entry: ledger.Entry{Kind: ledger.KindSubjectAdded, Policy: w.def.Ref(nil), Subject: &subject}},
		{At: w.at, Entry: ledger.Entry{Kind: ledger.KindOutcomeChanged, Policy: w.def.Ref(w.control), Control: "NET-1",
			EvaluatorVersion: w.control.Kind.EvaluatorVersion(), Subject: &subject, To: &to},
			Payload: func() (inputs []ledger.Input, objects []ledger.Object, err error) {
				for _, p := range parts {
					inputs = append(inputs, ledger.Input{Role: p.Role, Digest: p.Digest})
					if p.Data != nil {
						objects = append(objects, p.Object)
					}
				}
				return inputs, objects, nil
			}},
	}
	transitions, err := w.w.Write(drafts...)
	if err != nil {
		w.t.Fatal(err)
	}
	if !transitions[1].Changed {
		w.t.Fatalf("nothing was stated of %s", name)
	}
}

// close closes the ledger, and returns its reader.
func (w *writer) close() *ledger.Reader {
	w.t.Helper()
	if err := w.w.Close(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	r, err := ledger.NewReader(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func part(t *testing.T, role string, v any) assess.Part {
	t.Helper()
	o, err := ledger.NewObject(v)
	if err != nil {
		t.Fatal(err)
	}
	return assess.Part{Role: role, Object: o}
}
