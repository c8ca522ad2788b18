package rendertest

import "time"

// subjects are the numbers from one to another.
func subjects(from, to int) []int {
	var list []int
	for n := from; n < to; n++ {
		list = append(list, n)
	}
	return list
}

// baselineEpisodes are those of an enforcing control in a busy quarter.
func baselineEpisodes(m *maker) {
	absent := "delete NetworkPolicy holdfast-default-deny-ingress"
	opened := "update NetworkPolicy open spec.ingress"
	for _, e := range []event{
		{at: 3*day + 9*time.Hour, subjects: []int{0}, origin: "Drift", actor: "kubectl-edit", action: opened, rule: "NP-05", lasted: 12 * time.Millisecond, unsure: time.Second, ending: "Repaired"},
		{at: 9*day + 14*time.Hour, subjects: subjects(4, 18), origin: "Drift", actor: "argocd-controller", action: absent, rule: "NP-01", lasted: 35 * time.Millisecond, unsure: time.Second, ending: "Repaired"},
		{at: 12*day + 8*time.Hour, subjects: subjects(30, 39), origin: "NewSubject", actor: "kubectl-create", rule: "NP-01", lasted: 300 * time.Millisecond, unsure: time.Second, ending: "Repaired"},
		{at: 17*day + 3*time.Hour, subjects: []int{6}, origin: "Drift", actor: "helm", action: opened, rule: "NP-05", lasted: 11*time.Minute + 4*time.Second, unsure: time.Second, ending: "Corrected",
			message: "Traffic with anybody is allowed by open ingress[0]."},
		{at: 22*day + 10*time.Hour, subjects: []int{2}, origin: "Drift", actor: "legacy-operator", action: absent, rule: "NP-01", lasted: 40 * time.Millisecond, unsure: time.Second, ending: "Repaired", recurring: true},
		{at: 22*day + 10*time.Hour + 4*time.Minute, subjects: []int{2}, origin: "Drift", actor: "legacy-operator", action: absent, rule: "NP-01", lasted: 44 * time.Millisecond, unsure: time.Second, ending: "Repaired", recurring: true},
		{at: 23*day + 9*time.Hour, subjects: []int{2}, origin: "Drift", actor: "legacy-operator", action: absent, rule: "NP-01", lasted: 3 * time.Minute, unsure: time.Second, ending: "Repaired", recurring: true},
		{at: 34*day + 2*time.Hour, subjects: []int{9, 10}, origin: "AfterGap", rule: "NP-01", lasted: time.Minute, unsure: 2 * time.Hour, ending: "UnknownInGap", unobserved: 2 * time.Hour},
		{at: 41 * day, subjects: []int{20}, origin: "EnteredScope", actor: "kubectl-label", rule: "NP-01", lasted: 2 * time.Second, unsure: time.Second, ending: "Repaired"},
		{at: 55*day + 16*time.Hour, subjects: []int{21}, origin: "Drift", actor: "terraform", action: opened, rule: "NP-05", lasted: 26 * time.Hour, unsure: time.Second, ending: "LeftScope"},
		{at: 63*day + 11*time.Hour, subjects: []int{22}, origin: "DefinitionChanged", actor: "argocd-controller", rule: "NP-04", lasted: 4 * time.Minute, unsure: 2 * time.Minute, ending: "Corrected"},
		{at: 71 * day, subjects: []int{25}, origin: "Unknown", rule: "NP-01", lasted: 9 * time.Second, unsure: time.Second, ending: "SubjectDeleted"},
		{at: 90*day - 3*time.Minute, subjects: []int{27}, origin: "Drift", actor: "kubectl-patch", action: opened, rule: "NP-05", lasted: 3 * time.Minute},
	} {
		m.happen(e)
	}
	m.Baseline = append(m.Baseline, m.before(0, 18*time.Minute), m.before(1, 19*time.Minute), m.before(8, 3*day))
	m.Removals = append(m.Removals, m.before(7, 2*time.Second))
}

// replicaEpisodes are those of a control that only observes.
func replicaEpisodes(m *maker) {
	scaled := "update Deployment storefront spec.replicas"
	few := "object.spec.replicas >= 2 is false: 1 replica."
	for i, lasted := range []time.Duration{20 * time.Minute, 48 * time.Minute, 3 * time.Hour, 9 * time.Minute, 30 * time.Hour, 41 * time.Minute, 2 * time.Minute, 70 * time.Minute} {
		m.happen(event{
			at: time.Duration(5+i*10)*day + 13*time.Hour, subjects: []int{i}, origin: "Drift", actor: "kubectl-scale", action: scaled,
			rule: "EX-01", message: few, lasted: lasted, unsure: time.Second, ending: "Corrected",
		})
	}
	m.happen(event{at: 48 * day, subjects: subjects(6, 11), origin: "Drift", actor: "keda-operator", action: scaled, rule: "EX-01", message: few, lasted: 35 * time.Minute, unsure: time.Second, ending: "Corrected"})
	m.happen(event{at: 88 * day, subjects: []int{3}, origin: "Drift", actor: "kubectl-scale", action: scaled, rule: "EX-01", message: few, lasted: 2 * day})
}

// paymentEpisodes are those of a control that was introduced within the period,
// and withdrawn once.
func paymentEpisodes(m *maker) {
	m.happen(event{at: 36 * day, subjects: subjects(0, 4), origin: "Drift", actor: "flux", action: "update NetworkPolicy gateway-only spec.ingress", rule: "NP-05", lasted: 800 * time.Millisecond, unsure: 400 * time.Millisecond, ending: "Repaired"})
	m.happen(event{at: 44*day + 5*time.Hour, subjects: []int{1}, origin: "Drift", actor: "kubectl-edit", action: "update NetworkPolicy gateway-only spec.ingress", rule: "NP-05", lasted: 50 * time.Second, unsure: 40 * time.Second, ending: "Repaired"})
	m.happen(event{at: 60 * day, subjects: []int{2}, origin: "Drift", actor: "kubectl-edit", rule: "NP-05", lasted: 10 * time.Second, unsure: time.Second, ending: "ControlWithdrawn"})
	m.happen(event{at: 75 * day, subjects: []int{3, 4}, origin: "Drift", actor: "flux", rule: "NP-05", lasted: 20 * time.Second, unsure: time.Second, ending: "DefinitionChanged"})
}
