// Package permissions is the one list of what Holdfast, and the people who work
// with it, may do in a cluster. The chart's roles, config/rbac, the page
// docs/permissions.md, and the sentence by which a verdict says which right is
// missing are all made from it.
package permissions

// Role is a set of rules that is granted as a whole. Each is one ClusterRole or
// Role of the same name, after the prefix "holdfast-".
type Role string

// The operator's roles.
const (
	// Observe is what Holdfast needs to observe and to say what it observed.
	Observe Role = "observe"
	// Enforce is what Holdfast needs besides Observe to repair; it is granted by
	// control type.
	Enforce Role = "enforce"
	// Operator is what Holdfast needs in its own namespace.
	Operator Role = "operator"
)

// The roles of people.
const (
	// Viewer reads what is declared and recorded.
	Viewer Role = "viewer"
	// PolicyAdmin states controls.
	PolicyAdmin Role = "policy-admin"
	// ScheduleAdmin states how controls are evidenced.
	ScheduleAdmin Role = "schedule-admin"
	// Approver confirms what is held until somebody looked at it.
	Approver Role = "approver"
	// Auditor reads records and the ledger.
	Auditor Role = "auditor"
	// Reperformer lists what was judged with rights of their own.
	Reperformer Role = "auditor-reperform"
	// MetricsReader scrapes metrics.
	MetricsReader Role = "metrics-reader"
)

// Rule is a right to do something to resources, and what it is for.
type Rule struct {
	// Role is whose rule it is.
	Role Role
	// Part names, within Role, what a value of the chart grants or withholds: a
	// control type of Enforce, or an optional kind's API of Observe. Empty means
	// always granted.
	Part string
	// Namespaced has the rule hold in Holdfast's own namespace only.
	Namespaced bool
	// Group is the API group; Resources are resources, or resource/subresource.
	Group     string
	Resources []string
	// Names limit the rule to objects of these names.
	Names []string
	// URLs are paths of the API server or of Holdfast that are no resources.
	URLs []string
	// Verbs are what may be done. None is a wildcard.
	Verbs []string
	// Feature says which feature needs the rule and what for: one or two sentences.
	Feature string
}
