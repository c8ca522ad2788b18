package observe

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// Resource is where a kind that is observed is read.
type Resource struct {
	// Group is the API group, Name the plural name.
	Group, Name string
	// Optional is true of kinds that are observed where they are served. All others
	// every cluster serves in which Holdfast is installed.
	Optional bool
	// OnDemand is true of kinds that are observed only while a control needs them.
	OnDemand bool
}

// Resources are those of all kinds that are observed. Holdfast has to be allowed
// to list and watch them.
func Resources() []Resource {
	var resources []Resource
	for _, s := range always("", types.NamespacedName{}) {
		resources = append(resources, Resource{Group: s.group, Name: s.resource})
	}
	for _, o := range optionals() {
		read := func(r Resource) bool { return r.Group == o.group && r.Name == o.resource }
		if slices.ContainsFunc(resources, read) {
			continue // it is read in two ways
		}
		resources = append(resources, Resource{
			Group: o.group, Name: o.resource, Optional: o.everywhere == "" && o.group != holdfastGroup, OnDemand: !(demand{}).meets(o.needs...),
		})
	}
	return resources
}
