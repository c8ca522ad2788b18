package enforce

import (
	"cmp"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// plan returns what of the decisions is due, and the conflicts.
func (m *merger) plan() Plan {
	var p Plan
	required := map[*object][]*claim{}
	after := map[*object][]Object{}
	// Restrictions come first: what they require is due with them.
	for _, o := range m.objects {
		if !o.permits && !o.held && len(o.due()) > 0 {
			m.precede(o, required, after)
		}
	}
	for _, o := range m.objects {
		due := o.due(required[o]...)
		if len(due) > 0 {
			change := settle(due, after[o])
			if o.held {
				p.Held = append(p.Held, change)
			} else {
				p.Changes = append(p.Changes, change)
			}
		}
		p.Conflicts = append(p.Conflicts, o.conflicts...)
		if c, contradicts := o.pauseConflict(); contradicts {
			p.Conflicts = append(p.Conflicts, c)
		}
	}
	slices.SortStableFunc(p.Changes, inOrder)
	slices.SortStableFunc(p.Held, inOrder)
	return p
}

// precede notes what must come before a restriction, or after its removal.
func (m *merger) precede(restriction *object, required map[*object][]*claim, after map[*object][]Object) {
	for _, o := range m.objects {
		switch {
		case !o.permits || o.held:
		case restriction.removed && o.removed:
			if overlap(o.decided[0].change, restriction.decided[0].change) {
				after[o] = append(after[o], restriction.Object)
			}
		case !restriction.removed && !o.removed && !o.inPlace():
			requiring := filter(o.decided, func(c *claim) bool {
				return c.change.Required && slices.ContainsFunc(restriction.decided, func(r *claim) bool {
					return r.wish == c.wish && overlap(r.change, c.change)
				})
			})
			if len(requiring) > 0 {
				required[o] = append(required[o], requiring...)
				after[restriction] = append(after[restriction], o.Object)
			}
		}
	}
}

// due returns those of the decided claims that have something to repair, and the
// further ones given, unless the object is as they want it.
func (o *object) due(further ...*claim) []*claim {
	if o.inPlace() {
		return nil
	}
	return filter(o.decided, func(c *claim) bool { return c.repairs() || slices.Contains(further, c) })
}

// inPlace reports whether the object is as decided.
func (o *object) inPlace() bool {
	return slices.ContainsFunc(o.decided, func(c *claim) bool { return c.change.InPlace })
}

// pauseConflict is the conflict between those who want something done and those
// whose pause holds it back.
func (o *object) pauseConflict() (c Conflict, contradicts bool) {
	if o.held || len(o.paused) == 0 {
		return Conflict{}, false
	}
	format := "%s is wanted by one and held back by the pause of another of %s; it is applied."
	if o.removed {
		format = "%s is to be removed for one and held back by the pause of another of %s; it is removed."
	}
	return newConflict(o.Object, format, slices.Concat(o.decided, o.paused)), true
}

// settle returns the one change that claims on an object, which want the same,
// ask for.
func settle(claims []*claim, after []Object) Change {
	settled := Change{Change: *claims[0].change, WantedBy: sourcesOf(claims), After: after}
	settled.Rules = nil
	for _, c := range claims {
		settled.Rules = append(settled.Rules, c.change.Rules...)
		settled.Required = settled.Required || c.change.Required
	}
	slices.Sort(settled.Rules)
	settled.Rules = slices.Compact(settled.Rules)
	return settled
}

// inOrder orders changes as Plan documents, but for objects.
func inOrder(a, b Change) int { return cmp.Compare(a.step(), b.step()) }

func (c Change) step() int {
	switch {
	case !c.Remove && c.Effect == control.Permits:
		return 0
	case !c.Remove:
		return 1
	case c.Effect != control.Permits:
		return 2
	default:
		return 3
	}
}
