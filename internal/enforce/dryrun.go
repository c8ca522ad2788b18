package enforce

import (
	"context"
	"maps"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Preview is what carrying out a change would do.
type Preview struct {
	// Result is what the change would result in. The UID of an object that it
	// would create is not the one that it will have.
	Result
	// Before and After are the object's specs, as the API server has it now, and
	// as it would have it then: with what the change wants beside the spec, in its
	// place in the object. They are nil where the object is absent.
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
	after, failure := a.send(ctx, target, change, uid, true)
	if failure != nil {
		return Preview{}, failure
	}
	result, err := after.result(change)
	if err != nil {
		return Preview{}, err
	}
	return Preview{Result: result, Before: before.shown(change), After: after.shown(change)}, nil
}

// Shown is what a change would have of its object, as Preview shows it.
func Shown(change control.Change) map[string]any {
	if len(change.Fields)+len(change.Annotations) == 0 {
		return change.Spec
	}
	shown := maps.Clone(change.Fields)
	if shown == nil {
		shown = map[string]any{}
	}
	if len(change.Annotations) > 0 {
		shown["metadata"] = map[string]any{"annotations": change.Annotations}
	}
	if change.Spec != nil {
		shown["spec"] = change.Spec
	}
	return shown
}

// shown is what there is of the object that a change is about: its spec, or the fields
// and annotations that the change names.
func (o liveObject) shown(change control.Change) map[string]any {
	if o.Metadata.UID == "" || len(change.Fields)+len(change.Annotations) == 0 {
		return o.Spec
	}
	shown, fields := map[string]any{}, o.fields()
	for key := range change.Fields {
		if value, set := fields[key]; set {
			shown[key] = value
		}
	}
	annotations := map[string]any{}
	for key := range change.Annotations {
		if value, set := o.Metadata.Annotations[key]; set {
			annotations[key] = value
		}
	}
	if len(annotations) > 0 {
		shown["metadata"] = map[string]any{"annotations": annotations}
	}
	if change.Spec != nil {
		shown["spec"] = o.Spec
	}
	return shown
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
