package report_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// remembering is a source that knows what its pruned entries said.
type remembering struct {
	*scribe
	known *ledger.Known
}

func (r remembering) KnownAtFirst(string) (*ledger.Known, error) { return r.known, nil }

// copied is what is known, as a state snapshot has it.
func copied(t *testing.T, known *ledger.Known) *ledger.Known {
	t.Helper()
	data, err := known.MarshalCanonical()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ledger.UnmarshalKnown(data)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// TestE42PrunedEntriesAreRemembered: what was known when entries were pruned is
// where the rest goes on from. A period that begins later has the same subjects,
// times and classes; one that began before says what is not covered.
func TestE42PrunedEntriesAreRemembered(t *testing.T) {
	s := settled(t)
	s.at(40 * minute).state(net("shop", control.Deviating, "NP-01"))
	id := s.at(45 * minute).gap(ledger.GapBody{Cause: ledger.CauseForbidden, Kind: "pods", From: *moment(44 * minute)})
	kept, known := len(s.entries[s.id()]), copied(t, s.known)
	s.at(50 * minute).gap(ledger.GapBody{Cause: ledger.CauseForbidden, Kind: "pods", From: *moment(44 * minute), To: moment(50 * minute), Ends: id})
	s.at(70 * minute).state(net("shop", control.Conforming))
	s.at(80*minute).enter("p", namespace("web"), true)
	s.at(2 * hour).beat()
	q := report.Query{From: moment(50 * minute), To: moment(2 * hour)}
	whole := only(t, folded(t, s, q))
	for i := range kept {
		s.entries[s.id()][i] = nil
	}
	rest := only(t, folded(t, remembering{s, known}, q))
	type figures struct {
		Time          report.Time
		Coverage      report.Coverage
		Census        report.Population
		Classes       map[string]int
		Subjects      []report.Subject
		OperatingFrom *ledger.Time
	}
	of := func(c *report.Control) figures {
		return figures{c.Time, c.Coverage, c.Census, c.Counts.Classes, c.Subjects, c.OperatingFrom}
	}
	if diff := cmp.Diff(of(whole), of(rest)); diff != "" {
		t.Errorf("figures (-all entries +what is left):\n%s", diff)
	}
	earlier := folded(t, remembering{s, known}, report.Query{From: moment(30 * minute), To: moment(2 * hour)})
	if len(earlier.Gaps) != 2 || earlier.Gaps[0].Cause != "Pruned" || !earlier.Gaps[0].To.Equal(epoch.Add(50*minute)) || earlier.Gaps[1].Cause != ledger.CauseForbidden {
		t.Errorf("gaps: %+v, want what was pruned, and the permission", earlier.Gaps)
	}
}
