package controllers

import (
	"context"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// rehearse asks the API server, before any of the changes is made, whether it
// accepts the permissions that a restriction requires. Permissions isolate pods,
// too: where one is refused after another was made, what it is for is cut off,
// although nothing is denied yet. It returns what must not be sent, which is all
// permissions that go before the restriction, and says why.
func (r *ScopeReconciler) rehearse(ctx context.Context, p *pass, changes []enforce.Change, found issueSet) map[enforce.Object]bool {
	unsent := map[enforce.Object]bool{}
	for _, restriction := range changes {
		together := goingBefore(restriction, changes)
		if len(together) < 2 {
			continue // What is alone cuts nothing else off.
		}
		refused := r.refused(ctx, p, restriction, together, found)
		if len(refused) == 0 {
			continue
		}
		for _, change := range together {
			object := enforce.ObjectOf(change.Change)
			if !unsent[object] && !slices.Contains(refused, object) {
				found.waits(change, refused[0])
			}
			unsent[object] = true
		}
	}
	return unsent
}

// goingBefore are the permissions among the changes that are about what a
// restriction restricts, if it requires any of them.
func goingBefore(restriction enforce.Change, changes []enforce.Change) []enforce.Change {
	if restriction.Effect != control.Restricts || restriction.Remove || len(restriction.After) == 0 {
		return nil
	}
	var together []enforce.Change
	for _, c := range changes {
		if c.Effect == control.Permits && !c.Remove && slices.ContainsFunc(c.Aspects, func(aspect string) bool {
			return slices.Contains(restriction.Aspects, aspect)
		}) {
			together = append(together, c)
		}
	}
	return together
}

// refused are those of the permissions that a restriction requires, and that the
// API server does not accept. That is a repair that failed.
func (r *ScopeReconciler) refused(ctx context.Context, p *pass, restriction enforce.Change, permissions []enforce.Change, found issueSet) []enforce.Object {
	var refused []enforce.Object
	for _, change := range permissions {
		object := enforce.ObjectOf(change.Change)
		if !slices.Contains(restriction.After, object) {
			continue
		}
		before := enforce.Find(p.snapshot, change.Change)
		if _, err := r.Applier.DryRun(ctx, change.Change, enforce.UIDOf(before)); err != nil {
			r.failed(ctx, p, change, before, err, found)
			refused = append(refused, object)
		}
	}
	return refused
}
