package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
)

// reasonDiffers is the reason of a repair whose object is not what it was to become.
const reasonDiffers = "ReadBackDiffers"

// errDiffers says that an object is not what it was to become.
var errDiffers = errors.New("the object is not as wanted")

// answer is what became of a change: the object as it was read back, nil where it is
// gone, and what was taken over of it.
type answer struct {
	object *enforce.Existing
	taken  []enforce.Taken
}

// send sends one change, and returns what became of it.
func (r *ScopeReconciler) send(ctx context.Context, change enforce.Change, before *enforce.Existing) (answer, error) {
	act := r.Applier.Apply
	if change.Remove {
		act = r.Applier.Remove
	}
	write := r.Observer.BeginChange(change.APIVersion, change.Kind, change.Namespace, change.Name)
	result, err := act(ctx, change.Change, enforce.UIDOf(before))
	killpoint.Hit(killpoint.RepairAnswered)
	switch {
	case failureOf(err) == enforce.FailureUnknown:
		write.Done("")
	case err != nil:
		write.Failed()
	case change.Remove && result.Differs == "":
		write.Removed()
	default:
		write.Done(result.Object.ResourceVersion)
	}
	switch {
	case err != nil:
		return answer{}, err
	case result.Differs != "":
		return answer{}, fmt.Errorf("%w: %s", errDiffers, result.Differs)
	case change.Remove:
		return answer{}, nil
	}
	object, err := readBack(change.Change, result.Object, r.Now())
	return answer{object, result.Taken}, err
}

// readBack is the object that an apply was answered with. Of a NetworkPolicy it is what
// the change wants, for the answer was compared with that.
func readBack(change control.Change, id control.Identity, now time.Time) (*enforce.Existing, error) {
	id.Manager, id.Applied, id.ManagedAt = enforce.ManagerOf(change), now, now
	back := &enforce.Existing{Identity: id, Ours: !change.Foreign}
	if change.Kind != networkPolicyKind {
		return back, nil
	}
	back.Policy = &control.NetworkPolicy{Name: change.Name, Ours: true, Identity: id}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(change.Spec, &back.Policy.Spec); err != nil {
		return nil, fmt.Errorf("read NetworkPolicy %s/%s back: %w", change.Namespace, change.Name, err)
	}
	return back, nil
}

func failureOf(err error) enforce.Failure {
	var failure *enforce.Error
	if errors.As(err, &failure) {
		return failure.Failure
	}
	return ""
}
