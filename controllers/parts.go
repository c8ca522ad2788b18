package controllers

import (
	"sync"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// part is one part of an evaluator's inputs: a field of the snapshot, by its
// name in JSON. A part that is the same in many namespaces is kept once.
type part struct {
	role string
	ledger.Object
}

// inputs are the exact inputs of an evaluation, in parts.
func (r *Engine) inputs(p *pass, c *assess.Control, snapshot *control.Snapshot) ([]ledger.Input, []ledger.Object, error) {
	if p.partsOf != snapshot {
		parts, err := r.partsOf(p, snapshot)
		if err != nil {
			return nil, nil, err
		}
		p.partsOf, p.parts = snapshot, parts
	}
	inputs := []ledger.Input{{Role: "definition", Digest: c.Object.Digest}}
	objects := []ledger.Object{c.Object}
	for _, part := range p.parts {
		inputs = append(inputs, ledger.Input{Role: part.role, Digest: part.Digest})
		objects = append(objects, part.Object)
	}
	return inputs, objects, nil
}

// The parts of a snapshot that are always there.
const (
	partNamespace = "namespace"
	partPolicies  = "networkPolicies"
)

// partsOf are the parts of a snapshot. Another snapshot of the same pass differs
// from the first in nothing but NetworkPolicies.
func (r *Engine) partsOf(p *pass, snapshot *control.Snapshot) ([]part, error) {
	policies := snapshot.NetworkPolicies
	if policies == nil {
		policies = []control.NetworkPolicy{}
	}
	changed, err := ledger.NewObject(policies)
	if err != nil {
		return nil, err
	}
	if p.partsOf == nil {
		return r.allParts(snapshot, changed)
	}
	parts := make([]part, 0, len(p.parts))
	for _, other := range p.parts {
		if other.role == partPolicies {
			other.Object = changed
		}
		parts = append(parts, other)
	}
	return parts, nil
}

// allParts are the parts of a snapshot with the policies given. Those that are
// empty are left out.
func (r *Engine) allParts(snapshot *control.Snapshot, policies ledger.Object) ([]part, error) {
	namespace, err := ledger.NewObject(snapshot.Namespace)
	if err != nil {
		return nil, err
	}
	parts := []part{{partNamespace, namespace}, {partPolicies, policies}}
	for _, v := range []struct {
		role  string
		empty bool
		value any
	}{
		{"pods", len(snapshot.Pods) == 0, snapshot.Pods},
		{"services", len(snapshot.Services) == 0, snapshot.Services},
		{"entrances", len(snapshot.Entrances) == 0, snapshot.Entrances},
		{"peers", len(snapshot.Peers.Namespaces)+len(snapshot.Peers.Pods) == 0, snapshot.Peers},
		{"lifelines", snapshot.Lifelines == nil, snapshot.Lifelines},
		{"admissionBackends", len(snapshot.AdmissionBackends) == 0, snapshot.AdmissionBackends},
		{"clusterPolicies", len(snapshot.ClusterPolicies) == 0, snapshot.ClusterPolicies},
		{"unmodelled", len(snapshot.Unmodelled) == 0, snapshot.Unmodelled},
		{"unavailable", len(snapshot.Unavailable) == 0, snapshot.Unavailable},
	} {
		if v.empty {
			continue
		}
		o, err := r.encode(v.value)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{v.role, o})
	}
	return parts, nil
}

func (r *Engine) encode(value any) (ledger.Object, error) {
	if shared, ok := value.(*control.Lifelines); ok {
		return r.lifelines.encode(shared)
	}
	return ledger.NewObject(value)
}

// lifelines keeps the encoded form of the newest lifelines: they are the same,
// and shared, in the snapshots of all namespaces.
type lifelines struct {
	mu      sync.Mutex
	of      *control.Lifelines
	encoded ledger.Object
}

func (l *lifelines) encode(shared *control.Lifelines) (ledger.Object, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == shared {
		return l.encoded, nil
	}
	encoded, err := ledger.NewObject(shared)
	if err != nil {
		return ledger.Object{}, err
	}
	l.of, l.encoded = shared, encoded
	return encoded, nil
}
