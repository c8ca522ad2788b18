package controllers

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/occurrence"
)

// backedUp states a backup every six hours, by a plan of the user's own.
func backedUp(schedule string) func(*v1alpha1.ControlPolicy) {
	return func(p *v1alpha1.ControlPolicy) {
		p.Generation++
		p.Spec.Scope.Cluster = v1alpha1.ClusterIncluded
		p.Spec.Controls = []v1alpha1.ControlSpec{{ID: "BCK-1", Priority: v1alpha1.PriorityMedium, Backup: &v1alpha1.Backup{Schedule: schedule,
			RecoveryPointObjective: metav1.Duration{Duration: 12 * time.Hour}, Velero: &v1alpha1.VeleroBackup{Plan: "nightly"}}}}
	}
}

// backupScene is an engine over runs that a test makes, from noon on.
type backupScene struct {
	t        *testing.T
	now      time.Time
	engine   *Engine
	def      *definition
	runs     []control.Backup
	observed bool
	blind    control.Need
	requeue  time.Duration
}

func newBackupScene(t *testing.T, edits ...func(*v1alpha1.ControlPolicy)) *backupScene {
	t.Helper()
	s := &backupScene{t: t, now: noon.Add(30 * time.Minute), observed: true}
	s.engine = newEngine(t, &s.now)
	s.engine.occurrences.runs = func(time.Time) ([]control.Backup, bool) { return slices.Clone(s.runs), s.observed }
	s.state(append([]func(*v1alpha1.ControlPolicy){backedUp("0 */6 * * *")}, edits...)...)
	return s
}

// state puts a generation of the policy in force, and introduces it.
func (s *backupScene) state(edits ...func(*v1alpha1.ControlPolicy)) {
	s.t.Helper()
	s.def = defined(s.t, policy("p", edits...))
	s.engine.registry.swap("p", s.def, func() {
		s.engine.Recorder.Record(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: s.def.Ref(nil),
			Change: &ledger.ChangeBody{Type: ledger.ChangeUpdated, To: s.def.SpecObject.Digest}}})
	})
	s.engine.introduced(s.def, 0)
}

// ran has a run of the plan end at a time of the day.
func (s *backupScene) ran(name, plan, phase string, begun time.Duration) {
	s.runs = append(s.runs, control.Backup{Meta: control.Meta{Namespace: "velero", Name: name, UID: "uid-" + name, CreatedAt: noon.Add(begun)},
		Plan: plan, Cluster: control.BackupOfThisCluster, Phase: phase, Failure: "because"})
}

// look makes a pass over the cluster so long after noon, and says what it recorded.
func (s *backupScene) look(at time.Duration) []string {
	s.t.Helper()
	s.now = noon.Add(at)
	snapshot := &control.Snapshot{Namespace: control.Namespace{UID: "uid-of-kube-system"}}
	if s.blind != "" {
		snapshot.Unavailable = map[control.Need]string{s.blind: control.ReasonForbidden}
	}
	p := &pass{name: control.Cluster, now: s.now, began: s.now, exists: true, snapshot: snapshot, pinned: []*definition{s.def}}
	before := s.record()
	(&ScopeReconciler{s.engine}).occurred(p)
	s.requeue = p.requeue
	return s.since(before)
}

func (s *backupScene) record() *ledger.BackupRecord { return s.engine.backupRecord("p", "BCK-1") }

// since says what changed in the record.
func (s *backupScene) since(before *ledger.BackupRecord) []string {
	var said []string
	after := s.record()
	for _, run := range after.Runs {
		if !slices.Contains(before.Runs, run) {
			said = append(said, run.Name)
		}
	}
	if after.LastSlot != nil && (before.LastSlot == nil || !after.LastSlot.Equal(before.LastSlot.Time)) {
		said = append(said, fmt.Sprintf("%s %s", after.LastSlot.Format("15:04"), after.LastState))
	}
	return said
}

// TestOccurrencesOfBackupsAreRecorded: as runs end and slots pass, once, and only
// while backups are observed.
func TestOccurrencesOfBackupsAreRecorded(t *testing.T) {
	s := newBackupScene(t)
	if got := s.record().Slots; got.Plan != "nightly" || got.Namespace != "velero" || got.StartingDeadline != int64(10*time.Minute) ||
		!got.Next.Equal(noon.Add(6*time.Hour)) {
		t.Fatalf("introduced as %+v", got)
	}
	steps := []struct {
		what string
		at   time.Duration
		do   func()
		want []string
		// wantAgain is when more can be said, as the time since noon.
		wantAgain time.Duration
	}{
		{what: "nothing is due", at: time.Hour, wantAgain: 12*time.Hour + time.Minute},
		{what: "a run goes on", at: 6*time.Hour + time.Minute, do: func() { s.ran("a", "nightly", "InProgress", 6*time.Hour) }, wantAgain: 18*time.Hour + time.Minute},
		{what: "it completed, unseen", at: 7 * time.Hour, do: func() { s.runs[0].Phase, s.observed = "Completed", false }},
		{what: "it completed, and may not be seen", at: 7 * time.Hour, do: func() { s.observed, s.blind = true, control.NeedBackups }},
		{what: "something else may not be seen", at: 7 * time.Hour, do: func() { s.blind = control.NeedClaims }, want: []string{"a", "18:00 Completed"}, wantAgain: 18*time.Hour + time.Minute},
		{what: "nothing new", at: 7 * time.Hour, do: func() { s.blind = "" }, wantAgain: 18*time.Hour + time.Minute},
		{what: "a run by hand failed", at: 8 * time.Hour, do: func() { s.ran("b", "", "Failed", 8*time.Hour) }, want: []string{"b"}, wantAgain: 18*time.Hour + time.Minute},
		{what: "one of another control's plan", at: 8 * time.Hour, do: func() { s.ran("c", "theirs", "Completed", 8*time.Hour) }, wantAgain: 18*time.Hour + time.Minute},
		{what: "a slot passed", at: 18*time.Hour + time.Minute, do: func() { s.runs = nil }, want: []string{"00:00 Missed"}, wantAgain: 24*time.Hour + time.Minute},
	}
	s.engine.Recorder.Record(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindControlIntroduced, Control: "DR-1",
		Policy: &ledger.PolicyRef{Name: "theirs"}, Intro: &ledger.IntroBody{Slots: &ledger.SlotsBody{Cron: "0 0 * * *", TimeZone: "Etc/UTC",
			Namespace: "velero", Plan: "theirs"}}}})
	for _, step := range steps {
		if step.do != nil {
			step.do()
		}
		if diff := cmp.Diff(step.want, s.look(step.at)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
		again := time.Duration(0)
		if s.requeue > 0 {
			again = step.at + s.requeue
		}
		if again != step.wantAgain {
			t.Errorf("%s: the next pass is at %s after noon, want %s", step.what, again, step.wantAgain)
		}
	}
}

// TestEditsOfWhatIsDue: another cron begins at its first slot, and what lasts by the old
// one is decided still; a control that is withdrawn, or not backed up by Velero any more,
// has nothing due.
func TestEditsOfWhatIsDue(t *testing.T) {
	s := newBackupScene(t)
	s.now = noon.Add(7 * time.Hour)
	s.state(backedUp("0 */6 * * *"), backedUp("0 */4 * * *"))
	want := []ledger.WaitingSlot{{Slot: ledger.At(noon.Add(6 * time.Hour)), Until: ledger.At(noon.Add(8 * time.Hour))}}
	if got := s.record().Slots; !cmp.Equal(want, got.Waiting) || !got.Next.Equal(noon.Add(8*time.Hour)) {
		t.Errorf("after an edit %+v waits, next is %s, want %+v", got.Waiting, got.Next, want)
	}
	if diff := cmp.Diff([]string{"18:00 Missed"}, s.look(8*time.Hour+time.Minute)); diff != "" {
		t.Errorf("the slot by the cron before (-want +got):\n%s", diff)
	}
	bySnapshots := func(p *v1alpha1.ControlPolicy) {
		p.Generation++
		p.Spec.Controls[0].Backup.Provider, p.Spec.Controls[0].Backup.Velero = v1alpha1.BackupByVolumeSnapshot, nil
	}
	s.state(backedUp("0 */6 * * *"), backedUp("0 */4 * * *"), bySnapshots)
	if !s.record().Withdrawn {
		t.Error("something is due by Velero of a control that is not backed up by it")
	}
	if got := s.look(48 * time.Hour); got != nil || s.requeue != 0 {
		t.Errorf("got %v, and another pass in %s", got, s.requeue)
	}
}

// TestAnOccurrenceNamesItsRun: as an object, beside which the entry stands.
func TestAnOccurrenceNamesItsRun(t *testing.T) {
	s := newBackupScene(t)
	s.ran("a", "nightly", "Failed", 6*time.Hour)
	s.now = noon.Add(7 * time.Hour)
	p := &pass{name: control.Cluster, now: s.now, snapshot: &control.Snapshot{Namespace: control.Namespace{UID: "uid-of-kube-system"}}}
	decided, _, err := occurrence.Decide(occurrence.Input{Record: s.record(), Runs: s.runs, Now: s.now})
	if err != nil || len(decided) != 1 {
		t.Fatalf("got %v, %v", decided, err)
	}
	draft, err := occurrenceDraft(&decided[0], p)
	if err != nil {
		t.Fatal(err)
	}
	_, objects, err := draft.Payload()
	if err != nil || len(objects) != 1 || objects[0].Digest != draft.Occurrence.Run.Object {
		t.Errorf("got objects %v, %v, want the run's", objects, err)
	}
	if draft.Message != "because" || draft.Subject.Kind != control.ClusterKind || draft.Occurrence.State != ledger.OccurrenceFailed {
		t.Errorf("got %+v", draft.Entry)
	}
	if decided[0].Body.Run.Object != "" {
		t.Error("what was decided was changed")
	}
}
