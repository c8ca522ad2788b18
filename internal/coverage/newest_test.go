package coverage

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestNewestFirst: by the time of the data, and not of the object, which Velero makes anew
// for backups that it finds in the store.
func TestNewestFirst(t *testing.T) {
	begun := func(name string, ago time.Duration, edits ...func(*control.Backup)) control.Backup {
		b := backup(edits...)
		b.Name, b.StartedAt = name, now.Add(-ago)
		return b
	}
	partly := func(b *control.Backup) { b.Phase = phasePartiallyFailed }
	partial := func(b *control.Backup) { b.Filters = &control.BackupFilters{LabelSelector: &metav1.LabelSelector{}} }
	unsure := func(b *control.Backup) { b.Filters = &control.BackupFilters{ResourcePolicy: "skips"} }
	elsewhere := func(b *control.Backup) { b.Namespace = "elsewhere" }
	anew := func(b *control.Backup) { b.CreatedAt = now }
	spec := v1alpha1.Backup{Velero: &v1alpha1.VeleroBackup{Namespace: "velero"}}
	counted := v1alpha1.Backup{Velero: &v1alpha1.VeleroBackup{PartiallyFailed: v1alpha1.PartiallyFailedCounted}}
	cases := map[string]struct {
		spec    v1alpha1.Backup
		backups []control.Backup
		want    string
	}{
		"none":                      {spec: spec},
		"the newest":                {spec: spec, backups: []control.Backup{begun("old", 8*time.Hour), begun("new", time.Hour), begun("older", 9*time.Hour)}, want: "new"},
		"found in the store":        {spec: spec, backups: []control.Backup{begun("old", 8*time.Hour, anew), begun("new", time.Hour)}, want: "new"},
		"the newest that is whole":  {spec: spec, backups: []control.Backup{begun("old", 8*time.Hour), begun("part", time.Hour, partial), begun("unsure", 2*time.Hour, unsure)}, want: "old"},
		"of another Velero":         {spec: spec, backups: []control.Backup{begun("there", time.Hour, elsewhere)}},
		"partially failed":          {spec: spec, backups: []control.Backup{begun("old", 8*time.Hour), begun("partly", time.Hour, partly)}, want: "old"},
		"partially failed, counted": {spec: counted, backups: []control.Backup{begun("old", 8*time.Hour), begun("partly", time.Hour, partly)}, want: "partly"},
		"nothing stated of Velero":  {spec: v1alpha1.Backup{}, backups: []control.Backup{begun("only", time.Hour)}, want: "only"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, b := range NewestFirst(&tc.spec, &control.Snapshot{Namespace: web(), Backups: tc.backups}) {
				if got == "" && Covers(b, web(), RulesOf(&tc.spec, now)).Extent == Full {
					got = b.Name
				}
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
