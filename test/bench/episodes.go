package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// ledgerCheck compares the ledger with the drifts that were made.
type ledgerCheck struct {
	// control is the one whose episodes are counted.
	control string
	// made is the number of drifts made during the operator's turns, or right
	// before one.
	made int
	// lost are drifts without an episode, surplus are episodes without a drift.
	lost, surplus int
	entries       int
	kinds         map[ledger.Kind]int
	origins       map[ledger.Origin]int
	endings       map[ledger.Ending]int
	episodes      map[string]int
}

// benchControl is the control that repairs.
const benchControl = "NET-1"

// checkLedger reads a ledger and looks for one episode per drift.
func checkLedger(ctx context.Context, dir string, made driftCount) (*ledgerCheck, error) {
	c := newLedgerCheck(benchControl)
	err := ledger.Read(ctx, dir, ledger.ReadOptions{}, func(_ uint64, data []byte) error {
		entry, err := ledger.Decode(data)
		if err != nil {
			return err
		}
		c.note(entry)
		return nil
	})
	c.compare(made)
	return c, err
}

func newLedgerCheck(control string) *ledgerCheck {
	return &ledgerCheck{
		control: control,
		kinds:   map[ledger.Kind]int{}, origins: map[ledger.Origin]int{},
		endings: map[ledger.Ending]int{}, episodes: map[string]int{},
	}
}

func (c *ledgerCheck) note(e *ledger.Entry) {
	c.entries++
	c.kinds[e.Kind]++
	if e.Kind != ledger.KindOutcomeChanged || e.Control != c.control {
		return
	}
	if e.Ending != "" {
		c.endings[e.Ending]++
	}
	if e.To.Outcome == control.Deviating && (e.From == nil || e.From.Outcome != control.Deviating) {
		c.origins[e.Origin]++
		c.episodes[e.Subject.Name]++
	}
}

func (c *ledgerCheck) compare(made driftCount) {
	for namespace, n := range made {
		c.made += n
		c.lost += max(0, n-c.episodes[namespace])
	}
	for namespace, n := range c.episodes {
		c.surplus += max(0, n-made[namespace])
	}
}

// String says it in one line.
func (c *ledgerCheck) String() string {
	return fmt.Sprintf("%d drifts made: %d without an episode in the ledger, %d episodes too many; origins: %s; endings: %s; %d entries: %s",
		c.made, c.lost, c.surplus, listed(c.origins), listed(c.endings), c.entries, listed(c.kinds))
}

// listed lists counts by name.
func listed[K ~string](counts map[K]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}
