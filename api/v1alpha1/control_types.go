package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Priority says how urgent an open episode of a control is to its owner. It
// orders lists and alerts, and classifies nothing.
//
// +kubebuilder:validation:Enum=Low;Medium;High
type Priority string

const (
	// PriorityLow is the lowest priority.
	PriorityLow Priority = "Low"
	// PriorityMedium is the default priority.
	PriorityMedium Priority = "Medium"
	// PriorityHigh is the highest priority.
	PriorityHigh Priority = "High"
)

// ControlSpec states one control. Exactly one control type is set.
//
// +kubebuilder:validation:ExactlyOneOf=backup;encryptionAtRest;encryptionInTransit;networkIsolation;restoreTest
type ControlSpec struct {
	// id is your own identifier of the control, such as NET-1: 1 to 63
	// letters, digits, '-', '_' and '.', with a letter or digit first and
	// last. With the policy's name it is the control's identity in evidence:
	// under another id it is another control.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",message="id must consist of letters, digits, '-', '_' and '.', with a letter or digit first and last"
	ID string `json:"id"`
	// statement is your own wording of the practice, in at most 1024
	// characters. Records print it as it stands.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Statement string `json:"statement,omitempty"`
	// owner is who answers for the control, in at most 128 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Owner string `json:"owner,omitempty"`
	// criteria are the Trust Services Criteria that the control supports, by
	// id, such as CC6.1. Where a control states none, records and explanations
	// have those that controls of its type usually support.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=61
	Criteria []Criterion `json:"criteria,omitempty"`
	// priority is Low, Medium (the default) or High. It orders open episodes
	// in lists, and classifies nothing.
	// +optional
	// +kubebuilder:default=Medium
	Priority Priority `json:"priority,omitempty"`
	// mode overrides the policy's mode for this control: Observe or Enforce.
	// +optional
	Mode Mode `json:"mode,omitempty"`
	// tolerance overrides the policy's tolerance for this control, as a whole.
	// +optional
	Tolerance *Tolerance `json:"tolerance,omitempty"`
	// operatingFrom is when the control begins to operate: a time with its
	// zone in the form of RFC 3339, such as 2026-01-01T00:00:00Z. It defaults
	// to the control's first complete evaluation, must not lie before the
	// control was introduced, and is fixed once past.
	// +optional
	OperatingFrom *metav1.Time `json:"operatingFrom,omitempty"`
	// backup is a control type: namespaces are backed up on a schedule.
	// +optional
	Backup *Backup `json:"backup,omitempty"`
	// encryptionAtRest is a control type: volumes, and what the API server stores,
	// are encrypted at rest.
	// +optional
	EncryptionAtRest *EncryptionAtRest `json:"encryptionAtRest,omitempty"`
	// encryptionInTransit is a control type: traffic is encrypted.
	// +optional
	EncryptionInTransit *EncryptionInTransit `json:"encryptionInTransit,omitempty"`
	// networkIsolation is a control type: namespaces deny network traffic that
	// nothing allows explicitly.
	// +optional
	NetworkIsolation *NetworkIsolation `json:"networkIsolation,omitempty"`
	// restoreTest is a control type: backups are restored, and hold what was there.
	// +optional
	RestoreTest *RestoreTest `json:"restoreTest,omitempty"`
}
