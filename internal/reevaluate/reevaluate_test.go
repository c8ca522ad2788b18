package reevaluate

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/census"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/synthetic"
)

// past writes a generated past, and returns its reader.
func past(t *testing.T, opts synthetic.Options) *ledger.Reader {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ledger")
	if _, err := synthetic.Write(t.Context(), dir, opts); err != nil {
		t.Fatal(err)
	}
	r, err := ledger.NewReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestE19EveryVerdictIsReperformed: the evaluator makes every statement of a
// past again, of every manifest and of every entry.
func TestE19EveryVerdictIsReperformed(t *testing.T) {
	r := past(t, synthetic.Options{Seed: 1, Duration: 4 * 24 * time.Hour, Heartbeat: time.Hour, Collections: 6 * time.Hour})
	told := 0
	got, err := Ledger(t.Context(), r, Options{Progress: func(Report) { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	if got.Manifests < 12 || got.Entries < 30 || got.Units < 300 || got.Same != got.Units || told < got.Manifests {
		t.Errorf("got %+v, told %d times", got, told)
	}
	date := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	if c, err := census.At(t.Context(), r, date); err != nil || c.Manifest.Slot.After(date) || date.Sub(c.Manifest.Slot.Time) >= 6*time.Hour {
		t.Errorf("the manifest at %s is of %+v (%v)", date, c, err)
	}
	at, err := Ledger(t.Context(), r, Options{At: date, Controls: []string{"NET-1"}})
	if err != nil {
		t.Fatal(err)
	}
	if at.Manifests != 1 || at.Entries == 0 || at.Entries > at.Units-at.Entries || at.Same != at.Units {
		t.Errorf("at one time: got %+v", at)
	}
}

// TestE19LiesAreFound: what an evaluator did not find is told from what it cannot
// be asked again.
func TestE19LiesAreFound(t *testing.T) {
	w := newWriter(t)
	conforming := w.policy(networkingv1.PolicyTypeIngress)
	truth := w.judged(conforming)
	w.state("sound", conforming, truth, nil)
	w.state("lie", conforming, control.State{Outcome: control.Deviating, Basis: control.BasisConfiguration, Rules: []control.RuleState{{Rule: "NP-01", Reason: "Absent"}}}, nil)
	w.state("blank", conforming, truth, func(*[]assess.Part) bool { return false })
	w.state("lost", conforming, truth, func(parts *[]assess.Part) bool {
		*parts = append(*parts, assess.Part{Role: "pods", Object: ledger.Object{Digest: strings.Repeat("0", 64)}})
		return true
	})
	w.state("newer", conforming, truth, func(parts *[]assess.Part) bool {
		*parts = append(*parts, part(t, "dreams", []string{}))
		return true
	})
	w.state("version", conforming, truth, func(parts *[]assess.Part) bool {
		older := strings.Replace(string((*parts)[0].Data), `"evaluatorVersion":`, `"evaluatorVersion":9`, 1)
		(*parts)[0].Object = ledger.Object{Digest: ledger.Digest([]byte(older)), Data: []byte(older)}
		return true
	})
	w.state("invalid", conforming, control.State{Outcome: control.NotEvaluated, Basis: control.BasisConfiguration,
		Rules: []control.RuleState{{Reason: ledger.CauseInvalidPolicy}}}, nil)
	w.dying = true
	w.state("dying", nil, control.State{Outcome: control.NotApplicable, Basis: control.BasisConfiguration,
		Rules: []control.RuleState{{Reason: control.ReasonTerminating}}}, nil)
	r := w.close()

	got, err := Ledger(t.Context(), r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Units != 8 || got.Same != 2 || got.Different != 1 || got.AsRecorded != 2 || got.Unread != 2 || len(got.Reasons) != 2 {
		t.Errorf("got %+v", got)
	}
	if len(got.Differences) != 1 || got.Differences[0].Subject.Name != "lie" || !got.Differences[0].Evaluated.Equal(truth) {
		t.Errorf("differences %+v", got.Differences)
	}
	here := w.control.Kind.EvaluatorVersion()
	if diff := cmp.Diff([]Version{{Type: "networkIsolation", Recorded: 90 + here, Here: here, Units: 1}}, got.Versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	for want, opts := range map[string]Options{
		`no control "NET-2" was judged in this ledger; it knows [NET-1 p/NET-1]`: {Controls: []string{"NET-1", "NET-2"}},
		"the ledger has no collection":                                           {At: time.Unix(1, 0)},
	} {
		if _, err := Ledger(t.Context(), r, opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
