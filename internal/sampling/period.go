package sampling

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/census"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// record folds the period, and returns the control that is asked for.
func (p *Population) record(ctx context.Context, src report.Source) (*report.Control, error) {
	q := report.Query{From: p.From, To: p.To, Controls: []string{p.Control}}
	if p.Policy != "" {
		q.Policies = []string{p.Policy}
	}
	r, err := report.Fold(ctx, src, q)
	if err != nil {
		return nil, err
	}
	var found []string
	for i := range r.Controls {
		found = append(found, r.Controls[i].Policy)
	}
	if err := p.settle(found, nil); err != nil {
		return nil, err
	}
	return &r.Controls[0], p.rests(ctx, src)
}

// rests finds out how many of the first entries say everything that was observed
// before the period's end. Entries are not sorted by that.
func (p *Population) rests(ctx context.Context, src report.Source) error {
	end, err := p.To.MarshalJSON()
	if err != nil {
		return err
	}
	field := []byte(`"observedAt":`) // entries are canonical JSON, and times have one length
	for _, info := range src.Chain() {
		err := src.Read(ctx, ledger.ReadOptions{LedgerID: info.LedgerID}, func(seq uint64, data []byte) error {
			_, value, found := bytes.Cut(data, field)
			if found && len(value) >= len(end) && bytes.Compare(value[:len(end)], end) < 0 {
				p.Rests[info.LedgerID] = seq + 1
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// days are the control's subjects, day by day. They are not kept: there may be
// millions.
func (p *Population) days(ctx context.Context, src report.Source) error {
	c, err := p.record(ctx, src)
	if err != nil {
		return err
	}
	type stay struct {
		prefix  string
		subject control.Subject
		days    []time.Time
	}
	stays := map[string]*stay{}
	for i := range c.Subjects {
		prefix := ledger.UnitID(c.Subjects[i].Subject) + "/"
		if stays[prefix] == nil {
			stays[prefix] = &stay{prefix: prefix, subject: c.Subjects[i].Subject}
		}
		for _, in := range c.Subjects[i].In {
			stays[prefix].days = append(stays[prefix].days, daysOf(in)...)
		}
	}
	sorted := make([]*stay, 0, len(stays))
	for _, s := range stays {
		slices.SortFunc(s.days, time.Time.Compare)
		s.days = slices.Compact(s.days)
		sorted = append(sorted, s)
	}
	slices.SortFunc(sorted, func(a, b *stay) int { return cmp.Compare(a.prefix, b.prefix) })
	p.ids = func(yield func(string) bool) {
		for _, s := range sorted {
			for _, day := range s.days {
				if !yield(s.prefix + day.Format(time.DateOnly)) {
					return
				}
			}
		}
	}
	p.unit = func(id string) unit {
		cut := strings.LastIndex(id, "/") + 1
		day, err := time.Parse(time.DateOnly, id[cut:])
		if err != nil || stays[id[:cut]] == nil {
			return unit{}
		}
		return unit{subject: &stays[id[:cut]].subject, policy: p.Policy, control: p.Control, day: day}
	}
	return nil
}

// daysOf are the UTC days of which an interval has a part.
func daysOf(in report.Interval) []time.Time {
	var days []time.Time
	for day := in.From.UTC().Truncate(24 * time.Hour); day.Before(in.To.Time); day = day.Add(24 * time.Hour) {
		days = append(days, day)
	}
	return days
}

// episodes are the control's episodes.
func (p *Population) episodes(ctx context.Context, src report.Source) error {
	c, err := p.record(ctx, src)
	if err != nil {
		return err
	}
	units := map[string]unit{}
	for i := range c.Episodes {
		e := &c.Episodes[i]
		units[e.ID] = unit{ledgerID: e.LedgerID, seqs: []uint64{e.First}, episode: e.ID}
	}
	p.listed(units)
	return nil
}

// changes are the entries that state one. A unit's id is the entry's.
func (p *Population) changes(ctx context.Context, src report.Source) error {
	units := map[string]unit{}
	err := p.each(ctx, src, func(ledgerID string, e *ledger.Entry) bool {
		switch e.Kind {
		case ledger.KindPolicyChanged, ledger.KindScheduleChanged, ledger.KindControlIntroduced, ledger.KindControlWithdrawn:
		default:
			return false
		}
		of := p.Policy == "" || (e.Policy != nil && e.Policy.Name == p.Policy)
		if of = of && (p.Control == "" || e.Control == "" || e.Control == p.Control); of && p.holds(e.ObservedAt) {
			units[e.ID] = unit{ledgerID: ledgerID, seqs: []uint64{e.Seq}}
		}
		return false
	})
	p.listed(units)
	return err
}

// occurrences are the declared slots of which the ledger says what became of
// them: a unit is schedule/slot, and in a run of missed ones, which the ledger
// states as one, schedule/first slot+k.
func (p *Population) occurrences(ctx context.Context, src report.Source) error {
	if p.Control != "" {
		return p.backups(ctx, src)
	}
	units := map[string]unit{}
	err := p.each(ctx, src, func(ledgerID string, e *ledger.Entry) bool {
		before, found := len(units), unit{ledgerID: ledgerID, seqs: []uint64{e.Seq}}
		switch {
		case e.Kind == ledger.KindCollected && p.holds(e.Collection.Slot):
			units[slotID(e.Schedule.Name, e.Collection.Slot)] = found
		case e.Kind == ledger.KindOccurrence && e.Occurrence.Of == ledger.OccurrenceOfCollection:
			for k, slot := range missed(e.Occurrence) {
				if p.holds(slot) {
					units[fmt.Sprintf("%s+%d", slotID(e.Schedule.Name, e.Occurrence.First), k)] = found
				}
			}
		}
		return len(units) > before
	})
	p.listed(units)
	return err
}

// backups are the declared slots of a control's backups, of which the ledger says what
// became of them: a unit is policy/control/slot, or policy/control/first slot+k. Runs
// that no slot expected are none.
func (p *Population) backups(ctx context.Context, src report.Source) error {
	c, err := p.record(ctx, src)
	if err != nil {
		return err
	}
	if c.Backups == nil {
		return fmt.Errorf("the control %s/%s declares no backups, and so has no occurrences of its own: it is of type %s", c.Policy, c.ID, c.Type)
	}
	units := map[string]unit{}
	for i := range c.Backups.Occurrences {
		o := &c.Backups.Occurrences[i]
		if o.Extra {
			continue
		}
		p.Rests[o.LedgerID] = max(p.Rests[o.LedgerID], o.Seq+1)
		found, id := unit{ledgerID: o.LedgerID, seqs: []uint64{o.Seq}}, slotID(c.Policy+"/"+c.ID, *o.Slot)
		if o.Run != nil {
			found.inputs = []ledger.Input{{Role: roleBackup, Digest: o.Run.Object}}
		}
		if o.LastSlot == nil {
			units[id] = found
			continue
		}
		for k := range o.Count {
			units[fmt.Sprintf("%s+%d", id, k)] = found
		}
	}
	p.listed(units)
	return nil
}

// roleBackup is the role of a run's own object among the inputs of a unit.
const roleBackup = "backup"

func slotID(schedule string, slot ledger.Time) string {
	return schedule + "/" + slot.UTC().Format(time.RFC3339)
}

// missed are about when the slots of a run were: the ledger states the first,
// the last and how many.
func missed(o *ledger.OccurrenceBody) []ledger.Time {
	slots := make([]ledger.Time, 0, o.Count)
	for k := range o.Count {
		between := time.Duration(0)
		if o.Count > 1 {
			between = time.Duration(int64(o.Last.Sub(o.First.Time)) / int64(o.Count-1) * int64(k))
		}
		slots = append(slots, ledger.At(o.First.Add(between)))
	}
	return slots
}

func (p *Population) holds(at ledger.Time) bool {
	return !at.Before(p.From.Time) && at.Before(p.To.Time)
}

// each calls fn for every critical entry, which says whether the population
// rests on it. It does on all that were observed before the period's end.
func (p *Population) each(ctx context.Context, src report.Source, fn func(ledgerID string, e *ledger.Entry) bool) error {
	critical := []byte(`"critical":true`) // entries are canonical JSON
	for _, info := range src.Chain() {
		err := src.Read(ctx, ledger.ReadOptions{LedgerID: info.LedgerID}, func(seq uint64, data []byte) error {
			if !bytes.Contains(data, critical) {
				return nil
			}
			e, err := census.Decode(seq, data)
			if err != nil {
				return err
			}
			if fn(info.LedgerID, e) || e.ObservedAt.Before(p.To.Time) {
				p.Rests[info.LedgerID] = seq + 1
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
