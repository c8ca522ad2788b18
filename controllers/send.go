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

// send sends one change, and returns the object as it was read back, or nil
// where it is gone.
func (r *ScopeReconciler) send(ctx context.Context, p *pass, change enforce.Change, before *control.NetworkPolicy) (*control.NetworkPolicy, error) {
	uid := ""
	if before != nil {
		uid = before.Identity.UID
	}
	act := r.Applier.Apply
	if change.Remove {
		act = r.Applier.Remove
	}
	write := r.Observer.BeginWrite(control.NeedNetworkPolicies, p.name, change.Name)
	result, err := act(ctx, change.Change, uid)
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
		return nil, err
	case result.Differs != "":
		return nil, fmt.Errorf("%w: %s", errDiffers, result.Differs)
	case change.Remove:
		return nil, nil
	}
	return readBack(change.Change, result.Object, r.Now())
}

// readBack is the NetworkPolicy that an apply was answered with: what it wants,
// for the answer was compared with that.
func readBack(change control.Change, id control.Identity, now time.Time) (*control.NetworkPolicy, error) {
	np := &control.NetworkPolicy{Name: change.Name, Ours: true, Identity: id}
	np.Identity.Manager, np.Identity.Applied, np.Identity.ManagedAt = enforce.FieldManager, now, now
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(change.Spec, &np.Spec); err != nil {
		return nil, fmt.Errorf("read NetworkPolicy %s/%s back: %w", change.Namespace, change.Name, err)
	}
	return np, nil
}

func failureOf(err error) enforce.Failure {
	var failure *enforce.Error
	if errors.As(err, &failure) {
		return failure.Failure
	}
	return ""
}
