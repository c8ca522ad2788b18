package permissions

const (
	get    = "get"
	list   = "list"
	watch  = "watch"
	create = "create"
	update = "update"
	patch  = "patch"
	remove = "delete"
)

// The features that rules are for, as their first words.
const (
	isolation = "networkIsolation: "
	atRest    = "encryptionAtRest: "
	inTransit = "encryptionInTransit: "
	guarded   = "Guards: "
	backup    = "backup: "
	restoring = "restoreTest: "
)

// The kinds of Holdfast's own.
const (
	policies  = "controlpolicies"
	schedules = "evidenceschedules"
	records   = "evidencerecords"
	parameter = "encryptedstorageclasses"
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
	rules = append(rules, watchedRules()...)
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

// watchedRules are what every cluster serves, and verdicts rest on.
func watchedRules() []Rule {
	rules := []Rule{
		{Group: coreGroup, Resources: []string{"pods"},
			Feature: isolation + "which pods a policy isolates, and which are exposed. Labels, ports and readiness are kept, whether a mesh takes the" +
				" traffic, and of API servers the flags that a rule looks at: nothing else."},
		{Group: coreGroup, Resources: []string{"services"},
			Feature: isolation + "which Services are ways in from outside, where the cluster's DNS is, and what leads to the backends of admission."},
		{Group: discoveryGroup, Resources: []string{"endpointslices"},
			Feature: isolation + "where the cluster's DNS and the API server listen. Those of other Services are not asked for."},
		{Group: networkingGroup, Resources: []string{"networkpolicies"},
			Feature: isolation + "what denies and what allows."},
		{Group: networkingGroup, Resources: []string{"ingresses"},
			Feature: isolation + "which namespaces are entered through an Ingress. For encryptionInTransit, whether its hosts are served over TLS."},
		{Group: networkingGroup, Resources: []string{"ingressclasses"},
			Feature: inTransit + "which controller serves an Ingress. They are watched while a policy asks."},
		{Group: admissionGroup, Resources: []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations"},
			Feature: isolation + "which webhooks the API server must reach, and a denial must not cut off."},
		{Group: crdGroup, Resources: []string{"customresourcedefinitions"},
			Feature: isolation + "which conversion webhooks the API server must reach. For all controls, which optional kinds are served."},
		{Group: apiServiceGroup, Resources: []string{"apiservices"},
			Feature: isolation + "which aggregated API servers the API server must reach, and whether one of them serves Calico's kinds."},
		{Group: storageGroup, Resources: []string{"storageclasses"},
			Feature: atRest + "which classes encrypt, and which is the default. They are watched while a policy asks."},
		{Group: coreGroup, Resources: []string{"persistentvolumes"},
			Feature: atRest + "which volumes are encrypted. They are watched while a policy asks."},
		{Group: coreGroup, Resources: []string{"persistentvolumeclaims"},
			Feature: backup + "which volumes a backup must hold. They are watched while a policy asks."},
		{Group: admissionGroup, Resources: []string{"validatingadmissionpolicies", "validatingadmissionpolicybindings"},
			Feature: guarded + "whether those of Holdfast's own are in place. They are watched while a policy asks."},
		{Group: holdfastGroup, Resources: []string{parameter},
			Feature: guarded + "whether the list of encrypted classes is as Holdfast wrote it. It is watched while a policy asks."},
	}
	return watched(rules)
}

// optionalRules are what is granted of Observe where a kind is served.
func optionalRules() []Rule {
	rules := []Rule{
		{Part: "gatewayAPI", Group: gatewayGroup,
			Resources: []string{"gateways", "httproutes", "grpcroutes", "tlsroutes", "tcproutes", "udproutes"},
			Feature:   isolation + "which namespaces are entered through a Gateway. For encryptionInTransit, whether it takes plain HTTP."},
		{Part: "gatewayAPI", Group: gatewayGroup, Resources: []string{"listenersets", "referencegrants"},
			Feature: inTransit + "what else a Gateway listens on, and which certificates of other namespaces it may use."},
		{Part: "gatewayAPI", Group: gatewayTrialGroup, Resources: []string{"xlistenersets"},
			Feature: inTransit + "what else a Gateway listens on, where ListenerSets are on trial."},
		{Part: "clusterNetworkPolicy", Group: policyGroup,
			Resources: []string{"clusternetworkpolicies", "adminnetworkpolicies", "baselineadminnetworkpolicies"},
			Feature:   isolation + "what overrides NetworkPolicies."},
		{Part: "cilium", Group: ciliumGroup, Resources: []string{"ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies"},
			Feature: isolation + "Cilium's policies, which override NetworkPolicies."},
		{Part: "calico", Group: calicoCRDGroup, Resources: []string{"networkpolicies", "globalnetworkpolicies"},
			Feature: isolation + "Calico's policies, which override NetworkPolicies, where custom resources hold them."},
		{Part: "calico", Group: calicoGroup, Resources: []string{"networkpolicies", "globalnetworkpolicies"},
			Feature: isolation + "Calico's policies, where its own API server serves them."},
		{Part: "istio", Group: istioSecurityGroup, Resources: []string{"peerauthentications"},
			Feature: inTransit + "which workloads accept plain traffic."},
		{Part: "istio", Group: istioNetworkingGroup, Resources: []string{"destinationrules"},
			Feature: inTransit + "what turns TLS off on the way to a workload."},
		{Part: "certManager", Group: certManagerGroup, Resources: []string{"certificates"},
			Feature: inTransit + "whether certificates are issued, and renewed in time."},
		{Part: "velero", Group: veleroGroup, Resources: []string{"schedules", "backupstoragelocations"},
			Feature: backup + "whether the plan is as declared, and whether what it writes to can be reached and encrypts."},
		{Part: "velero", Group: veleroGroup, Resources: []string{"backups", "deletebackuprequests", "podvolumebackups", "datauploads"},
			Feature: backup + "which backups there are, how they ended, and which namespaces and volumes they hold. Each run is recorded" +
				" before Velero deletes it."},
		{Part: "volumeSnapshots", Group: snapshotGroup, Resources: []string{"volumesnapshots"},
			Feature: backup + "how old the newest snapshot of each volume is."},
	}
	return of(Observe, watched(rules))
}

// watched are rules for what is listed and watched.
func watched(rules []Rule) []Rule {
	for i := range rules {
		rules[i].Verbs, rules[i].Without = []string{list, watch}, unevaluated
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
