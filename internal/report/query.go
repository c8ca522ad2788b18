package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Validate says in one sentence what is wrong with the query itself, before
// anything is read. Whether the ledger can answer it shows only in Fold.
func (q Query) Validate() error {
	switch {
	case q.AsOf != nil && (q.From != nil || q.To != nil):
		return errors.New("a record is either as of an instant or of a period: give asOf, or from and to")
	case q.AsOf != nil:
		return usable("asOf", *q.AsOf)
	case q.From == nil || q.To == nil:
		return errors.New("a record needs an instant (asOf), or a period (from and to)")
	case !q.From.Before(q.To.Time):
		return fmt.Errorf("the period ends at %s, which is not after its start at %s: swap them", stamp(*q.To), stamp(*q.From))
	}
	return errors.Join(usable("from", *q.From), usable("to", *q.To))
}

// usable refuses years that no ledger can be about.
func usable(name string, t ledger.Time) error {
	if y := t.UTC().Year(); y < 1970 || y > 9999 {
		return fmt.Errorf("%s is in the year %d: it has to be between 1970 and 9999", name, y)
	}
	return nil
}

// stamp prints a time as people read it, with a fraction only where there is one.
func stamp(t ledger.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// window is the part of time that the query asks for. What is observed at its
// end is not in it; an instant is a microsecond long.
func (q Query) window() span {
	if q.AsOf != nil {
		at := micros(q.AsOf.Time)
		return span{at, at + 1}
	}
	return span{micros(q.From.Time), micros(q.To.Time)}
}

func (s span) holds(at int64) bool { return s.from <= at && at < s.to }

// answerable says in one sentence why the ledger cannot answer the query.
func (f *fold) answerable() error {
	first, last := timeOf(f.firstAt), timeOf(f.lastAt)
	switch {
	case f.total == 0:
		return errors.New("there is no entry in the ledger: nothing was observed yet")
	case f.query.AsOf != nil && f.window.from > f.lastAt:
		return fmt.Errorf("%s lies in the future of the ledger, whose newest entry is of %s: ask for that time or an earlier one", stamp(*f.query.AsOf), stamp(last))
	case f.query.AsOf != nil && f.window.from < f.firstAt:
		return fmt.Errorf("%s lies before the ledger, whose first entry is of %s: ask for that time or a later one", stamp(*f.query.AsOf), stamp(first))
	case f.query.AsOf != nil:
		return nil
	case f.window.from > f.lastAt:
		return fmt.Errorf("the period lies in the future of the ledger, whose newest entry is of %s: let it start before that", stamp(last))
	case f.window.to <= f.firstAt:
		return fmt.Errorf("the period lies before the ledger, whose first entry is of %s: let it end after that", stamp(first))
	}
	return nil
}

// selected are the controls that the query asks for, by name.
func (f *fold) selected() ([]*statedControl, error) {
	for _, name := range f.query.Policies {
		if p, ok := f.policies[name]; !ok || len(p.controls) == 0 {
			return nil, fmt.Errorf("the ledger knows no policy %q; it knows %s", name, listed(sortedKeys(f.policies)))
		}
	}
	asked := map[string]bool{}
	var all, names []*statedControl
	for _, name := range sortedKeys(f.policies) {
		p := f.policies[name]
		for _, id := range sortedKeys(p.controls) {
			c := p.controls[id]
			all = append(all, c)
			if f.asksFor(c, asked) {
				names = append(names, c)
			}
		}
	}
	for _, id := range f.query.Controls {
		if !asked[id] {
			there := make([]string, 0, len(all))
			for _, c := range all {
				there = append(there, c.name())
			}
			return nil, fmt.Errorf("the ledger knows no control %q in what was asked for; it knows %s", id, listed(there))
		}
	}
	return names, nil
}

// asksFor reports whether the query asks for the control, and notes by which id.
func (f *fold) asksFor(c *statedControl, asked map[string]bool) bool {
	if len(f.query.Policies) > 0 && !slices.Contains(f.query.Policies, c.policy.name) {
		return false
	}
	if len(f.query.Controls) == 0 {
		return true
	}
	found := false
	for _, id := range f.query.Controls {
		if id == c.id || id == c.name() {
			asked[id], found = true, true
		}
	}
	return found
}

// listed names at most ten of what there is.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if more := len(names) - 10; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:10], ", "), more)
	}
	return strings.Join(names, ", ")
}
