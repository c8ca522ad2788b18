package backup

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/coverage"
)

// FuzzPlan judges a plan of the user's with any spec: findings are bounded, and one
// that is paused, or does not label its backups, never conforms.
func FuzzPlan(f *testing.F) {
	f.Add(`{"schedule":"0 */6 * * *","template":{"ttl":"720h","metadata":{"labels":{"holdfast.dev/cluster":"` + clusterUID + `"}}}}`)
	f.Add(`{"schedule":"TZ=","paused":true,"template":[]}`)
	f.Add(`{"schedule":7,"template":{"includedNamespaces":"*","labelSelector":[1],"resourcePolicy":"x"}}`)
	f.Add(`{"template":{"ttl":"-1h","metadata":{"labels":[]},"excludedResources":["[","{a,b}"]}}`)
	f.Fuzz(func(t *testing.T, spec string) {
		var parsed map[string]any
		if json.Unmarshal([]byte(spec), &parsed) != nil {
			return
		}
		s := inCluster().with(theirs(), planIs(func(p *control.BackupPlan) { p.Spec = parsed }))
		for _, f := range (Control{}).Evaluate(s.Input) {
			checkBounds(t, &f)
			labelled := textOf(mapOf(parsed, "template", "metadata", "labels"), control.ClusterLabel) == clusterUID
			if f.Rule == RulePlan && f.Outcome == control.Conforming && (isSet(parsed, "paused") || !labelled) {
				t.Errorf("conforms: %s", spec)
			}
		}
		s.Control.Backup.Velero.Plan, s.Snapshot.BackupPlans[0].Name, s.Snapshot.BackupPlans[0].Ours = "", ownPlan, true
		for _, f := range (Control{}).Evaluate(s.Input) {
			checkBounds(t, &f)
		}
		if _, err := (Control{}).Wants(s.Input); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
	})
}

// FuzzRecoveryPoint judges a backup of any phase, age and filters: what conforms is
// one that completed within the objective, and covers the namespace.
func FuzzRecoveryPoint(f *testing.F) {
	f.Add("Completed", int64(3600), int64(1), "web", "", "")
	f.Add("PartiallyFailed", int64(43200), int64(-1), "*", "w[a-f]b", "secrets")
	f.Add("", int64(0), int64(0), "", "*", "*")
	f.Fuzz(func(t *testing.T, phase string, age, left int64, included, excluded, resource string) {
		const most = 1 << 40
		if max(age, -age, left, -left) > most/int64(time.Second) {
			return
		}
		s := inWeb().with(func(s *scene) { s.Snapshot.Backups = s.Snapshot.Backups[:1] }, newestIs(func(b *control.Backup) {
			b.Phase, b.StartedAt, b.ExpiresAt = phase, now.Add(-time.Duration(age)*time.Second), now.Add(time.Duration(left)*time.Second)
			b.Filters = &control.BackupFilters{IncludedNamespaces: []string{included}, ExcludedNamespaces: []string{excluded}, ExcludedNamespaceScopedResources: []string{resource}}
		}))
		b := &s.Snapshot.Backups[0]
		covers := coverage.Covers(b, s.Snapshot.Namespace, coverage.RulesOf(s.Control.Backup, now)).Extent == coverage.Full
		recent := now.Sub(b.StartedAt) < 12*hour
		for _, f := range (Control{}).Evaluate(s.Input) {
			checkBounds(t, &f)
			if f.Rule == RuleRecoveryPoint && (f.Outcome == control.Conforming) != (covers && recent) {
				t.Errorf("%s, though it covers (%t) and is recent (%t)", f.Outcome, covers, recent)
			}
			if f.Rule == RuleRecoveryPoint && f.Outcome == control.Conforming && !f.Until.After(now) {
				t.Errorf("conforms until %s", f.Until)
			}
		}
	})
}

func checkBounds(t interface {
	Errorf(format string, args ...any)
}, f *control.Finding) {
	if len(f.Message) > maxMessage || len(f.Culprits) > maxCulprits {
		t.Errorf("%s has a message of %d bytes, and %d culprits", f.Rule, len(f.Message), len(f.Culprits))
	}
	for _, c := range f.Culprits {
		if len(c) > maxDetail {
			t.Errorf("%s: culprit of %d bytes", f.Rule, len(c))
		}
	}
	for name, text := range f.Facts {
		if len(text) > maxFact {
			t.Errorf("%s: fact %s has %d bytes", f.Rule, name, len(text))
		}
	}
}

// TestOrderNeverMatters: neither the order of objects nor a second evaluation changes
// a finding, or what is wanted.
func TestOrderNeverMatters(t *testing.T) {
	for name, base := range map[string]control.Input{
		"cluster":   inCluster().with(copying, seen(control.Observation{Password: &control.RepositoryPassword{}})).Input,
		"namespace": inWeb().with(newestIs(func(b *control.Backup) { b.Volumes = b.Volumes[:1] })).Input,
		"snapshots": inSnapshots().Input,
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				in := base
				before, wants := Control{}.Evaluate(in), mustWant(t, in)
				s := *in.Snapshot
				s.Backups = rapid.Permutation(s.Backups).Draw(t, "backups")
				s.Claims = rapid.Permutation(s.Claims).Draw(t, "claims")
				s.BackupPlans = rapid.Permutation(s.BackupPlans).Draw(t, "plans")
				s.BackupLocations = rapid.Permutation(s.BackupLocations).Draw(t, "locations")
				s.VolumeSnapshots = rapid.Permutation(s.VolumeSnapshots).Draw(t, "snapshots")
				in.Snapshot = &s
				if diff := cmp.Diff(before, Control{}.Evaluate(in)); diff != "" {
					t.Fatalf("another order differs:\n%s", diff)
				}
				if diff := cmp.Diff(wants, mustWant(t, in)); diff != "" {
					t.Fatalf("another order wants otherwise:\n%s", diff)
				}
			})
		})
	}
}

func mustWant(t *rapid.T, in control.Input) []control.Change {
	changes, err := Control{}.Wants(in)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// TestTheSecondOfTheBreach: until when a finding says it stands it stands, and what
// conforms does no more when it comes; whatever the ages are.
func TestTheSecondOfTheBreach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		age := func(name string) time.Duration {
			return time.Duration(rapid.Int64Range(0, 50*3600).Draw(t, name)) * time.Second
		}
		s := newScene(inWeb().Snapshot.Namespace)
		for i := range rapid.IntRange(0, 4).Draw(t, "backups") {
			b := &s.Snapshot.Backups[s.run(age(fmt.Sprintf("age %d", i))).i]
			b.Name, b.ExpiresAt = fmt.Sprintf("run-%d", i), now.Add(age(fmt.Sprintf("left %d", i)))
			b.Phase = rapid.SampledFrom([]string{phaseCompleted, phaseFailed, "InProgress"}).Draw(t, "phase")
		}
		before := Control{}.Evaluate(s.Input)[0]
		if before.Until.IsZero() {
			if before.Outcome == control.Conforming {
				t.Fatalf("conforms for ever: %+v", before)
			}
			return
		}
		s.Now = before.Until.Add(-time.Nanosecond)
		if still := (Control{}).Evaluate(s.Input)[0]; still.Outcome != before.Outcome || still.Reason != before.Reason {
			t.Errorf("before %s it is %s %s, and was %s %s", before.Until, still.Outcome, still.Reason, before.Outcome, before.Reason)
		}
		s.Now = before.Until
		after := Control{}.Evaluate(s.Input)[0]
		if !after.Until.IsZero() && !after.Until.After(s.Now) {
			t.Errorf("at %s it stands until %s", s.Now, after.Until)
		}
		if before.Outcome == control.Conforming && after.Outcome == control.Conforming && after.Facts["recoveryPoint"] == before.Facts["recoveryPoint"] {
			t.Errorf("conforms by %s still", after.Facts["recoveryPoint"])
		}
	})
}

// TestFindingsAreBounded: whatever is there, a finding names no more than it may.
func TestFindingsAreBounded(t *testing.T) {
	long := strings.Repeat("n", 253)
	web, cluster := inWeb(), inCluster().with(states(func(b *v1alpha1.Backup) { b.Velero.StorageLocation = long }))
	for i := range 200 {
		web.Snapshot.Claims = append(web.Snapshot.Claims, control.Claim{Meta: control.Meta{Name: fmt.Sprintf("%0240d", i), UID: fmt.Sprint(i), CreatedAt: made}, Bound: true})
		b := backupNamed(fmt.Sprintf("%0240d", i), now.Add(-time.Duration(i)*time.Minute))
		b.Phase, b.Failure = phaseFailed, strings.Repeat("f", 4096)
		web.Snapshot.Backups = append(web.Snapshot.Backups, b)
		b.Plan = ownPlan
		cluster.Snapshot.Backups = append(cluster.Snapshot.Backups, b)
	}
	cluster.Snapshot.BackupPlans[0].Errors = []string{strings.Repeat("e", 4096)}
	cluster.Snapshot.BackupPlans[0].Phase = phaseRefused
	for _, f := range append(Control{}.Evaluate(web.Input), Control{}.Evaluate(cluster.Input)...) {
		checkBounds(t, &f)
	}
}

func backupNamed(name string, begun time.Time) control.Backup {
	return control.Backup{Meta: control.Meta{Namespace: "velero", Name: name, UID: name, CreatedAt: begun}, Cluster: control.BackupOfThisCluster,
		StartedAt: begun, Filters: &control.BackupFilters{}}
}
