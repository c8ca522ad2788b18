package control

// Change is one object that must be as Spec says, or must not be. It is applied
// by server-side apply, and compared with the response.
type Change struct {
	// APIVersion, Kind, Namespace and Name say which object.
	APIVersion string
	Kind       string
	Namespace  string
	Name       string
	// Spec is the wanted spec, complete, with empty lists explicit: server-side
	// apply reverts only fields that it owns. It is nil where Remove is set, and
	// where nothing is wanted of the spec.
	Spec map[string]any
	// Fields are what is wanted at the top level of a kind that has no spec, such
	// as a StorageClass; Annotations what is wanted of metadata.annotations. What
	// else the object has there is left alone.
	Fields      map[string]any
	Annotations map[string]string
	// Labels are what is wanted of metadata.labels of an object of ours, such as a
	// Backup that says of which cluster it is.
	Labels map[string]string
	// Unowned are fields at the top of the spec that the object's own controller
	// writes, such as skipImmediately: whatever they are, the object is as wanted.
	Unowned []string
	// Foreign is true where the object is not ours, and Fields or Annotations are
	// what of it the control opted in to: then an object that is not there is not
	// created, and fields that another manager holds are taken over.
	Foreign bool
	// Rules are the rules whose failing findings it repairs.
	Rules []string
	// Subject is the subject whose findings those are; nil stands for every subject
	// of the control in the scope, and what is done is recorded on the scope itself.
	Subject *Subject
	// Effect says what the object does to what was possible without it, also where
	// it is to be removed: an allowance Permits even while it is revoked.
	Effect Effect
	// Aspects are what it restricts or permits, such as Ingress: a restriction is
	// sent only once what its own control requires in each of its aspects is in
	// place, and a permission only if every enforcing control that restricts one
	// of its aspects grants it. Sorted.
	Aspects []string
	// Required is true for a permission without which a restriction of its
	// aspects would do harm, such as that of DNS.
	Required bool
	// InPlace is true where the object was observed to be as wanted already: then
	// nothing is to be sent, whatever rules fail.
	InPlace bool
	// Remove is true where the object, which is ours, must not be.
	Remove bool
	// Rollback says in one sentence why an object of ours is removed that did
	// harm. It is empty for every other change.
	Rollback string
}

// Effect is what a change does to what was possible before.
type Effect string

// The effects.
const (
	// Restricts: the object forbids what nothing else allows.
	Restricts Effect = "Restricts"
	// Permits: the object allows what others forbid.
	Permits Effect = "Permits"
)

// SaysNothing reports whether a field of an object is absent, or an empty map or list,
// which the API server may store as absent. Zero and false say something.
func SaysNothing(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	default:
		return false
	}
}
