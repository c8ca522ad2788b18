package encryptionatrest

import (
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Reasons of findings on the flags of API servers.
const (
	// ReasonConfigured surfaces when every API server that is visible has an encryption config.
	ReasonConfigured = "Configured"
	// ReasonConfigAbsent surfaces when one has none.
	ReasonConfigAbsent = "ConfigAbsent"
	// ReasonNotVisible surfaces when no API server runs as a pod of the cluster, as on
	// a managed control plane: then ER-06 alone tells.
	ReasonNotVisible = "NotVisible"
)

// configFlag names the file with the encryption config.
const configFlag = "encryption-provider-config"

// judgeConfig returns the finding of rule ER-05.
func judgeConfig(in control.Input) control.Finding {
	if unseen := unobserved(in.Snapshot, control.NeedAPIServerPods); unseen != nil {
		unseen.Rule = RuleConfig
		return *unseen
	}
	if len(in.Snapshot.APIServerPods) == 0 {
		return notApplicable(RuleConfig, ReasonNotVisible, "No API server runs as a pod of the cluster, so its flags cannot be read: what it stores is probed.")
	}
	var without, with []string
	for _, pod := range in.Snapshot.APIServerPods {
		// A static pod is named after its node, and stays so.
		server := "API server of node " + strings.TrimPrefix(pod.Name, "kube-apiserver-")
		if pod.Flags[configFlag] == "" {
			without = append(without, server)
		} else {
			with = append(with, server+": "+pod.Flags[configFlag])
		}
	}
	f := conforming(RuleConfig, ReasonConfigured, "Every API server that runs as a pod has an encryption config.")
	if len(without) > 0 {
		f = deviating(RuleConfig, ReasonConfigAbsent, "The flag --"+configFlag+" is absent: {names}.", "API servers", without...)
	}
	fact(&f, "config", with...)
	return f
}

// selfManaged reports whether API servers run as pods of the cluster: then whoever
// manages the cluster configures them. The second result is whether that is known.
func selfManaged(s *control.Snapshot) (managed, known bool) {
	_, unseen := s.Unavailable[control.NeedAPIServerPods]
	return len(s.APIServerPods) > 0, !unseen
}
