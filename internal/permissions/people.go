package permissions

import "strings"

// approve is the verb, of Holdfast's own, by which somebody may confirm what is
// held.
const approve = "approve"

// peopleRules are what those need who view, state and approve.
func peopleRules() []Rule {
	everything := []string{get, list, watch, create, update, patch, remove}
	return []Rule{
		{Role: Viewer, Group: holdfastGroup, Resources: []string{policies, schedules, records, parameter}, Verbs: []string{get, list, watch},
			Feature: "kubectl get, and kubectl holdfast status and explain: what is declared, and what was recorded."},
		{Role: PolicyAdmin, Group: holdfastGroup, Resources: []string{policies}, Verbs: everything,
			Feature: "To state controls."},
		{Role: ScheduleAdmin, Group: holdfastGroup, Resources: []string{schedules}, Verbs: everything,
			Feature: "To state which policies are evidenced, when and for how long."},
		{Role: Approver, Group: holdfastGroup, Resources: []string{policies}, Verbs: []string{get, list, watch, patch, approve},
			Feature: "To look at a policy whose rollout is held, and to confirm it by an annotation. The API server refuses any other change" +
				" to those who lack update, and the annotation to those who lack approve."},
		{Role: MetricsReader, URLs: []string{"/metrics"}, Verbs: []string{get},
			Feature: "To read the operator's metrics."},
	}
}

// auditorRules are what an auditor needs.
func auditorRules() []Rule {
	return append(of(Auditor, []Rule{
		{Group: holdfastGroup, Resources: []string{policies, schedules, records, parameter}, Verbs: []string{get, list},
			Feature: "What is declared, and what was recorded."},
		{Namespaced: true, Group: coreGroup, Resources: []string{"services/proxy"}, Verbs: []string{get},
			Names: []string{"holdfast-ledger", "holdfast-ledger:ledger", "http:holdfast-ledger:ledger"},
			Feature: "The ledger, which the operator serves for reading: kubectl holdfast reaches it through the API server. A port may be" +
				" part of the name that is asked for."},
		{Namespaced: true, Group: coreGroup, Resources: []string{"configmaps"}, Names: []string{"holdfast-ledger-head"}, Verbs: []string{get},
			Feature: "The newest checkpoint and the verifier key, to be kept elsewhere."},
	}), reperformRules()...)
}

// reperformRules are what kubectl holdfast reperform lists: what Holdfast rests
// its verdicts on.
func reperformRules() []Rule {
	rules := []Rule{{Group: coreGroup, Resources: []string{"namespaces"}, Feature: isolation + "the census."}}
	rules = of(Reperformer, append(append(rules, watchedRules()...), optionalRules()...))
	for i := range rules {
		r := &rules[i]
		r.Verbs, r.Without = []string{get, list}, ""
		_, what, _ := strings.Cut(r.Feature, ": ")
		what, _, _ = strings.Cut(what, ".")
		r.Feature = "kubectl holdfast reperform: " + what + "."
	}
	return rules
}
