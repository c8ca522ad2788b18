package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ControlPolicyStatus is a bounded summary of what Holdfast observed. It never
// grows with the cluster.
type ControlPolicyStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled speak of Holdfast's own work;
	// Conforming, Enforced and EvidenceRecorded speak of the cluster.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// scope counts every namespace of the cluster: total = inScope + excluded + notSelected.
	// +optional
	Scope *ScopeStatus `json:"scope,omitempty"`
	// controls are the counts of each control.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=64
	Controls []ControlStatus `json:"controls,omitempty"`
	// openEpisodes are the open episodes of all controls, the most urgent first.
	// +optional
	OpenEpisodes *OpenEpisodes `json:"openEpisodes,omitempty"`
	// evidence says where the record stands.
	// +optional
	Evidence *EvidenceStatus `json:"evidence,omitempty"`
}

// ScopeStatus is the census of namespaces, in numbers.
type ScopeStatus struct {
	// total is the number of namespaces in the cluster.
	// +required
	// +kubebuilder:validation:Minimum=0
	Total int32 `json:"total"`
	// inScope is the number of namespaces the controls are judged on.
	// +required
	// +kubebuilder:validation:Minimum=0
	InScope int32 `json:"inScope"`
	// excluded is the number of selected namespaces that an exclusion takes out.
	// +required
	// +kubebuilder:validation:Minimum=0
	Excluded int32 `json:"excluded"`
	// notSelected is the number of namespaces that the selector does not select.
	// +required
	// +kubebuilder:validation:Minimum=0
	NotSelected int32 `json:"notSelected"`
	// overdueExclusions is the number of exclusions past their reviewBy date.
	// +optional
	// +kubebuilder:validation:Minimum=0
	OverdueExclusions int32 `json:"overdueExclusions,omitempty"`
}

// ControlStatus counts the subjects of one control by outcome.
type ControlStatus struct {
	// id is the control's id.
	// +required
	// +kubebuilder:validation:MaxLength=63
	ID string `json:"id"`
	// mode is the mode in effect.
	// +optional
	Mode Mode `json:"mode,omitempty"`
	// operatingFrom is when the control began, or begins, to operate.
	// +optional
	OperatingFrom *metav1.Time `json:"operatingFrom,omitempty"`
	// conforming is the number of subjects that conform.
	// +required
	// +kubebuilder:validation:Minimum=0
	Conforming int32 `json:"conforming"`
	// correcting is the number of subjects that deviate, within the stated tolerance so far.
	// +required
	// +kubebuilder:validation:Minimum=0
	Correcting int32 `json:"correcting"`
	// deviating is the number of subjects that deviate, beyond the stated tolerance.
	// +required
	// +kubebuilder:validation:Minimum=0
	Deviating int32 `json:"deviating"`
	// notEvaluated is the number of subjects whose state is not known.
	// +required
	// +kubebuilder:validation:Minimum=0
	NotEvaluated int32 `json:"notEvaluated"`
	// notApplicable is the number of subjects to which the control does not apply.
	// +required
	// +kubebuilder:validation:Minimum=0
	NotApplicable int32 `json:"notApplicable"`
}

// OpenEpisodes are the open episodes: their number, and the ten longest.
type OpenEpisodes struct {
	// total is the number of open episodes.
	// +required
	// +kubebuilder:validation:Minimum=0
	Total int32 `json:"total"`
	// longest are at most ten open episodes: highest priority first, then the longest open.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Longest []OpenEpisode `json:"longest,omitempty"`
}

// OpenEpisode is one interval, not yet ended, in which a subject deviates.
type OpenEpisode struct {
	// control is the control's id.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Control string `json:"control"`
	// subject is the subject: kind and name.
	// +required
	// +kubebuilder:validation:MaxLength=320
	Subject string `json:"subject"`
	// since is when the deviation was observed first.
	// +required
	Since metav1.Time `json:"since"`
	// origin is why the episode began.
	// +required
	// +kubebuilder:validation:MaxLength=32
	Origin string `json:"origin"`
	// rules are the failing rules.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=16
	Rules []string `json:"rules"`
	// message says what deviates.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
}

// EvidenceStatus says where the record stands.
type EvidenceStatus struct {
	// ledgerID is the id of the ledger that holds the evidence.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	LedgerID string `json:"ledgerID,omitempty"`
	// checkpoint is the newest published checkpoint.
	// +optional
	Checkpoint *CheckpointStatus `json:"checkpoint,omitempty"`
}

// CheckpointStatus is a published checkpoint, in short.
type CheckpointStatus struct {
	// size is the number of entries that the checkpoint covers.
	// +required
	// +kubebuilder:validation:Minimum=0
	Size int64 `json:"size"`
	// rootHash is the Merkle root, in base64.
	// +required
	// +kubebuilder:validation:MaxLength=64
	RootHash string `json:"rootHash"`
}
