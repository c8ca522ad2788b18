package restoretest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestCandidate: what is restored is the newest backup that counts, and holds the
// whole namespace.
func TestCandidate(t *testing.T) {
	at := now.Add(-time.Hour)
	newest := &control.RestoreCandidate{Name: "daily-2", UID: "uid-daily-2", StartedAt: at, CreatedAt: at}
	older := &control.RestoreCandidate{Name: "daily-1", UID: "uid-daily-1", StartedAt: now.Add(-7 * time.Hour), CreatedAt: now.Add(-7 * time.Hour)}
	for name, tc := range map[string]struct {
		change change
		want   *control.RestoreCandidate
	}{
		"the newest":            {change: func(*control.Input) {}, want: newest},
		"in any order":          {change: func(in *control.Input) { b := in.Snapshot.Backups; b[0], b[1] = b[1], b[0] }, want: newest},
		"none there":            {change: func(in *control.Input) { in.Snapshot.Backups = nil }},
		"of another cluster":    {change: backups(func(b *control.Backup) { b.Cluster = control.BackupOfAnother }), want: older},
		"of an unknown cluster": {change: backups(func(b *control.Backup) { b.Cluster = "" }), want: older},
		"under way":             {change: backups(func(b *control.Backup) { b.Phase = "InProgress" }), want: older},
		"partially failed":      {change: backups(func(b *control.Backup) { b.Phase = "PartiallyFailed" }), want: older},
		"being deleted":         {change: backups(func(b *control.Backup) { b.Deleting = true }), want: older},
		"expired":               {change: backups(func(b *control.Backup) { b.ExpiresAt = now }), want: older},
		"never started":         {change: backups(func(b *control.Backup) { b.StartedAt = time.Time{} }), want: older},
		"before the namespace":  {change: func(in *control.Input) { in.Snapshot.Namespace.CreatedAt = now }},
		"of other namespaces":   {change: backups(func(b *control.Backup) { b.Filters = &control.BackupFilters{ExcludedNamespaces: []string{"sh*"}} }), want: older},
		"of some labels":        {change: backups(func(b *control.Backup) { b.Filters = &control.BackupFilters{LabelSelector: &metav1.LabelSelector{}} }), want: older},
		"of some kinds":         {change: backups(func(b *control.Backup) { b.Filters = &control.BackupFilters{IncludedResources: []string{"pods"}} }), want: older},
		"nobody knows of what":  {change: backups(func(b *control.Backup) { b.Filters = nil }), want: newest},
		"partially, which counts": {change: func(in *control.Input) {
			in.Snapshot.Backups[0].Phase = "PartiallyFailed"
			in.Backup.Backup.Velero = &v1alpha1.VeleroBackup{PartiallyFailed: v1alpha1.PartiallyFailedCounted}
		}, want: newest},
	} {
		t.Run(name, func(t *testing.T) {
			targets := Control{}.Targets(scene(tc.change))
			if len(targets) != 1 {
				t.Fatalf("got %d targets, want 1", len(targets))
			}
			if diff := cmp.Diff(tc.want, targets[0].Restore.Candidate); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTarget: what the control states is what is tested, and where.
func TestTarget(t *testing.T) {
	for name, tc := range map[string]struct {
		change change
		want   []control.RestoreTarget
	}{
		"defaults": {change: func(*control.Input) {},
			want: []control.RestoreTarget{{Provider: "Velero", VeleroNamespace: "velero", Namespace: "shop", Timeout: time.Hour}}},
		"everything": {change: func(in *control.Input) {
			in.Backup.Backup.Velero = &v1alpha1.VeleroBackup{Namespace: "backups"}
			in.Control.RestoreTest.Timeout = &metav1.Duration{Duration: time.Minute}
			in.Control.RestoreTest.Volume = &v1alpha1.SentinelVolume{Image: "registry.example.com/holdfast", StorageClassName: new("fast")}
		}, want: []control.RestoreTarget{{Provider: "Velero", VeleroNamespace: "backups", Namespace: "shop", Timeout: time.Minute,
			Image: "registry.example.com/holdfast", Class: new("fast")}}},
		"the cluster":           {change: func(in *control.Input) { in.Snapshot.Namespace.Name = control.Cluster }},
		"being deleted":         {change: terminating(true)},
		"a scratch namespace":   {change: named("holdfast-restore-a", map[string]string{control.RestoreTestLabel: "a"})},
		"named like one":        {change: named("holdfast-restore-a", nil), want: []control.RestoreTarget{{Provider: "Velero", VeleroNamespace: "velero", Namespace: "holdfast-restore-a", Timeout: time.Hour}}},
		"no control of backups": {change: func(in *control.Input) { in.Backup = nil }},
		"snapshots of volumes":  {change: func(in *control.Input) { in.Backup.Backup.Provider = v1alpha1.BackupByVolumeSnapshot }},
		"not stated":            {change: func(in *control.Input) { in.Control.RestoreTest = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			var got []control.RestoreTarget
			for _, target := range (Control{}).Targets(scene(tc.change)) {
				if target.Every != every {
					t.Errorf("every %s", target.Every)
				}
				target.Restore.Candidate = nil
				got = append(got, *target.Restore)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUntil: a result that counts wakes the engine when it ceases to.
func TestUntil(t *testing.T) {
	for name, tc := range map[string]struct {
		in   control.Input
		want time.Time
	}{
		"it counts":       {in: scene(), want: restored.Add(2 * every)},
		"it does no more": {in: scene(later(2 * every))},
		"there is none":   {in: scene(untestedScene)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Control{}).Evaluate(tc.in)[0].Until; !got.Equal(tc.want) {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
