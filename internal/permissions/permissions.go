// Package permissions is the one list of what Holdfast, and the people who work
// with it, may do in a cluster. The chart's roles, config/base, the page
// docs/permissions.md, and the sentence by which a condition says which right is
// missing are all made from it.
package permissions

import "cmp"

// Role is a set of rules that is granted as a whole. Each is one ClusterRole or
// Role of the same name, after the release's name and a dash, and so is each part
// of it.
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
	// Probe is what Holdfast needs to see effects, rather than declarations.
	Probe Role = "probe"
	// Prober is what the account has by which Holdfast tries what a guard is to
	// refuse; it is granted by control type.
	Prober Role = "prober"
	// TLSSecrets is reading the Secrets that certificates are in.
	TLSSecrets Role = "tls-secrets"
	// VeleroRepository is reading the Secret that the password of Velero's
	// repositories is in.
	VeleroRepository Role = "velero-repository"
)

// Account is a service account that the chart makes and binds roles to.
type Account string

// The accounts.
const (
	// People is no account: those who know the people bind the role to them.
	People Account = ""
	// OperatorAccount is the operator's.
	OperatorAccount Account = "operator"
	// ProberAccount is ProberName in the operator's namespace. An admission policy
	// of the chart's refuses it everything but dry runs.
	ProberAccount Account = "prober"
)

// Names of objects in Holdfast's own namespace, whatever the release.
const (
	// ProberName is the name of ProberAccount's service account.
	ProberName = "holdfast-prober"
	// CanaryName is the name of the Secrets and ConfigMaps that are written to see
	// how they are stored, and removed at once.
	CanaryName = "holdfast-canary"
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
	// Without says what happens without the rule: a sentence.
	Without string
}

// Grant is a Role as it is installed.
type Grant struct {
	Role Role
	// Doc says who has the role, and what for: one or two sentences.
	Doc string
	// Account is what the chart binds the role to.
	Account Account
	// Value is the value of the chart, true or false, by which the role is granted,
	// and ByDefault what it is unless set. Empty means always.
	Value     string
	ByDefault bool
	// Namespaces is the value of the chart that lists the namespaces in which the
	// role is bound; where that list is empty, it is bound for the whole cluster.
	// Without such a value, it always is.
	Namespaces string
	// Extensible has the ClusterRole collect, besides its own rules, those of every
	// ClusterRole that is labelled with AggregateTo(Role).
	Extensible bool
	// Into is a role of Kubernetes' own, such as view, that gets the rules too.
	Into string
}

// Setting is the value of the chart that grants the role, with what to set it to;
// empty where the role is always granted.
func (g *Grant) Setting() string {
	if g.Value == "" {
		return ""
	}
	return g.Value + "=true"
}

// Part is what a value of the chart grants or withholds of a Role.
type Part struct {
	Role Role
	Name string
	// Value names the value of the chart, such as observe.cilium.
	Value string
	// Doc says what the part is for: a clause.
	Doc string
	// APIs are the group/versions of an optional API. By the value Auto the part
	// is granted where one of them is served. Without any, the value is true or
	// false.
	APIs []string
}

// Setting is the value of the chart that grants the part, with what to set it to.
func (p *Part) Setting() string {
	if len(p.APIs) > 0 {
		return p.Value + "=Enabled"
	}
	return p.Value + "=true"
}

// Table is all there is to grant.
type Table struct {
	// Grants are the roles, in the order of the page.
	Grants []Grant
	// Parts are the parts of roles, in the order of the page.
	Parts []Part
	// Rules are the rules, in the order in which they are installed.
	Rules []Rule
}

// CustomPart names the part of Observe that holds what an installation adds.
const CustomPart = "custom"

// labelPrefix is that of the labels by which rules are added to a role.
const labelPrefix = "rbac.holdfast.dev/aggregate-to-"

// AggregateTo is the label, of value "true", by which a ClusterRole's rules are
// added to a role of Holdfast that is extensible, or to Observe.
func AggregateTo(role Role) string { return labelPrefix + string(role) }

// Holdfast returns the table of Holdfast.
func Holdfast() Table {
	var rules []Rule
	for _, more := range [][]Rule{
		observeRules(), optionalRules(), metricsRules(), enforceRules(), operatorRules(),
		probeRules(), restoreRules(), proberRules(), tlsSecretRules(), veleroRepositoryRules(), peopleRules(), auditorRules(),
	} {
		rules = append(rules, more...)
	}
	return Table{Grants: grants(), Parts: parts(), Rules: rules}
}

// grants are the roles.
func grants() []Grant {
	return []Grant{
		{Role: Observe, Account: OperatorAccount, Extensible: true, Doc: "What Holdfast needs to observe and to say what it observed. With this alone" +
			" it changes nothing in the cluster but its own status, events and records."},
		{Role: Enforce, Account: OperatorAccount, Doc: "What Holdfast needs besides to repair, by control type. Without it, mode Enforce fails visibly," +
			" while evaluation and evidence go on."},
		{Role: Operator, Account: OperatorAccount, Doc: "What Holdfast needs in its own namespace: to be the only one at work, and to hold on to its ledger."},
		{Role: Probe, Account: OperatorAccount, Value: "probe.enabled", ByDefault: true, Doc: "What Holdfast needs to see effects, rather than declarations: to" +
			" store a canary in its own namespace, to read from the API server's metrics how it was stored, and to ask for the prober's token."},
		{Role: Prober, Account: ProberAccount, Value: "probe.enabled", ByDefault: true, Doc: "What the prober, " + ProberName + " in Holdfast's namespace, may try:" +
			" to create what a guard is to refuse. An admission policy refuses it whatever is no dry run, so that it never creates anything."},
		{Role: TLSSecrets, Account: OperatorAccount, Value: "tlsSecrets.read", Namespaces: "tlsSecrets.namespaces", Doc: "Reading the Secrets that" +
			" certificates are in. Kubernetes cannot grant half a Secret, nor Secrets of one type: whoever has this can read every Secret there," +
			" private keys and passwords included."},
		{Role: VeleroRepository, Account: OperatorAccount, Value: "veleroRepository.read", Doc: "Reading the Secret in which Velero keeps the password" +
			" of its repositories, to tell whether it is the one that Velero comes with. Whoever reads it can decrypt the data of volumes in them."},
		{Role: Viewer, Into: "view", Doc: "Reads what is declared and recorded. Whoever may view the cluster has it."},
		{Role: PolicyAdmin, Extensible: true, Doc: "States controls, and does not confirm what is held until somebody else looked at it."},
		{Role: ScheduleAdmin, Doc: "States how controls are evidenced. Bind it to others than policy-admin where nobody must both state a control" +
			" and decide how it is evidenced."},
		{Role: Approver, Extensible: true, Doc: "Confirms what is held until somebody looked at it, and changes nothing else."},
		{Role: Auditor, Extensible: true, Doc: "Reads records and the ledger, and changes nothing. Bind both the ClusterRole and the Role: they reveal no" +
			" Secret, and no object of the cluster but Holdfast's own."},
		{Role: Reperformer, Doc: "Lists what was judged, with rights of one's own, and compares: kinds that controls judge by, and never Secrets."},
		{Role: MetricsReader, Doc: "Scrapes metrics. Bind it to the service account of whatever does."},
	}
}

// parts are the parts of roles.
func parts() []Part {
	parts := []Part{
		{Role: Observe, Name: "gatewayAPI", Doc: "Gateways and what belongs to them: ways in from outside, and their TLS",
			APIs: []string{gatewayGroup + "/v1", gatewayGroup + "/v1beta1"}},
		{Role: Observe, Name: "clusterNetworkPolicy", Doc: "cluster-wide policies that override NetworkPolicies",
			APIs: []string{policyGroup + "/v1alpha1", policyGroup + "/v1alpha2"}},
		{Role: Observe, Name: "cilium", Doc: "Cilium's policies, which override NetworkPolicies",
			APIs: []string{ciliumGroup + "/v2"}},
		{Role: Observe, Name: "calico", Doc: "Calico's policies, which override NetworkPolicies",
			APIs: []string{calicoCRDGroup + "/v1", calicoGroup + "/v3"}},
		{Role: Observe, Name: "istio", Doc: "what Istio is told about TLS between workloads",
			APIs: []string{istioSecurityGroup + "/v1", istioNetworkingGroup + "/v1"}},
		{Role: Observe, Name: "certManager", Doc: "the Certificates of cert-manager",
			APIs: []string{certManagerGroup + "/v1"}},
		{Role: Observe, Name: "velero", Doc: "Velero's Schedules and Backups, what belongs to these, and where they are stored",
			APIs: []string{veleroGroup + "/v1"}},
		{Role: Observe, Name: "volumeSnapshots", Doc: "snapshots of volumes",
			APIs: []string{snapshotGroup + "/v1"}},
		{Role: Observe, Name: "metrics", Value: "metrics.enabled", Doc: "metrics, and who may read them"},
		{Role: Enforce, Name: "networkIsolation", Doc: "repairs of the control type networkIsolation"},
		{Role: Enforce, Name: "encryptionAtRest", Doc: "repairs and guards of the control type encryptionAtRest"},
		{Role: Enforce, Name: "encryptionInTransit", Doc: "repairs and guards of the control type encryptionInTransit"},
		{Role: Enforce, Name: "backup", Doc: "repairs of the control type backup"},
		{Role: Probe, Name: restoreTests, Doc: "the tests of the control type restoreTest, which write sentinels into namespaces in scope, and" +
			" restore them into namespaces of their own"},
		{Role: Prober, Name: "encryptionAtRest", Value: "enforce.encryptionAtRest", Doc: "trying the guards of the control type encryptionAtRest"},
		{Role: Prober, Name: "encryptionInTransit", Value: "enforce.encryptionInTransit", Doc: "trying the guard of the control type encryptionInTransit"},
	}
	for i := range parts {
		p := &parts[i]
		p.Value = cmp.Or(p.Value, string(p.Role)+"."+p.Name)
	}
	for _, p := range parts {
		if len(p.APIs) > 0 { // what Holdfast may observe, those who reperform may list
			p.Role = Reperformer
			parts = append(parts, p)
		}
	}
	return parts
}

// Of are the rules of a part of a role, or those without a part.
func (t *Table) Of(role Role, part string) []Rule {
	var rules []Rule
	for i := range t.Rules {
		if t.Rules[i].Role == role && t.Rules[i].Part == part {
			rules = append(rules, t.Rules[i])
		}
	}
	return rules
}

// Grant returns a role as it is installed, nil where there is no such role.
func (t *Table) Grant(role Role) *Grant {
	for i := range t.Grants {
		if t.Grants[i].Role == role {
			return &t.Grants[i]
		}
	}
	return nil
}

// Part returns a part of a role, nil where there is none of that name.
func (t *Table) Part(role Role, name string) *Part {
	for i := range t.Parts {
		if t.Parts[i].Role == role && t.Parts[i].Name == name {
			return &t.Parts[i]
		}
	}
	return nil
}
