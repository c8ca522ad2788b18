package control

import "strings"

// NeedsOf are the needs that rest on a kind, as gaps and readings name it: by its
// resource, and its group where that is not the API server's own. It is nil for a
// kind that this version does not know.
func NeedsOf(kind string) []Need {
	resource, group, _ := strings.Cut(kind, ".")
	switch group {
	case "":
		return needsOfOwn(resource)
	case "gateway.networking.k8s.io", "gateway.networking.x-k8s.io":
		switch resource {
		case "listenersets", "xlistenersets", "referencegrants":
			return []Need{NeedGateways}
		}
		return []Need{NeedEntrances, NeedGateways}
	case "policy.networking.k8s.io", "cilium.io", "crd.projectcalico.org", "projectcalico.org":
		return []Need{NeedClusterPolicies}
	case "security.istio.io", "networking.istio.io":
		return []Need{NeedMesh}
	case "cert-manager.io":
		return []Need{NeedCertificates}
	case "velero.io":
		switch resource {
		case "schedules":
			return []Need{NeedBackupPlans}
		case "backupstoragelocations":
			return []Need{NeedBackupLocations}
		}
		return []Need{NeedBackups}
	case "snapshot.storage.k8s.io":
		return []Need{NeedVolumeSnapshots}
	case "holdfast.dev":
		return []Need{NeedGuards}
	}
	return nil
}

// needsOfOwn are the needs that rest on a kind that every API server serves.
func needsOfOwn(resource string) []Need {
	switch resource {
	case "services":
		return []Need{NeedServices, NeedServiceSubjects}
	case "ingresses":
		return []Need{NeedEntrances, NeedIngresses}
	case "ingressclasses":
		return []Need{NeedIngresses}
	case "storageclasses":
		return []Need{NeedStorageClasses, NeedVolumes}
	case "persistentvolumeclaims":
		return []Need{NeedClaims}
	case "persistentvolumes":
		return []Need{NeedVolumes}
	case "workloads": // pods, read for the mesh
		return []Need{NeedMesh}
	case "validatingadmissionpolicies", "validatingadmissionpolicybindings":
		return []Need{NeedGuards}
	case "validatingwebhookconfigurations", "mutatingwebhookconfigurations":
		return []Need{NeedAdmissionBackends}
	case "apiservices":
		return []Need{NeedAdmissionBackends, NeedClusterPolicies}
	case "customresourcedefinitions":
		return []Need{NeedAdmissionBackends, NeedEntrances, NeedClusterPolicies, NeedGateways, NeedMesh, NeedCertificates, NeedGuards,
			NeedBackups, NeedBackupPlans, NeedBackupLocations, NeedVolumeSnapshots}
	case string(NeedNamespaces), string(NeedNetworkPolicies), string(NeedPods), string(NeedEndpointSlices), string(NeedAPIServerPods),
		string(NeedAdmissionBackends):
		return []Need{Need(resource)}
	}
	return nil
}
