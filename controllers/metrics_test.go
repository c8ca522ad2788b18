package controllers

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

func TestStateMetricsAreReadAtScrape(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	d := defined(t, policy("p", func(p *v1alpha1.ControlPolicy) { p.Spec.Tolerance = within(time.Minute) }))
	e.registry.swap("p", d, func() {})
	introduce(e, d, noon.Add(-time.Hour))
	e.Recorder.Record(
		stateDraft(d, "a", control.Conforming, noon.Add(-time.Hour)), stateDraft(d, "b", control.Deviating, noon.Add(-30*time.Second)),
		stateDraft(d, "c", control.NotEvaluated, noon),
	)
	e.liveness.arrivedAt = noon
	const before = `
# HELP holdfast_last_heartbeat_timestamp_seconds When a token last came through the queue.
# TYPE holdfast_last_heartbeat_timestamp_seconds gauge
holdfast_last_heartbeat_timestamp_seconds 1.7723664e+09
# HELP holdfast_ledger_available 1 while entries can be made durable.
# TYPE holdfast_ledger_available gauge
holdfast_ledger_available 0
# HELP holdfast_ledger_entries Entries in the ledger.
# TYPE holdfast_ledger_entries gauge
holdfast_ledger_entries 5
# HELP holdfast_ledger_lost_entries Entries that could not be kept since the ledger became unavailable.
# TYPE holdfast_ledger_lost_entries gauge
holdfast_ledger_lost_entries 0
# HELP holdfast_ledger_unwritten_entries Entries that are not durable yet.
# TYPE holdfast_ledger_unwritten_entries gauge
holdfast_ledger_unwritten_entries 5
# HELP holdfast_open_episodes Open episodes by policy and control, within the stated tolerance and beyond.
# TYPE holdfast_open_episodes gauge
holdfast_open_episodes{control="NET-1",policy="p",tolerance="beyond"} 0
holdfast_open_episodes{control="NET-1",policy="p",tolerance="within"} 1
# HELP holdfast_subjects Subjects by policy, control and outcome.
# TYPE holdfast_subjects gauge
holdfast_subjects{control="NET-1",outcome="Conforming",policy="p"} 1
holdfast_subjects{control="NET-1",outcome="Deviating",policy="p"} 1
holdfast_subjects{control="NET-1",outcome="NotApplicable",policy="p"} 0
holdfast_subjects{control="NET-1",outcome="NotEvaluated",policy="p"} 1
`
	state := []string{"holdfast_subjects", "holdfast_open_episodes", "holdfast_ledger_available", "holdfast_ledger_unwritten_entries",
		"holdfast_ledger_lost_entries", "holdfast_ledger_entries", "holdfast_last_heartbeat_timestamp_seconds"}
	if err := testutil.CollectAndCompare(e.Metrics, strings.NewReader(before), state...); err != nil {
		t.Error(err)
	}
	now = noon.Add(time.Minute)
	after := strings.NewReplacer(`"beyond"} 0`, `"beyond"} 1`, `"within"} 1`, `"within"} 0`).Replace(before)
	if err := testutil.CollectAndCompare(e.Metrics, strings.NewReader(after), state...); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	e.registry.swap("p", nil, func() {})
	if got := testutil.CollectAndCount(e.Metrics, "holdfast_subjects", "holdfast_open_episodes"); got != 0 {
		t.Errorf("got %d series of a policy that is gone", got)
	}
}

// TestEachEpisodeIsCountedOnce: also one that was out of sight in the middle.
func TestEachEpisodeIsCountedOnce(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	d := defined(t, policy("p"))
	introduce(e, d, noon)
	for _, outcome := range []control.Outcome{control.Conforming, control.Deviating, control.NotEvaluated, control.Deviating, control.Conforming, control.Deviating} {
		transitions, ticket := e.Recorder.Record(stateDraft(d, "a", outcome, noon))
		e.announce(transitions, ticket)
	}
	e.announce(e.Recorder.Record(ledger.Draft{At: noon, Entry: ledger.Entry{Kind: ledger.KindRepairFailed, Policy: d.Ref(&d.Controls[0]), Control: "NET-1",
		Subject: new(production("a").Subject()), Object: &ledger.ObjectBody{}, Reason: "Forbidden"}}))
	e.announce(e.Recorder.Record(ledger.Draft{At: noon, Entry: ledger.Entry{Kind: ledger.KindRolledBack, Policy: d.Ref(&d.Controls[0]), Control: "NET-1",
		Subject: new(production("a").Subject()), Object: &ledger.ObjectBody{}, Reason: ledger.RolledBackLifeline}}))
	wants := []enforce.Source{{Policy: "p", Control: "NET-1"}}
	e.Metrics.repaired(wants)
	e.Metrics.contested(wants)
	const want = `
# HELP holdfast_contentions_total Repairs that turned out to be fought.
# TYPE holdfast_contentions_total counter
holdfast_contentions_total{control="NET-1",policy="p"} 1
# HELP holdfast_episodes_ended_total Episodes that ended.
# TYPE holdfast_episodes_ended_total counter
holdfast_episodes_ended_total{control="NET-1",ending="Corrected",policy="p"} 1
# HELP holdfast_episodes_total Episodes that began.
# TYPE holdfast_episodes_total counter
holdfast_episodes_total{control="NET-1",origin="Drift",policy="p"} 2
# HELP holdfast_repair_failures_total Repairs that were refused or did not take effect, once per failure.
# TYPE holdfast_repair_failures_total counter
holdfast_repair_failures_total{control="NET-1",policy="p",reason="Forbidden"} 1
# HELP holdfast_repairs_total Repairs that were made and read back: objects applied, or removed.
# TYPE holdfast_repairs_total counter
holdfast_repairs_total{control="NET-1",policy="p"} 1
# HELP holdfast_rollbacks_total Objects of Holdfast's own that were removed because they did harm.
# TYPE holdfast_rollbacks_total counter
holdfast_rollbacks_total{control="NET-1",policy="p",reason="Lifeline"} 1
`
	if err := testutil.CollectAndCompare(e.Metrics, strings.NewReader(want), "holdfast_episodes_total", "holdfast_episodes_ended_total",
		"holdfast_repairs_total", "holdfast_repair_failures_total", "holdfast_contentions_total", "holdfast_rollbacks_total"); err != nil {
		t.Error(err)
	}
	if got := len(e.announcer.queue); got != 5 {
		t.Errorf("got %d events, want two deviations, one return, one failure and one rollback", got)
	}
}

func TestMetricsAreDescribedDocumentedAndWellNamed(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	problems, err := testutil.CollectAndLint(e.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if err := prometheus.NewPedanticRegistry().Register(e.Metrics); err != nil {
		t.Error(err)
	}
	docs, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	descs := make(chan *prometheus.Desc, 100)
	e.Metrics.Describe(descs)
	close(descs)
	if len(descs) != 19 {
		t.Errorf("got %d metrics, want 19", len(descs))
	}
	for d := range descs {
		_, name, _ := strings.Cut(d.String(), `fqName: "`)
		name, _, _ = strings.Cut(name, `"`)
		if !strings.Contains(string(docs), "`"+name+"`") {
			t.Errorf("docs/metrics.md does not name %s", name)
		}
	}
}

func TestNothingIsCollectedWithoutAnEngine(t *testing.T) {
	if got := testutil.CollectAndCount(NewMetrics(), "holdfast_ledger_available", "holdfast_subjects"); got != 0 {
		t.Errorf("got %d series", got)
	}
}
