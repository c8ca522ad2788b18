package restoretest

import (
	"maps"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// now is the time of every case, and restored when the test ended that is judged.
var (
	now      = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	restored = now.Add(-24 * time.Hour)
)

// every is the interval of the tests.
const every = 7 * 24 * time.Hour

// change is what a case changes of the scene.
type change func(*control.Input)

// scene is a namespace with one backup that was restored, and found to be whole.
func scene(changes ...change) control.Input {
	in := control.Input{
		Policy: "self-test",
		Control: v1alpha1.ControlSpec{ID: "BCK-2", Mode: v1alpha1.ModeObserve,
			RestoreTest: &v1alpha1.RestoreTest{BackupControl: "BCK-1", Every: metav1.Duration{Duration: every}}},
		Backup: &v1alpha1.ControlSpec{ID: "BCK-1", Backup: &v1alpha1.Backup{Provider: v1alpha1.BackupByVelero,
			Schedule: "0 */6 * * *", RecoveryPointObjective: metav1.Duration{Duration: 12 * time.Hour}}},
		Snapshot: &control.Snapshot{
			Namespace: control.Namespace{Name: "shop", UID: "5a0", CreatedAt: now.AddDate(-1, 0, 0)},
			Backups:   []control.Backup{backup("daily-2", now.Add(-time.Hour)), backup("daily-1", now.Add(-7*time.Hour))},
		},
		Now: now,
	}
	in.Snapshot.Observations = []control.Observation{{
		Target: control.Target{Restore: targetOf(in).Restore}, At: restored, ValidUntil: restored.Add(2 * every),
		Restored: &control.Restored{Test: "x7k2p", Backup: "daily-0", BackupUID: "b0", BackupAt: restored.Add(-time.Hour),
			Phase: "Completed", Warnings: 1, Seconds: 42, DataAge: 3600,
			Items: []control.RestoredItem{{Kind: "ConfigMap", Bytes: 1024, SHA256: "aa"}, {Kind: "PersistentVolumeClaim", Bytes: 1 << 20, SHA256: "bb"}}},
	}}
	for _, c := range changes {
		c(&in)
	}
	return in
}

// backup is a backup of everything that completed.
func backup(name string, at time.Time) control.Backup {
	return control.Backup{Meta: control.Meta{Namespace: "velero", Name: name, UID: "uid-" + name, CreatedAt: at}, Plan: "daily",
		Cluster: control.BackupOfThisCluster, Phase: "Completed", StartedAt: at, CompletedAt: at.Add(time.Minute), ExpiresAt: at.Add(720 * time.Hour),
		Filters: &control.BackupFilters{IncludedNamespaces: []string{"*"}}}
}

// saw changes what the test saw, and backups the newest backup.
func saw(edit func(*control.Restored)) change {
	return func(in *control.Input) { edit(in.Snapshot.Observations[0].Restored) }
}

func backups(edit func(*control.Backup)) change {
	return func(in *control.Input) { edit(&in.Snapshot.Backups[0]) }
}

// unseenBecause has the test have seen nothing.
func unseenBecause(reason, message string) change {
	return func(in *control.Input) {
		o := &in.Snapshot.Observations[0]
		o.Restored, o.Reason, o.Message = nil, reason, message
	}
}

func untestedScene(in *control.Input) { in.Snapshot.Observations = nil }

func unavailable(need control.Need, reason string) change {
	return func(in *control.Input) {
		in.Snapshot.Unavailable = maps.Clone(in.Snapshot.Unavailable)
		if in.Snapshot.Unavailable == nil {
			in.Snapshot.Unavailable = map[control.Need]string{}
		}
		in.Snapshot.Unavailable[need] = reason
	}
}

func later(d time.Duration) change {
	return func(in *control.Input) { in.Now = in.Now.Add(d) }
}

func named(name string, labels map[string]string) change {
	return func(in *control.Input) { in.Snapshot.Namespace.Name, in.Snapshot.Namespace.Labels = name, labels }
}

func terminating(pods bool) change {
	return func(in *control.Input) {
		in.Snapshot.Namespace.Terminating, in.Snapshot.Namespace.HasRunningPods = true, pods
	}
}

// scenes are the golden cases.
func scenes(t *testing.T) map[string]control.Input {
	t.Helper()
	return map[string]control.Input{
		"restored":  scene(),
		"left-over": scene(saw(func(r *control.Restored) { r.Left = "PersistentVolume pv-1 is left, as its class retains it." })),
		"failed": scene(saw(func(r *control.Restored) {
			r.Phase, r.Failure, r.Items = "FailedValidation", "can't find backup velero/daily-0", nil
		})),
		"partially-failed": scene(saw(func(r *control.Restored) { r.Phase, r.Errors = "PartiallyFailed", 2 })),
		"errors":           scene(saw(func(r *control.Restored) { r.Errors = 1 })),
		"missing":          scene(saw(func(r *control.Restored) { r.Items[0].Missing, r.Items[1].Missing = true, true })),
		"differs":          scene(saw(func(r *control.Restored) { r.Items[1].Differs = true })),
		"long-ago":         scene(saw(func(r *control.Restored) { r.Items[1].Differs = true }), later(2*every)),
		"shared": scene(saw(func(r *control.Restored) {
			r.VolumeShared, r.Left = true, "PersistentVolume pv-9 in namespace holdfast-restore-x7k2p has the volume of pv-1: nothing was cleaned up."
		})),
		"overdue":       scene(later(2*every - 24*time.Hour)),
		"nothing-seen":  scene(saw(func(r *control.Restored) { r.Items = nil })),
		"untested":      scene(untestedScene),
		"awaited":       scene(untestedScene, unavailable(control.NeedProbes, control.ReasonInconclusive)),
		"blind":         scene(untestedScene, unavailable(control.NeedBackups, control.ReasonForbidden)),
		"forbidden":     scene(unseenBecause(control.ReasonForbidden, "Holdfast may not create a namespace: set the chart's value probe.restoreTests.")),
		"not-installed": scene(func(in *control.Input) { in.Snapshot.NotServed = []string{"backups.velero.io"} }),
		"no-backups":    scene(func(in *control.Input) { in.Backup = nil }),
		"terminating":   scene(terminating(false)),
		"going":         scene(terminating(true)),
		"scratch":       scene(named("holdfast-restore-x7k2p", map[string]string{control.RestoreTestLabel: "x7k2p"})),
	}
}
