package permissions

// unprobed is what happens where something cannot be probed.
const unprobed = "What rests on it is NotEvaluated/Forbidden, and says what to set."

// probeRules are what Holdfast needs to see effects.
func probeRules() []Rule {
	rules := []Rule{
		{URLs: []string{"/metrics"}, Verbs: []string{get},
			Feature: atRest + "how an API server stored a canary, which its metrics tell, and whether it still reads plain text. They hold no objects.",
			Without: unprobed},
	}
	for _, resource := range []string{"secrets", "configmaps"} {
		rules = append(rules,
			Rule{Namespaced: true, Group: coreGroup, Resources: []string{resource}, Verbs: []string{create},
				Feature: atRest + "the canary, of random content, which is written through each API server. A create cannot be limited to a name.",
				Without: unprobed},
			Rule{Namespaced: true, Group: coreGroup, Resources: []string{resource}, Names: []string{CanaryName}, Verbs: []string{remove},
				Feature: atRest + "to remove the canary, and nothing else. It is never read.",
				Without: unprobed})
	}
	return of(Probe, append(rules,
		Rule{Namespaced: true, Group: coreGroup, Resources: []string{"serviceaccounts/token"}, Names: []string{ProberName}, Verbs: []string{create},
			Feature: guarded + "a short-lived token of the prober, which tries them.",
			Without: unprobed}))
}

// proberRules are what the prober tries. It is cluster-wide, for guards are.
func proberRules() []Rule {
	rules := []Rule{
		{Part: "encryptionAtRest", Group: coreGroup, Resources: []string{"persistentvolumeclaims", "persistentvolumes"},
			Feature: guarded + "whether a claim on a class that is not listed, and a static volume, are refused. In dry runs only."},
		{Part: "encryptionAtRest", Group: storageGroup, Resources: []string{"storageclasses"},
			Feature: guarded + "whether a class that does not encrypt is refused. In dry runs only."},
		{Part: "encryptionInTransit", Group: networkingGroup, Resources: []string{"ingresses"},
			Feature: guarded + "whether an Ingress without TLS is refused. In dry runs only."},
	}
	for i := range rules {
		rules[i].Verbs, rules[i].Without = []string{create}, unprobed
	}
	return of(Prober, rules)
}

// tlsSecretRules are what it takes to judge certificates.
func tlsSecretRules() []Rule {
	return of(TLSSecrets, []Rule{
		{Group: coreGroup, Resources: []string{"secrets"}, Verbs: []string{get},
			Feature: inTransit + "the certificates of Ingresses and Gateways, and whether the private key is theirs. One Secret at a time is read, by its" +
				" name, where something refers to it; what is kept of it is public, and nothing is cached.",
			Without: "TR-02 is NotEvaluated/Forbidden, and says what to set. What hosts serve is seen by handshakes all the same."},
	})
}
