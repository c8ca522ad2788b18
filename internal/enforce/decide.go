package enforce

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// decideRemovals decides which restrictions must not be. Permissions depend on
// it: one that is required goes only with what requires it.
func (m *merger) decideRemovals() {
	for _, o := range m.objects {
		if o.permits || len(o.active) == 0 {
			continue
		}
		rollbacks, removals := filter(o.active, rolledBack), filter(o.active, removing)
		switch wants := filter(o.active, wanted); {
		case len(rollbacks) > 0:
			o.remove(rollbacks, wants)
		case len(wants) == 0:
			o.remove(removals, nil)
		default:
			o.contradict(removals, "%s is wanted by %s, and to be removed for %s; it is kept.", wants, removals)
		}
	}
}

// decidePermissions decides about every permission.
func (m *merger) decidePermissions() {
	for _, o := range m.objects {
		switch {
		case !o.permits:
		case len(o.active) == 0:
			o.pause()
		default:
			m.permit(o, filter(o.active, wanted), o.removals())
		}
	}
}

// permit decides whether a permission is applied or removed. Whoever wants it
// gone must have a say in what it permits, and nobody must depend on it.
func (m *merger) permit(o *object, wants, removals []*claim) {
	competent, requirers := filter(removals, (*claim).competent), m.requirers(o)
	switch {
	case len(removals) == 0:
	case len(requirers) > 0:
		o.contradict(removals, "%s is to be removed for %s, and is required by %s; it is kept.", removals, requirers)
	case len(competent) > 0:
		o.remove(competent, wants)
		return
	default:
		o.contradict(removals, "%s is to be removed for %s, without a restriction of what it permits; it is kept.", removals)
	}
	if len(wants) == 0 {
		o.decided, o.removed, o.held = removals, true, true
		return
	}
	m.grant(o, wants)
}

// removals are the claims of those who want the object gone, only rollbacks if
// there are any.
func (o *object) removals() []*claim {
	if rollbacks := filter(o.active, rolledBack); len(rollbacks) > 0 {
		return rollbacks
	}
	return filter(o.active, removing)
}

// remove decides that the object must not be, against those who want it.
func (o *object) remove(removals, wants []*claim) {
	o.decided, o.removed = removals, true
	if removals[0].change.Rollback != "" {
		o.contradict(wants, "%s is rolled back for %s, and wanted by %s; it is removed.", removals, wants)
		return
	}
	o.contradict(wants, notGranted, wants, removals)
}

// notGranted reads the same before a permission is removed and after it.
const notGranted = "%s is granted by %s, and not by %s; it is withheld."

// grant decides whether a permission is applied.
func (m *merger) grant(o *object, wants []*claim) {
	parties := m.restrictors(wants)
	if len(parties) == 0 {
		parties = wants
	}
	for _, candidate := range wants {
		grants := func(party *claim) bool {
			return slices.ContainsFunc(wants, func(c *claim) bool { return c.wish == party.wish && c.same(candidate) })
		}
		if len(filter(parties, grants)) == len(parties) {
			o.decided = filter(wants, candidate.same)
			others := filter(wants, func(c *claim) bool { return !c.same(candidate) })
			o.contradict(others, "%s is wanted in different forms by %s; that of %s is applied.", wants, o.decided)
			return
		}
	}
	o.decided, o.held = filter(wants, wants[0].same), true
	deniers := filter(parties, func(party *claim) bool {
		return !slices.ContainsFunc(wants, func(c *claim) bool { return c.wish == party.wish })
	})
	if len(deniers) > 0 {
		o.contradict(deniers, notGranted, wants, deniers)
		return
	}
	o.contradict(wants, "%s is wanted in different forms by %s; it is withheld.", wants)
}

// restrictors are the restrictions that active wishes want, of any aspect that
// one of the permissions has.
func (m *merger) restrictors(permissions []*claim) []*claim {
	var found []*claim
	for _, o := range m.objects {
		found = append(found, filter(o.active, func(c *claim) bool {
			return c.restricts() && slices.ContainsFunc(permissions, func(p *claim) bool { return overlap(c.change, p.change) })
		})...)
	}
	return found
}

// requirers are the claims of wishes that require a permission for a restriction
// which stays. A paused one counts: its restriction may be in place.
func (m *merger) requirers(o *object) []*claim {
	return filter(slices.Concat(o.active, o.paused), func(c *claim) bool {
		if !c.permits() || !c.change.Required {
			return false
		}
		return slices.ContainsFunc(c.wish.Changes, func(other control.Change) bool {
			return !other.Remove && other.Effect != control.Permits && overlap(&other, c.change) &&
				!m.byName[ObjectOf(other)].removed
		})
	})
}

// decideRestrictions decides about every restriction that is to be.
func (m *merger) decideRestrictions() {
	for _, o := range m.objects {
		switch {
		case o.permits || o.removed:
		case len(o.active) == 0:
			o.pause()
		default:
			m.restrict(o, filter(o.active, wanted))
		}
	}
}

// restrict decides whether a restriction is applied, and in which form.
func (m *merger) restrict(o *object, wants []*claim) {
	free := wants
	for _, permission := range m.objects {
		lacking := filter(wants, func(c *claim) bool { return permission.withheldFrom(c) })
		if len(lacking) == 0 {
			continue
		}
		free = filter(free, func(c *claim) bool { return !slices.Contains(lacking, c) })
		o.lacks(permission, lacking)
	}
	if len(free) == 0 {
		o.decided, o.held = filter(wants, wants[0].same), true
		return
	}
	o.decided = filter(free, free[0].same)
	others := filter(free, func(c *claim) bool { return !c.same(free[0]) })
	o.contradict(others, "%s is wanted in different forms by %s; the strictest is applied.", free)
}

// withheldFrom reports whether a restriction's own wish requires this
// permission, and does not get it.
func (o *object) withheldFrom(restriction *claim) bool {
	requires := func(c *claim) bool {
		return c.wish == restriction.wish && c.permits() && c.change.Required && overlap(c.change, restriction.change)
	}
	if !o.permits || !slices.ContainsFunc(o.active, requires) {
		return false
	}
	return o.held || o.removed || !slices.ContainsFunc(o.decided, requires)
}

// lacks notes that a restriction is held for want of a permission: a conflict
// with those who withhold it.
func (o *object) lacks(permission *object, lacking []*claim) {
	c := newConflict(o.Object, fmt.Sprintf("%%s is held for %%s: %s, which it requires, is withheld.", permission), lacking)
	for _, cause := range permission.conflicts {
		c.Between = append(c.Between, cause.Between...)
	}
	c.Between = sorted(c.Between)
	o.conflicts = append(o.conflicts, c)
}

// pause decides about an object that only paused policies want anything of. By
// the rules above, but nothing of it is done, and so nothing is contradicted.
func (o *object) pause() {
	o.held = true
	rollbacks, removals, wants := filter(o.paused, rolledBack), filter(o.paused, removing), filter(o.paused, wanted)
	switch {
	case len(rollbacks) > 0:
		o.decided, o.removed = rollbacks, true
	case len(wants) == 0 || o.permits && len(removals) > 0:
		o.decided, o.removed = removals, true
	default:
		o.decided = filter(wants, wants[0].same)
	}
}

// contradict notes a conflict, if there is anybody against it.
func (o *object) contradict(against []*claim, format string, sides ...[]*claim) {
	if len(against) > 0 {
		o.conflicts = append(o.conflicts, newConflict(o.Object, format, sides...))
	}
}

// newConflict returns the conflict between the sides, whose names follow that of
// the object in the message.
func newConflict(object Object, format string, sides ...[]*claim) Conflict {
	c := Conflict{Object: object, Reason: v1alpha1.ReasonPolicyConflict}
	args := []any{object}
	for _, side := range sides {
		sources := sourcesOf(side)
		names := make([]string, 0, len(sources))
		for _, source := range sources {
			names = append(names, source.String())
		}
		args = append(args, strings.Join(names, ", "))
		c.Between = append(c.Between, sources...)
	}
	c.Between = sorted(c.Between)
	c.Message = fmt.Sprintf(format, args...)
	return c
}

func sourcesOf(claims []*claim) []Source {
	var sources []Source
	for _, c := range claims {
		sources = append(sources, c.wish.Source)
	}
	return sorted(sources)
}

func sorted(sources []Source) []Source {
	slices.SortFunc(sources, Source.compare)
	return slices.Compact(sources)
}
