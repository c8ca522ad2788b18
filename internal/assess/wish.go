package assess

import (
	"iter"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// ByControl gives the units of each control, which follow each other: the first one,
// and the others if there are any.
func ByControl(units []Unit) iter.Seq2[*Unit, []*Unit] {
	return func(yield func(*Unit, []*Unit) bool) {
		for i := 0; i < len(units); {
			first, others := &units[i], []*Unit(nil)
			for i++; i < len(units) && units[i].Def == first.Def && units[i].Control == first.Control; i++ {
				others = append(others, &units[i])
			}
			if !yield(first, others) {
				return
			}
		}
	}
}

// Targets are what the control wants probed in the scope; none where its type does not
// probe, or where it fails to say so.
func (c *Control) Targets(def *Definition, snapshot *control.Snapshot, now time.Time) (targets []control.Target) {
	prober, can := c.Kind.(control.Prober)
	if !can || snapshot.Namespace.Terminating {
		return nil
	}
	defer func() {
		if recover() != nil {
			targets = nil // Its evaluation fails too, and says so.
		}
	}()
	return prober.Targets(inputOf(def, c, snapshot, now))
}

// Wish is what the unit's control wants done in the scope, of which others are the
// further units. It reports false where the control does not repair: it observes, or
// it cannot. The error is what was refused, and leaves the rest of the wish standing.
func (u *Unit) Wish(snapshot *control.Snapshot, now time.Time, others ...*Unit) (wish enforce.Wish, enforces bool, err error) {
	remediator, can := u.Control.Kind.(control.Remediator)
	if !can || !u.Control.repairs() || snapshot.Namespace.Terminating {
		return enforce.Wish{}, false, nil
	}
	changes, err := remediator.Wants(inputOf(u.Def, u.Control, snapshot, now))
	wish = enforce.Wish{
		Source:  enforce.Source{Policy: u.Def.Name, Control: u.Control.Spec.ID},
		Paused:  !u.Def.PausedUntil(now).IsZero(),
		Changes: changes, Failing: u.Failing(),
	}
	if !u.Control.JudgesNamespaces() {
		wish.FailingOn = map[control.Subject][]string{u.Subject: wish.Failing}
		for _, other := range others {
			wish.FailingOn[other.Subject] = other.Failing()
			wish.Failing = append(slices.Clip(wish.Failing), wish.FailingOn[other.Subject]...)
		}
	}
	return wish, true, err
}
