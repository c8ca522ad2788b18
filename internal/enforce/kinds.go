package enforce

import (
	"context"
	"maps"
	"slices"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// maxTaken is how many fields of an object are taken over at most, and maxWas how
// long a value is that is kept of them, as JSON.
const (
	maxTaken = 16
	maxWas   = 256
)

// networkPolicyKind is the kind that server-side apply repairs by itself: each of its
// lists is one value.
const networkPolicyKind = "NetworkPolicy"

// difference returns where the object is not as a change wants it: all of its spec
// but for what its own controller writes, and of labels, other fields and annotations
// those that the change names.
func (o liveObject) difference(change control.Change) (string, error) {
	if change.Spec != nil || len(change.Fields)+len(change.Annotations) == 0 {
		if differs, err := difference(change.Spec, without(o.Spec, change.Unowned)); err != nil || differs != "" {
			return differs, err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(change.Labels)) {
		if o.Metadata.Labels[key] != change.Labels[key] {
			return "metadata.labels." + key + ": not the wanted value", nil
		}
	}
	for _, key := range slices.Sorted(maps.Keys(change.Annotations)) {
		if o.Metadata.Annotations[key] != change.Annotations[key] {
			return "metadata.annotations." + key + ": not the wanted value", nil
		}
	}
	if len(change.Fields) == 0 {
		return "", nil
	}
	wanted, err := plain(change.Fields)
	if err != nil {
		return "", err
	}
	fields := o.fields()
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if differs := differ(key, wanted[key], fields[key]); differs != "" {
			return differs, nil
		}
	}
	return "", nil
}

// without is a spec but for fields that are not looked at.
func without(spec map[string]any, fields []string) map[string]any {
	if len(fields) == 0 {
		return spec
	}
	rest := maps.Clone(spec)
	for _, field := range fields {
		delete(rest, field)
	}
	return rest
}

// fields are those at the top level of the object.
func (o liveObject) fields() map[string]any {
	fields := map[string]any{}
	if len(o.body) > 0 {
		_ = utiljson.Unmarshal(o.body, &fields) // It was decoded before.
	}
	return fields
}

// taken is what a change is about to take over of somebody else's object.
func (a *Applier) taken(ctx context.Context, at target, change control.Change, uid string) ([]Taken, error) {
	object, failure := a.get(ctx, at)
	if failure != nil {
		return nil, failure
	}
	if uid == "" || object.Metadata.UID != uid {
		return nil, &Error{Failure: FailureConflict, Message: notObserved, Err: errNotThere}
	}
	var taken []Taken
	for _, key := range slices.Sorted(maps.Keys(change.Annotations)) {
		value, set := object.Metadata.Annotations[key]
		taken = append(taken, Taken{"metadata.annotations." + key, was(value, set)})
	}
	fields := object.fields()
	for _, key := range slices.Sorted(maps.Keys(change.Fields)) {
		value, set := fields[key]
		taken = append(taken, Taken{key, was(value, set)})
	}
	return taken[:min(len(taken), maxTaken)], nil
}

// was is a value as JSON, empty where there was none, or it is too long to be kept.
func was(value any, set bool) string {
	data, err := utiljson.Marshal(value)
	if !set || err != nil || len(data) > maxWas {
		return ""
	}
	return string(data)
}

// replaceable reports whether a change states the whole spec of an object of
// Holdfast's own whose lists server-side apply merges: what somebody else added to
// them stays, unless the spec is replaced.
func replaceable(change control.Change) bool {
	return change.Spec != nil && !change.Foreign && change.Kind != networkPolicyKind
}

// replacing is the JSON patch that replaces the spec of an object, if it is still the
// one with that UID.
func replacing(change control.Change, uid string) ([]byte, error) {
	return utiljson.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/uid", "value": uid},
		{"op": "replace", "path": "/spec", "value": change.Spec},
	})
}
