package access

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// areaOf are the capabilities that are in an area.
var areaOf = map[Capability]Area{
	WritePolicies: AreaPolicy, ApproveExemptions: AreaApproval,
	ReadSigningKey: AreaOperator, ExecIntoOperator: AreaOperator, ChangeOperator: AreaOperator,
	WriteSchedules: AreaEvidence, WriteRecords: AreaEvidence,
}

// grant is one way to a capability: any of the verbs on any of the resources.
type grant struct {
	capability Capability
	// namespaced is true where a binding in the operator's namespace is enough.
	namespaced bool
	group      string
	resources  []string
	verbs      []string
	// name is the one object that matters; empty means any.
	name func(Target) string
}

const (
	holdfastGroup = "holdfast.dev"
	rbacGroup     = rbacv1.GroupName
)

// grants are all ways to all capabilities.
func grants() []grant {
	write := []string{"create", "update", "patch", "delete", "deletecollection"}
	change := []string{"update", "patch"}
	return []grant{
		{ReadSigningKey, true, "", []string{"secrets"}, []string{"get", "list", "watch"}, func(t Target) string { return t.Secret }},
		{ExecIntoOperator, true, "", []string{"pods/exec", "pods/attach"}, []string{"create", "get"}, nil},
		{ExecIntoOperator, true, "", []string{"pods/ephemeralcontainers"}, change, nil},
		{ChangeOperator, true, "", []string{"pods"}, write, nil},
		{ChangeOperator, true, "apps", []string{"deployments", "replicasets", "deployments/scale", "replicasets/scale"}, write, nil},
		{WritePolicies, false, holdfastGroup, []string{"controlpolicies"}, write, nil},
		{WriteSchedules, false, holdfastGroup, []string{"evidenceschedules"}, write, nil},
		{ApproveExemptions, false, holdfastGroup, []string{"controlexemptions/status"}, change, nil},
		{WriteRecords, false, holdfastGroup, []string{"evidencerecords"}, write, nil},
		{ChangeCRDsOrGuards, false, "apiextensions.k8s.io", []string{"customresourcedefinitions"}, write, nil},
		{ChangeCRDsOrGuards, false, "admissionregistration.k8s.io",
			[]string{"validatingadmissionpolicies", "validatingadmissionpolicybindings"}, write, nil},
		{ImpersonateOrEscalate, false, "", []string{"users", "groups"}, []string{"impersonate"}, nil},
		{ImpersonateOrEscalate, true, "", []string{"serviceaccounts"}, []string{"impersonate"}, nil},
		{ImpersonateOrEscalate, true, "", []string{"serviceaccounts/token"}, []string{"create"}, nil},
		{ImpersonateOrEscalate, false, rbacGroup, []string{"clusterroles"}, []string{"bind", "escalate"}, nil},
		{ImpersonateOrEscalate, true, rbacGroup, []string{"roles", "clusterroles"}, []string{"bind", "escalate"}, nil},
	}
}

// capabilities are all capabilities, in order.
func capabilities() []Capability {
	var all []Capability
	for _, g := range grants() {
		all = append(all, g.capability)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// by reports whether a rule gives the capability.
func (g *grant) by(rule *rbacv1.PolicyRule, target Target) bool {
	if !names(rule.APIGroups, g.group) || !slices.ContainsFunc(g.verbs, func(v string) bool { return names(rule.Verbs, v) }) {
		return false
	}
	if g.name != nil && len(rule.ResourceNames) > 0 && !slices.Contains(rule.ResourceNames, g.name(target)) {
		return false
	}
	return slices.ContainsFunc(g.resources, func(r string) bool { return covers(rule.Resources, r) })
}

func names(list []string, value string) bool {
	return slices.Contains(list, value) || slices.Contains(list, rbacv1.VerbAll)
}

// covers reports whether resources of a rule cover one: itself, all of them, or
// a subresource of every resource.
func covers(resources []string, resource string) bool {
	if names(resources, resource) {
		return true
	}
	for i := range resource {
		if resource[i] == '/' {
			return slices.Contains(resources, "*"+resource[i:])
		}
	}
	return false
}
