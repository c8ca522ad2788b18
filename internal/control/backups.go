package control

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClusterLabel tells the backups of this cluster from those of others that share a
// bucket: its value is the UID of the namespace kube-system. A plan's template
// puts it on every backup.
const ClusterLabel = "holdfast.dev/cluster"

// ExtraLabel is on the backups that are started besides the runs of a plan. Their
// names are that of the plan, "-extra-" and a number.
const ExtraLabel = "holdfast.dev/extra"

// RestoreTestLabel is on everything that restore tests make: its value is the id of
// the test.
const RestoreTestLabel = "holdfast.dev/restore-test"

// SentinelLabel is on the objects that restore tests restore.
const SentinelLabel = "holdfast.dev/sentinel"

// ScratchPrefix begins the names of the namespaces that restore tests restore into.
const ScratchPrefix = "holdfast-restore-"

// BackupPlan is what evaluators see of a velero.io Schedule.
type BackupPlan struct {
	// Meta's Namespace is Velero's.
	Meta `json:",inline"`
	// Spec is the whole spec, but for skipImmediately, which Velero writes itself.
	Spec map[string]any `json:"spec"`
	// Phase is New, Enabled, FailedValidation or empty; Errors are the
	// validation's.
	Phase  string   `json:"phase,omitempty"`
	Errors []string `json:"errors,omitempty"`
	// Ours is true where Holdfast created it.
	Ours bool `json:"ours,omitempty"`
}

// BackupLocation is what evaluators see of a velero.io BackupStorageLocation.
type BackupLocation struct {
	Meta     `json:",inline"`
	Provider string `json:"provider"`
	Bucket   string `json:"bucket,omitempty"`
	Prefix   string `json:"prefix,omitempty"`
	// Config is spec.config, but for what may be a credential.
	Config map[string]string `json:"config,omitempty"`
	// AccessMode is ReadWrite, ReadOnly or empty, which means ReadWrite.
	AccessMode string `json:"accessMode,omitempty"`
	// Default is whether backups go there that name no location.
	Default bool `json:"default,omitempty"`
	// Every is spec.validationFrequency: nil means the server's default of one
	// minute, 0 means never.
	Every *time.Duration `json:"every,omitempty"`
	// Phase is Available, Unavailable or empty; Message is what the server says of it.
	Phase   string `json:"phase,omitempty"`
	Message string `json:"message,omitempty"`
	// ValidatedAt is when the server last looked (resolution: one second).
	ValidatedAt time.Time `json:"validatedAt,omitzero"`
}

// The clusters that a backup may be of.
const (
	// BackupOfThisCluster bears ClusterLabel with this cluster's UID.
	BackupOfThisCluster = "This"
	// BackupOfAnother bears it with another one.
	BackupOfAnother = "Another"
)

// Backup is what evaluators see of a velero.io Backup.
type Backup struct {
	// Meta's Namespace is Velero's.
	Meta `json:",inline"`
	// Plan is the Schedule that it is a run of, empty for none.
	Plan string `json:"plan,omitempty"`
	// Cluster is This, Another, or empty where the backup does not say.
	Cluster string `json:"cluster,omitempty"`
	// Location is the BackupStorageLocation.
	Location string `json:"location,omitempty"`
	// Phase is that of the status; empty means New.
	Phase string `json:"phase,omitempty"`
	// StartedAt, CompletedAt and ExpiresAt are zero where the status does not state
	// them (resolution: one second).
	StartedAt   time.Time `json:"startedAt,omitzero"`
	CompletedAt time.Time `json:"completedAt,omitzero"`
	ExpiresAt   time.Time `json:"expiresAt,omitzero"`
	// Deleting is whether it is being deleted, or asked to be by a
	// DeleteBackupRequest.
	Deleting bool `json:"deleting,omitempty"`
	// TTL is spec.ttl.
	TTL time.Duration `json:"ttl,omitempty"`
	// Filters are what it was to hold.
	Filters *BackupFilters `json:"filters"`
	// Errors, Warnings and HooksFailed are counts of the status.
	Errors      int `json:"errors,omitempty"`
	Warnings    int `json:"warnings,omitempty"`
	HooksFailed int `json:"hooksFailed,omitempty"`
	// Failure is status.failureReason, or the first of its validationErrors.
	Failure string `json:"failure,omitempty"`
	// Snapshots counts the snapshots of volumes.
	Snapshots BackupSnapshots `json:"snapshots,omitzero"`
	// Volumes are the volumes of the scope's namespace whose data was copied to the
	// object store, or was tried to be, by UID of the claim.
	Volumes []BackedUpVolume `json:"volumes,omitempty"`
}

// BackupSnapshots counts the snapshots of volumes that a backup made.
type BackupSnapshots struct {
	CSIAttempted     int `json:"csiAttempted,omitempty"`
	CSICompleted     int `json:"csiCompleted,omitempty"`
	NativeAttempted  int `json:"nativeAttempted,omitempty"`
	NativeCompleted  int `json:"nativeCompleted,omitempty"`
	OperationsFailed int `json:"operationsFailed,omitempty"`
}

// BackedUpVolume is what evaluators see of a velero.io PodVolumeBackup or DataUpload.
type BackedUpVolume struct {
	// ClaimUID and Claim are those of the claim.
	ClaimUID string `json:"claimUID"`
	Claim    string `json:"claim,omitempty"`
	// Method is FileSystem or DataMover.
	Method string `json:"method"`
	// Phase is that of the status.
	Phase string `json:"phase,omitempty"`
	// Bytes is how much was copied.
	Bytes int64 `json:"bytes,omitempty"`
}

// BackupFilters are the parts of a velero.io BackupSpec that say what a backup
// holds. They are shared between backups, and must not be changed.
type BackupFilters struct {
	IncludedNamespaces               []string                `json:"includedNamespaces,omitempty"`
	ExcludedNamespaces               []string                `json:"excludedNamespaces,omitempty"`
	IncludedResources                []string                `json:"includedResources,omitempty"`
	ExcludedResources                []string                `json:"excludedResources,omitempty"`
	IncludeClusterResources          *bool                   `json:"includeClusterResources,omitempty"`
	IncludedClusterScopedResources   []string                `json:"includedClusterScopedResources,omitempty"`
	ExcludedClusterScopedResources   []string                `json:"excludedClusterScopedResources,omitempty"`
	IncludedNamespaceScopedResources []string                `json:"includedNamespaceScopedResources,omitempty"`
	ExcludedNamespaceScopedResources []string                `json:"excludedNamespaceScopedResources,omitempty"`
	LabelSelector                    *metav1.LabelSelector   `json:"labelSelector,omitempty"`
	OrLabelSelectors                 []*metav1.LabelSelector `json:"orLabelSelectors,omitempty"`
	SnapshotVolumes                  *bool                   `json:"snapshotVolumes,omitempty"`
	DefaultVolumesToFsBackup         *bool                   `json:"defaultVolumesToFsBackup,omitempty"`
	SnapshotMoveData                 *bool                   `json:"snapshotMoveData,omitempty"`
	// ResourcePolicy is the name of the ConfigMap of spec.resourcePolicy.
	ResourcePolicy string `json:"resourcePolicy,omitempty"`
}

// Claim is what evaluators see of a PersistentVolumeClaim.
type Claim struct {
	Meta   `json:",inline"`
	Labels map[string]string `json:"labels,omitempty"`
	// Bound is whether its phase is Bound, and Volume the PersistentVolume's name.
	Bound  bool   `json:"bound,omitempty"`
	Volume string `json:"volume,omitempty"`
}

// VolumeSnapshot is what evaluators see of a snapshot.storage.k8s.io VolumeSnapshot.
type VolumeSnapshot struct {
	Meta `json:",inline"`
	// Claim is the claim that it is of, empty where it was imported.
	Claim string `json:"claim,omitempty"`
	// Ready is status.readyToUse, and TakenAt status.creationTime.
	Ready   bool      `json:"ready,omitempty"`
	TakenAt time.Time `json:"takenAt,omitzero"`
	// Error is what the status says went wrong.
	Error string `json:"error,omitempty"`
	// Deleting is whether it is being deleted.
	Deleting bool `json:"deleting,omitempty"`
}

// RestoreTarget is a namespace whose backups are to be restored now and then.
type RestoreTarget struct {
	// Provider is Velero, and VeleroNamespace where it runs.
	Provider        string `json:"provider"`
	VeleroNamespace string `json:"veleroNamespace"`
	// Namespace is the one that is tested.
	Namespace string `json:"namespace"`
	// Timeout is how long a restore may take.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Image is that of the sentinel's pod, empty where it has no volume; Class is
	// the class of its claim, nil for the default.
	Image string  `json:"image,omitempty"`
	Class *string `json:"class,omitempty"`
	// Candidate is the newest usable backup that covers the namespace, nil where
	// there is none. It is no part of the key.
	Candidate *RestoreCandidate `json:"-"`
}

// RestoreCandidate is a backup that may be restored.
type RestoreCandidate struct {
	Name string
	UID  string
	// StartedAt is the time of the data in it, by Velero's clock, and CreatedAt when
	// the object came to be, by the API server's.
	StartedAt, CreatedAt time.Time
}

// Restored is what a restore test saw.
type Restored struct {
	// Test is the test's id, which names its Restore and its namespace.
	Test string `json:"test"`
	// Backup and BackupUID are what was restored; BackupAt is the time of its data.
	Backup    string    `json:"backup"`
	BackupUID string    `json:"backupUID"`
	BackupAt  time.Time `json:"backupAt"`
	// Phase is the Restore's; Failure says why it did not complete.
	Phase    string `json:"phase,omitempty"`
	Errors   int    `json:"errors,omitempty"`
	Warnings int    `json:"warnings,omitempty"`
	Failure  string `json:"failure,omitempty"`
	// Items are what was compared.
	Items []RestoredItem `json:"items,omitempty"`
	// Seconds is how long it took from the request of the Restore until the data was
	// found to be there; DataAge is how old the data was at the request, in seconds.
	Seconds int64 `json:"seconds,omitempty"`
	DataAge int64 `json:"dataAge,omitempty"`
	// VolumeShared is true where a volume in the test's namespace is one that is used
	// outside of it: then nothing was cleaned up.
	VolumeShared bool `json:"volumeShared,omitempty"`
	// Left says in one sentence what was not cleaned up, and why.
	Left string `json:"left,omitempty"`
}

// RestoredItem is one object of the sentinel, as restored.
type RestoredItem struct {
	// Kind is ConfigMap or PersistentVolumeClaim.
	Kind string `json:"kind"`
	// Bytes is the size of the data that was written, SHA256 its hash in hex.
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Missing is true where it was not restored; Differs where its data is not what
	// was written.
	Missing bool `json:"missing,omitempty"`
	Differs bool `json:"differs,omitempty"`
}

// RepositoryTarget is the password of Velero's repositories in an object store.
type RepositoryTarget struct {
	VeleroNamespace string `json:"veleroNamespace"`
}

// RepositoryPassword is what is said of that password. It is never kept.
type RepositoryPassword struct {
	// Missing is true where there is no Secret with one: Velero makes it, with the
	// password that everybody knows, before the first repository.
	Missing bool `json:"missing,omitempty"`
	// WellKnown is true where it is the one that Velero comes with.
	WellKnown bool `json:"wellKnown,omitempty"`
}
