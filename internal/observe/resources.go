package observe

import "k8s.io/apimachinery/pkg/types"

// Resource is where a kind that is observed is read.
type Resource struct {
	// Group is the API group, Name the plural name.
	Group, Name string
	// Optional is true of kinds that are observed where they are served.
	Optional bool
}

// Resources are those of all kinds that are observed. Holdfast has to be allowed
// to list and watch them.
func Resources() []Resource {
	var resources []Resource
	for _, s := range always("", types.NamespacedName{}) {
		resources = append(resources, Resource{Group: s.group, Name: s.resource})
	}
	for _, o := range optionals() {
		resources = append(resources, Resource{Group: o.group, Name: o.resource, Optional: true})
	}
	return resources
}
