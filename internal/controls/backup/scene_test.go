package backup

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

// now is the time of every case, and made when its namespaces came to be.
var (
	now  = time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	made = now.AddDate(0, -1, 0)
)

const (
	clusterUID = "5a3c6f0e-0000-4000-8000-000000000001"
	ownPlan    = "holdfast-self-test-bck-1"
)

// scene is an input that tests change.
type scene struct{ control.Input }

// spec is a control that states a run every six hours, twelve hours of objective, and
// thirty days of retention.
func spec() *v1alpha1.Backup {
	return &v1alpha1.Backup{
		Provider: v1alpha1.BackupByVelero, Schedule: "0 */6 * * *", TimeZone: utc,
		RecoveryPointObjective: metav1.Duration{Duration: 12 * time.Hour}, Retention: &metav1.Duration{Duration: 720 * time.Hour},
		Velero: &v1alpha1.VeleroBackup{Attestations: []v1alpha1.LocationAttestation{{Location: "default", Attestation: v1alpha1.Attestation{
			Ref: "SEC-12", SHA256: "4f4f9a2a4d1d0a2f5d8a0c1f7d4e1f5f6f0b6a3a6b1c2d3e4f5061728394a5b6", Signer: "storage team", ValidUntil: metav1.NewTime(now.AddDate(1, 0, 0)),
		}}}},
	}
}

func newScene(ns control.Namespace) *scene {
	return &scene{control.Input{
		Policy:   "self-test",
		Control:  v1alpha1.ControlSpec{ID: "BCK-1", Mode: v1alpha1.ModeEnforce, Backup: spec()},
		Scope:    &v1alpha1.Scope{Cluster: v1alpha1.ClusterIncluded},
		Snapshot: &control.Snapshot{Namespace: ns},
		Now:      now,
	}}
}

// inCluster is a cluster whose plan, runs and location are as they are to be: the last
// run began at noon, two hours ago.
func inCluster() *scene {
	s := newScene(control.ClusterNamespace(clusterUID, made))
	s.Snapshot.BackupLocations = []control.BackupLocation{{
		Meta:     control.Meta{Namespace: "velero", Name: "default", UID: "bsl", CreatedAt: made},
		Provider: "velero.io/aws", Bucket: "backups", Prefix: "one", Default: true, Phase: "Available", ValidatedAt: now.Add(-30 * time.Second),
		Config: map[string]string{"region": "eu-central-1", "s3Url": "https://s3.example.com"},
	}}
	for _, age := range []time.Duration{2 * hour, 8 * hour, 14 * hour, 20 * hour} {
		s.run(age)
	}
	return s.planned()
}

// planned has Holdfast's own plan be there, as it is wanted, and enabled.
func (s *scene) planned() *scene {
	s.Snapshot.BackupPlans = []control.BackupPlan{{
		Meta: control.Meta{Namespace: "velero", Name: ownPlan, UID: "plan", CreatedAt: made},
		Spec: read(s.Input).wantedSpec(), Phase: phaseEnabled, Ours: true,
	}}
	return s
}

// inWeb is a namespace that the plan's runs hold, with two claims that they copied.
func inWeb() *scene {
	s := newScene(control.Namespace{Name: "web", UID: "5a3c6f0e-0000-4000-8000-000000000002", CreatedAt: made})
	for _, name := range []string{"data", "logs"} {
		s.Snapshot.Claims = append(s.Snapshot.Claims, control.Claim{Meta: control.Meta{Name: name, UID: "uid-" + name, CreatedAt: made}, Bound: true, Volume: "pv-" + name})
	}
	s.run(2*time.Hour).copied("data", "FileSystem").copied("logs", "DataMover")
	return s.run(8 * time.Hour).scene
}

// run adds a run of the plan that began so long ago, and completed a minute later.
func (s *scene) run(age time.Duration) *ran {
	begun := now.Add(-age)
	s.Snapshot.Backups = append(s.Snapshot.Backups, control.Backup{
		Meta: control.Meta{Namespace: "velero", Name: fmt.Sprintf("%s-%s", ownPlan, begun.Format("20060102150405")), UID: "run-" + begun.Format("0215"), CreatedAt: begun},
		Plan: ownPlan, Cluster: control.BackupOfThisCluster, Location: "default", Phase: phaseCompleted,
		StartedAt: begun, CompletedAt: begun.Add(time.Minute), ExpiresAt: begun.Add(720 * time.Hour), TTL: 720 * time.Hour,
		Filters: &control.BackupFilters{IncludedNamespaces: []string{"*"}},
	})
	return &ran{s, len(s.Snapshot.Backups) - 1}
}

// ran is one of the runs of a scene.
type ran struct {
	*scene
	i int
}

// copied has the run hold the data of a claim.
func (r *ran) copied(claim, method string) *ran {
	b := &r.Snapshot.Backups[r.i]
	b.Volumes = append(b.Volumes, control.BackedUpVolume{ClaimUID: "uid-" + claim, Claim: claim, Method: method, Phase: phaseCompleted, Bytes: 3000039})
	return r
}

// with changes the scene.
func (s *scene) with(edits ...func(*scene)) *scene {
	for _, edit := range edits {
		edit(s)
	}
	return s
}

// runsAre changes every run.
func runsAre(edit func(*control.Backup)) func(*scene) {
	return func(s *scene) {
		for i := range s.Snapshot.Backups {
			edit(&s.Snapshot.Backups[i])
		}
	}
}

// newestIs changes the newest run.
func newestIs(edit func(*control.Backup)) func(*scene) {
	return func(s *scene) { edit(&s.Snapshot.Backups[0]) }
}

// missed has the objective be an hour, which the newest run is older than.
func missed(s *scene) { s.Control.Backup.RecoveryPointObjective.Duration = hour }

// planIs changes the plan.
func planIs(edit func(*control.BackupPlan)) func(*scene) {
	return func(s *scene) { edit(&s.Snapshot.BackupPlans[0]) }
}

func noPlan(s *scene) { s.Snapshot.BackupPlans = nil }

// locationIs changes the location.
func locationIs(edit func(*control.BackupLocation)) func(*scene) {
	return func(s *scene) { edit(&s.Snapshot.BackupLocations[0]) }
}

// states changes what the control states.
func states(edit func(*v1alpha1.Backup)) func(*scene) {
	return func(s *scene) { edit(s.Control.Backup) }
}

// theirs has the plan be a Schedule of the user's own.
func theirs(edits ...func(spec, template map[string]any)) func(*scene) {
	return func(s *scene) {
		s.Control.Backup.Velero.Plan = "nightly"
		plan := &s.Snapshot.BackupPlans[0]
		plan.Name, plan.Ours = "nightly", false
		template := map[string]any{"metadata": map[string]any{"labels": map[string]any{control.ClusterLabel: clusterUID}}, "ttl": "720h0m0s"}
		plan.Spec = map[string]any{"schedule": "0 */6 * * *", "template": template}
		for _, edit := range edits {
			edit(plan.Spec, template)
		}
		runsAre(func(b *control.Backup) { b.Plan = "nightly" })(s)
	}
}

// without has a need be unavailable, and notServed a kind not be served.
func without(need control.Need, reason string) func(*scene) {
	return func(s *scene) {
		if s.Snapshot.Unavailable == nil {
			s.Snapshot.Unavailable = map[control.Need]string{}
		}
		s.Snapshot.Unavailable[need] = reason
	}
}

func notServed(kinds ...string) func(*scene) {
	return func(s *scene) { s.Snapshot.NotServed = append(s.Snapshot.NotServed, kinds...) }
}

// seen is what was seen of the repositories' password.
func seen(o control.Observation) func(*scene) {
	return func(s *scene) {
		o.Repository = &control.RepositoryTarget{VeleroNamespace: "velero"}
		o.At, o.ValidUntil = now.Add(-time.Minute), now.Add(29*time.Minute)
		s.Snapshot.Observations = []control.Observation{o}
	}
}

// copying has the plan copy the data of volumes to a repository.
func copying(s *scene) {
	s.Control.Backup.Velero.VolumeMethod = v1alpha1.VolumesByFileSystem
	s.planned()
}

// sceneCase is a scene, and what is found of one rule.
type sceneCase struct {
	edits []func(*scene)
	want  string
	// until is after how long the finding may change; zero if never.
	until time.Duration
}

// found judges each case, of a scene that is as it is to be but for its edits.
func found(t *testing.T, rule string, base func() *scene, cases map[string]sceneCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := base().with(tc.edits...)
			f := controltest.FindingOf(t, Control{}, s.Input, rule)
			if got := controltest.Summary(f); got != tc.want {
				t.Errorf("found %s (%s), want %s", got, f.Message, tc.want)
			}
			if tc.until == 0 && !f.Until.IsZero() || tc.until != 0 && !f.Until.Equal(now.Add(tc.until)) {
				t.Errorf("until %s, want %s from %s", f.Until, tc.until, now)
			}
		})
	}
}
