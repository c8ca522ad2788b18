package enforce

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// Source is one control of one policy.
type Source struct {
	// Policy is the policy's name.
	Policy string
	// Control is the control's id.
	Control string
}

// String returns policy/control.
func (s Source) String() string { return s.Policy + "/" + s.Control }

// compare orders sources by policy and control.
func (s Source) compare(o Source) int {
	return cmp.Or(cmp.Compare(s.Policy, o.Policy), cmp.Compare(s.Control, o.Control))
}

// Wish is what one enforcing control wants done in one scope.
type Wish struct {
	Source
	// Paused is true while the policy's pause holds back its repairs.
	Paused bool
	// Changes are what the control planned.
	Changes []control.Change
}

// Plan is what several controls over one scope want done, merged.
type Plan struct {
	// Changes are to be applied: one for each object, ordered by object.
	Changes []Change
	// Held are wanted only by policies that are paused, ordered by object.
	Held []Change
	// Conflicts are the contradictions, ordered by object.
	Conflicts []Conflict
}

// Change is a change with those who want it.
type Change struct {
	control.Change
	// WantedBy are the controls that want exactly this, sorted.
	WantedBy []Source
}

// Conflict is a contradiction between controls about one object. It concerns
// each of them.
type Conflict struct {
	Object Object
	// Between are the controls that contradict each other, sorted.
	Between []Source
	// Reason is a reason constant of the Enforced condition.
	Reason string
	// Message is one sentence for people.
	Message string
}

// Object says which object a change is about.
type Object struct {
	APIVersion, Kind, Namespace, Name string
}

// ObjectOf returns the object of a change.
func ObjectOf(c control.Change) Object {
	return Object{APIVersion: c.APIVersion, Kind: c.Kind, Namespace: c.Namespace, Name: c.Name}
}

// compare orders objects.
func (o Object) compare(p Object) int {
	return cmp.Or(cmp.Compare(o.Namespace, p.Namespace), cmp.Compare(o.APIVersion, p.APIVersion),
		cmp.Compare(o.Kind, p.Kind), cmp.Compare(o.Name, p.Name))
}

// Merge merges the wishes of every enforcing control over one scope. The order
// of the wishes does not matter.
//
// Controls that want the same of an object share one change. Two contradictions
// are conflicts, and the stricter side wins:
//   - One policy wants an object that the pause of another holds back: it is applied.
//   - Policies want different specs for one object: the strictest is applied.
//     That is the one which selects every pod, before one that does not; then the
//     one with more policy types; then the one with fewer rules; then, so that
//     the choice never flaps, the one whose JSON sorts first.
func Merge(wishes []Wish) Plan {
	byObject := map[Object][]claim{}
	for _, wish := range wishes {
		for _, change := range wish.Changes {
			object := ObjectOf(change)
			byObject[object] = append(byObject[object], newClaim(wish, change))
		}
	}
	var plan Plan
	for _, object := range slices.SortedFunc(maps.Keys(byObject), Object.compare) {
		plan.add(object, byObject[object])
	}
	return plan
}

// add settles what becomes of one object.
func (p *Plan) add(object Object, claims []claim) {
	slices.SortFunc(claims, claim.compare)
	var active, paused []claim
	for _, c := range claims {
		if c.paused {
			paused = append(paused, c)
		} else {
			active = append(active, c)
		}
	}
	if len(active) == 0 {
		p.Held = append(p.Held, settle(paused))
		return
	}
	p.Changes = append(p.Changes, settle(active))
	if strictest := active[0]; slices.ContainsFunc(active, strictest.differs) {
		p.Conflicts = append(p.Conflicts, conflict(object, active,
			"%s is wanted in different forms by %s; the strictest is applied."))
	}
	if len(paused) > 0 {
		p.Conflicts = append(p.Conflicts, conflict(object, claims,
			"%s is wanted by one and held back by the pause of another of %s; it is applied."))
	}
}

// settle returns the strictest of the claims, which are sorted, with all who
// want just that.
func settle(claims []claim) Change {
	strictest := claims[0]
	settled := Change{Change: strictest.change}
	settled.Rules = nil
	for _, c := range claims {
		if !strictest.differs(c) {
			settled.Rules = append(settled.Rules, c.change.Rules...)
			settled.WantedBy = append(settled.WantedBy, c.source)
		}
	}
	slices.Sort(settled.Rules)
	settled.Rules = slices.Compact(settled.Rules)
	settled.WantedBy = slices.Compact(settled.WantedBy)
	return settled
}

func conflict(object Object, claims []claim, format string) Conflict {
	var between []Source
	for _, c := range claims {
		between = append(between, c.source)
	}
	slices.SortFunc(between, Source.compare)
	between = slices.Compact(between)
	names := make([]string, 0, len(between))
	for _, source := range between {
		names = append(names, source.String())
	}
	return Conflict{
		Object:  object,
		Between: between,
		Reason:  v1alpha1.ReasonPolicyConflict,
		Message: fmt.Sprintf(format, object.Kind+" "+object.Name, strings.Join(names, ", ")),
	}
}

// claim is one control's wish for one object, with what ranks its strictness.
type claim struct {
	source Source
	paused bool
	change control.Change

	everyPod    bool
	policyTypes int
	rules       int
	json        string
}

func newClaim(wish Wish, change control.Change) claim {
	length := func(field string) int {
		list, _ := change.Spec[field].([]any)
		return len(list)
	}
	selector, _ := change.Spec["podSelector"].(map[string]any)
	// A spec is plain data: what is planned is what is sent as JSON.
	canonical, err := json.Marshal(change.Spec)
	if err != nil {
		canonical = fmt.Append(nil, change.Spec)
	}
	return claim{
		source:      wish.Source,
		paused:      wish.Paused,
		change:      change,
		everyPod:    len(selector) == 0,
		policyTypes: length("policyTypes"),
		rules:       length("ingress") + length("egress"),
		json:        string(canonical),
	}
}

// compare orders claims on one object by strictness, as Merge documents, and
// equal ones by source.
func (c claim) compare(o claim) int {
	if c.everyPod != o.everyPod {
		if c.everyPod {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(o.policyTypes, c.policyTypes), cmp.Compare(c.rules, o.rules),
		cmp.Compare(c.json, o.json), c.source.compare(o.source))
}

// differs reports whether two claims want different specs.
func (c claim) differs(o claim) bool { return c.json != o.json }
