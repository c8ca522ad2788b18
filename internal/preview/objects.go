package preview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// Verb says what would be done to an object.
type Verb string

// The verbs.
const (
	Create Verb = "create"
	Patch  Verb = "patch"
	Remove Verb = "remove"
)

// Object is one object that would change.
type Object struct {
	Verb       Verb   `json:"verb"`
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	// WantedBy are the controls that want it, as policy/control.
	WantedBy []string `json:"wantedBy"`
	// Rules are the rules whose failing findings it would repair.
	Rules []string `json:"rules"`
	// Before and After are the object's specs, as the API server has it and would
	// have it; of a kind without a spec, and of somebody else's object, the fields
	// and annotations that would be set.
	Before map[string]any `json:"before,omitempty"`
	After  map[string]any `json:"after,omitempty"`
	// Fields is true where Before and After are fields, and no spec.
	Fields bool `json:"fields,omitempty"`
	// Predicted is true where the API server could not be asked: After is what
	// would be sent to it.
	Predicted bool `json:"predicted,omitempty"`
	// Note says why it is predicted, or that it would not be as wanted.
	Note string `json:"note,omitempty"`
}

// changes reports whether the object would not be what it is.
func (o *Object) changes() bool { return o.Note != "" || !reflect.DeepEqual(o.Before, o.After) }

// object asks the API server what a change would do.
func (p *preview) object(ctx context.Context, snapshot *control.Snapshot, change enforce.Change) (Object, error) {
	object := Object{Verb: Create, APIVersion: change.APIVersion, Kind: change.Kind, Namespace: change.Namespace,
		Name: change.Name, WantedBy: names(change.WantedBy), Rules: change.Rules,
		Fields: len(change.Fields)+len(change.Annotations) > 0}
	existing := enforce.Find(snapshot, change.Change)
	if existing != nil {
		object.Verb = Patch
	}
	if change.Remove {
		object.Verb = Remove
	}
	result, err := p.DryRun.DryRun(ctx, change.Change, enforce.UIDOf(existing))
	var failure *enforce.Error
	switch {
	case err == nil:
		object.Before, object.After = result.Before, result.After
		if result.Differs != "" {
			object.Note = "it would not be as wanted: " + result.Differs
		}
		return object, nil
	case errors.As(err, &failure) && answered(failure.Failure):
		object.Note = failure.Message
	default:
		return object, fmt.Errorf("dry run of %s %s: %w", change.Kind, change.Name, err)
	}
	return object, object.predict(change, existing)
}

// answered reports whether the API server said that it would not do it. Without
// an answer there is nothing to show.
func answered(failure enforce.Failure) bool {
	return !slices.Contains([]enforce.Failure{enforce.FailureUnknown, enforce.FailureUnsent, enforce.FailureThrottled}, failure)
}

// predict fills in what would be sent, where the API server could not be asked.
func (o *Object) predict(change enforce.Change, existing *enforce.Existing) error {
	o.Predicted = true
	var err error
	if existing != nil && existing.Policy != nil {
		if o.Before, err = runtime.DefaultUnstructuredConverter.ToUnstructured(&existing.Policy.Spec); err != nil {
			return fmt.Errorf("show %s %s: %w", o.Kind, o.Name, err)
		}
	}
	if change.Remove {
		return nil
	}
	data, err := json.Marshal(enforce.Shown(change.Change))
	if err != nil {
		return fmt.Errorf("show %s %s: %w", o.Kind, o.Name, err)
	}
	return json.Unmarshal(data, &o.After)
}

const networkPolicyKind = "NetworkPolicy"

func policyIndex(snapshot *control.Snapshot, name string) int {
	return slices.IndexFunc(snapshot.NetworkPolicies, func(p control.NetworkPolicy) bool { return p.Name == name })
}

// carriedOut is the snapshot of a namespace in which a change took effect. What follows
// from other kinds than NetworkPolicies only the operator finds out, once it is so.
func carriedOut(snapshot *control.Snapshot, change control.Change) (*control.Snapshot, error) {
	if change.Kind != networkPolicyKind {
		return snapshot, nil
	}
	next := *snapshot
	next.NetworkPolicies = slices.Clone(snapshot.NetworkPolicies)
	i := policyIndex(snapshot, change.Name)
	if change.Remove {
		if i >= 0 {
			next.NetworkPolicies = slices.Delete(next.NetworkPolicies, i, i+1)
		}
		return &next, nil
	}
	applied := control.NetworkPolicy{Name: change.Name, Ours: true}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(change.Spec, &applied.Spec); err != nil {
		return nil, fmt.Errorf("read the wanted %s %s: %w", change.Kind, change.Name, err)
	}
	if i >= 0 {
		applied.Identity = next.NetworkPolicies[i].Identity
		next.NetworkPolicies[i] = applied
		return &next, nil
	}
	next.NetworkPolicies = append(next.NetworkPolicies, applied)
	slices.SortFunc(next.NetworkPolicies, func(a, b control.NetworkPolicy) int { return strings.Compare(a.Name, b.Name) })
	return &next, nil
}
