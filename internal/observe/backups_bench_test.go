package observe

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The size of a large cluster with Velero.
const (
	manyNamespaces = 2_000
	manyBackups    = 50_000
)

// BenchmarkBackups measures 50,000 Backups in 2,000 namespaces: what is kept of
// each, what a new one costs from its creation to its end, with its namespaces
// touched, and what snapshots cost. They are runs of one plan that backs up every
// namespace, or of one plan for each.
func BenchmarkBackups(b *testing.B) {
	b.Run("one plan", func(b *testing.B) { benchmarkBackups(b, func(int) (string, string) { return "all", "*" }) })
	b.Run("a plan each, one named", func(b *testing.B) {
		benchmarkBackups(b, func(index int) (plan, namespace string) {
			namespace = benchmarked(index)
			return "plan-" + namespace, namespace
		}, types.NamespacedName{Namespace: "velero", Name: "plan-" + benchmarked(0)})
	})
	b.Run("a plan each", func(b *testing.B) {
		benchmarkBackups(b, func(index int) (plan, namespace string) {
			namespace = benchmarked(index)
			return "plan-" + namespace, namespace
		})
	})
}

func benchmarked(index int) string { return fmt.Sprintf("tenant-%05d", index%manyNamespaces) }

func benchmarkBackups(b *testing.B, planned func(index int) (plan, namespace string), named ...types.NamespacedName) {
	b.Helper()
	backup := func(index int, phase string) any {
		plan, namespace := planned(index)
		return decodedBackup(b, index, plan, namespace, phase)
	}
	st := newStore(defaultDNS())
	st.now = time.Now
	for index := range manyNamespaces {
		namespaceTable{}.put(st, &namespaceItem{Namespace: &control.Namespace{Name: benchmarked(index), UID: benchmarked(index)}})
	}
	namespaceTable{}.put(st, &namespaceItem{Namespace: &control.Namespace{Name: "kube-system", UID: "cluster"}})
	before := heap()
	for index := range manyBackups {
		backupTable{}.put(st, backup(index, backupCompleted))
	}
	kept := float64(heap()-before) / manyBackups
	if len(named) > 0 {
		st.demandPlans(named...)
	}
	st.drain()
	b.Run("new", func(b *testing.B) {
		benchmarkNew(b, st, backup)
		b.ReportMetric(kept, "B/object")
	})
	b.Run("namespace", func(b *testing.B) {
		for b.Loop() {
			st.snapshot(st.living(benchmarked(0)))
		}
	})
	b.Run("cluster", func(b *testing.B) {
		for b.Loop() {
			st.snapshot(st.living(control.Cluster))
		}
	})
	b.Run("runs", func(b *testing.B) {
		for b.Loop() {
			st.runsSince(epoch(manyBackups - 10))
		}
	})
	runtime.KeepAlive(st)
}

// benchmarkNew measures what a backup costs that is created, runs and completes. A
// while after, it is deleted.
func benchmarkNew(b *testing.B, st *store, backup func(index int, phase string) any) {
	b.Helper()
	var lives [][]any
	for index := range 500 {
		index += manyBackups
		lives = append(lives, []any{backup(index, ""), backup(index, "InProgress"), backup(index, backupCompleted)})
	}
	touched, next := 0, 0
	for b.Loop() {
		for _, item := range lives[next%len(lives)] {
			st.touching(backupTable{}.put(st, item))
			touched += len(st.drain())
		}
		if next++; next%len(lives) > 0 {
			continue
		}
		for _, life := range lives {
			st.touching(backupTable{}.remove(st, life[0]))
		}
		st.drain()
	}
	b.ReportMetric(float64(touched)/float64(next), "scopes/op")
}

// epoch is when a backup is created.
func epoch(index int) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(index) * time.Minute)
}

// decodedBackup returns the item of a Backup, as it comes from the wire.
func decodedBackup(b *testing.B, index int, plan, namespace, phase string) any {
	b.Helper()
	at := func(after time.Duration) string { return epoch(index).Add(after).Format(time.RFC3339) }
	status := map[string]any{"phase": phase}
	if phase != "" {
		status["startTimestamp"] = at(0)
		status["expiration"] = at(720 * time.Hour)
	}
	if phase == backupCompleted {
		status["completionTimestamp"] = at(time.Minute)
	}
	content, err := json.Marshal(map[string]any{
		"metadata": map[string]any{
			"namespace": "velero", "name": fmt.Sprintf("%s-2026%010d", plan, index), "uid": uuid.NewUUID(), "resourceVersion": fmt.Sprint(1_000_000 + index),
			"creationTimestamp": at(0), "labels": map[string]string{planLabel: plan, control.ClusterLabel: "cluster", "velero.io/storage-location": "default"},
			"annotations": map[string]string{"velero.io/resource-timeout": "10m0s", "velero.io/source-cluster-k8s-gitversion": "v1.36.3"},
		},
		"spec": map[string]any{
			"includedNamespaces": []string{namespace}, "storageLocation": "default", "ttl": "720h0m0s", "snapshotMoveData": false,
			"excludedNamespaceScopedResources": []string{"volumesnapshots.snapshot.storage.k8s.io"}, "defaultVolumesToFsBackup": true,
		},
		"status": status,
	})
	if err != nil {
		b.Fatal(err)
	}
	w := &wireBackup{}
	if err := json.Unmarshal(content, w); err != nil {
		b.Fatal(err)
	}
	item, err := convertBackup(w)
	if err != nil {
		b.Fatal(err)
	}
	return item
}

// BenchmarkBackedUpVolumes measures what is kept of the volumes in backups, per
// volume: ten in each of 10,000 backups.
func BenchmarkBackedUpVolumes(b *testing.B) {
	const each, volumes = 10, 100_000
	for b.Loop() {
		st := newStore(defaultDNS())
		before := heap()
		for index := range volumes {
			w := &wireOf[uploadSpec, copyStatus]{}
			w.Namespace, w.Name, w.UID = "velero", fmt.Sprintf("all-2026%010d-%05d", index/each, index), uuid.NewUUID()
			w.Labels = map[string]string{backupUIDLabel: fmt.Sprintf("7b1c0d52-3a67-4f5e-9a52-%012d", index/each), claimUIDLabel: fmt.Sprint("claim-", index%each)}
			w.Spec.Namespace, w.Spec.Claim, w.Status.Phase = benchmarked(index%each), "data", backupCompleted
			volumeTable{kindUploads}.put(st, convertVolumeOf(kindUploads, w, w.Spec.Namespace, w.Spec.Claim, methodDataMover))
		}
		b.ReportMetric(float64(heap()-before)/volumes, "B/object")
		runtime.KeepAlive(st)
	}
}
