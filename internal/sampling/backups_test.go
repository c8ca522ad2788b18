package sampling

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/synthetic"
)

// TestOccurrencesOfBackups: the population of a control's backups are the slots that
// were expected, each by itself, without the extra runs; a drawn one comes with the
// entry that says what became of it, and with the backup.
func TestOccurrencesOfBackups(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "volume")
	history, err := synthetic.WriteBackups(t.Context(), dir, synthetic.BackupOptions{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	src, err := ledger.NewReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	from, to := ledger.At(history.Start), ledger.At(history.End)
	r, err := report.Fold(t.Context(), src, report.Query{From: &from, To: &to})
	if err != nil {
		t.Fatal(err)
	}
	slots := r.Controls[0].Backups.Slots
	p, err := Of(t.Context(), src, Question{Kind: Occurrences, Control: synthetic.BackupControl, From: &from, To: &to})
	if err != nil {
		t.Fatal(err)
	}
	ids := slices.Collect(p.ids)
	if p.Size != slots.Expected-slots.Pending || len(ids) != p.Size || slots.Missed < 2 || slots.Extra == 0 {
		t.Errorf("%d units, the record has %+v", p.Size, slots)
	}
	var missed []string
	for _, o := range r.Controls[0].Backups.Occurrences {
		if o.State == ledger.OccurrenceMissed {
			missed = append(missed, slotID("resilience/BCK-1", *o.Slot))
		}
	}
	covered := map[string]uint64{}
	for id := range p.Rests {
		if covered[id], err = src.Entries(id); err != nil {
			t.Fatal(err)
		}
	}
	c, err := p.Draw(Draft{Seed: "auditor 2026", N: 4, Held: [][]byte{history.Held}, Keys: []string{history.VerifierKey}, Covered: covered, Tool: "test"})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "sample")
	if err := c.Write(t.Context(), src, out); err != nil {
		t.Fatal(err)
	}
	for i := range c.Drawn {
		var unit struct {
			Unit    string
			Entries []struct{ Kind ledger.Kind }
			Inputs  []struct{ Role, File string }
		}
		readJSON(t, filepath.Join(out, "units", []string{"001", "002", "003", "004"}[i], "unit.json"), &unit)
		if len(unit.Entries) != 1 || unit.Entries[0].Kind != ledger.KindOccurrence || !strings.HasPrefix(unit.Unit, "resilience/BCK-1/2026-") {
			t.Errorf("unit %s has entries %v", unit.Unit, unit.Entries)
		}
		var roles []string
		for _, in := range unit.Inputs {
			roles = append(roles, in.Role)
			if in.File == "" {
				t.Errorf("unit %s lacks its %s", unit.Unit, in.Role)
			}
		}
		want := []string{roleBackup}
		if slices.Contains(missed, unit.Unit) {
			want = nil
		}
		if diff := cmp.Diff(want, roles); diff != "" {
			t.Errorf("unit %s: inputs (-want +got):\n%s", unit.Unit, diff)
		}
	}
	collections, err := Of(t.Context(), src, Question{Kind: Occurrences, From: &from, To: &to})
	if err != nil || collections.Size != 0 {
		t.Errorf("%d occurrences of collections, of which there are none (%v)", collections.Size, err)
	}
}
