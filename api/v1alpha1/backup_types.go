package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BackupProvider is what makes backups.
//
// +kubebuilder:validation:Enum=Velero;VolumeSnapshot
type BackupProvider string

// The providers.
const (
	// BackupByVelero is Velero, velero.io.
	BackupByVelero BackupProvider = "Velero"
	// BackupByVolumeSnapshot are VolumeSnapshots, snapshot.storage.k8s.io, whoever
	// makes them. They are volumes only, and stay where the volumes are.
	BackupByVolumeSnapshot BackupProvider = "VolumeSnapshot"
)

// Backup states that namespaces are backed up on a schedule, and how old the
// newest usable backup may be.
//
// +kubebuilder:validation:XValidation:rule="!has(self.velero) || self.provider == 'Velero'",message="velero is stated, and provider is not Velero: remove velero, or set provider to Velero"
// +kubebuilder:validation:XValidation:rule="!has(self.maximumRetention) || (has(self.retention) && duration(self.maximumRetention) >= duration(self.retention))",message="maximumRetention must be no less than retention, which must be stated too",fieldPath=".maximumRetention"
type Backup struct {
	// provider is what makes the backups: Velero (the default) or VolumeSnapshot.
	// One that is not installed is a deviation.
	// +optional
	// +kubebuilder:default=Velero
	Provider BackupProvider `json:"provider,omitempty"`
	// schedule is when backups are due: a cron expression of five fields, such as
	// "0 */6 * * *". Each of its slots is an occurrence that is expected.
	// +required
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9A-Za-z*,/?-]+( +[0-9A-Za-z*,/?-]+){4}$')",message="schedule must be a cron expression of five fields, such as \"0 */6 * * *\""
	Schedule string `json:"schedule"`
	// timeZone is the zone of the schedule, by its name in the IANA database:
	// Etc/UTC by default.
	// +optional
	// +kubebuilder:default="Etc/UTC"
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z][A-Za-z0-9+_-]*(/[A-Za-z0-9+_-]+)*$')",message="timeZone must be a name of the IANA database, such as Europe/Berlin"
	TimeZone string `json:"timeZone,omitempty"`
	// startingDeadline is how long after its slot a backup may start before it is
	// Late: a duration from 1m to 24h, 10m by default.
	// +optional
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1m') && duration(self) <= duration('24h')",message="startingDeadline must be a duration from 1m to 24h, such as 10m"
	StartingDeadline *metav1.Duration `json:"startingDeadline,omitempty"`
	// recoveryPointObjective is how old the newest usable backup of a namespace may
	// be, from the time when it started: a duration from 1m to 8784h.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1m') && duration(self) <= duration('8784h')",message="recoveryPointObjective must be a duration from 1m to 8784h, such as 12h"
	RecoveryPointObjective metav1.Duration `json:"recoveryPointObjective"`
	// retention is how long backups are to be kept at least, and how long those of
	// the plan that Holdfast applies are kept: a duration from 1h to 87840h.
	// Absent means that it is not judged.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1h') && duration(self) <= duration('87840h')",message="retention must be a duration from 1h to 87840h, such as 720h"
	Retention *metav1.Duration `json:"retention,omitempty"`
	// maximumRetention is how long backups may be kept at most: a duration from 1h
	// to 87840h. Absent means that they may be kept for ever.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1h') && duration(self) <= duration('87840h')",message="maximumRetention must be a duration from 1h to 87840h, such as 8784h"
	MaximumRetention *metav1.Duration `json:"maximumRetention,omitempty"`
	// volumes is Required (the default) where the data of every bound claim must be
	// in the backup, and Ignored where only objects count.
	// +optional
	// +kubebuilder:default=Required
	Volumes VolumeCoverage `json:"volumes,omitempty"`
	// copies is OffCluster where the data of volumes must be copied out of the
	// storage that they lie in, and Any (the default) where snapshots count too.
	// +optional
	// +kubebuilder:default=Any
	Copies BackupCopies `json:"copies,omitempty"`
	// velero states what is special to Velero.
	// +optional
	Velero *VeleroBackup `json:"velero,omitempty"`
}

// VolumeCoverage says whether the data of volumes must be backed up.
//
// +kubebuilder:validation:Enum=Required;Ignored
type VolumeCoverage string

// Whether the data of volumes must be backed up.
const (
	VolumesRequired VolumeCoverage = "Required"
	VolumesIgnored  VolumeCoverage = "Ignored"
)

// BackupCopies says where the data of volumes must be copied to.
//
// +kubebuilder:validation:Enum=Any;OffCluster
type BackupCopies string

// Where the data of volumes must be copied to.
const (
	CopiesAny        BackupCopies = "Any"
	CopiesOffCluster BackupCopies = "OffCluster"
)

// VeleroBackup states how Velero backs up.
type VeleroBackup struct {
	// namespace is where Velero runs and its objects lie: velero by default.
	// +optional
	// +kubebuilder:default=velero
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="namespace must be a name of a namespace: lower-case letters, digits and '-', with a letter or digit first and last"
	Namespace string `json:"namespace,omitempty"`
	// plan is the name of a Schedule of Velero's that is yours: then Holdfast judges
	// it, and never changes it. Absent means the one that Holdfast applies in
	// Enforce mode, called holdfast-<policy>-<id>.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="plan must be a name of a Schedule: lower-case letters, digits, '-' and '.'"
	Plan string `json:"plan,omitempty"`
	// storageLocation is the name of the BackupStorageLocation that the plan uses.
	// Absent means Velero's default one.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="storageLocation must be a name of a BackupStorageLocation: lower-case letters, digits, '-' and '.'"
	StorageLocation string `json:"storageLocation,omitempty"`
	// includedNamespaces are the namespaces that the applied plan backs up, at most
	// 256; the wildcards of Velero count. Absent means all. Whether the
	// plan covers the policy's scope is judged.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	IncludedNamespaces []string `json:"includedNamespaces,omitempty"`
	// excludedNamespaces are those that the applied plan leaves out, at most 256; the
	// wildcards of Velero count.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	ExcludedNamespaces []string `json:"excludedNamespaces,omitempty"`
	// volumeMethod is how the applied plan backs up volumes: FileSystem copies their
	// files, DataMover the data of their snapshots, and Snapshot (the default) leaves
	// snapshots in the storage that the volumes are in.
	// +optional
	// +kubebuilder:default=Snapshot
	VolumeMethod VolumeMethod `json:"volumeMethod,omitempty"`
	// partiallyFailed is Counted where a backup that is PartiallyFailed counts as
	// usable, and Rejected (the default) where it does not.
	// +optional
	// +kubebuilder:default=Rejected
	PartiallyFailed PartiallyFailed `json:"partiallyFailed,omitempty"`
	// extraBackupEvery is how often Holdfast starts a further backup of its plan, in
	// Enforce mode, while no run of it is within the objective: a duration from 5m
	// to 24h, 1h by default.
	// +optional
	// +kubebuilder:default="1h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('5m') && duration(self) <= duration('24h')",message="extraBackupEvery must be a duration from 5m to 24h, such as 1h"
	ExtraBackupEvery *metav1.Duration `json:"extraBackupEvery,omitempty"`
	// attestations state that storage locations are encrypted which the API does
	// not show to be: at most 16. One that has expired is a deviation.
	// +optional
	// +listType=map
	// +listMapKey=location
	// +kubebuilder:validation:MaxItems=16
	Attestations []LocationAttestation `json:"attestations,omitempty"`
}

// VolumeMethod is how Velero backs up volumes.
//
// +kubebuilder:validation:Enum=FileSystem;DataMover;Snapshot
type VolumeMethod string

// The methods.
const (
	VolumesByFileSystem VolumeMethod = "FileSystem"
	VolumesByDataMover  VolumeMethod = "DataMover"
	VolumesBySnapshot   VolumeMethod = "Snapshot"
)

// PartiallyFailed says whether a backup that partially failed counts.
//
// +kubebuilder:validation:Enum=Counted;Rejected
type PartiallyFailed string

// Whether a backup that partially failed counts.
const (
	PartiallyFailedCounted  PartiallyFailed = "Counted"
	PartiallyFailedRejected PartiallyFailed = "Rejected"
)

// LocationAttestation states that a storage location is encrypted.
type LocationAttestation struct {
	// location is the name of the BackupStorageLocation.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Location    string `json:"location"`
	Attestation `json:",inline"`
}

// RestoreTest states that backups are restored now and then, and found to hold
// what was in the namespace.
type RestoreTest struct {
	// backupControl is the id of a control of this policy, of type backup by
	// Velero, whose backups are restored.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	BackupControl string `json:"backupControl"`
	// every is how often each namespace is tested: a duration from 1h to 8784h.
	// What a test found counts for twice as long.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1h') && duration(self) <= duration('8784h')",message="every must be a duration from 1h to 8784h, such as 168h"
	Every metav1.Duration `json:"every"`
	// timeout is how long one restore may take: a duration from 1m to 24h, 1h by
	// default.
	// +optional
	// +kubebuilder:default="1h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1m') && duration(self) <= duration('24h')",message="timeout must be a duration from 1m to 24h, such as 1h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// volume adds to the sentinel a claim and a pod that fills it, so that the data
	// of a volume is restored too. Absent means a ConfigMap alone.
	// +optional
	Volume *SentinelVolume `json:"volume,omitempty"`
}

// SentinelVolume is the claim of a sentinel, and the pod that fills it.
type SentinelVolume struct {
	// storageClassName is the class of the claim. Absent means the default one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	StorageClassName *string `json:"storageClassName,omitempty"`
	// image is that of the pod: Holdfast's own, or a copy of it, such as
	// registry.example.com/holdfast@sha256:…; 1 to 512 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image"`
}
