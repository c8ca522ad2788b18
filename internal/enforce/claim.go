package enforce

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// claim is what one wish wants of one object.
type claim struct {
	wish   *Wish
	change *control.Change

	// canonical is the spec as JSON, once somebody else wants the object too.
	canonical string
}

// sort puts the claims in order, which is by strictness and then by source.
func (o *object) sort() {
	if len(o.active)+len(o.paused) < 2 {
		return
	}
	for _, c := range slices.Concat(o.active, o.paused) {
		c.canonical = canonical(c.change)
	}
	slices.SortFunc(o.active, (*claim).compare)
	slices.SortFunc(o.paused, (*claim).compare)
}

// canonical is what a change wants of its object, as text. It is plain data: what is
// wanted is what is sent as JSON.
func canonical(change *control.Change) string {
	wanted := []any{change.Spec}
	if len(change.Fields)+len(change.Annotations)+len(change.Labels) > 0 {
		wanted = append(wanted, change.Fields, change.Annotations, change.Labels)
	}
	encoded, err := json.Marshal(wanted)
	if err != nil {
		encoded = fmt.Append(nil, wanted)
	}
	return string(encoded)
}

// compare orders claims on one object by strictness, as Merge documents, and
// equal ones by source.
func (c *claim) compare(o *claim) int {
	return cmp.Or(
		-compareBools(c.everyPod(), o.everyPod()),
		-cmp.Compare(c.length("policyTypes"), o.length("policyTypes")),
		cmp.Compare(c.rules(), o.rules()),
		cmp.Compare(c.canonical, o.canonical),
		c.wish.compare(o.wish.Source),
		cmp.Compare(c.change.Rollback, o.change.Rollback))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

func (c *claim) everyPod() bool {
	selector, _ := c.change.Spec["podSelector"].(map[string]any)
	return len(selector) == 0
}

func (c *claim) rules() int { return c.length("ingress") + c.length("egress") }

func (c *claim) length(field string) int {
	list, _ := c.change.Spec[field].([]any)
	return len(list)
}

// same reports whether two claims want their object in the same form.
func (c *claim) same(o *claim) bool { return c.canonical == o.canonical }

// restricts reports whether it is that the object restricts something.
func (c *claim) restricts() bool { return !c.change.Remove && c.change.Effect != control.Permits }

// permits reports whether it is that the object permits something.
func (c *claim) permits() bool { return !c.change.Remove && c.change.Effect == control.Permits }

// repairs reports whether the change repairs a rule that fails, or takes back
// what did harm.
func (c *claim) repairs() bool {
	if c.change.Rollback != "" {
		return true
	}
	failing := c.wish.Failing
	if c.change.Subject != nil {
		failing = c.wish.FailingOn[*c.change.Subject]
	}
	return slices.ContainsFunc(c.change.Rules, func(rule string) bool { return slices.Contains(failing, rule) })
}

// competent reports whether the removal of a permission is up to its wish: that
// restricts one of its aspects, or takes such a restriction away too. What takes
// back harm is up to everybody.
func (c *claim) competent() bool {
	return c.change.Rollback != "" || slices.ContainsFunc(c.wish.Changes, func(other control.Change) bool {
		return other.Effect != control.Permits && overlap(&other, c.change)
	})
}

// overlap reports whether two changes share an aspect.
func overlap(a, b *control.Change) bool {
	return slices.ContainsFunc(a.Aspects, func(aspect string) bool { return slices.Contains(b.Aspects, aspect) })
}

// filter returns the claims for which keep holds.
func filter(claims []*claim, keep func(*claim) bool) []*claim {
	var kept []*claim
	for _, c := range claims {
		if keep(c) {
			kept = append(kept, c)
		}
	}
	return kept
}

func wanted(c *claim) bool     { return !c.change.Remove }
func removing(c *claim) bool   { return c.change.Remove }
func rolledBack(c *claim) bool { return c.change.Remove && c.change.Rollback != "" }
