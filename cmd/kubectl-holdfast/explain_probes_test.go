package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// canaryAt is how an API server was seen to store Secrets.
func canaryAt(endpoint, prefix string) control.Observation {
	return control.Observation{Target: control.Target{Canary: &control.CanaryTarget{Endpoint: endpoint, Resource: "secrets"}},
		Stored: &control.Stored{Prefixes: map[string]int{prefix: 1}}}
}

// ranAt is a run of probes of the cluster that ended at, and counts for half an hour.
func ranAt(t *testing.T, at time.Time, observations ...control.Observation) ledger.Draft {
	t.Helper()
	type untimed struct {
		control.Observation
		At         *time.Time `json:"at,omitempty"`
		ValidUntil *time.Time `json:"validUntil,omitempty"`
	}
	sights := make([]untimed, 0, len(observations))
	for _, o := range observations {
		sights = append(sights, untimed{Observation: o})
	}
	object, err := ledger.NewObject(sights)
	if err != nil {
		t.Fatal(err)
	}
	subject := control.ClusterNamespace("uid-1", start).Subject()
	return ledger.Draft{At: at, Entry: ledger.Entry{Kind: ledger.KindProbed, Subject: &subject, Probe: &ledger.ProbeBody{
		Of: control.ProbeCanary, BeganAt: ledger.At(at), Targets: len(observations), Observations: object.Digest,
		ValidUntil: ledger.At(at.Add(30 * time.Minute)), For: []ledger.ProbedFor{{Policy: "baseline", Control: "ENC-1"}},
	}}, Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{object}, nil }}
}

// encrypting is a policy over what API servers store, made ready.
func encrypting(t *testing.T) *assess.Definition {
	t.Helper()
	p := &v1alpha1.ControlPolicy{}
	p.Name, p.Spec.Scope.Cluster = "baseline", v1alpha1.ClusterIncluded
	p.Spec.Controls = []v1alpha1.ControlSpec{{ID: "ENC-1", EncryptionAtRest: &v1alpha1.EncryptionAtRest{APIServer: &v1alpha1.APIServerEncryption{}}}}
	def, err := assess.Define(p)
	if err != nil || def.Invalid != "" {
		t.Fatal(err, def.Invalid)
	}
	return def
}

// TestExplainJudgesWhatProbesSaw: an explanation rests on the newest of what the
// ledger holds, for as long as that counts, and on nothing else.
func TestExplainJudgesWhatProbesSaw(t *testing.T) {
	const first, second, aesgcm = "10.0.0.1:6443", "10.0.0.2:6443", "k8s:enc:aesgcm:v1:"
	both := write(t, append(day(), ranAt(t, start, canaryAt(first, ""), canaryAt(second, aesgcm)),
		ranAt(t, start.Add(15*time.Minute), canaryAt(first, aesgcm)))...)
	one := write(t, append(day(), ranAt(t, start, canaryAt(first, aesgcm)))...)
	cases := map[string]struct {
		ledger string
		at     time.Time
		want   string
	}{
		"the newest of each":    {both.dir, start.Add(20 * time.Minute), "Conforming"},
		"for as long as counts": {both.dir, start.Add(30*time.Minute - time.Second), "Conforming"},
		"one is out of date":    {both.dir, start.Add(31 * time.Minute), "NotEvaluated Inconclusive"},
		"all are out of date":   {both.dir, start.Add(time.Hour), "NotEvaluated Inconclusive"},
		"one was never seen":    {one.dir, start.Add(time.Minute), "NotEvaluated Inconclusive"},
		"no ledger to be asked": {"", start.Add(time.Minute), "NotEvaluated Inconclusive"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			def, report := encrypting(t), &explainReport{}
			probed, err := explainOptions{ledger: tc.ledger}.probes(t.Context(), report, def, tc.at)
			if err != nil {
				t.Fatal(err)
			}
			snapshot := &control.Snapshot{Namespace: control.ClusterNamespace("uid-1", start), Lifelines: &control.Lifelines{APIServer: []control.Endpoint{
				{Address: "10.0.0.1", Port: control.Port{Protocol: "TCP", Port: 6443}}, {Address: "10.0.0.2", Port: control.Port{Protocol: "TCP", Port: 6443}}}}}
			probed.fill(snapshot, def, tc.at)
			if diff := cmp.Diff(tc.want, verdictOf(t, def, snapshot, tc.at, "ER-06")); diff != "" {
				t.Errorf("ER-06 (-want +got):\n%s\n%+v", diff, snapshot.Observations)
			}
			source := "from the ledger in " + tc.ledger
			if tc.ledger == "" {
				source = "only Holdfast's own accounts can probe"
			}
			if len(report.Sources) != 1 || !strings.Contains(report.Sources[0], source) {
				t.Errorf("the sources are %q, want %q in them", report.Sources, source)
			}
		})
	}
}

// verdictOf is the outcome of a rule, with its reason where it is not Conforming.
func verdictOf(t *testing.T, def *assess.Definition, snapshot *control.Snapshot, at time.Time, rule string) string {
	t.Helper()
	for _, unit := range assess.Judge(def, snapshot, at) {
		i := slices.IndexFunc(unit.Findings, func(f control.Finding) bool { return f.Rule == rule })
		if i < 0 {
			continue
		}
		if f := unit.Findings[i]; f.Outcome != control.Conforming {
			return string(f.Outcome) + " " + f.Reason
		}
		return string(control.Conforming)
	}
	t.Fatalf("nothing is found of %s", rule)
	return ""
}

// TestExplainProbesNothingThatIsNotAsked: a control that rests on no probe has none read.
func TestExplainProbesNothingThatIsNotAsked(t *testing.T) {
	def, report := encrypting(t), &explainReport{}
	def.Controls[0].Needs = []control.Need{control.NeedNamespaces}
	probed, err := explainOptions{ledger: t.TempDir()}.probes(t.Context(), report, def, start)
	if err != nil || len(probed) > 0 || len(report.Sources) > 0 {
		t.Errorf("probed %v, sources %q, %v", probed, report.Sources, err)
	}
}
