package controllers

import (
	"encoding/json"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// tester is a control type that finds whatever it is told to, and one fixture in
// which it has to find a deviation.
type tester struct {
	outcome *control.Outcome
	files   fs.FS
}

func (c tester) Fixtures() fs.FS { return c.files }

func newTester(t *testing.T, outcome *control.Outcome) tester {
	t.Helper()
	data, err := json.Marshal(control.Fixture{Name: "bad", Snapshot: &control.Snapshot{Namespace: production("bad")},
		Want: []control.Verdict{{Rule: "R-1", Outcome: control.Deviating}}})
	if err != nil {
		t.Fatal(err)
	}
	return tester{outcome, fstest.MapFS{"bad.json": &fstest.MapFile{Data: data}}}
}

// TestE16AnEvaluatorThatFailsItsSelfTestIsNotBelieved: while it does, every
// control of its type is NotEvaluated, and nothing is repaired in its name; each
// self-test is recorded, also where it says what the one before said.
func TestE16AnEvaluatorThatFailsItsSelfTestIsNotBelieved(t *testing.T) {
	now := noon
	r := &ScopeReconciler{newEngine(t, &now)}
	outcome := control.Conforming // whatever it looks at
	tested := newTester(t, &outcome)
	kind := typ{func(in control.Input) []control.Finding {
		return []control.Finding{{Subject: in.Snapshot.Namespace.Subject(), Rule: "R-1", Outcome: *tested.outcome, Basis: control.BasisConfiguration}}
	}}
	r.selfTests.types = func() []controls.Type {
		return []controls.Type{{Name: "networkIsolation", Control: struct {
			typ
			tester
		}{kind, tested}}}
	}
	d := defined(t, policy("p"))
	d.Controls[0].Kind = kind
	r.registry.swap("p", d, func() {})
	judged := func() control.State {
		p := &pass{now: now, snapshot: &control.Snapshot{Namespace: production("a")}, pinned: []*definition{d}, distrusted: r.selfTests.distrusted()}
		units := p.judge()
		if len(units) != 1 {
			t.Fatalf("got %+v", units)
		}
		return units[0].State
	}
	recorded := func() ledger.SelfTestBody {
		var body ledger.SelfTestBody
		r.Recorder.View(func(k *ledger.Known) { body = k.Evidence().SelfTests["networkIsolation"] })
		return body
	}
	entries := func() (n uint64) {
		r.Recorder.View(func(k *ledger.Known) { n = k.NextSeq })
		return n
	}

	r.selfTest()
	want := control.State{Outcome: control.NotEvaluated, Basis: control.BasisConfiguration, Rules: []control.RuleState{{Reason: control.ReasonSelfTestFailed}}}
	if diff := cmp.Diff(want, judged()); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"bad"}, recorded().Failed); diff != "" || !r.Distrusted("networkIsolation") || r.Distrusted("other") {
		t.Errorf("failed (-want +got):\n%s", diff)
	}

	outcome = control.Deviating
	r.selfTest()
	if got := judged(); got.Outcome != control.Deviating || len(recorded().Failed) > 0 || r.Distrusted("networkIsolation") {
		t.Errorf("got %+v after %+v", got, recorded())
	}
	before := entries()
	r.selfTest()
	if got := entries(); got != before+1 {
		t.Errorf("a self-test like the one before made %d entries", got-before)
	}
}
