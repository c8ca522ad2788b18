package permissions

// unrepaired is what happens where something cannot be repaired.
const unrepaired = "It is not repaired: Enforced is False/RepairFailed."

// enforceRules are what Holdfast needs to repair.
func enforceRules() []Rule {
	rules := []Rule{
		{Part: "networkIsolation", Group: networkingGroup, Resources: []string{"networkpolicies"}, Verbs: []string{get, create, patch, remove},
			Feature: isolation + "server-side apply, which creates what is missing, and a look at what became of one that was not answered." +
				" Holdfast deletes NetworkPolicies that it created itself and no others: an allowance that is no longer stated, and what did harm.",
			Without: "Nothing is repaired: Enforced is False/RepairFailed. Without delete alone, those stay, visibly."},
		{Part: "encryptionAtRest", Group: storageGroup, Resources: []string{"storageclasses"}, Verbs: []string{create, patch},
			Feature: atRest + "a class from the policy's template, and the annotation that marks the default class. No class is deleted, and of one that" +
				" exists nothing else is changed.",
			Without: unrepaired},
		{Part: "encryptionAtRest", Group: holdfastGroup, Resources: []string{parameter}, Verbs: []string{get, create, patch},
			Feature: guarded + "the list of encrypted classes, which the guards read. The API server takes a guard only from whoever may get what it" +
				" reads. The list is never deleted.",
			Without: unrepaired},
	}
	for _, part := range []string{"encryptionAtRest", "encryptionInTransit"} {
		rules = append(rules, Rule{Part: part, Group: admissionGroup,
			Resources: []string{"validatingadmissionpolicies", "validatingadmissionpolicybindings"}, Verbs: []string{create, patch, remove},
			Feature: guarded + "those that a policy states, by names that begin with holdfast-guard-. RBAC cannot limit the rule to these names." +
				" One that is no longer stated is deleted.",
			Without: unrepaired + " Guards that are there hold on."})
	}
	return of(Enforce, append(rules,
		Rule{Part: "encryptionInTransit", Group: networkingGroup, Resources: []string{"ingresses"}, Verbs: []string{patch},
			Feature: inTransit + "the annotation by which an Ingress redirects to https, where the policy takes that over. Nothing else of an Ingress is changed.",
			Without: unrepaired},
		Rule{Part: "encryptionInTransit", Group: istioSecurityGroup, Resources: []string{"peerauthentications"}, Verbs: []string{create, patch, remove},
			Feature: inTransit + "a PeerAuthentication STRICT where every pod is meshed. One that Holdfast created, and that broke pods, is deleted.",
			Without: unrepaired + " Without delete alone, that one stays, visibly."},
		Rule{Part: "encryptionInTransit", Group: certManagerGroup, Resources: []string{"certificates"}, Verbs: []string{create, patch},
			Feature: inTransit + "a Certificate from the policy's template where an Ingress names a Secret that does not exist.",
			Without: unrepaired},
		Rule{Part: "backup", Group: veleroGroup, Resources: []string{"schedules"}, Verbs: []string{create, patch},
			Feature: backup + "the plan that a policy states, one Schedule for each control. No Schedule is deleted, and none of yours is changed.",
			Without: unrepaired},
		Rule{Part: "backup", Group: veleroGroup, Resources: []string{"backups"}, Verbs: []string{create, patch},
			Feature: backup + "a further backup of that plan while no run of it is within the objective. No Backup is deleted, none of somebody" +
				" else's is changed, and no retention is shortened.",
			Without: unrepaired},
	))
}
