package control

// Change is one object that must be as Want says. It is applied by server-side
// apply, and compared with the response.
type Change struct {
	// APIVersion, Kind, Namespace and Name say which object.
	APIVersion string
	Kind       string
	Namespace  string
	Name       string
	// Spec is the wanted spec, complete, with empty lists explicit: server-side
	// apply reverts only fields that it owns.
	Spec map[string]any
	// Rules are the rules whose failing findings it repairs.
	Rules []string
}
