package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EncryptionLevel says who holds the key that data at rest is encrypted with.
//
// +kubebuilder:validation:Enum=None;ProviderManaged;CustomerManaged
type EncryptionLevel string

// The levels, from the lowest to the highest.
const (
	// EncryptionNone is data at rest in the clear.
	EncryptionNone EncryptionLevel = "None"
	// EncryptionProviderManaged is encryption with a key of the provider's.
	EncryptionProviderManaged EncryptionLevel = "ProviderManaged"
	// EncryptionCustomerManaged is encryption with a key of your own.
	EncryptionCustomerManaged EncryptionLevel = "CustomerManaged"
)

// EncryptionAtRest states that volumes, and what the API server stores, are
// encrypted at rest.
//
// +kubebuilder:validation:MinProperties=1
type EncryptionAtRest struct {
	// volumes states what holds for StorageClasses, PersistentVolumes and the
	// default class. StorageClasses are judged where scope.cluster is Included.
	// +optional
	Volumes *VolumeEncryption `json:"volumes,omitempty"`
	// apiServer states what holds for what the API server stores. It is judged
	// where scope.cluster is Included.
	// +optional
	APIServer *APIServerEncryption `json:"apiServer,omitempty"`
}

// VolumeEncryption states how volumes are encrypted.
type VolumeEncryption struct {
	// minimumLevel is the least that every class and volume must have: ProviderManaged
	// (the default), a key of the provider's, or CustomerManaged, a key of your own.
	// +optional
	// +kubebuilder:default=ProviderManaged
	// +kubebuilder:validation:Enum=ProviderManaged;CustomerManaged
	MinimumLevel EncryptionLevel `json:"minimumLevel,omitempty"`
	// provisioners extend the built-in table of provisioners, and override its
	// rows: at most 64.
	// +optional
	// +listType=map
	// +listMapKey=provisioner
	// +kubebuilder:validation:MaxItems=64
	Provisioners []ProvisionerRule `json:"provisioners,omitempty"`
	// attestations state what the API cannot show, such as a file system that is
	// encrypted by its provider: at most 64. One that has expired is a deviation.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Attestations []VolumeAttestation `json:"attestations,omitempty"`
	// defaultClass is the name of the StorageClass that must be the default one.
	// In Enforce mode it is marked as such, and others are unmarked. Absent means
	// that exactly one class must be the default, whichever it is.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	DefaultClass string `json:"defaultClass,omitempty"`
	// classTemplate is a StorageClass that is created in Enforce mode where there
	// is none of its name. One that exists is never changed.
	// +optional
	ClassTemplate *StorageClassTemplate `json:"classTemplate,omitempty"`
	// guard keeps unencrypted classes and volumes from being created. It is
	// applied in Enforce mode.
	// +optional
	Guard *VolumeGuard `json:"guard,omitempty"`
}

// ParameterValue is the value of a parameter of a StorageClass, in at most 256
// characters.
//
// +kubebuilder:validation:MaxLength=256
type ParameterValue string

// ProvisionerRule says which level the classes and volumes of a provisioner have.
type ProvisionerRule struct {
	// provisioner is the exact name of the provisioner, such as ebs.csi.aws.com.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Provisioner string `json:"provisioner"`
	// parameters are parameters of the class, with the values that they must all
	// have; the value * means any that is not empty. At most 8.
	// +optional
	// +kubebuilder:validation:MaxProperties=8
	// +kubebuilder:validation:XValidation:rule="self.all(name, name != '' && name.size() <= 128)",message="parameters must have names of 1 to 128 characters"
	Parameters map[string]ParameterValue `json:"parameters,omitempty"`
	// level is what a class has whose parameters are so: None, ProviderManaged or
	// CustomerManaged.
	// +required
	Level EncryptionLevel `json:"level"`
	// otherwise is what other classes have. Absent means that it is not known.
	// +optional
	Otherwise EncryptionLevel `json:"otherwise,omitempty"`
	// reason says where this is known from: 1 to 256 characters.
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim() != ''",message="reason must say where the level is known from"
	Reason string `json:"reason"`
}

// Attestation is a person's statement of what cannot be observed, with an expiry.
type Attestation struct {
	// ref says where the statement is kept: 1 to 256 characters, such as a ticket
	// or a document.
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim() != ''",message="ref must say where the statement is kept"
	Ref string `json:"ref"`
	// sha256 is the SHA-256 of the statement's document, in 64 hexadecimal digits.
	// +required
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-f]{64}$')",message="sha256 must be 64 lower-case hexadecimal digits"
	SHA256 string `json:"sha256"`
	// signer is who made the statement, in 1 to 128 characters. It is recorded as
	// stated here, and not authenticated.
	// +required
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.trim() != ''",message="signer must say who made the statement"
	Signer string `json:"signer"`
	// validUntil is when the statement expires: a time with its zone in the form
	// of RFC 3339. From then on what rests on it is a deviation.
	// +required
	ValidUntil metav1.Time `json:"validUntil"`
}

// VolumeAttestation states the level of volumes whose encryption the API cannot
// show. Exactly one of the fields that say which is set.
//
// +kubebuilder:validation:ExactlyOneOf=provisioner;storageClass;volumeHandles;storagePolicy
type VolumeAttestation struct {
	// provisioner is the provisioner of all the volumes that are meant.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Provisioner string `json:"provisioner,omitempty"`
	// storageClass is the class of the volumes that are meant, and that class.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	StorageClass string `json:"storageClass,omitempty"`
	// volumeHandles are the volumes that are meant, each by its handle, or the
	// part of it before a colon (an EFS file system): 1 to 64.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	VolumeHandles []string `json:"volumeHandles,omitempty"`
	// storagePolicy is the value of the class parameter storagepolicyname (vSphere).
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	StoragePolicy string `json:"storagePolicy,omitempty"`
	// level is what they are stated to have.
	// +required
	// +kubebuilder:validation:Enum=ProviderManaged;CustomerManaged
	Level EncryptionLevel `json:"level"`

	Attestation `json:",inline"`
}

// StorageClassTemplate is a StorageClass to be created.
type StorageClassTemplate struct {
	// name is the name of the class: a DNS subdomain, in at most 63 characters.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="name must be a name of a StorageClass: lower-case letters, digits, '-' and '.'"
	Name string `json:"name"`
	// provisioner is the class's provisioner.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Provisioner string `json:"provisioner"`
	// parameters are the class's parameters: at most 32.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(name, name != '' && name.size() <= 128)",message="parameters must have names of 1 to 128 characters"
	Parameters map[string]ParameterValue `json:"parameters,omitempty"`
	// reclaimPolicy is Retain or Delete (the default).
	// +optional
	// +kubebuilder:default=Delete
	// +kubebuilder:validation:Enum=Delete;Retain
	ReclaimPolicy string `json:"reclaimPolicy,omitempty"`
	// volumeBindingMode is Immediate or WaitForFirstConsumer (the default).
	// +optional
	// +kubebuilder:default=WaitForFirstConsumer
	// +kubebuilder:validation:Enum=Immediate;WaitForFirstConsumer
	VolumeBindingMode string `json:"volumeBindingMode,omitempty"`
	// allowVolumeExpansion is Allowed (the default) or Forbidden.
	// +optional
	// +kubebuilder:default=Allowed
	// +kubebuilder:validation:Enum=Allowed;Forbidden
	AllowVolumeExpansion string `json:"allowVolumeExpansion,omitempty"`
}

// GuardRollout says what an admission guard does with what it would refuse.
//
// +kubebuilder:validation:Enum=Audit;Warn;Deny
type GuardRollout string

// The rollouts, in the order in which a guard is brought in.
const (
	// GuardAudit notes it in the API server's audit log and metrics.
	GuardAudit GuardRollout = "Audit"
	// GuardWarn warns the client besides.
	GuardWarn GuardRollout = "Warn"
	// GuardDeny refuses it.
	GuardDeny GuardRollout = "Deny"
)

// VolumeGuard keeps unencrypted classes and volumes from being created.
type VolumeGuard struct {
	// rollout is what becomes of what the guard would refuse: Audit (the default) notes
	// it in the API server's audit log and metrics, Warn tells the client besides, and
	// Deny refuses it.
	// +optional
	// +kubebuilder:default=Audit
	Rollout GuardRollout `json:"rollout,omitempty"`
	// staticVolumes says whether claims without a class, and PersistentVolumes that
	// no provisioner made, are let through: Allow, or Forbid (the default).
	// +optional
	// +kubebuilder:default=Forbid
	// +kubebuilder:validation:Enum=Allow;Forbid
	StaticVolumes string `json:"staticVolumes,omitempty"`
}

// APIServerEncryption states how what the API server stores is encrypted.
type APIServerEncryption struct {
	// resources are what is probed: secrets (the default), configmaps or both. A
	// canary object of each is written through every API server.
	// +optional
	// +listType=set
	// +kubebuilder:default={secrets}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:items:Enum=secrets;configmaps
	Resources []string `json:"resources,omitempty"`
	// providers are those that may encrypt: aescbc, aesgcm, secretbox, kms. Absent
	// means all of them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:Enum=aescbc;aesgcm;secretbox;kms
	Providers []string `json:"providers,omitempty"`
	// maximumKeyAge is how old a key may get, counted from when Holdfast saw it
	// first: a duration from 24h to 9999h. Absent means that its age is recorded and
	// not judged.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('24h') && duration(self) <= duration('9999h')",message="maximumKeyAge must be a duration from 24h to 9999h, such as 2160h"
	MaximumKeyAge *metav1.Duration `json:"maximumKeyAge,omitempty"`
	// plaintextResidue is what becomes of objects that were read in the clear since
	// an API server started: Forbid, or Record (the default).
	// +optional
	// +kubebuilder:default=Record
	PlaintextResidue Judgement `json:"plaintextResidue,omitempty"`
	// every is the interval of the probe: a duration from 30s to 168h, 15m by default.
	// A result counts for twice as long.
	// +optional
	// +kubebuilder:default="15m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('30s') && duration(self) <= duration('168h')",message="every must be a duration from 30s to 168h, such as 15m"
	Every *metav1.Duration `json:"every,omitempty"`
	// attestation closes what cannot be probed, as on a managed control plane that
	// serves no metrics. It never outweighs what was probed.
	// +optional
	Attestation *Attestation `json:"attestation,omitempty"`
}
