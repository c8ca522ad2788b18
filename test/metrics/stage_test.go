package metrics

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/crds"
	"github.com/holdfast-dev/holdfast/test/harness"
)

const (
	policyName   = "baseline"
	probedName   = "probed"
	backedUpName = "backed-up"
	scheduleName = "soc2"
	// herd and fight are namespaces. No other name holds quagga.
	herd, fight = "quagga-herd", "quagga-fight"
)

// hasty has an operator collect every three seconds, take a backup for missed soon
// after its slot, and contentions end after ten.
func hasty() []harness.Patch {
	const file = "internal/enforce/contention.go"
	return []harness.Patch{
		harness.Hasty(3),
		{File: "internal/occurrence/decide.go", Old: "Grace = time.Minute", New: "Grace = time.Second"},
		{File: file, Old: "contentionWindow  = time.Hour", New: "contentionWindow  = 10 * time.Second"},
		{File: file, Old: "minContentionWait = time.Minute", New: "minContentionWait = 3 * time.Second"},
	}
}

// stage is a cluster with an operator whose metrics are served as the chart has
// them served: over TLS, to those who may read them.
type stage struct {
	*harness.Cluster
	op *harness.Operator
	// reader is a token of whom the chart lets read metrics.
	reader string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	ctrl.SetLogger(logr.Discard())
	s := &stage{Cluster: harness.StartCluster(t, harness.ClusterOptions{Binary: harness.Build(t, harness.BuildOptions{Patches: hasty()})})}
	crds.Install(t, s, crds.Velero)
	s.op = s.StartOperator(t, harness.OperatorOptions{
		SecureMetrics: true, Args: []string{"--contention-threshold=3"},
		Values: []string{"metrics.readers[0].namespace=default", "metrics.readers[0].name=prometheus"},
	})
	s.reader = s.token(t, "prometheus")
	s.awaitMetrics(t)
	return s
}

// awaitMetrics waits until the operator listens: it is ready before.
func (s *stage) awaitMetrics(t *testing.T) {
	t.Helper()
	harness.Eventually(t, "the metrics are served", func() error {
		connection, err := net.Dial("tcp", s.op.MetricsAddress())
		if err == nil {
			err = connection.Close()
		}
		return err
	})
}

// token makes a service account in the namespace default, and a token of it.
func (s *stage) token(t *testing.T, name string) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	if err := s.Create(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	request := &authenticationv1.TokenRequest{}
	if err := s.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

// play has happen what metrics tell of.
func (s *stage) play(t *testing.T) {
	t.Helper()
	for _, name := range []string{herd, fight} {
		s.Namespace(t, name, "metrics", "on")
	}
	s.Apply(t, harness.Policy(policyName).Enforce().Select("metrics", "on").Deny(v1alpha1.DirectionIngress).Tolerate(time.Minute))
	s.AwaitDenied(t, herd, fight)
	s.AwaitConforming(t, policyName)
	s.restart(t)
	s.collect(t)
	s.fail(t)
	s.contest(t)
	s.probe(t)
	s.miss(t)
}

// restart has an operator take over from another: in between nobody observed.
func (s *stage) restart(t *testing.T) {
	t.Helper()
	s.op.Stop(t)
	s.op.Start(t)
	s.awaitMetrics(t)
	harness.Eventually(t, "the gap is counted, by the process that states it", func() error {
		if got := s.scrape(t).value("holdfast_gaps_total", "cause", ledger.CauseNotRunning); got != 1 {
			return fmt.Errorf("%v gaps", got)
		}
		return nil
	})
}

// collect has collections made, and checkpoints acknowledged by one of two anchors.
func (s *stage) collect(t *testing.T) {
	t.Helper()
	witness := newWitness(t)
	s.ApplySchedule(t, harness.EachMinute(scheduleName, func(spec *v1alpha1.EvidenceScheduleSpec) {
		spec.Anchors = []v1alpha1.EvidenceAnchor{
			{Name: "outside", Witness: &v1alpha1.WitnessAnchor{URL: witness.url, VerifierKey: witness.key}},
			{Name: "dead", Timestamp: &v1alpha1.TimestampAnchor{URL: "http://127.0.0.1:1/"}},
		}
	}))
	s.AwaitScheduleCondition(t, scheduleName, v1alpha1.ConditionAnchored, metav1.ConditionFalse, v1alpha1.ReasonAnchorUnreachable)
}

// fail has a repair fail until the right to make it is back.
func (s *stage) fail(t *testing.T) {
	t.Helper()
	s.op.Rights.Revoke(t, "networkpolicies", "create", "patch")
	s.DeleteNetworkPolicy(t, herd, harness.Deny)
	s.AwaitCondition(t, policyName, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRepairFailed)
	s.op.Rights.Restore(t)
	s.AwaitDenied(t, herd)
}

// contest undoes each repair until they are spaced out, and then no more.
func (s *stage) contest(t *testing.T) {
	t.Helper()
	harness.Eventually(t, "the object is contested, by condition and by metric", func() error {
		if np := s.NetworkPolicy(t, fight, harness.Deny); np != nil && np.DeletionTimestamp == nil {
			s.DeleteNetworkPolicy(t, fight, harness.Deny)
		}
		if err := harness.HasCondition(s.GetPolicy(t, policyName), v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonContested); err != nil {
			return err
		}
		// Only until the repair that waits is made: where that was sooner, it is undone too.
		page := s.scrape(t)
		objects, namespaces := page.value("holdfast_contested_objects", "policy", policyName), page.value("holdfast_unenforced_namespaces", "reason", "Contested")
		if objects != 1 || namespaces != 1 {
			return fmt.Errorf("%v objects are contested by the metrics, in %v namespaces", objects, namespaces)
		}
		return nil
	})
	s.AwaitDenied(t, fight)
	s.AwaitConforming(t, policyName)
	harness.Eventually(t, "the contention is over, and the ledger's files are measured", func() error {
		page := s.scrape(t)
		for _, name := range []string{"holdfast_contention_seconds", "holdfast_ledger_bytes"} {
			if page.families[name] == nil {
				return fmt.Errorf("there is no %s", name)
			}
		}
		return nil
	})
}

// TestMetrics looks at what an operator serves to which everything happened that
// metrics tell of.
func TestMetrics(t *testing.T) {
	s := newStage(t)
	t.Run("only those may read them who are let", s.servesThoseWhoMayRead)
	s.play(t)
	page := s.scrape(t)
	t.Run("formats", s.parsesInEveryFormat)
	t.Run("well named", page.isWellNamed)
	t.Run("documented", page.isDocumented)
	t.Run("names", func(t *testing.T) {
		if line, found := page.lineWith("quagga"); found {
			t.Errorf("the name of a namespace is in a metric: %s", line)
		}
	})
	t.Run("labels", page.hasOnlyKnownValues)
	t.Run("gaps", s.countsGaps)
	t.Run("rules", page.hasWhatRulesAsk)
	t.Run("dashboard", page.hasWhatTheDashboardAsks)
	t.Run("runbooks", s.runsTheRunbooks)
}

// countsGaps: as many of each cause are counted as this process has recorded.
func (s *stage) countsGaps(t *testing.T) {
	harness.Eventually(t, "the gaps that are counted are those of the ledger", func() error {
		evidence, page := s.op.Evidence(t), s.scrape(t)
		stopped := evidence.Kind(ledger.KindOperatorStopped)
		if err := stopped.Want(1); err != nil {
			return err
		}
		recorded := evidence.After(int(stopped[0].Seq)).Where(func(e *ledger.Entry) bool { return e.Kind == ledger.KindGap && e.Gap.Ends == "" })
		if len(recorded) == 0 {
			return fmt.Errorf("no gap is recorded")
		}
		for _, cause := range ledger.GapCauses() {
			if got, want := page.value("holdfast_gaps_total", "cause", cause), len(recorded.Gaps(cause)); got != float64(want) {
				return fmt.Errorf("%v gaps of cause %s, want %d", got, cause, want)
			}
		}
		return nil
	})
}

// probe has a host probed that nobody serves.
func (s *stage) probe(t *testing.T) {
	t.Helper()
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: herd, Name: "quagga"}}
	ingress.Spec.Rules = []networkingv1.IngressRule{{Host: "quagga.example.com"}}
	if err := s.Create(t.Context(), ingress); err != nil {
		t.Fatal(err)
	}
	nowhere := v1alpha1.IngressEndpoint{Address: "127.0.0.1", HTTPSPort: 1, HTTPPort: 1}
	s.Apply(t, harness.Policy(probedName).Select("metrics", "on").Deny(v1alpha1.DirectionIngress).Controls(v1alpha1.ControlSpec{ID: "ENC-1", EncryptionInTransit: &v1alpha1.EncryptionInTransit{
		Ingress: &v1alpha1.IngressEncryption{Handshake: &v1alpha1.HandshakeProbe{Endpoints: []v1alpha1.IngressEndpoint{nowhere}}},
	}}))
	harness.Eventually(t, "the host was probed", func() error {
		page := s.scrape(t)
		if page.value("holdfast_probes_total", "probe", control.ProbeHandshake) == 0 || page.families["holdfast_last_probe_timestamp_seconds"] == nil {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	if got := s.scrape(t).value("holdfast_probe_targets", "probe", control.ProbeHandshake); got != 1 {
		t.Errorf("got %v targets of handshakes, want one", got)
	}
}

// miss has backups due that nobody makes: the kinds of Velero are served, and it does
// not run.
func (s *stage) miss(t *testing.T) {
	t.Helper()
	s.Apply(t, harness.Policy(backedUpName).Select("metrics", "on").Deny(v1alpha1.DirectionIngress).IncludeCluster().Controls(v1alpha1.ControlSpec{ID: "BCK-1", Backup: &v1alpha1.Backup{
		Schedule: "* * * * *", RecoveryPointObjective: metav1.Duration{Duration: time.Hour},
	}}))
	harness.Eventually(t, "a backup that was due is missed", func() error {
		page := s.scrape(t)
		if page.value("holdfast_backup_slots_total", "state", ledger.OccurrenceMissed) == 0 {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	if got := s.scrape(t).value("holdfast_last_backup_slot_state", "state", ledger.OccurrenceMissed); got != 1 {
		t.Errorf("the newest slot is Missed, and the metric says %v", got)
	}
}

// lineWith is the first line of the page that holds a word.
func (p *page) lineWith(word string) (string, bool) {
	for line := range strings.Lines(p.text) {
		if strings.Contains(line, word) {
			return line, true
		}
	}
	return "", false
}
