package controllers

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/probe"
)

// TestRestoreTestsAreReadBack: what a run of a restore test saw is read back from the
// ledger as it was, times included; the newest for each control.
func TestRestoreTestsAreReadBack(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	subject := production("a").Subject()
	introduce(e, defined(t, policy("p")), now)
	e.Recorder.Record(ledger.Draft{At: now, Entry: ledger.Entry{Kind: ledger.KindScopeEntered, Subject: &subject, Policy: defined(t, policy("p")).Ref(nil)}})
	objects := map[string][]byte{}
	tested := func(at time.Time, id, backup string) control.Observation {
		t.Helper()
		seen := control.Observation{Target: control.Target{Restore: &control.RestoreTarget{Provider: "Velero", Namespace: "a"}},
			At: at, ValidUntil: at.Add(time.Hour), Restored: &control.Restored{Test: id, Backup: backup, BackupAt: noon, Phase: "Completed"}}
		draft, err := probedDraft(subject, probe.Run{Of: control.ProbeRestore, Scope: "a", BeganAt: at.Add(-time.Minute), EndedAt: at,
			Observations: []control.Observation{seen}, For: []ledger.ProbedFor{{Policy: "p", Control: id}}})
		if err != nil {
			t.Fatal(err)
		}
		_, kept, _ := draft.Payload()
		objects[kept[0].Digest] = kept[0].Data
		e.Recorder.Record(draft)
		return seen
	}
	recall := func() []control.Observation {
		t.Helper()
		var seen []control.Observation
		e.Recorder.View(func(k *ledger.Known) {
			tests := k.Restores("a")
			for i := range tests {
				o, err := recalled(func(digest string) ([]byte, error) { return objects[digest], nil }, &tests[i])
				if err != nil {
					t.Fatal(err)
				}
				seen = append(seen, o...)
			}
		})
		return seen
	}
	tested(noon, "r1", "before")
	second := tested(noon.Add(2*time.Minute), "r2", "after")
	first := tested(noon.Add(5*time.Minute), "r1", "after")
	if diff := cmp.Diff([]control.Observation{second, first}, recall()); diff != "" {
		t.Errorf("recalled (-want +got):\n%s", diff)
	}
	lost := errors.New("lost")
	if _, err := recalled(func(string) ([]byte, error) { return nil, lost }, &ledger.RestoreRecord{}); !errors.Is(err, lost) {
		t.Errorf("an object that is lost: %v", err)
	}
	e.Recorder.Record(ledger.Draft{At: now, Entry: ledger.Entry{Kind: ledger.KindSubjectDeleted, Subject: &subject, Policy: defined(t, policy("p")).Ref(nil)}})
	if got := recall(); len(got) > 0 {
		t.Errorf("the namespace is gone, and %d of its tests are recalled", len(got))
	}
	if seen, known := e.Recall("a"); len(seen) > 0 || known {
		t.Errorf("the ledger is not open: got %d, known %t", len(seen), known)
	}
}
