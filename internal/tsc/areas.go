package tsc

import "github.com/holdfast-dev/holdfast/api/v1alpha1"

// Area is a field of practice that controls belong to.
type Area string

// The areas that have default criteria.
const (
	// AreaEncryptionAtRest is the encryption of volumes and of the API server's data.
	AreaEncryptionAtRest Area = "EncryptionAtRest"
	// AreaEncryptionInTransit is the encryption of traffic.
	AreaEncryptionInTransit Area = "EncryptionInTransit"
	// AreaNetworkSegmentation is the isolation of workloads from each other.
	AreaNetworkSegmentation Area = "NetworkSegmentation"
	// AreaBackup is the making of backups.
	AreaBackup Area = "Backup"
	// AreaRestoreTest is the exercise of restores.
	AreaRestoreTest Area = "RestoreTest"
	// AreaRBAC is the granting of permissions.
	AreaRBAC Area = "RBAC"
	// AreaChangeMonitoring is the watching of changes and configuration.
	AreaChangeMonitoring Area = "ChangeMonitoring"
	// AreaAvailability is keeping workloads available.
	AreaAvailability Area = "Availability"
	// AreaRetention is the keeping and disposing of data.
	AreaRetention Area = "Retention"
	// AreaJobs is that jobs run completely and on time.
	AreaJobs Area = "Jobs"
	// AreaHoldfast is Holdfast itself.
	AreaHoldfast Area = "Holdfast"
)

// Areas returns every area, in the order in which documents list them.
func Areas() []Area {
	return []Area{
		AreaEncryptionAtRest, AreaEncryptionInTransit, AreaNetworkSegmentation, AreaBackup, AreaRestoreTest,
		AreaRBAC, AreaChangeMonitoring, AreaAvailability, AreaRetention, AreaJobs, AreaHoldfast,
	}
}

// Defaults returns the criteria that controls of an area usually support, the
// most fitting first, and nil for an unknown area. The caller owns the slice.
func Defaults(area Area) []v1alpha1.Criterion {
	switch area {
	case AreaEncryptionAtRest:
		return []v1alpha1.Criterion{"CC6.1", "C1.1"}
	case AreaEncryptionInTransit:
		return []v1alpha1.Criterion{"CC6.7", "CC6.1", "CC6.6"}
	case AreaNetworkSegmentation:
		return []v1alpha1.Criterion{"CC6.1", "CC6.6"}
	case AreaBackup:
		return []v1alpha1.Criterion{"A1.2", "CC7.5", "CC9.1", "C1.1"}
	case AreaRestoreTest:
		return []v1alpha1.Criterion{"A1.3", "CC7.5"}
	case AreaRBAC:
		return []v1alpha1.Criterion{"CC6.1", "CC6.2", "CC6.3", "CC6.8"}
	case AreaChangeMonitoring:
		return []v1alpha1.Criterion{"CC7.1", "CC8.1", "CC6.8", "CC7.2"}
	case AreaAvailability:
		return []v1alpha1.Criterion{"A1.1", "A1.2", "CC8.1"}
	case AreaRetention:
		return []v1alpha1.Criterion{"C1.1", "C1.2", "P4.2", "P4.3", "PI1.5"}
	case AreaJobs:
		return []v1alpha1.Criterion{"PI1.3", "PI1.4"}
	case AreaHoldfast:
		return []v1alpha1.Criterion{"CC4.1", "CC4.2", "CC2.1", "CC7.2", "CC5.2"}
	default:
		return nil
	}
}
