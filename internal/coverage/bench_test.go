package coverage

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// BenchmarkCovers judges one backup, as Velero stores it, of one namespace: each
// namespace does so with each of its backups whenever one of them ends.
func BenchmarkCovers(b *testing.B) {
	stored := backup(func(b *control.Backup) {
		b.Filters = &control.BackupFilters{IncludedNamespaces: []string{"*"}, ExcludedNamespaces: []string{"kube-*"},
			ExcludedNamespaceScopedResources: []string{"volumesnapshots.snapshot.storage.k8s.io"},
			ExcludedClusterScopedResources:   []string{"volumesnapshotcontents.snapshot.storage.k8s.io"}}
	})
	ns, rules := web(), Rules{Now: now}
	b.ReportAllocs()
	for b.Loop() {
		if Covers(&stored, ns, rules).Extent != Full {
			b.Fatal("does not cover")
		}
	}
}
