package observe

import (
	"cmp"
	"slices"
)

// placed are values that objects have in scopes, which need not be their own.
type placed[V any] struct {
	// at are the values in each scope, ordered by object.
	at map[string][]*placedObject[V]
	// of are the scopes in which each object has one.
	of map[object][]string
}

// placedObject is the value that an object has in one scope.
type placedObject[V any] struct {
	key   object
	value V
}

func newPlaced[V any]() placed[V] {
	return placed[V]{at: map[string][]*placedObject[V]{}, of: map[object][]string{}}
}

// put places the values of an object, by scope, in the stead of those that it had.
// It returns those that it had.
func (p *placed[V]) put(key object, values map[string]V) map[string]V {
	old := make(map[string]V, len(p.of[key]))
	for _, scope := range p.of[key] {
		old[scope] = p.find(scope, key).value
		if _, stays := values[scope]; !stays {
			p.drop(scope, key)
		}
	}
	delete(p.of, key)
	for scope, value := range values {
		if o := p.find(scope, key); o != nil {
			o.value = value
		} else {
			i, _ := p.search(scope, key)
			p.at[scope] = slices.Insert(p.at[scope], i, &placedObject[V]{key, value})
		}
		p.of[key] = append(p.of[key], scope)
	}
	return old
}

// find returns the value that an object has in a scope, nil where it has none.
func (p *placed[V]) find(scope string, key object) *placedObject[V] {
	i, found := p.search(scope, key)
	if !found {
		return nil
	}
	return p.at[scope][i]
}

func (p *placed[V]) search(scope string, key object) (index int, found bool) {
	return slices.BinarySearchFunc(p.at[scope], key, func(o *placedObject[V], key object) int { return compareObjects(o.key, key) })
}

func (p *placed[V]) drop(scope string, key object) {
	i, _ := p.search(scope, key)
	p.at[scope] = slices.Delete(p.at[scope], i, i+1)
	if len(p.at[scope]) == 0 {
		delete(p.at, scope)
	}
}

// keys returns the objects that have a value in a scope.
func (p *placed[V]) keys(scope string) []object {
	keys := make([]object, 0, len(p.at[scope]))
	for _, o := range p.at[scope] {
		keys = append(keys, o.key)
	}
	return keys
}

// others returns the objects of a kind that are not kept.
func (p *placed[V]) others(kind string, kept map[object]struct{}) []object {
	var others []object
	for key := range p.of {
		if _, ok := kept[key]; !ok && key.kind == kind {
			others = append(others, key)
		}
	}
	return others
}

// in returns the objects of a kind that are in a namespace.
func (p *placed[V]) in(kind, namespace string) []object {
	var in []object
	for key := range p.of {
		if key.kind == kind && key.namespace == namespace {
			in = append(in, key)
		}
	}
	return in
}

func compareObjects(a, b object) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
}
