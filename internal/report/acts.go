package report

import (
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// act notes what Holdfast did, or could not do, to an object.
func (f *fold) act(l *line) error {
	s, err := f.in.subject(l)
	if err != nil {
		return err
	}
	f.sighted(s, l.at)
	object, err := f.objectOf(l)
	if err != nil {
		return err
	}
	if len(l.parts["control"]) == 0 {
		return nil // it says that no control was concerned
	}
	c, _, err := f.ofControl(l)
	if err != nil {
		return err
	}
	if f.window.holds(l.at) {
		c.acts.count(l.kind)
	}
	if l.kind == ledger.KindContested {
		c.contested(l, s, object)
	}
	if l.kind == ledger.KindRolledBack && l.text("reason") == ledger.RolledBackPodsNotReady && c.policy.held == never {
		c.policy.held, c.policy.heldReason = l.at, fmt.Sprintf("what was enforced %s was rolled back; first enforcement waits until the generation is confirmed", inScope(ledger.ScopeOf(*s)))
	}
	if u := c.units[s]; u != nil && u.open != nil {
		u.open.acted(f, l, object)
	}
	return nil
}

// objectOf is the object that an entry speaks of, without its versions: Before
// only says that there was one.
func (f *fold) objectOf(l *line) (*ledger.ObjectBody, error) {
	part, ok := l.parts["object"]
	if !ok {
		return nil, errors.New("it has no object")
	}
	o := &f.object
	*o = ledger.ObjectBody{}
	err := members(part, func(key, value []byte) error {
		switch string(key) {
		case "apiVersion":
			o.APIVersion = f.in.bytes(value)
		case "kind":
			o.Kind = f.in.bytes(value)
		case "name":
			o.Name = f.in.bytes(value)
		case "manager":
			o.Manager = f.in.bytes(value)
		case "before":
			o.Before = &f.version
		case "count":
			count, _ := number[int64](value)
			o.Count = int(count)
		case "until":
			if at, ok := parseTime(value); ok {
				o.Until = new(timeOf(at))
			}
		}
		return nil
	})
	return o, err
}

func (a *acts) count(kind ledger.Kind) {
	switch kind {
	case ledger.KindRepaired:
		a.repairs.Repaired++
	case ledger.KindRepairFailed:
		a.repairs.Failed++
	case ledger.KindContested:
		a.repairs.Contested++
	case ledger.KindRolledBack:
		a.repairs.RolledBack++
	}
}

// contested notes that a repair is fought, and backs off.
func (c *statedControl) contested(l *line, s *control.Subject, o *ledger.ObjectBody) {
	days := c.acts.contested[s]
	if days == nil {
		days = map[int64]bool{}
		c.acts.contested[s] = days
	}
	days[dayOf(l.at)] = true
	if o.Until != nil {
		c.acts.backOffs = append(c.acts.backOffs, Because{
			Interval: span{l.at, micros(o.Until.Time)}.interval(), Reason: "Contested", Subject: s.String(),
			Message: fmt.Sprintf("%s %s was repaired %d times within an hour, and changed again", o.Kind, o.Name, o.Count)})
	}
}
