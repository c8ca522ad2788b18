package permissions

// restoreTests is the part of Probe by which restores are tested.
const restoreTests = "restoreTests"

// Names of objects that are not in Holdfast's own namespace.
const (
	// SentinelName is the name of the objects that are restored to see that backups
	// hold them.
	SentinelName = "holdfast-sentinel"
	// ScratchGuard is the name of what bounds, and cuts off, the namespace that a test
	// restores into.
	ScratchGuard = "holdfast-restore"
	// RepositorySecret is the Secret in which Velero keeps the password of its
	// repositories.
	RepositorySecret = "velero-repo-credentials"
)

// restoreRules are what it takes to test restores.
func restoreRules() []Rule {
	rules := []Rule{
		{Group: coreGroup, Resources: []string{"namespaces"}, Verbs: []string{get, create, remove},
			Feature: restoring + "the namespace that a test restores into, which the test deletes at its end. An admission policy refuses" +
				" Holdfast to delete any other."},
		{Group: veleroGroup, Resources: []string{"restores"}, Verbs: []string{get, create, remove},
			Feature: restoring + "the Restore of a test, and how it ended. The test deletes it."},
		{Group: coreGroup, Resources: []string{"configmaps", "persistentvolumeclaims", "pods"}, Verbs: []string{create},
			Feature: restoring + "the sentinel in each namespace that is tested: random data, a claim and a pod that fills it. A create cannot be" +
				" limited to a name; an admission policy does that."},
		{Group: coreGroup, Resources: []string{"configmaps", "persistentvolumeclaims", "pods"}, Names: []string{SentinelName},
			Verbs:   []string{get, remove},
			Feature: restoring + "the sentinel, to make it anew for each test, and to compare it with what was restored. It is never changed."},
		{Group: networkingGroup, Resources: []string{"networkpolicies"}, Verbs: []string{create},
			Feature: restoring + "to let nothing into and out of the namespace that a test restores into."},
		{Group: coreGroup, Resources: []string{"resourcequotas"}, Verbs: []string{create},
			Feature: restoring + "to bound what a test restores, and to have it open no way in."},
		{Group: coreGroup, Resources: []string{"resourcequotas"}, Names: []string{ScratchGuard}, Verbs: []string{get},
			Feature: restoring + "whether that bound is in force, before anything is restored."},
		{Group: coreGroup, Resources: []string{"serviceaccounts"}, Names: []string{"default"}, Verbs: []string{get},
			Feature: restoring + "whether pods can be restored into the namespace of a test."},
	}
	for i := range rules {
		rules[i].Part, rules[i].Without = restoreTests, unprobed
	}
	return of(Probe, rules)
}

// veleroRepositoryRules are what it takes to judge the password of Velero's
// repositories.
func veleroRepositoryRules() []Rule {
	return of(VeleroRepository, []Rule{
		{Group: coreGroup, Resources: []string{"secrets"}, Names: []string{RepositorySecret}, Verbs: []string{get},
			Feature: backup + "whether the password by which Velero encrypts the data of volumes is the one that everybody knows. Nothing else is" +
				" kept of it.",
			Without: "BK-06 is NotEvaluated/Forbidden for the repositories, and says what to set."},
	})
}
