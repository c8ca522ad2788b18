package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// restoreTest is a test with the number of its ledger.
type restoreTest struct {
	RestoreTest
	ledger int
}

// restored folds in what restore tests saw.
func (f *fold) restored(body *ledger.ProbeBody, scope string, l *line) error {
	if body.Of != control.ProbeRestore {
		return nil
	}
	data, err := f.src.Object(f.ledgerID, body.Observations)
	if err != nil {
		return fmt.Errorf("what a restore test saw in %s: %w", scope, err)
	}
	var seen []control.Observation
	if err := json.Unmarshal(data, &seen); err != nil {
		return fmt.Errorf("what a restore test saw in %s: %w", scope, err)
	}
	for i := range seen {
		t := restoreTest{testOf(&seen[i], scope), f.ledger}
		t.At, t.ValidUntil, t.LedgerID, t.Seq = timeOf(l.at), body.ValidUntil, f.ledgerID, l.seq
		for _, of := range body.For {
			if p := f.policies[of.Policy]; p != nil && p.controls[of.Control] != nil {
				p.controls[of.Control].restores = append(p.controls[of.Control].restores, t)
			}
		}
	}
	return nil
}

// testOf is what an observation says.
func testOf(o *control.Observation, scope string) RestoreTest {
	t := RestoreTest{Namespace: scope, State: RestoreNotMade, Statement: "no restore was made: " + strings.TrimSuffix(o.Message, ".")}
	r := o.Restored
	if o.Reason != "" || r == nil {
		return t
	}
	t.Backup, t.Seconds, t.DataAge, t.Left = r.Backup, r.Seconds, r.DataAge, r.Left
	if !r.BackupAt.IsZero() {
		t.DataAt = new(ledger.At(r.BackupAt))
	}
	for _, item := range r.Items {
		if !item.Missing && !item.Differs {
			t.Bytes += item.Bytes
		}
	}
	switch wrong := wrongWith(r); {
	case wrong != "":
		t.State, t.Statement = RestoreFailed, wrong
	case len(r.Items) == 0:
		t.Statement = "nothing was compared"
	default:
		t.State, t.Statement = RestoreRestored, RestoreStatement(t.Bytes)
	}
	return t
}

// RestoreStatement says what a restore of a sentinel shows, and what not.
func RestoreStatement(bytes int64) string {
	return fmt.Sprintf("restore path exercised with sentinel data of %d bytes; application data not restored", bytes)
}

// wrongWith says why a restore did not bring everything back as it was, nothing where
// it did.
func wrongWith(r *control.Restored) string {
	var wrong []string
	if r.VolumeShared {
		wrong = append(wrong, "the restore attached a volume that is in use elsewhere")
	}
	if r.Failure != "" {
		wrong = append(wrong, strings.TrimSuffix(r.Failure, "."))
	} else if r.Phase != "Completed" {
		wrong = append(wrong, "the restore ended as "+cmp.Or(r.Phase, "New"))
	}
	if r.Errors > 0 {
		wrong = append(wrong, fmt.Sprintf("the restore counts errors: %d", r.Errors))
	}
	for _, item := range r.Items {
		switch {
		case item.Missing:
			wrong = append(wrong, item.Kind+" did not come back")
		case item.Differs:
			wrong = append(wrong, item.Kind+" came back with other data than was written")
		}
	}
	return strings.Join(wrong, "; ")
}

// restoreTestsOf are the tests of the period; of an instant, the newest ones before.
func (f *fold) restoreTestsOf(c *statedControl) *RestoreTests {
	of := &RestoreTests{Tests: []RestoreTest{}}
	namespaces := map[string]int{}
	for i := range c.restores {
		t := c.restores[i].RestoreTest
		t.ExistedBy = f.existedBy(c.restores[i].ledger, t.Seq)
		at, known := namespaces[t.Namespace]
		switch {
		case f.query.AsOf != nil && known:
			of.Tests[at] = t
			continue
		case f.query.AsOf == nil && !f.window.holds(micros(t.At.Time)):
			continue
		}
		namespaces[t.Namespace] = len(of.Tests)
		of.Tests = append(of.Tests, t)
	}
	of.Namespaces = len(namespaces)
	for i := range of.Tests {
		of.count(&of.Tests[i])
	}
	return of
}

func (r *RestoreTests) count(t *RestoreTest) {
	switch t.State {
	case RestoreRestored:
		r.Restored++
		r.LongestSeconds, r.OldestSeconds = max(r.LongestSeconds, t.Seconds), max(r.OldestSeconds, t.DataAge)
	case RestoreFailed:
		r.Failed++
	default:
		r.NotMade++
	}
}

// restoresOf are what exercised the restore of a control's backups.
func (f *fold) restoresOf(c *statedControl) []RestorePath {
	of := []RestorePath{}
	for _, id := range sortedKeys(c.policy.controls) {
		other := c.policy.controls[id]
		if other.spec.RestoreTest == nil || other.spec.RestoreTest.BackupControl != c.id {
			continue
		}
		tests := f.restoreTestsOf(other)
		of = append(of, RestorePath{Policy: c.policy.name, Control: id, Restored: tests.Restored, Failed: tests.Failed, NotMade: tests.NotMade})
	}
	return of
}
