package enforce

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestOrderOfWishesNeverMatters: neither does the order in a wish.
func TestOrderOfWishesNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wishes := anyWishes(t)
		shuffled := rapid.Permutation(wishes).Draw(t, "order")
		for i := range shuffled {
			shuffled[i].Changes = rapid.Permutation(shuffled[i].Changes).Draw(t, "changes")
		}
		if diff := cmp.Diff(Merge(wishes), Merge(shuffled)); diff != "" {
			t.Fatalf("another order differs:\n%s", diff)
		}
	})
}

// TestAPolicyNeverAddsAPermission: what a restriction forbids is not permitted
// because one more policy wants it.
func TestAPolicyNeverAddsAPermission(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wishes := anyWishes(t)
		more := append(slices.Clone(wishes), anyWish(t, anyState(t)))
		before, after := permitted(wishes), permitted(more)
		restricted := restrictedAspects(wishes)
		for object, change := range after {
			if _, was := before[object]; !was && slices.ContainsFunc(change.Aspects, func(a string) bool { return restricted[a] }) {
				t.Fatalf("%s is permitted by one more policy", object.Name)
			}
		}
	})
}

// TestADeniedAspectStaysDenied: one more policy takes no restriction away, but
// to roll it back, or for want of what it requires; both are conflicts.
func TestADeniedAspectStaysDenied(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wishes := anyWishes(t)
		more := append(slices.Clone(wishes), anyWish(t, anyState(t)))
		after := Merge(asIfNothingWere(more))
		for _, change := range Merge(asIfNothingWere(wishes)).Changes {
			if change.Effect != control.Restricts || change.Remove || slices.ContainsFunc(after.Changes, sameAct(change)) {
				continue
			}
			about := func(c Conflict) bool { return c.Object == ObjectOf(change.Change) }
			if !slices.ContainsFunc(after.Conflicts, about) {
				t.Fatalf("%s is no longer applied, without a conflict", change.Name)
			}
			if !anyOf(more, func(c control.Change) bool { return c.Rollback != "" || c.Required }) {
				t.Fatalf("%s is no longer applied, though nothing is rolled back or required", change.Name)
			}
		}
	})
}

// TestAPermissionIsGrantedByAllWhoRestrict states the rule of overlap again.
func TestAPermissionIsGrantedByAllWhoRestrict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wishes := anyWishes(t)
		for _, change := range Merge(wishes).Changes {
			if change.Effect != control.Permits || change.Remove {
				continue
			}
			for _, wish := range wishes {
				grants := slices.ContainsFunc(wish.Changes, func(c control.Change) bool {
					return c.Name == change.Name && !c.Remove && cmp.Equal(c.Spec, change.Spec)
				})
				if !wish.Paused && restricts(wish, change.Aspects) && !grants {
					t.Fatalf("%s is applied against %s", change.Name, wish.Source)
				}
			}
		}
	})
}

// TestNoHarmIsPlanned: no restriction is without what it requires, and nothing
// is taken from one that stays.
func TestNoHarmIsPlanned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wishes := anyWishes(t)
		plan := Merge(wishes)
		for i, change := range plan.Changes {
			for _, object := range change.After {
				if !slices.ContainsFunc(plan.Changes[:i], func(c Change) bool { return ObjectOf(c.Change) == object }) {
					t.Fatalf("%s comes after %s, which does not come before", change.Name, object.Name)
				}
			}
			switch {
			case change.Effect == control.Restricts && !change.Remove:
				checkRequirements(t, wishes, change)
			case change.Effect == control.Permits && change.Remove:
				checkNotRequired(t, wishes, plan, change)
			}
		}
	})
}

// checkRequirements checks that whatever a restriction requires comes before it,
// or is in place.
func checkRequirements(t *rapid.T, wishes []Wish, restriction Change) {
	for _, wish := range wishes {
		if wish.Paused || !slices.Contains(restriction.WantedBy, wish.Source) {
			continue
		}
		for _, c := range wish.Changes {
			if c.Required && overlap(&c, &restriction.Change) && !c.InPlace && !slices.Contains(restriction.After, ObjectOf(c)) {
				t.Fatalf("%s is applied without %s, which %s requires", restriction.Name, c.Name, wish.Source)
			}
		}
	}
}

// checkNotRequired checks that a permission is removed only by who restricts
// what it permits, and with the restrictions which require it.
func checkNotRequired(t *rapid.T, wishes []Wish, plan Plan, removal Change) {
	for _, wish := range wishes {
		hasSay := slices.ContainsFunc(wish.Changes, func(c control.Change) bool {
			return c.Effect == control.Restricts && overlap(&c, &removal.Change)
		})
		if slices.Contains(removal.WantedBy, wish.Source) && removal.Rollback == "" && !hasSay {
			t.Fatalf("%s is removed for %s, which restricts nothing of it", removal.Name, wish.Source)
		}
		requires := slices.ContainsFunc(wish.Changes, func(c control.Change) bool { return c.Name == removal.Name && c.Required })
		for _, c := range wish.Changes {
			gone := anyOf(wishes, func(o control.Change) bool { return o.Name == c.Name && o.Remove })
			if requires && c.Effect == control.Restricts && !c.Remove && overlap(&c, &removal.Change) && !gone {
				t.Fatalf("%s is removed from %s's %s, plan %+v", removal.Name, wish.Source, c.Name, plan)
			}
		}
	}
}

// TestConflictsStand: they do not depend on anything being due. Nothing due is
// nothing planned, and no object is planned twice.
func TestConflictsStand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wishes := anyWishes(t)
		plan := Merge(wishes)
		planned := map[Object]bool{}
		for _, change := range slices.Concat(plan.Changes, plan.Held) {
			if object := ObjectOf(change.Change); planned[object] || change.InPlace || len(change.WantedBy) == 0 {
				t.Fatalf("planned twice, though in place, or for nobody: %+v", change)
			}
			planned[ObjectOf(change.Change)] = true
		}
		quiet := slices.Clone(wishes)
		for i := range quiet {
			quiet[i].Changes, quiet[i].Failing = slices.Clone(quiet[i].Changes), nil
			for j := range quiet[i].Changes {
				quiet[i].Changes[j].InPlace = true
			}
		}
		if diff := cmp.Diff(Plan{Conflicts: plan.Conflicts}, Merge(quiet)); diff != "" {
			t.Fatalf("with nothing due (-want +got):\n%s", diff)
		}
	})
}

// permitted are the permissions that would be applied if nothing were in place.
func permitted(wishes []Wish) map[Object]control.Change {
	found := map[Object]control.Change{}
	for _, change := range Merge(asIfNothingWere(wishes)).Changes {
		if change.Effect == control.Permits && !change.Remove {
			found[ObjectOf(change.Change)] = change.Change
		}
	}
	return found
}

// asIfNothingWere returns the wishes as if nothing they want were so.
func asIfNothingWere(wishes []Wish) []Wish {
	wishes = slices.Clone(wishes)
	for i := range wishes {
		wishes[i].Failing, wishes[i].Changes = everyRule(), slices.Clone(wishes[i].Changes)
		for j := range wishes[i].Changes {
			wishes[i].Changes[j].InPlace = false
		}
	}
	return wishes
}

// restrictedAspects are those that an active wish restricts.
func restrictedAspects(wishes []Wish) map[string]bool {
	aspects := map[string]bool{}
	for _, aspect := range []string{"Ingress", "Egress"} {
		aspects[aspect] = slices.ContainsFunc(wishes, func(w Wish) bool { return !w.Paused && restricts(w, []string{aspect}) })
	}
	return aspects
}

func restricts(wish Wish, aspects []string) bool {
	return slices.ContainsFunc(wish.Changes, func(c control.Change) bool {
		return c.Effect == control.Restricts && !c.Remove && overlap(&c, &control.Change{Aspects: aspects})
	})
}

func anyOf(wishes []Wish, holds func(control.Change) bool) bool {
	return slices.ContainsFunc(wishes, func(w Wish) bool { return slices.ContainsFunc(w.Changes, holds) })
}

func sameAct(a Change) func(Change) bool {
	return func(b Change) bool { return ObjectOf(a.Change) == ObjectOf(b.Change) && a.Remove == b.Remove }
}

// objects are those that generated wishes are about.
func objects() []control.Change {
	return []control.Change{
		required(permission("holdfast-allow-admission-x", "NP-03", "Ingress")),
		dns,
		permission("holdfast-allow-rule-a", "NP-04", "Egress"),
		same,
		egress,
		ingress,
	}
}

func everyRule() []string { return []string{"NP-01", "NP-02", "NP-03", "NP-04"} }

// state is what a namespace has of objects: a form by name.
type state map[string]int

const (
	absentForm = iota
	wideForm
	narrowForm
	forms
)

func anyState(t *rapid.T) state {
	s := state{}
	for _, object := range objects() {
		s[object.Name] = rapid.IntRange(absentForm, narrowForm).Draw(t, "has "+object.Name)
	}
	return s
}

// anyWishes are wishes over one namespace, as a control type could state them.
func anyWishes(t *rapid.T) []Wish {
	s := anyState(t)
	wishes := make([]Wish, rapid.IntRange(0, 4).Draw(t, "wishes"))
	for i := range wishes {
		wishes[i] = anyWish(t, s)
		wishes[i].Policy = fmt.Sprint("policy-", i)
	}
	return wishes
}

func anyWish(t *rapid.T, s state) Wish {
	wish := Wish{
		Source:  Source{Policy: "policy-more", Control: "NET-1"},
		Paused:  rapid.IntRange(0, 3).Draw(t, "pause") == 0,
		Failing: rapid.SliceOfDistinct(rapid.SampledFrom(everyRule()), rapid.ID).Draw(t, "failing"),
	}
	for _, object := range objects() {
		form := rapid.IntRange(absentForm, forms+1).Draw(t, "wants "+object.Name)
		switch form {
		case absentForm:
			continue
		case wideForm:
		case narrowForm:
			object.Spec = maps.Clone(object.Spec)
			object.Spec["podSelector"] = narrowed()["podSelector"]
		case forms:
			object, form = removed(object), absentForm
		default:
			object, form = rollback(object), absentForm
		}
		object.InPlace = s[object.Name] == form
		wish.Changes = append(wish.Changes, object)
	}
	return wish
}
