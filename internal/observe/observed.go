package observe

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Observes reports whether objects of a kind are observed. NewStatic leaves out
// the others.
func Observes(kind schema.GroupKind) bool {
	is := func(group, name string) bool { return group == kind.Group && name == kind.Kind }
	return slices.ContainsFunc(always("", types.NamespacedName{}), func(s source) bool { return is(s.group, s.name) }) ||
		slices.ContainsFunc(optionals(), func(o optional) bool { return is(o.group, o.kind) })
}
