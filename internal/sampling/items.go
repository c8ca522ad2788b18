package sampling

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/census"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// items are the rows of the manifest that was the newest at the date.
func (p *Population) items(ctx context.Context, src report.Source) error {
	var at time.Time
	if p.At != nil {
		at = p.At.Time
	}
	c, err := census.At(ctx, src, at)
	if err != nil {
		return err
	}
	if err := p.find(c); err != nil {
		return err
	}
	p.Collection = &Manifest{LedgerID: c.LedgerID, Seq: c.Entry.Seq, Slot: c.Manifest.Slot, Digest: c.Digest}
	p.Lists, p.Rests[c.LedgerID] = c.Manifest.Lists, c.Entry.Seq+1
	_, stated := c.Control(p.Policy, p.Control)
	p.stated = stated.Population
	units := map[string]unit{}
	err = c.Rows(ctx, func(row census.Row) error {
		if row.Unit.Policy == p.Policy && row.Unit.Control == p.Control {
			units[ledger.UnitID(row.Subject)] = unit{
				ledgerID: c.LedgerID, seqs: []uint64{c.Entry.Seq}, entry: row.Unit.Entry, episode: row.Unit.Episode,
				row: &row, inputs: c.Inputs(row, assess.RoleDefinition),
			}
		}
		return nil
	})
	p.listed(units)
	return err
}

// find finds the control in a manifest, and its policy where that was not named.
func (p *Population) find(c *census.Census) error {
	known := map[string]bool{}
	var found []string
	for i := range c.Manifest.Policies {
		policy := &c.Manifest.Policies[i]
		for j := range policy.Controls {
			id := policy.Controls[j].ID
			known[policy.Name+"/"+id] = true
			if id == p.Control && (p.Policy == "" || p.Policy == policy.Name) {
				found = append(found, policy.Name)
			}
		}
	}
	return p.settle(found, known)
}

// settle has the control be the one of the only policy that states it.
func (p *Population) settle(found []string, known map[string]bool) error {
	switch len(found) {
	case 0:
		name := strings.TrimPrefix(p.Policy+"/"+p.Control, "/")
		return fmt.Errorf("there is no control %q then; there is %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	case 1:
		p.Policy = found[0]
		return nil
	default:
		return fmt.Errorf("the control %q is stated by several policies (%s): name one", p.Control, strings.Join(found, ", "))
	}
}
