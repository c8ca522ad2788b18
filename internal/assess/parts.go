package assess

import (
	"reflect"
	"sync"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// RoleDefinition is the role of the input that comes from the policy: Control.Object.
const RoleDefinition = "definition"

// The roles of the parts of a snapshot that are always there.
const (
	RoleNamespace = "namespace"
	RolePolicies  = "networkPolicies"
)

// Part is one part of an evaluator's inputs: a field of the snapshot, by its
// name in JSON. A part that is the same in many namespaces is kept once.
type Part struct {
	Role string
	ledger.Object
}

// Encoder encodes snapshots in parts. It keeps the encoded form of the newest
// lifelines, which are the same, and shared, in the snapshots of all namespaces.
// Its methods may be used concurrently.
type Encoder struct {
	mu        sync.Mutex
	of        *control.Lifelines
	lifelines ledger.Object
}

// Parts are the parts of a snapshot. Those that are empty are left out.
func (e *Encoder) Parts(snapshot *control.Snapshot) ([]Part, error) {
	namespace, err := NamespacePart(snapshot.Namespace)
	if err != nil {
		return nil, err
	}
	policies, err := policiesPart(snapshot)
	if err != nil {
		return nil, err
	}
	parts := []Part{namespace, policies}
	fields := reflect.ValueOf(snapshot).Elem()
	for _, r := range roles {
		value := fields.Field(r.field)
		if r.name == RoleNamespace || r.name == RolePolicies || empty(value) {
			continue
		}
		o, err := e.encode(value.Interface())
		if err != nil {
			return nil, err
		}
		parts = append(parts, Part{r.name, o})
	}
	return parts, nil
}

// WithPolicies are the parts of a snapshot that differs in nothing but
// NetworkPolicies from the one whose parts are given.
func WithPolicies(parts []Part, snapshot *control.Snapshot) ([]Part, error) {
	changed, err := policiesPart(snapshot)
	if err != nil {
		return nil, err
	}
	renewed := make([]Part, 0, len(parts))
	for _, part := range parts {
		if part.Role == RolePolicies {
			part = changed
		}
		renewed = append(renewed, part)
	}
	return renewed, nil
}

// NamespacePart is the part that says which namespace it is. It decides whether
// the namespace is in a policy's scope.
func NamespacePart(ns control.Namespace) (Part, error) {
	o, err := ledger.NewObject(ns)
	return Part{RoleNamespace, o}, err
}

func policiesPart(snapshot *control.Snapshot) (Part, error) {
	policies := snapshot.NetworkPolicies
	if policies == nil {
		policies = []control.NetworkPolicy{}
	}
	o, err := ledger.NewObject(policies)
	return Part{RolePolicies, o}, err
}

func (e *Encoder) encode(value any) (ledger.Object, error) {
	shared, ok := value.(*control.Lifelines)
	if !ok {
		return ledger.NewObject(value)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of == shared {
		return e.lifelines, nil
	}
	encoded, err := ledger.NewObject(shared)
	if err != nil {
		return ledger.Object{}, err
	}
	e.of, e.lifelines = shared, encoded
	return encoded, nil
}
