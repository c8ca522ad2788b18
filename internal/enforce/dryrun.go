package enforce

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Preview is what carrying out a change would do.
type Preview struct {
	// Result is what the change would result in. The UID of an object that it
	// would create is not the one that it will have.
	Result
	// Before and After are the object's specs, as the API server has it now, and
	// as it would have it then. They are nil where the object is absent.
	Before, After map[string]any
}

// DryRun asks the API server what a change, a removal too, would do. Nothing is
// changed: admission and validation run, storage does not. uid is as for Apply
// and Remove, and so are the failures; an answer that is lost is not looked for.
// Nothing is sent for the removal of an object that is absent.
func (a *Applier) DryRun(ctx context.Context, change control.Change, uid string) (Preview, error) {
	target, err := a.locate(change)
	if err != nil {
		return Preview{}, err
	}
	before, failure := a.get(ctx, target)
	if failure != nil {
		return Preview{}, failure
	}
	if change.Remove {
		return a.previewRemoval(ctx, target, before, uid)
	}
	request, err := a.patch(target, change, uid)
	if err != nil {
		return Preview{}, err
	}
	after, failure := answer(request.Param("dryRun", metav1.DryRunAll).Do(ctx), target, applyVerbs(uid))
	if failure != nil {
		return Preview{}, failure
	}
	result, err := after.result(change)
	if err != nil {
		return Preview{}, err
	}
	return Preview{Result: result, Before: before.Spec, After: after.Spec}, nil
}

func (a *Applier) previewRemoval(ctx context.Context, at target, before liveObject, uid string) (Preview, error) {
	if uid == "" {
		return Preview{Before: before.Spec, After: before.Spec}, nil
	}
	after, failure := a.delete(ctx, at, uid, true)
	if failure != nil {
		return Preview{}, failure
	}
	return Preview{Result: after.removal(), Before: before.Spec, After: after.Spec}, nil
}
