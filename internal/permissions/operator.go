package permissions

// The API groups.
const (
	coreGroup       = ""
	holdfastGroup   = "holdfast.dev"
	rbacGroup       = "rbac.authorization.k8s.io"
	networkingGroup = "networking.k8s.io"
	discoveryGroup  = "discovery.k8s.io"
	admissionGroup  = "admissionregistration.k8s.io"
	crdGroup        = "apiextensions.k8s.io"
	apiServiceGroup = "apiregistration.k8s.io"
	gatewayGroup    = "gateway.networking.k8s.io"
	policyGroup     = "policy.networking.k8s.io"
	ciliumGroup     = "cilium.io"
	calicoGroup     = "projectcalico.org"
	calicoCRDGroup  = "crd.projectcalico.org"
)

const (
	get    = "get"
	list   = "list"
	watch  = "watch"
	create = "create"
	update = "update"
	patch  = "patch"
	remove = "delete"
)

const isolation = "networkIsolation: "

// The kinds of Holdfast's own.
const (
	policies  = "controlpolicies"
	schedules = "evidenceschedules"
	records   = "evidencerecords"
)

// unevaluated is what happens where something cannot be observed.
const unevaluated = "What hangs on it is NotEvaluated/Forbidden, and a gap of the kind is recorded."

// observeRules are what Holdfast always needs.
func observeRules() []Rule {
	rules := []Rule{
		{Group: holdfastGroup, Resources: []string{policies, schedules}, Verbs: []string{list, watch},
			Feature: "The policies and schedules, which it reads and never edits.",
			Without: "Holdfast waits and is not ready; its probes and the log say what for."},
		{Group: holdfastGroup, Resources: []string{policies + "/status", schedules + "/status"}, Verbs: []string{patch},
			Feature: "The answer: conditions, counts and the newest checkpoint.",
			Without: "Status stands still, and the log says so. Repairs and the ledger go on."},
		{Group: holdfastGroup, Resources: []string{records}, Verbs: []string{get, list, create, remove},
			Feature: "One record of each collection. They are never changed; those beyond a schedule's history limit are removed. The newest" +
				" one also shows whether the ledger's volume lost something.",
			Without: "Collections are in the ledger and not in the API. Without list the ledger does not open: EvidenceRecorded is False."},
		{Group: rbacGroup, Resources: []string{"clusterroles", "clusterrolebindings"}, Verbs: []string{list},
			Feature: "Who can act on Holdfast and its evidence, which each collection records.",
			Without: "Collections are Partial/ListFailed: who had access is not stated."},
		{Group: coreGroup, Resources: []string{"namespaces"}, Verbs: []string{list, watch},
			Feature: "The census: which namespaces there are, and which of them a policy selects.",
			Without: "No verdict is made: Conforming is Unknown/NotEvaluated."},
		{Group: coreGroup, Resources: []string{"namespaces"}, Names: []string{"kube-system"}, Verbs: []string{get},
			Feature: "By kube-system's UID this cluster is told from another, whose ledger must not be continued.",
			Without: "Holdfast waits and is not ready; its probes and the log say what for."},
	}
	rules = append(rules, isolationRules()...)
	rules = append(rules,
		Rule{Group: "events.k8s.io", Resources: []string{"events"}, Verbs: []string{create, patch},
			Feature: "Events about policies, schedules and namespaces. An event that repeats is patched.",
			Without: "There are no events."},
		Rule{Group: "authorization.k8s.io", Resources: []string{"selfsubjectrulesreviews"}, Verbs: []string{create},
			Feature: "Its own permissions, which each start records.",
			Without: "Holdfast waits and is not ready. By default every account has this right."},
	)
	return of(Observe, rules)
}

// isolationRules are what every cluster serves, and networkIsolation rests on.
func isolationRules() []Rule {
	rules := []Rule{
		{Group: coreGroup, Resources: []string{"pods"},
			Feature: "which pods a policy isolates, and which are exposed. Labels, ports and readiness are kept, and nothing else."},
		{Group: coreGroup, Resources: []string{"services"},
			Feature: "which Services are ways in from outside, where the cluster's DNS is, and what leads to the backends of admission."},
		{Group: discoveryGroup, Resources: []string{"endpointslices"},
			Feature: "where the cluster's DNS and the API server listen. Those of other Services are not asked for."},
		{Group: networkingGroup, Resources: []string{"networkpolicies"},
			Feature: "what denies and what allows."},
		{Group: networkingGroup, Resources: []string{"ingresses"},
			Feature: "which namespaces are entered through an Ingress."},
		{Group: admissionGroup, Resources: []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations"},
			Feature: "which webhooks the API server must reach, and a denial must not cut off."},
		{Group: crdGroup, Resources: []string{"customresourcedefinitions"},
			Feature: "which conversion webhooks the API server must reach, and which optional kinds are served."},
		{Group: apiServiceGroup, Resources: []string{"apiservices"},
			Feature: "which aggregated API servers the API server must reach, and whether one of them serves Calico's kinds."},
	}
	return watched(rules)
}

// optionalRules are what is granted of Observe where a kind is served.
func optionalRules() []Rule {
	rules := []Rule{
		{Part: "gatewayAPI", Group: gatewayGroup,
			Resources: []string{"gateways", "httproutes", "grpcroutes", "tlsroutes", "tcproutes", "udproutes"},
			Feature:   "which namespaces are entered through a Gateway."},
		{Part: "clusterNetworkPolicy", Group: policyGroup,
			Resources: []string{"clusternetworkpolicies", "adminnetworkpolicies", "baselineadminnetworkpolicies"},
			Feature:   "what overrides NetworkPolicies."},
		{Part: "cilium", Group: ciliumGroup, Resources: []string{"ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies"},
			Feature: "Cilium's policies, which override NetworkPolicies."},
		{Part: "calico", Group: calicoCRDGroup, Resources: []string{"networkpolicies", "globalnetworkpolicies"},
			Feature: "Calico's policies, which override NetworkPolicies, where custom resources hold them."},
		{Part: "calico", Group: calicoGroup, Resources: []string{"networkpolicies", "globalnetworkpolicies"},
			Feature: "Calico's policies, where its own API server serves them."},
	}
	return of(Observe, watched(rules))
}

// watched are rules of networkIsolation for what is listed and watched.
func watched(rules []Rule) []Rule {
	for i := range rules {
		rules[i].Verbs = []string{list, watch}
		rules[i].Feature = isolation + rules[i].Feature
		rules[i].Without = unevaluated
	}
	return rules
}

// metricsRules are what it takes to tell who asks for metrics.
func metricsRules() []Rule {
	return of(Observe, []Rule{
		{Part: "metrics", Group: "authentication.k8s.io", Resources: []string{"tokenreviews"}, Verbs: []string{create},
			Feature: "Metrics: who asks for them.",
			Without: "Nobody can read /metrics."},
		{Part: "metrics", Group: "authorization.k8s.io", Resources: []string{"subjectaccessreviews"}, Verbs: []string{create},
			Feature: "Metrics: whether they may read them.",
			Without: "Nobody can read /metrics."},
	})
}

// enforceRules are what Holdfast needs to repair.
func enforceRules() []Rule {
	return of(Enforce, []Rule{
		{Part: "networkIsolation", Group: networkingGroup, Resources: []string{"networkpolicies"}, Verbs: []string{get, create, patch, remove},
			Feature: isolation + "server-side apply, which creates what is missing, and a look at what became of one that was not answered." +
				" Holdfast deletes NetworkPolicies that it created itself and no others: an allowance that is no longer stated, and what did harm.",
			Without: "Nothing is repaired: Enforced is False/RepairFailed. Without delete alone, those stay, visibly."},
	})
}

// operatorRules are what Holdfast needs in its own namespace.
func operatorRules() []Rule {
	rules := of(Operator, []Rule{
		{Group: "coordination.k8s.io", Resources: []string{"leases"}, Verbs: []string{create},
			Feature: "Leader election. A create cannot be limited to a name.",
			Without: "Holdfast waits for the first start and is not ready; its probes and the log say what for."},
		{Group: "coordination.k8s.io", Resources: []string{"leases"}, Names: []string{"holdfast.dev"}, Verbs: []string{get, update},
			Feature: "Leader election: to hold the lease.",
			Without: "Holdfast waits and is not ready; its probes and the log say what for."},
		{Group: coreGroup, Resources: []string{"configmaps"}, Verbs: []string{create},
			Feature: "The head mark: how far the ledger had come, kept outside its volume.",
			Without: "The ledger does not open for the first time: EvidenceRecorded is False."},
		{Group: coreGroup, Resources: []string{"configmaps"}, Names: []string{"holdfast-ledger-head"}, Verbs: []string{get, update},
			Feature: "The head mark: to compare with it at start, and to keep it current.",
			Without: "The ledger does not open: EvidenceRecorded is False."},
		{Group: coreGroup, Resources: []string{"secrets"}, Verbs: []string{create},
			Feature: "The signing key of the ledger, which is generated on the first start.",
			Without: "The ledger does not open for the first time: EvidenceRecorded is False."},
		{Group: coreGroup, Resources: []string{"secrets"}, Names: []string{"holdfast-ledger-key"}, Verbs: []string{get},
			Feature: "The signing key of the ledger: this Secret and no other. It is never changed.",
			Without: "The ledger does not open: EvidenceRecorded is False."},
		{Group: rbacGroup, Resources: []string{"roles", "rolebindings"}, Verbs: []string{list},
			Feature: "Who can act on Holdfast and its evidence, by rights in this namespace.",
			Without: "Collections are Partial/ListFailed: who had access is not stated."},
	})
	for i := range rules {
		rules[i].Namespaced = true
	}
	return rules
}

// of are the rules of a role.
func of(role Role, rules []Rule) []Rule {
	for i := range rules {
		rules[i].Role = role
	}
	return rules
}
