package controllers

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
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
	e.liveness.arrivedAt, e.liveness.age = noon, 2*time.Millisecond
	e.selfTests.failed.Store(&map[string]bool{"networkIsolation": true})
	fought := issue{v1alpha1.ReasonContested, "two of the same reason are one"}
	e.issues.set("a", issueSet{"p": {fought, {v1alpha1.ReasonContested, "in one namespace"}, {v1alpha1.ReasonRepairFailed, ""}}})
	e.issues.set("b", issueSet{"p": {fought}})
	const before = `
# HELP holdfast_last_heartbeat_timestamp_seconds When a token last came through the queue.
# TYPE holdfast_last_heartbeat_timestamp_seconds gauge
holdfast_last_heartbeat_timestamp_seconds 1.7723664e+09
# HELP holdfast_build_info 1, with the version of the build.
# TYPE holdfast_build_info gauge
holdfast_build_info{version="v0.0.0"} 1
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
# HELP holdfast_queue_age_seconds How long that token was in the queue.
# TYPE holdfast_queue_age_seconds gauge
holdfast_queue_age_seconds 0.002
# HELP holdfast_self_test_failed 1 where the evaluator of a control type failed its newest self-test, else 0.
# TYPE holdfast_self_test_failed gauge
holdfast_self_test_failed{type="backup"} 0
holdfast_self_test_failed{type="encryptionAtRest"} 0
holdfast_self_test_failed{type="encryptionInTransit"} 0
holdfast_self_test_failed{type="networkIsolation"} 1
holdfast_self_test_failed{type="restoreTest"} 0
# HELP holdfast_subjects Subjects by policy, control and outcome.
# TYPE holdfast_subjects gauge
holdfast_subjects{control="NET-1",outcome="Conforming",policy="p"} 1
holdfast_subjects{control="NET-1",outcome="Deviating",policy="p"} 1
holdfast_subjects{control="NET-1",outcome="NotApplicable",policy="p"} 0
holdfast_subjects{control="NET-1",outcome="NotEvaluated",policy="p"} 1
# HELP holdfast_unenforced_namespaces Namespaces in which something keeps what a policy wants from being applied, by what does; the cluster counts as one.
# TYPE holdfast_unenforced_namespaces gauge
holdfast_unenforced_namespaces{policy="p",reason="CertificateRefused"} 0
holdfast_unenforced_namespaces{policy="p",reason="Contested"} 2
holdfast_unenforced_namespaces{policy="p",reason="DefaultClassRefused"} 0
holdfast_unenforced_namespaces{policy="p",reason="EgressRefused"} 0
holdfast_unenforced_namespaces{policy="p",reason="IngressRefused"} 0
holdfast_unenforced_namespaces{policy="p",reason="NameCollision"} 0
holdfast_unenforced_namespaces{policy="p",reason="Pending"} 0
holdfast_unenforced_namespaces{policy="p",reason="PolicyConflict"} 0
holdfast_unenforced_namespaces{policy="p",reason="RedirectRefused"} 0
holdfast_unenforced_namespaces{policy="p",reason="RepairFailed"} 1
holdfast_unenforced_namespaces{policy="p",reason="RolledBack"} 0
holdfast_unenforced_namespaces{policy="p",reason="RollingOut"} 0
holdfast_unenforced_namespaces{policy="p",reason="RolloutHeld"} 0
holdfast_unenforced_namespaces{policy="p",reason="StrictRefused"} 0
`
	state := []string{"holdfast_subjects", "holdfast_open_episodes", "holdfast_ledger_available", "holdfast_ledger_unwritten_entries",
		"holdfast_ledger_lost_entries", "holdfast_ledger_entries", "holdfast_last_heartbeat_timestamp_seconds",
		"holdfast_build_info", "holdfast_queue_age_seconds", "holdfast_self_test_failed", "holdfast_unenforced_namespaces"}
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
	at := noon
	for _, outcome := range []control.Outcome{control.Conforming, control.Deviating, control.NotEvaluated, control.Deviating, control.Conforming, control.Deviating} {
		transitions, ticket := e.Recorder.Record(stateDraft(d, "a", outcome, at))
		e.announce(transitions, ticket)
		at = at.Add(2 * time.Second)
	}
	e.announce(e.Recorder.Record(ledger.Draft{At: noon, Entry: ledger.Entry{Kind: ledger.KindRepairFailed, Policy: d.Ref(&d.Controls[0]), Control: "NET-1",
		Subject: new(production("a").Subject()), Object: &ledger.ObjectBody{}, Reason: "Forbidden"}}))
	e.announce(e.Recorder.Record(ledger.Draft{At: noon, Entry: ledger.Entry{Kind: ledger.KindRolledBack, Policy: d.Ref(&d.Controls[0]), Control: "NET-1",
		Subject: new(production("a").Subject()), Object: &ledger.ObjectBody{}, Reason: ledger.RolledBackLifeline}}))
	wants := []enforce.Source{{Policy: "p", Control: "NET-1"}}
	e.Metrics.repaired(wants)
	const want = `
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
		"holdfast_repairs_total", "holdfast_repair_failures_total", "holdfast_rollbacks_total"); err != nil {
		t.Error(err)
	}
	if got := histogramOf(t, e.Metrics, "holdfast_episode_seconds"); got.GetSampleCount() != 1 || got.GetSampleSum() != 6 {
		t.Errorf("got %s, want one episode of 6 s", got)
	}
	if got := len(e.announcer.queue); got != 5 {
		t.Errorf("got %d events, want two deviations, one return, one failure and one rollback", got)
	}
	e.Metrics.forget("p")
	if got := testutil.CollectAndCount(e.Metrics, "holdfast_episodes_total", "holdfast_episodes_ended_total", "holdfast_episode_seconds",
		"holdfast_repairs_total", "holdfast_repair_failures_total", "holdfast_rollbacks_total"); got != 0 {
		t.Errorf("got %d series of a policy that is gone", got)
	}
}

// histogramOf is the only series of a histogram.
func histogramOf(t *testing.T, c prometheus.Collector, name string) *dto.Histogram {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name && len(f.GetMetric()) == 1 {
			return f.GetMetric()[0].GetHistogram()
		}
	}
	t.Fatalf("there is not one series of %s", name)
	return nil
}

// TestContestsEndAfterAnHour: an object is contested from the repair that is held
// back until an hour passed without one.
func TestContestsEndAfterAnHour(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	e.Contention = enforce.NewContention(1)
	d := defined(t, policy("p"))
	e.registry.swap("p", d, func() {})
	object := enforce.Object{Kind: "NetworkPolicy", Namespace: "a", Name: "deny"}
	wants := []enforce.Source{{Policy: "p", Control: "NET-1"}}
	scraped := func(objects, times int) {
		t.Helper()
		want := fmt.Sprintf(`
# HELP holdfast_contested_objects Objects whose repairs were fought within the last hour, and are spaced out.
# TYPE holdfast_contested_objects gauge
holdfast_contested_objects{control="NET-1",policy="p"} %d
# HELP holdfast_contentions_total Repairs that turned out to be fought.
# TYPE holdfast_contentions_total counter
holdfast_contentions_total{control="NET-1",policy="p"} %d
`, objects, times)
		if err := testutil.CollectAndCompare(e.Metrics, strings.NewReader(want), "holdfast_contested_objects", "holdfast_contentions_total"); err != nil {
			t.Errorf("at %s: %v", now, err)
		}
	}
	scraped(0, 0)
	e.Contention.Repaired(object, now)
	e.Contention.Repaired(object, now)
	e.Metrics.contested(object, wants)
	now = noon.Add(59 * time.Minute)
	e.Metrics.contested(object, wants)
	scraped(1, 2)
	now = noon.Add(61 * time.Minute)
	scraped(0, 2)
	if got := histogramOf(t, e.Metrics, "holdfast_contention_seconds"); got.GetSampleCount() != 1 || got.GetSampleSum() != 61*60 {
		t.Errorf("got %s, want one contention of 61 minutes", got)
	}
}

// TestGapsAreCountedByCause: one that lasts is two entries, and one gap.
func TestGapsAreCountedByCause(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	e.GapChanged(observe.GapEvent{Key: "k", Kind: "pods", Cause: observe.CauseForbidden, From: noon})
	e.Recorder.Record(clockGap(noon, noon.Add(time.Minute)))
	value := func(name, cause string) string {
		return fmt.Sprintf("%s{cause=%q} ", name, cause)
	}
	check := func(open int) {
		t.Helper()
		text := "# HELP holdfast_gaps_total Gaps that were recorded: intervals in which observation was due and absent.\n# TYPE holdfast_gaps_total counter\n"
		state := "# HELP holdfast_open_gaps Gaps that have not ended.\n# TYPE holdfast_open_gaps gauge\n"
		for _, cause := range slices.Sorted(slices.Values(ledger.GapCauses())) {
			n, now := 0, 0
			switch cause {
			case ledger.CauseForbidden:
				n, now = 1, open
			case ledger.CauseClockStepped:
				n = 1
			}
			text += value("holdfast_gaps_total", cause) + strconv.Itoa(n) + "\n"
			state += value("holdfast_open_gaps", cause) + strconv.Itoa(now) + "\n"
		}
		if err := testutil.CollectAndCompare(e.Metrics, strings.NewReader(text+state), "holdfast_gaps_total", "holdfast_open_gaps"); err != nil {
			t.Error(err)
		}
	}
	check(1)
	e.GapChanged(observe.GapEvent{Key: "k", Kind: "pods", Cause: observe.CauseForbidden, From: noon, To: new(noon.Add(time.Hour))})
	check(0)
}

// TestTheVolumeIsMeasured: beside the scrapes, and not at each of them.
func TestTheVolumeIsMeasured(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "ledger"), noon
	v := &ledgerVolume{dir: dir}
	v.use(now)
	for v.busy() {
		runtime.Gosched()
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	measured := func() uint64 {
		t.Helper()
		for {
			v.use(now)
			if !v.busy() {
				used, _ := v.use(now)
				return used
			}
			runtime.Gosched()
		}
	}
	empty := measured()
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(usedEvery - time.Second)
	if got := measured(); got != empty {
		t.Errorf("it was measured again at once: %d bytes, then %d", empty, got)
	}
	now = now.Add(time.Minute)
	if got := measured(); got < empty+1<<20 {
		t.Errorf("got %d bytes, want a megabyte more than %d", got, empty)
	}
}

func TestMetricsAreDescribedAndWellNamed(t *testing.T) {
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
	descs := make(chan *prometheus.Desc, 100)
	e.Metrics.Describe(descs)
	close(descs)
	if want := len(MetricFamilies()); len(descs) != want {
		t.Errorf("got %d metrics, want %d", len(descs), want)
	}
	for _, f := range MetricFamilies() {
		for _, label := range []string{"namespace", "subject", "name", "object"} {
			if slices.Contains(f.Labels, label) {
				t.Errorf("%s has a label %s", f.Name, label)
			}
		}
	}
}

func TestNothingIsCollectedWithoutAnEngine(t *testing.T) {
	if got := testutil.CollectAndCount(NewMetrics(MetricsOptions{}), "holdfast_ledger_available", "holdfast_subjects"); got != 0 {
		t.Errorf("got %d series", got)
	}
}

// busy is whether the files are being looked at.
func (v *ledgerVolume) busy() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.looking
}
