package main

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

func TestLedgerCheck(t *testing.T) {
	change := func(namespace string, from, to control.Outcome) *ledger.Entry {
		e := &ledger.Entry{Kind: ledger.KindOutcomeChanged, Subject: &control.Subject{Name: namespace}, To: &control.State{Outcome: to}}
		if from != "" {
			e.From = &control.State{Outcome: from}
		}
		return e
	}
	begins := change("a", control.Conforming, control.Deviating)
	ends := change("a", control.Deviating, control.Conforming)
	for name, tc := range map[string]struct {
		entries               []*ledger.Entry
		made                  driftCount
		wantLost, wantSurplus int
	}{
		"nothing":                     {nil, driftCount{}, 0, 0},
		"each once":                   {[]*ledger.Entry{begins, ends, begins, ends}, driftCount{"a": 2}, 0, 0},
		"one lost":                    {[]*ledger.Entry{begins, ends}, driftCount{"a": 2}, 1, 0},
		"one twice":                   {[]*ledger.Entry{begins, ends, begins, ends}, driftCount{"a": 1}, 0, 1},
		"lost in one, twice in other": {[]*ledger.Entry{begins, ends, begins, ends}, driftCount{"a": 1, "b": 1}, 1, 1},
		"another reason, one episode": {[]*ledger.Entry{begins, change("a", control.Deviating, control.Deviating), ends}, driftCount{"a": 1}, 0, 0},
		"begins with the ledger":      {[]*ledger.Entry{change("a", "", control.Deviating)}, driftCount{"a": 1}, 0, 0},
		"never deviated":              {[]*ledger.Entry{change("a", "", control.Conforming)}, driftCount{}, 0, 0},
		"of another kind":             {[]*ledger.Entry{{Kind: ledger.KindHeartbeat}}, driftCount{}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := newLedgerCheck("")
			for _, e := range tc.entries {
				c.note(e)
			}
			c.compare(tc.made)
			if c.lost != tc.wantLost || c.surplus != tc.wantSurplus {
				t.Errorf("lost %d, surplus %d; want %d, %d", c.lost, c.surplus, tc.wantLost, tc.wantSurplus)
			}
		})
	}
}
