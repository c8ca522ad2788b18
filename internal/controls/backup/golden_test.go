package backup

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

// goldenCases are inputs whose findings are kept in testdata, by the name of the folder.
func goldenCases() map[string]control.Input {
	inTheClear := locationIs(func(l *control.BackupLocation) {
		l.Config["s3Url"], l.Config["insecureSkipTLSVerify"] = "http://s3.example.com", "true"
		l.Phase, l.Message, l.AccessMode = "Unavailable", "dial tcp 10.0.0.9:443: connect: connection refused", "ReadOnly"
	})
	failed := newestIs(func(b *control.Backup) {
		b.Phase, b.Failure = phaseFailed, "found a backup with status \"InProgress\" during the server starting, mark it as \"Failed\""
	})
	tooShort := theirs(func(spec, template map[string]any) {
		spec["paused"], template["ttl"], template["excludedResources"] = true, "24h0m0s", []any{"secrets"}
		delete(template, "metadata")
	})
	return map[string]control.Input{
		"cluster-good":     inCluster().Input,
		"cluster-bad":      inCluster().with(tooShort, failed, inTheClear).Input,
		"cluster-copying":  inCluster().with(copying, seen(control.Observation{Password: &control.RepositoryPassword{}})).Input,
		"cluster-password": inCluster().with(copying, seen(control.Observation{Password: &control.RepositoryPassword{WellKnown: true}})).Input,
		"cluster-expired":  inCluster().with(states(func(b *v1alpha1.Backup) { b.Velero.Attestations[0].ValidUntil.Time = now })).Input,
		"cluster-missed":   inCluster().with(missed).Input,
		"cluster-none":     inCluster().with(noPlan, func(s *scene) { s.Snapshot.Backups, s.Snapshot.BackupLocations = nil, nil }).Input,
		"cluster-new":      inCluster().with(theirs(func(_, template map[string]any) { delete(template, "ttl") }), planIs(func(p *control.BackupPlan) { p.CreatedAt = now }), func(s *scene) { s.Snapshot.Backups = nil }).Input,
		"not-installed":    inCluster().with(notServed(kindSchedules, kindBackups, kindLocations)).Input,
		"unreadable": inCluster().with(without(control.NeedBackups, control.ReasonForbidden), without(control.NeedBackupPlans, control.ReasonForbidden),
			without(control.NeedBackupLocations, control.ReasonForbidden)).Input,
		"namespace-good":       inWeb().Input,
		"namespace-bad":        inWeb().with(newestIs(func(b *control.Backup) { b.Volumes = nil }), runsAre(func(b *control.Backup) { b.StartedAt = now.Add(-12 * hour) })).Input,
		"namespace-partial":    inWeb().with(runsAre(func(b *control.Backup) { b.Filters = &control.BackupFilters{ExcludedResources: []string{"secrets"}} })).Input,
		"namespace-policy":     inWeb().with(runsAre(func(b *control.Backup) { b.Filters = &control.BackupFilters{ResourcePolicy: "skips"} })).Input,
		"namespace-label":      inWeb().with(func(s *scene) { s.Snapshot.Namespace.Labels = map[string]string{excludeLabel: "true"} }).Input,
		"namespace-unreadable": inWeb().with(without(control.NeedBackups, control.ReasonForbidden)).Input,
		"namespace-none":       inWeb().with(func(s *scene) { s.Snapshot.Backups = nil }).Input,
		"snapshots-good":       inSnapshots().Input,
		"snapshots-bad":        inSnapshots().with(snapshotsOfLogs(func(v *control.VolumeSnapshot) { v.Ready, v.Error = false, "quota exceeded" })).Input,
	}
}

func suite(t *testing.T) controltest.Suite {
	t.Helper()
	return controltest.Suite{Control: Control{}, Cases: controltest.Inputs(t, goldenCases())}
}

func TestGolden(t *testing.T) { suite(t).TestFindings(t) }

func TestEvaluatorVersion(t *testing.T) { suite(t).TestEvaluatorVersion(t) }

// TestE16FixturesAreGoldenCases: what a process judges itself by is what the golden
// cases are, and has good and bad of each rule.
func TestE16FixturesAreGoldenCases(t *testing.T) {
	suite(t).TestFixtures(t, []string{RulePlan, RuleRuns, RuleRecoveryPoint, RuleVolumes, RuleLocation, RuleEncrypted, RuleRetention},
		control.Conforming, control.Deviating, control.NotEvaluated)
}

// TestMessages: each is one sentence or more, bounded, and says no times.
func TestMessages(t *testing.T) {
	for name, in := range goldenCases() {
		for _, f := range (Control{}).Evaluate(in) {
			if !strings.HasSuffix(f.Message, ".") || strings.Contains(f.Message, "..") || len(f.Message) > maxMessage || strings.Contains(f.Message, "2026-") || strings.Contains(f.Message, "{") {
				t.Errorf("%s %s: message %q", name, f.Rule, f.Message)
			}
			if f.Reason == "" || f.Outcome == "" || f.Basis == "" || f.Subject.Name == "" {
				t.Errorf("%s %s is incomplete: %+v", name, f.Rule, f)
			}
		}
	}
}
