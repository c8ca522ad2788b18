package ledger

import "time"

// Ended is an episode that an entry ends.
type Ended struct {
	// Policy and Control name the control under which it was.
	Policy, Control string
	// Ending says how it ended.
	Ending Ending
	// Began and At are when it was observed to begin, and to end.
	Began, At time.Time
}

// ends returns the episodes that the next entry ends: that of a state entry, or
// those of what a subject that goes, or a control that is withdrawn, leaves open.
func (k *Known) ends(e *Entry) []Ended {
	var ended []Ended
	end := func(r *Record, ending Ending) {
		if r != nil && r.Episode != "" {
			ended = append(ended, Ended{r.Unit.Policy, r.Unit.Control, ending, r.Since.Time, e.ObservedAt.Time})
		}
	}
	switch e.Kind {
	case KindOutcomeChanged:
		if e.Ending != "" {
			end(k.units[Unit{e.Policy.Name, e.Control, *e.Subject}], e.Ending)
		}
	case KindSubjectDeleted, KindScopeLeft:
		ending := EndingSubjectDeleted
		if e.Kind == KindScopeLeft {
			ending = EndingLeftScope
		}
		for _, u := range k.leaving(e) {
			end(k.units[u], ending)
		}
	case KindControlWithdrawn:
		for u, r := range k.units {
			if u.Policy == e.Policy.Name && u.Control == e.Control {
				end(r, EndingControlWithdrawn)
			}
		}
	}
	return ended
}

// leaving are the units that may go with a subject: that of an object, or those of
// a scope's own subject and of all objects in the scope.
func (k *Known) leaving(e *Entry) []Unit {
	if e.Control != "" {
		return []Unit{{e.Policy.Name, e.Control, *e.Subject}}
	}
	var units []Unit
	for c := range k.tallies {
		if c.policy == e.Policy.Name {
			units = append(units, Unit{c.policy, c.control, *e.Subject})
		}
	}
	for u := range k.subjects[ScopeOf(*e.Subject)] {
		if u.Policy == e.Policy.Name {
			units = append(units, u)
		}
	}
	return units
}
