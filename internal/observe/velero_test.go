package observe_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/observe"
	"github.com/holdfast-dev/holdfast/test/crds"
)

// setStatus sets the status of an object whose kind has it as a subresource.
func (c *cluster) setStatus(t *testing.T, resource schema.GroupVersionResource, namespace, name, status string) {
	t.Helper()
	_, err := c.resource(t, resource, namespace).
		Patch(t.Context(), name, "application/merge-patch+json", []byte(`{"status": `+status+`}`), metav1.PatchOptions{}, "status")
	if err != nil {
		t.Fatal(err)
	}
}

// testClaims: claims, and snapshots of their volumes, concern their namespaces.
func testClaims(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "claimed")
	claims := func(want ...control.Claim) view {
		return view{"claimed", func(s *control.Snapshot) any {
			return bare(s.Claims, func(c *control.Claim) *control.Meta { return &c.Meta })
		}, want}
	}
	claim := control.Claim{Meta: named("data"), Labels: map[string]string{"app": "db"}, Volume: "v"}
	o.only(t, c, func() {
		c.put(t, core("persistentvolumeclaims"), `
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: claimed, name: data, labels: {app: db}}, spec: {volumeName: v,
  accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}`)
	}, claims(claim))
	claim.Bound = true
	o.only(t, c, func() {
		c.setStatus(t, core("persistentvolumeclaims"), "claimed", "data", `{"phase": "Bound", "capacity": {"storage": "1Gi"}}`)
	}, claims(claim))
	missing := func(want bool) view {
		return view{"claimed", func(s *control.Snapshot) any {
			return slices.Contains(s.NotServed, "volumesnapshots.snapshot.storage.k8s.io")
		}, want}
	}
	if got := o.snapshot(t, "claimed"); missing(true).part(got) != true {
		t.Errorf("not served: %v", got.NotServed)
	}
	o.due(t, func() { crds.Install(t, c, crds.Snapshots) }, missing(false))
	o.watches(t, crds.Snapshots)
	taken := func(want ...control.VolumeSnapshot) view {
		return view{"claimed", func(s *control.Snapshot) any {
			return bare(s.VolumeSnapshots, func(v *control.VolumeSnapshot) *control.Meta { return &v.Meta })
		}, want}
	}
	snapshot := control.VolumeSnapshot{Meta: named("s"), Claim: "data"}
	o.only(t, c, func() {
		c.put(t, snapshots(), `
{apiVersion: snapshot.storage.k8s.io/v1, kind: VolumeSnapshot, metadata: {namespace: claimed, name: s, finalizers: [example.com/hold]},
  spec: {source: {persistentVolumeClaimName: data}}}`)
	}, taken(snapshot))
	snapshot.Ready, snapshot.TakenAt, snapshot.Error = true, time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC), "late"
	o.only(t, c, func() {
		c.setStatus(t, snapshots(), "claimed", "s", `{"readyToUse": true, "creationTime": "2026-03-01T06:00:00Z", "error": {"message": "late"}}`)
	}, taken(snapshot))
	snapshot.Deleting = true
	o.only(t, c, func() { c.drop(t, snapshots(), "claimed", "s") }, taken(snapshot))
}

// testPlans: Velero's Schedules and storage locations concern the cluster alone,
// without what Velero says there to itself and without credentials.
func testPlans(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "velero")
	missing := func(want bool) view {
		return view{control.Cluster, func(s *control.Snapshot) any { return slices.Contains(s.NotServed, "schedules.velero.io") }, want}
	}
	if got := o.snapshot(t, control.Cluster); missing(true).part(got) != true {
		t.Errorf("not served: %v", got.NotServed)
	}
	o.due(t, func() { crds.Install(t, c, crds.Velero) }, missing(false))
	o.watches(t, crds.Velero)
	plans := func(want ...control.BackupPlan) view {
		return view{control.Cluster, func(s *control.Snapshot) any {
			return bare(s.BackupPlans, func(p *control.BackupPlan) *control.Meta { return &p.Meta })
		}, want}
	}
	put := func(more, status string) func() {
		return func() {
			c.put(t, velero("schedules"), `
{apiVersion: velero.io/v1, kind: Schedule, metadata: {namespace: velero, name: daily}, spec: {schedule: "0 2 * * *", `+more+` template: {ttl: 720h0m0s,
  hooks: {resources: [{name: h, pre: [{exec: {container: db, command: [dump, --password=canary]}}]}]}}}, status: {`+status+`}}`)
		}
	}
	meta := control.Meta{Namespace: "velero", Name: "daily"}
	plan := control.BackupPlan{Meta: meta, Spec: map[string]any{"schedule": "0 2 * * *", "template": map[string]any{
		"ttl": "720h0m0s", "hooks": map[string]any{"resources": []any{map[string]any{
			"name": "h", "pre": []any{map[string]any{"exec": map[string]any{"container": "db"}}},
		}}},
	}}}
	o.only(t, c, put("", ""), plans(plan))
	plan.Phase = "Enabled"
	o.only(t, c, put("skipImmediately: true,", `phase: Enabled, lastBackup: "2026-03-01T02:00:00Z"`), plans(plan))
	if got := o.snapshot(t, control.Cluster).BackupPlans[0]; got.UID == "" || got.CreatedAt.IsZero() || got.Identity.Manager != "test" {
		t.Errorf("the plan is %+v", got.Meta)
	}
	testLocations(t, c, o)
}

func testLocations(t *testing.T, c *cluster, o *told) {
	locations := func(want ...control.BackupLocation) view {
		return view{control.Cluster, func(s *control.Snapshot) any {
			return bare(s.BackupLocations, func(l *control.BackupLocation) *control.Meta { return &l.Meta })
		}, want}
	}
	put := func(status string) func() {
		return func() {
			c.put(t, velero("backupstoragelocations"), `
{apiVersion: velero.io/v1, kind: BackupStorageLocation, metadata: {namespace: velero, name: default}, spec: {provider: velero.io/aws, default: true,
  validationFrequency: 0s, objectStorage: {bucket: b, prefix: p, caCert: Y2FuYXJ5}, credential: {name: cloud, key: cloud}, config: {
  s3Url: "http://user:canary@example.com:9000/x", kmsKeyId: alias/k, customerKeyEncryptionSecret: s/k, secretAccessKey: canary}}, status: {`+status+`}}`)
		}
	}
	location := control.BackupLocation{
		Meta: control.Meta{Namespace: "velero", Name: "default"}, Provider: "velero.io/aws", Bucket: "b", Prefix: "p", Default: true, Every: new(time.Duration(0)),
		Config: map[string]string{"s3Url": "http://example.com:9000/x", "kmsKeyId": "alias/k", "customerKeyEncryptionSecret": "s/k"},
	}
	o.only(t, c, put(""), locations(location))
	location.Phase, location.ValidatedAt = "Unavailable", time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	location.Message = `StatusCode: 403, api error, Get "http://example.com/b?X-Amz-Signature=…&prefix=p": refused`
	const status = `phase: Unavailable, lastSyncedTime: "2026-03-01T05:00:00Z", message:
  'StatusCode: 403, RequestID: A1, HostID: h/1=, api error, Get "http://user:canary@example.com/b?X-Amz-Signature=canary&prefix=p": refused'`
	o.only(t, c, put(status+`, lastValidationTime: "2026-03-01T06:00:00Z"`), locations(location))
	location.ValidatedAt = location.ValidatedAt.Add(time.Minute)
	o.only(t, c, put(strings.ReplaceAll(status, "A1", "B2")+`, lastValidationTime: "2026-03-01T06:01:00Z"`), locations(location))
}

// putBackup writes a Backup of this cluster, a run of the plan "daily".
func (c *cluster) putBackup(t *testing.T, name, spec, status string) (uid string) {
	t.Helper()
	c.put(t, velero("backups"), fmt.Sprintf(`
{apiVersion: velero.io/v1, kind: Backup, metadata: {namespace: velero, name: %s, labels: {velero.io/schedule-name: daily, holdfast.dev/cluster: %s}},
  spec: {ttl: 1h0m0s, storageLocation: default, %s}, status: {%s}}`, name, c.uidOf(t, metav1.NamespaceSystem), spec, status))
	object, err := c.resource(t, velero("backups"), "velero").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return string(object.GetUID())
}

// testBackups: a run concerns the cluster from its beginning and, once it has ended,
// the namespaces that it selects, and so do the volumes in it.
func testBackups(t *testing.T, c *cluster, o *told) {
	c.createDue(t, o, "saved")
	c.createDue(t, o, "unsaved")
	phases := func(scope string, want ...string) view {
		return view{scope, func(s *control.Snapshot) any {
			var phases []string
			for _, b := range s.Backups {
				phase := fmt.Sprint(b.Name, " ", b.Phase, " ", b.Cluster)
				if b.Deleting {
					phase += " goes"
				}
				phases = append(phases, phase)
			}
			return phases
		}, want}
	}
	const spec = "includedNamespaces: [saved]"
	o.only(t, c, func() { c.putBackup(t, "b-1", spec, "") }, phases(control.Cluster, "b-1  This"))
	o.only(t, c, func() {
		c.putBackup(t, "b-1", spec, `phase: InProgress, startTimestamp: "2026-03-01T02:00:00Z"`)
	}, phases(control.Cluster, "b-1 InProgress This"))
	const ended = `startTimestamp: "2026-03-01T02:00:00Z", completionTimestamp: "2026-03-01T02:01:00Z", expiration: "2026-03-01T03:00:00Z"`
	var uid string
	o.only(t, c, func() {
		c.putBackup(t, "b-1", spec, `phase: InProgress, startTimestamp: "2026-03-01T02:00:00Z", progress: {itemsBackedUp: 3, totalItems: 4}`)
		uid = c.putBackup(t, "b-1", spec, "phase: Completed, warnings: 1, csiVolumeSnapshotsAttempted: 1, csiVolumeSnapshotsCompleted: 1, "+ended)
	}, phases(control.Cluster, "b-1 Completed This"), phases("saved", "b-1 Completed This"))
	at := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	want := []control.Backup{{
		Meta: control.Meta{Namespace: "velero", Name: "b-1"}, Plan: "daily", Cluster: control.BackupOfThisCluster, Location: "default",
		Phase: "Completed", StartedAt: at, CompletedAt: at.Add(time.Minute), ExpiresAt: at.Add(time.Hour), TTL: time.Hour,
		Filters: &control.BackupFilters{IncludedNamespaces: []string{"saved"}}, Warnings: 1,
		Snapshots: control.BackupSnapshots{CSIAttempted: 1, CSICompleted: 1},
	}}
	meta := func(b *control.Backup) *control.Meta { return &b.Meta }
	if diff := cmp.Diff(want, bare(o.snapshot(t, "saved").Backups, meta)); diff != "" {
		t.Errorf("what the namespace sees (-want +got):\n%s", diff)
	}
	runs, observed := o.BackupRuns(time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC))
	if diff := cmp.Diff(want, bare(runs, meta)); diff != "" || !observed {
		t.Errorf("the runs, observed: %t (-want +got):\n%s", observed, diff)
	}
	if runs, _ := o.BackupRuns(time.Date(2026, 3, 1, 2, 0, 1, 0, time.UTC)); len(runs) > 0 {
		t.Errorf("runs that began later: %v", runs)
	}
	testBackedUpVolumes(t, c, o, uid)
	o.only(t, c, func() {
		c.putBackup(t, "b-2", spec, `phase: FailedValidation, validationErrors: ["no location"]`)
	}, phases(control.Cluster, "b-2 FailedValidation This", "b-1 Completed This"), phases("saved", "b-2 FailedValidation This", "b-1 Completed This"))
	if got := o.snapshot(t, "saved").Backups[0].Failure; got != "no location" {
		t.Errorf("it failed for %q", got)
	}
	const request = `
{apiVersion: velero.io/v1, kind: DeleteBackupRequest, metadata: {namespace: velero, name: r}, spec: {backupName: b-1}, status: {phase: %s}}`
	o.only(t, c, func() { c.put(t, velero("deletebackuprequests"), fmt.Sprintf(request, "New")) },
		phases(control.Cluster, "b-2 FailedValidation This", "b-1 Completed This goes"), phases("saved", "b-2 FailedValidation This"))
	o.only(t, c, func() { c.put(t, velero("deletebackuprequests"), fmt.Sprintf(request, "Processed")) },
		phases(control.Cluster, "b-2 FailedValidation This", "b-1 Completed This"), phases("saved", "b-2 FailedValidation This", "b-1 Completed This"))
	o.only(t, c, func() { c.drop(t, velero("backups"), "velero", "b-2") },
		phases(control.Cluster, "b-1 Completed This"), phases("saved", "b-1 Completed This"))
}

// testBackedUpVolumes: volumes in a backup that a namespace sees concern the
// namespace of their claims, and how far the copying got concerns nobody.
func testBackedUpVolumes(t *testing.T, c *cluster, o *told, uid string) {
	volumes := func(want ...control.BackedUpVolume) view {
		return view{"saved", func(s *control.Snapshot) any { return s.Backups[0].Volumes }, want}
	}
	pod := func(bytes int, phase string) func() {
		return func() {
			c.put(t, velero("podvolumebackups"), fmt.Sprintf(`
{apiVersion: velero.io/v1, kind: PodVolumeBackup, metadata: {namespace: velero, name: b-1-x, annotations: {velero.io/pvc-name: data},
  labels: {velero.io/backup-name: b-1, velero.io/backup-uid: %s, velero.io/pvc-uid: c1}}, spec: {node: node-1, pod: {namespace: saved, name: db}, volume: v,
  backupStorageLocation: default, repoIdentifier: "", uploaderType: kopia}, status: {phase: %s, progress: {bytesDone: %d, totalBytes: 9}}}`, uid, phase, bytes))
		}
	}
	copied := control.BackedUpVolume{ClaimUID: "c1", Claim: "data", Method: "FileSystem", Phase: "InProgress"}
	o.only(t, c, pod(1, "InProgress"), volumes(copied))
	copied.Phase, copied.Bytes = "Completed", 9
	o.only(t, c, func() {
		pod(5, "InProgress")()
		pod(9, "Completed")()
	}, volumes(copied))
	moved := control.BackedUpVolume{ClaimUID: "c2", Claim: "more", Method: "DataMover", Phase: "Failed"}
	o.only(t, c, func() {
		c.put(t, velero("datauploads"), `
{apiVersion: velero.io/v2alpha1, kind: DataUpload, metadata: {namespace: velero, name: b-1-y, labels: {velero.io/backup-name: b-1, velero.io/pvc-uid: c2}},
  spec: {snapshotType: CSI, csiSnapshot: {volumeSnapshot: s, storageClass: gold}, sourcePVC: more, sourceNamespace: saved, backupStorageLocation: default,
  operationTimeout: 10m}, status: {phase: Failed}}`)
	}, volumes(copied, moved))
	o.only(t, c, func() { c.drop(t, velero("datauploads"), "velero", "b-1-y") }, volumes(copied))
}

// testOwnPlans: an own write of an object of Velero's is waited for where it is
// judged, in the scope Cluster, and not where it lies.
func testOwnPlans(t *testing.T, c *cluster, o *told) {
	before := o.rest(t, c)
	write := o.BeginChange("velero.io/v1", "Schedule", "velero", "ours")
	if _, err := o.Snapshot("velero"); err != nil {
		t.Errorf("the namespace waits: %v", err)
	}
	version := c.put(t, velero("schedules"), `
{apiVersion: velero.io/v1, kind: Schedule, metadata: {namespace: velero, name: ours}, spec: {schedule: "0 2 * * *", template: {}}}`)
	write.Done(version)
	eventually(t, "our own write", func() bool { return o.Reached(map[string]string{"schedules.velero.io": version}) })
	after := o.rest(t, c)
	for scope, n := range after {
		if n != before[scope] {
			t.Errorf("an own write announced %q", scope)
		}
	}
	if got := o.snapshot(t, control.Cluster).BackupPlans; len(got) != 1 || got[0].Name != "ours" {
		t.Errorf("the plans are %+v", got)
	}
	o.NoteChange("velero.io/v1", "Backup", "velero", "extra", "")
	_, err := o.Snapshot(control.Cluster)
	if want := "the outcome of an own write of Backup velero/extra is unknown"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	o.NoteGone("velero.io/v1", "Backup", "velero", "extra")
	o.snapshot(t, control.Cluster)
}

// testReread: what concerns several scopes is read again for all of them at once.
func testReread(t *testing.T, c *cluster) {
	listed, err := observe.List(t.Context(), c.RESTConfig(), observe.StaticOptions{
		FieldManager: fieldManager, Needs: []control.Need{control.NeedBackups, control.NeedBackupPlans},
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := func(scope string) (names []string) {
		if _, err := listed.Reread(t.Context(), c.RESTConfig(), scope); err != nil {
			t.Fatal(err)
		}
		snapshot, err := listed.Snapshot(scope)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range snapshot.Backups {
			names = append(names, b.Name)
		}
		for _, p := range snapshot.BackupPlans {
			names = append(names, p.Name)
		}
		return names
	}
	c.putBackup(t, "b-3", "includedNamespaces: [saved]", `phase: Completed, startTimestamp: "2026-03-01T02:00:00Z"`)
	c.drop(t, velero("schedules"), "velero", "daily")
	if diff := cmp.Diff([]string{"b-1"}, seen("saved")); diff != "" {
		t.Errorf("the namespace, before (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b-1"}, seen(control.Cluster)); diff != "" {
		t.Errorf("the cluster, before (-want +got):\n%s", diff)
	}
	if err := listed.RereadShared(t.Context(), c.RESTConfig()); err != nil {
		t.Fatal(err)
	}
	for _, scope := range []string{"saved", control.Cluster} {
		if diff := cmp.Diff([]string{"b-3", "b-1"}, seen(scope)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", scope, diff)
		}
	}
	versions, err := listed.Reread(t.Context(), c.RESTConfig(), "saved")
	if err != nil || !atLeast(t, versions["backups.velero.io"], versions["schedules.velero.io"]) || versions["backups.velero.io"] == versions["schedules.velero.io"] {
		t.Errorf("read again at %v (%v)", versions, err)
	}
}
