package backup

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

const hour = time.Hour

func TestRecoveryPoint(t *testing.T) {
	failed := func(b *control.Backup) { b.Phase, b.Failure = phaseFailed, "the store is gone" }
	found(t, RuleRecoveryPoint, inWeb, map[string]sceneCase{
		"two hours old": {want: "Conforming Recent", until: 10 * hour},
		"newest failed": {edits: []func(*scene){newestIs(failed)}, want: "Conforming Recent", until: 4 * hour},
		"the second before the breach": {edits: []func(*scene){runsAre(func(b *control.Backup) { b.StartedAt = now.Add(-12*hour + time.Second) })},
			want: "Conforming Recent", until: time.Second},
		"the second of the breach": {edits: []func(*scene){runsAre(func(b *control.Backup) { b.StartedAt = now.Add(-12 * hour) })},
			want: "Deviating TooOld", until: 718 * hour},
		"too old, and newer ones failed": {edits: []func(*scene){runsAre(func(b *control.Backup) { b.StartedAt = now.Add(-13 * hour) }), newestIs(failed), newestIs(func(b *control.Backup) { b.StartedAt = now.Add(-hour) })},
			want: "Deviating TooOld", until: 712 * hour},
		"expires before it is too old":       {edits: []func(*scene){newestIs(func(b *control.Backup) { b.ExpiresAt = now.Add(hour) })}, want: "Conforming Recent", until: hour},
		"expired this second, with an older": {edits: []func(*scene){newestIs(func(b *control.Backup) { b.ExpiresAt = now })}, want: "Conforming Recent", until: 4 * hour},
		"all failed":                         {edits: []func(*scene){runsAre(failed)}, want: "Deviating NoRecoveryPoint"},
		"none":                               {edits: []func(*scene){func(s *scene) { s.Snapshot.Backups = nil }}, want: "Deviating NoRecoveryPoint"},
		"of a bare hand":                     {edits: []func(*scene){runsAre(func(b *control.Backup) { b.Cluster, b.Plan = "", "" })}, want: "Deviating NoRecoveryPoint: Backup: does not say by a label of which cluster it is"},
		"of another Velero":                  {edits: []func(*scene){runsAre(func(b *control.Backup) { b.Namespace = "elsewhere" })}, want: "Deviating NoRecoveryPoint"},
		"without secrets": {edits: []func(*scene){runsAre(func(b *control.Backup) { b.Filters = &control.BackupFilters{ExcludedResources: []string{"secrets"}} })},
			want: "Deviating NoRecoveryPoint: Schedule " + ownPlan + ": leaves out secrets"},
		"leaves the namespace out": {edits: []func(*scene){runsAre(func(b *control.Backup) { b.Filters = &control.BackupFilters{ExcludedNamespaces: []string{"w*"}} })},
			want: "Deviating NoRecoveryPoint: Schedule " + ownPlan + ": leaves the namespace out"},
		"with a resource policy": {edits: []func(*scene){runsAre(func(b *control.Backup) { b.Filters = &control.BackupFilters{ResourcePolicy: "skips"} })},
			want: "NotEvaluated Inconclusive", until: 10 * hour},
		"with a resource policy, and an older without": {edits: []func(*scene){newestIs(func(b *control.Backup) { b.Filters = &control.BackupFilters{ResourcePolicy: "skips"} })},
			want: "Conforming Recent", until: 4 * hour},
		"with a resource policy, too old": {edits: []func(*scene){runsAre(func(b *control.Backup) {
			b.Filters, b.StartedAt = &control.BackupFilters{ResourcePolicy: "skips"}, now.Add(-12*hour)
		})}, want: "Deviating NoRecoveryPoint: Schedule " + ownPlan + ": leaves out whatever the resource policy in ConfigMap skips says"},
		"partially failed":          {edits: []func(*scene){runsAre(func(b *control.Backup) { b.Phase = phasePartiallyFailed })}, want: "Deviating NoRecoveryPoint"},
		"partially failed, counted": {edits: []func(*scene){runsAre(func(b *control.Backup) { b.Phase = phasePartiallyFailed }), states(func(b *v1alpha1.Backup) { b.Velero.PartiallyFailed = v1alpha1.PartiallyFailedCounted })}, want: "Conforming Recent", until: 10 * hour},
		"namespace made since":      {edits: []func(*scene){func(s *scene) { s.Snapshot.Namespace.CreatedAt = now.Add(-hour) }}, want: "Deviating NoRecoveryPoint"},
		"excluded by its label": {edits: []func(*scene){func(s *scene) { s.Snapshot.Namespace.Labels = map[string]string{excludeLabel: "true"} }},
			want: "Deviating NamespaceExcluded: velero.io/exclude-from-backup=true"},
		"label that says no": {edits: []func(*scene){func(s *scene) { s.Snapshot.Namespace.Labels = map[string]string{excludeLabel: "false"} }}, want: "Conforming Recent", until: 10 * hour},
		"scratch": {edits: []func(*scene){func(s *scene) {
			s.Snapshot.Namespace.Name, s.Snapshot.Namespace.Labels = "holdfast-restore-x", map[string]string{control.RestoreTestLabel: "x"}
		}}, want: "NotApplicable ScratchNamespace"},
		"not installed": {edits: []func(*scene){notServed(kindBackups)}, want: "Deviating ProviderNotInstalled: backups.velero.io"},
		"not observed":  {edits: []func(*scene){without(control.NeedBackups, control.ReasonForbidden)}, want: "NotEvaluated Forbidden"},
	})
}

func TestVolumes(t *testing.T) {
	offCluster := states(func(b *v1alpha1.Backup) { b.Copies = v1alpha1.CopiesOffCluster })
	uncopied := newestIs(func(b *control.Backup) { b.Volumes = nil })
	snapshots := func(n control.BackupSnapshots, f control.BackupFilters) func(*scene) {
		return newestIs(func(b *control.Backup) { b.Volumes, b.Snapshots, b.Filters = nil, n, &f })
	}
	alone := control.BackupFilters{IncludedNamespaces: []string{"web"}}
	found(t, RuleVolumes, inWeb, map[string]sceneCase{
		"copied":               {want: "Conforming VolumesCopied"},
		"copied off cluster":   {edits: []func(*scene){offCluster}, want: "Conforming VolumesCopied"},
		"nothing of any":       {edits: []func(*scene){uncopied}, want: "Deviating VolumesMissing: data, logs"},
		"nothing of one":       {edits: []func(*scene){newestIs(func(b *control.Backup) { b.Volumes = b.Volumes[:1] })}, want: "Deviating VolumesMissing: logs"},
		"one failed":           {edits: []func(*scene){newestIs(func(b *control.Backup) { b.Volumes[1].Phase = "Canceled" })}, want: "Deviating VolumesMissing: logs"},
		"one of another claim": {edits: []func(*scene){newestIs(func(b *control.Backup) { b.Volumes[1].ClaimUID = "gone" })}, want: "Deviating VolumesMissing: logs"},
		"failed, then copied": {edits: []func(*scene){newestIs(func(b *control.Backup) {
			again := b.Volumes[1]
			b.Volumes[1].Phase = "Failed"
			b.Volumes = append(b.Volumes, again)
		})}, want: "Conforming VolumesCopied"},
		"volumes left out": {edits: []func(*scene){newestIs(func(b *control.Backup) { b.Filters = &control.BackupFilters{IncludeClusterResources: new(bool)} })},
			want: "Deviating VolumesMissing: data, logs"},
		"a claim made since": {edits: []func(*scene){newestIs(func(b *control.Backup) { b.Volumes = b.Volumes[:1] }), func(s *scene) { s.Snapshot.Claims[1].CreatedAt = now.Add(-hour) }},
			want: "Conforming VolumesCopied", until: 11 * hour},
		"a claim as old as the objective": {edits: []func(*scene){newestIs(func(b *control.Backup) { b.Volumes, b.StartedAt = b.Volumes[:1], now.Add(-13*hour) }), newestIs(func(b *control.Backup) { b.StartedAt = now.Add(-13 * hour) }), func(s *scene) {
			s.Snapshot.Claims[1].CreatedAt, s.Snapshot.Backups = now.Add(-12*hour), s.Snapshot.Backups[:1]
		}}, want: "Deviating VolumesMissing: logs"},
		"young, and in a backup since": {edits: []func(*scene){func(s *scene) { s.Snapshot.Claims[1].CreatedAt = now.Add(-3 * hour) }}, want: "Conforming VolumesCopied"},
		"young, and not in a backup since": {edits: []func(*scene){newestIs(func(b *control.Backup) { b.Volumes = b.Volumes[:1] }), func(s *scene) { s.Snapshot.Claims[1].CreatedAt = now.Add(-3 * hour) }},
			want: "Deviating VolumesMissing: logs"},
		"an unbound claim": {edits: []func(*scene){func(s *scene) {
			s.Snapshot.Claims = append(s.Snapshot.Claims, control.Claim{Meta: control.Meta{Name: "waits", UID: "w", CreatedAt: made}})
		}}, want: "Conforming VolumesCopied"},
		"no claim":   {edits: []func(*scene){func(s *scene) { s.Snapshot.Claims = nil }}, want: "NotApplicable NoVolumes"},
		"ignored":    {edits: []func(*scene){states(func(b *v1alpha1.Backup) { b.Volumes = v1alpha1.VolumesIgnored }), uncopied}, want: "NotApplicable VolumesIgnored"},
		"no backup":  {edits: []func(*scene){func(s *scene) { s.Snapshot.Backups = nil }}, want: "Deviating NoRecoveryPoint"},
		"unforetold": {edits: []func(*scene){runsAre(func(b *control.Backup) { b.Filters = &control.BackupFilters{ResourcePolicy: "skips"} })}, want: "Conforming VolumesCopied"},

		"snapshots of all, alone":             {edits: []func(*scene){snapshots(control.BackupSnapshots{CSIAttempted: 2, CSICompleted: 2}, alone)}, want: "Conforming VolumesCopied"},
		"snapshots of both kinds, alone":      {edits: []func(*scene){snapshots(control.BackupSnapshots{CSIAttempted: 1, CSICompleted: 1, NativeAttempted: 1, NativeCompleted: 1}, alone)}, want: "Conforming VolumesCopied"},
		"snapshots are not off the cluster":   {edits: []func(*scene){offCluster, snapshots(control.BackupSnapshots{CSIAttempted: 2, CSICompleted: 2}, alone)}, want: "Deviating NotOffCluster: data, logs"},
		"too few snapshots":                   {edits: []func(*scene){snapshots(control.BackupSnapshots{CSIAttempted: 1, CSICompleted: 1}, alone)}, want: "Deviating VolumesMissing: data, logs"},
		"as many, of several namespaces":      {edits: []func(*scene){snapshots(control.BackupSnapshots{CSIAttempted: 2, CSICompleted: 2}, control.BackupFilters{})}, want: "NotEvaluated Inconclusive"},
		"more than claims, alone":             {edits: []func(*scene){snapshots(control.BackupSnapshots{CSIAttempted: 3, CSICompleted: 3}, alone)}, want: "NotEvaluated Inconclusive"},
		"one failed, alone":                   {edits: []func(*scene){snapshots(control.BackupSnapshots{CSIAttempted: 3, CSICompleted: 2}, alone)}, want: "NotEvaluated Inconclusive"},
		"an operation failed, alone":          {edits: []func(*scene){snapshots(control.BackupSnapshots{CSIAttempted: 2, CSICompleted: 2, OperationsFailed: 1}, alone)}, want: "NotEvaluated Inconclusive"},
		"of several, and not off the cluster": {edits: []func(*scene){offCluster, snapshots(control.BackupSnapshots{CSIAttempted: 9, CSICompleted: 9}, control.BackupFilters{})}, want: "Deviating NotOffCluster: data, logs"},
		"copied and snapshotted, alone": {edits: []func(*scene){newestIs(func(b *control.Backup) {
			b.Volumes, b.Snapshots, b.Filters = b.Volumes[:1], control.BackupSnapshots{NativeAttempted: 1, NativeCompleted: 1}, &alone
		})}, want: "Conforming VolumesCopied"},

		"claims not observed":  {edits: []func(*scene){without(control.NeedClaims, control.ReasonFailed)}, want: "NotEvaluated Failed"},
		"backups not observed": {edits: []func(*scene){without(control.NeedBackups, control.ReasonForbidden)}, want: "NotEvaluated Forbidden"},
		"not installed":        {edits: []func(*scene){notServed(kindBackups)}, want: "Deviating ProviderNotInstalled: backups.velero.io"},
	})
}

// inSnapshots is a namespace with two claims, of which VolumeSnapshots were taken two
// and three hours ago.
func inSnapshots() *scene {
	s := inWeb()
	s.Snapshot.Backups = nil
	s.Control.Backup = &v1alpha1.Backup{Provider: v1alpha1.BackupByVolumeSnapshot, Schedule: "0 */6 * * *",
		RecoveryPointObjective: metav1.Duration{Duration: 12 * hour}}
	s.snapshot("data", 2*hour)
	s.snapshot("logs", 3*hour)
	return s
}

func (s *scene) snapshot(claim string, age time.Duration) {
	s.Snapshot.VolumeSnapshots = append(s.Snapshot.VolumeSnapshots, control.VolumeSnapshot{
		Meta: control.Meta{Name: claim + "-" + age.String(), UID: claim, CreatedAt: now.Add(-age)}, Claim: claim, Ready: true, TakenAt: now.Add(-age)})
}

// snapshotsOfLogs changes the snapshots of one of the claims.
func snapshotsOfLogs(edit func(*control.VolumeSnapshot)) func(*scene) {
	return func(s *scene) {
		for i := range s.Snapshot.VolumeSnapshots {
			if v := &s.Snapshot.VolumeSnapshots[i]; v.Claim == "logs" {
				edit(v)
			}
		}
	}
}

func TestVolumeSnapshots(t *testing.T) {
	const leftOut = "Deviating NoRecoveryPoint: PersistentVolumeClaim logs"
	found(t, RuleRecoveryPoint, inSnapshots, map[string]sceneCase{
		"as old as the oldest":     {want: "Conforming Recent", until: 9 * hour},
		"newer ones of it":         {edits: []func(*scene){func(s *scene) { s.snapshot("logs", hour) }}, want: "Conforming Recent", until: 10 * hour},
		"the second of the breach": {edits: []func(*scene){snapshotsOfLogs(func(v *control.VolumeSnapshot) { v.TakenAt = now.Add(-12 * hour) })}, want: "Deviating TooOld"},
		"not ready":                {edits: []func(*scene){snapshotsOfLogs(func(v *control.VolumeSnapshot) { v.Ready = false })}, want: leftOut},
		"being deleted":            {edits: []func(*scene){snapshotsOfLogs(func(v *control.VolumeSnapshot) { v.Deleting = true })}, want: leftOut},
		"of an earlier claim":      {edits: []func(*scene){snapshotsOfLogs(func(v *control.VolumeSnapshot) { v.TakenAt = made.Add(-hour) })}, want: leftOut},
		"no time":                  {edits: []func(*scene){snapshotsOfLogs(func(v *control.VolumeSnapshot) { v.TakenAt = time.Time{} })}, want: leftOut},
		"a young claim":            {edits: []func(*scene){snapshotsOfLogs(func(v *control.VolumeSnapshot) { v.Ready = false }), func(s *scene) { s.Snapshot.Claims[1].CreatedAt = now.Add(-hour) }}, want: "Conforming Recent", until: 10 * hour},
		"no claims":                {edits: []func(*scene){func(s *scene) { s.Snapshot.Claims = nil }}, want: "NotApplicable NoVolumes"},
		"young claims only": {edits: []func(*scene){func(s *scene) {
			s.Snapshot.Claims[0].CreatedAt, s.Snapshot.Claims[1].CreatedAt = now.Add(-hour), now.Add(-2*hour)
		}}, want: "NotApplicable NoVolumes", until: 10 * hour},
		"label of Velero's": {edits: []func(*scene){func(s *scene) { s.Snapshot.Namespace.Labels = map[string]string{excludeLabel: "true"} }}, want: "Conforming Recent", until: 9 * hour},
		"not installed":     {edits: []func(*scene){notServed(kindVolumeSnapshots)}, want: "Deviating ProviderNotInstalled: " + kindVolumeSnapshots},
		"not observed":      {edits: []func(*scene){without(control.NeedVolumeSnapshots, control.ReasonForbidden)}, want: "NotEvaluated Forbidden"},
	})
	found(t, RuleVolumes, inSnapshots, map[string]sceneCase{
		"each has one":  {want: "Conforming VolumesCopied"},
		"off cluster":   {edits: []func(*scene){states(func(b *v1alpha1.Backup) { b.Copies = v1alpha1.CopiesOffCluster })}, want: "Deviating NotOffCluster: data, logs"},
		"one has none":  {edits: []func(*scene){snapshotsOfLogs(func(v *control.VolumeSnapshot) { v.Ready = false })}, want: "Deviating VolumesMissing: logs"},
		"not installed": {edits: []func(*scene){notServed(kindVolumeSnapshots)}, want: "Deviating ProviderNotInstalled: " + kindVolumeSnapshots},
	})
	cluster := inSnapshots()
	cluster.Snapshot = &control.Snapshot{Namespace: control.ClusterNamespace(clusterUID, made)}
	if f := (Control{}).Evaluate(cluster.Input); len(f) != 0 {
		t.Errorf("found %+v in a cluster without plans", f)
	}
	if changes, err := (Control{}).Wants(cluster.Input); len(changes) != 0 || err != nil {
		t.Errorf("wants %+v, %v in a cluster without plans", changes, err)
	}
}
