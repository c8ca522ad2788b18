package observe

import (
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestBackupRunsObserved: that a run is not among those that are observed means
// something only where all of them are.
func TestBackupRunsObserved(t *testing.T) {
	w := newServedWorld(t)
	served := &servedItem{versions: []string{"v1"}}
	expect := func(when string, want bool) {
		t.Helper()
		if _, observed := w.BackupRuns(time.Time{}); observed != want {
			t.Errorf("%s: observed is %t, want %t", when, observed, want)
		}
	}
	expect("before anybody asks", false)
	w.Demand(control.NeedBackups)
	expect("while Velero is not installed", true)
	w.serve(kindBackups, served)
	w.serve(kindUploads, served)
	expect("while it was not listed", false)
	w.watch(t)
	w.kinds[kindBackups].replace(nil, "2")
	expect("while volumes were not listed", false)
	w.kinds[kindUploads].replace(nil, "2")
	expect("once all is listed", true)
	w.Demand()
	expect("when nobody asks any more", false)
}
