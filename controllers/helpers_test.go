package controllers

import (
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// policy returns a valid policy over namespaces labelled tier=production.
func policy(name string, edits ...func(*v1alpha1.ControlPolicy)) *v1alpha1.ControlPolicy {
	p := &v1alpha1.ControlPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid-of-policy", Generation: 1},
		Spec: v1alpha1.ControlPolicySpec{
			Mode:  v1alpha1.ModeEnforce,
			Scope: v1alpha1.Scope{NamespaceSelector: metav1.LabelSelector{MatchLabels: map[string]string{"tier": "production"}}},
			Controls: []v1alpha1.ControlSpec{{
				ID: "NET-1", Priority: v1alpha1.PriorityMedium,
				NetworkIsolation: &v1alpha1.NetworkIsolation{DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionIngress}},
			}},
		},
	}
	for _, edit := range edits {
		edit(p)
	}
	return p
}

func defined(tb testing.TB, p *v1alpha1.ControlPolicy) *definition {
	tb.Helper()
	d, err := define(p)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// production is a namespace in the scope of policy.
func production(name string) control.Namespace {
	return control.Namespace{Name: name, UID: "uid-" + name, Labels: map[string]string{"tier": "production"}, CreatedAt: noon.Add(-time.Hour)}
}

func within(d time.Duration) *v1alpha1.Tolerance {
	return &v1alpha1.Tolerance{CorrectionWithin: &metav1.Duration{Duration: d}}
}

// newEngine returns an engine whose observer has not started, and whose ledger
// is not open. Its clock stands at *now.
func newEngine(tb testing.TB, now *time.Time) *Engine {
	tb.Helper()
	clock := func() time.Time { return *now }
	observer, err := observe.New(observe.Options{Config: &rest.Config{Host: "https://127.0.0.1:1"}, FieldManager: "holdfast", Now: clock, Log: logr.Discard()})
	if err != nil {
		tb.Fatal(err)
	}
	metrics := NewMetrics(MetricsOptions{Version: "v0.0.0", Now: clock})
	recorder := ledger.NewRecorder(ledger.RecorderOptions{Now: clock, Operator: ledger.OperatorBody{Process: "test"}, Log: logr.Discard(),
		OnRecorded: metrics.Recorded})
	return NewEngine(Options{Observer: observer, Recorder: recorder, Metrics: metrics, Now: clock, Log: logr.Discard(), Contention: enforce.NewContention(0),
		ClockOffset: func() (time.Duration, bool) { return 0, false }})
}

// typ is a control type made of functions.
type typ struct {
	evaluate func(control.Input) []control.Finding
}

func (typ) Needs(v1alpha1.ControlSpec) []control.Need {
	return []control.Need{control.NeedNamespaces, control.NeedNetworkPolicies}
}
func (typ) EvaluatorVersion() int                         { return 7 }
func (c typ) Evaluate(in control.Input) []control.Finding { return c.evaluate(in) }

// stateDraft drafts a state of a namespace under NET-1 of a definition.
func stateDraft(d *definition, namespace string, outcome control.Outcome, at time.Time) ledger.Draft {
	state := control.State{Outcome: outcome, Basis: control.BasisConfiguration}
	if outcome != control.Conforming {
		state.Rules = []control.RuleState{{Rule: "NP-01", Reason: "Absent"}}
	}
	subject := production(namespace).Subject()
	return ledger.Draft{At: at, Epoch: 1, Entry: ledger.Entry{Kind: ledger.KindOutcomeChanged, Policy: d.Ref(&d.Controls[0]),
		Control: d.Controls[0].Spec.ID, EvaluatorVersion: 1, Subject: &subject, To: &state, Message: "it deviates"}}
}

// introduce records that the controls of a definition operate from at on.
func introduce(e *Engine, d *definition, at time.Time) {
	e.Recorder.Record(ledger.Draft{At: at, Entry: ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: d.Ref(nil),
		Change: &ledger.ChangeBody{Type: ledger.ChangeCreated, To: d.SpecObject.Digest}}})
	for i := range d.Controls {
		c := &d.Controls[i]
		e.Recorder.Record(ledger.Draft{At: at, Entry: ledger.Entry{Kind: ledger.KindControlIntroduced, Policy: d.Ref(c), Control: c.Spec.ID,
			Intro: &ledger.IntroBody{OperatingFrom: ledger.At(at)}}})
	}
}
