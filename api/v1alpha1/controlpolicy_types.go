package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Mode says whether a control only observes, or also repairs.
//
// +kubebuilder:validation:Enum=Observe;Enforce
type Mode string

const (
	// ModeObserve records what is, and changes nothing.
	ModeObserve Mode = "Observe"
	// ModeEnforce records what is, and repairs what deviates.
	ModeEnforce Mode = "Enforce"
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

// ControlPolicy declares up to 64 controls over a scope of namespaces, and
// whether Holdfast only observes them or also repairs what deviates.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=ctlp,categories=holdfast
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Conforming",type=string,JSONPath=`.status.conditions[?(@.type=="Conforming")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Conforming")].reason`
// +kubebuilder:printcolumn:name="In Scope",type=integer,JSONPath=`.status.scope.inScope`
// +kubebuilder:printcolumn:name="Open",type=integer,JSONPath=`.status.openEpisodes.total`
// +kubebuilder:printcolumn:name="Enforced",type=string,JSONPath=`.status.conditions[?(@.type=="Enforced")].status`
// +kubebuilder:printcolumn:name="Evidence",type=string,JSONPath=`.status.conditions[?(@.type=="EvidenceRecorded")].status`
// +kubebuilder:printcolumn:name="Ready",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="metadata.name must have at most 63 characters"
type ControlPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// spec is what the admin declares.
	// +required
	Spec ControlPolicySpec `json:"spec"`
	// status is what Holdfast observed. It is a bounded summary; the ledger has all of it.
	// +optional
	Status ControlPolicyStatus `json:"status,omitempty"`
}

// ControlPolicyList is a list of ControlPolicy.
//
// +kubebuilder:object:root=true
type ControlPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ControlPolicy `json:"items"`
}

// ControlPolicySpec is what the admin declares.
type ControlPolicySpec struct {
	// description says in your own words what this policy is for.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description,omitempty"`
	// mode is Observe (record, change nothing) or Enforce (record and repair).
	// A control may override it. It is part of every control's definition:
	// evidence of a control that observed is kept apart from evidence of one
	// that enforced.
	// +optional
	// +kubebuilder:default=Observe
	Mode Mode `json:"mode,omitempty"`
	// tolerance is what the controls themselves state about the time within
	// which a deviation is corrected. A control may override it. Absent means
	// that none is stated, and every episode is a deviation.
	// +optional
	Tolerance *Tolerance `json:"tolerance,omitempty"`
	// enforcement adjusts how Enforce mode acts.
	// +optional
	Enforcement *Enforcement `json:"enforcement,omitempty"`
	// scope says which namespaces the controls are judged on.
	// +required
	Scope Scope `json:"scope"`
	// controls are the practices this policy states, by id.
	// +required
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Controls []ControlSpec `json:"controls"`
}

// Tolerance is what a control itself states about corrections.
//
// +kubebuilder:validation:MinProperties=1
type Tolerance struct {
	// correctionWithin is the time within which a subject that deviates is
	// corrected, at most 2160h (90 days).
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= duration('1s') && self <= duration('2160h')",message="correctionWithin must be between 1s and 2160h"
	CorrectionWithin *metav1.Duration `json:"correctionWithin,omitempty"`
	// newSubjectWithin is the time within which a new subject conforms, at
	// most 2160h. It defaults to correctionWithin.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= duration('1s') && self <= duration('2160h')",message="newSubjectWithin must be between 1s and 2160h"
	NewSubjectWithin *metav1.Duration `json:"newSubjectWithin,omitempty"`
}

// Enforcement adjusts how Enforce mode acts.
//
// +kubebuilder:validation:MinProperties=1
type Enforcement struct {
	// pause stops repairs until a stated time. Evaluation and evidence go on,
	// and the pause itself is recorded.
	// +optional
	Pause *Pause `json:"pause,omitempty"`
}

// Pause stops repairs until a stated time.
type Pause struct {
	// reason says why, in a form that an auditor can follow: a change number, say.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason"`
	// until is when repairs resume by themselves.
	// +required
	Until metav1.Time `json:"until"`
}

// Scope says which namespaces the controls are judged on. Every namespace of
// the cluster is accounted for: in scope, excluded, or not selected.
type Scope struct {
	// namespaceSelector selects namespaces by label; {} selects all.
	// +required
	NamespaceSelector metav1.LabelSelector `json:"namespaceSelector"`
	// exclusions take selected namespaces out of scope. Each has a reason, and
	// is part of the evidence.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Exclusions []Exclusion `json:"exclusions,omitempty"`
	// builtinExclusions are namespaces of the cluster itself, by exact name,
	// that are out of scope. The default stands here so that it can be seen
	// and changed.
	// +optional
	// +listType=set
	// +kubebuilder:default={"kube-system","kube-public","kube-node-lease","holdfast-system"}
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	BuiltinExclusions []string `json:"builtinExclusions,omitempty"`
}

// Exclusion takes namespaces out of scope, for a stated reason.
type Exclusion struct {
	// namespaces are exact names.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespaces []string `json:"namespaces"`
	// reason says why these namespaces are out of scope.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason"`
	// reviewBy is the date (YYYY-MM-DD, UTC) by which the exclusion is to be
	// reviewed. Past it the exclusion still holds, and is reported as overdue.
	// +optional
	// +kubebuilder:validation:MaxLength=10
	// +kubebuilder:validation:Format=date
	ReviewBy string `json:"reviewBy,omitempty"`
	// approvedBy is who approved the exclusion, as stated here. It is not authenticated.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ApprovedBy string `json:"approvedBy,omitempty"`
}

// ControlSpec states one control. Exactly one control type is set.
//
// +kubebuilder:validation:ExactlyOneOf=networkIsolation
type ControlSpec struct {
	// id is your own identifier of the control. The control's identity in
	// evidence is the policy's name and this id.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	ID string `json:"id"`
	// statement is your own wording of the practice.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Statement string `json:"statement,omitempty"`
	// owner is who answers for the control.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Owner string `json:"owner,omitempty"`
	// criteria are the Trust Services Criteria that the control supports.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=61
	Criteria []Criterion `json:"criteria,omitempty"`
	// priority orders open episodes in lists.
	// +optional
	// +kubebuilder:default=Medium
	Priority Priority `json:"priority,omitempty"`
	// mode overrides the policy's mode for this control.
	// +optional
	Mode Mode `json:"mode,omitempty"`
	// tolerance overrides the policy's tolerance for this control.
	// +optional
	Tolerance *Tolerance `json:"tolerance,omitempty"`
	// operatingFrom is when the control begins to operate. It defaults to the
	// control's first complete evaluation, must not lie before the control was
	// introduced, and is fixed once past.
	// +optional
	OperatingFrom *metav1.Time `json:"operatingFrom,omitempty"`
	// networkIsolation: workload namespaces deny network traffic that is not
	// explicitly allowed.
	// +optional
	NetworkIsolation *NetworkIsolation `json:"networkIsolation,omitempty"`
}

// Direction is a direction of network traffic, seen from the pod.
//
// +kubebuilder:validation:Enum=Ingress;Egress
type Direction string

const (
	// DirectionIngress is traffic to the pod.
	DirectionIngress Direction = "Ingress"
	// DirectionEgress is traffic from the pod.
	DirectionEgress Direction = "Egress"
)

// NetworkIsolation states that namespaces deny network traffic by default.
type NetworkIsolation struct {
	// defaultDeny are the directions in which a namespace denies traffic that
	// no NetworkPolicy allows.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	DefaultDeny []Direction `json:"defaultDeny"`
}

// ControlPolicyStatus is a bounded summary of what Holdfast observed. It never
// grows with the cluster.
type ControlPolicyStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
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
	// openEpisodes are the open episodes of all controls, the longest first.
	// +optional
	OpenEpisodes *OpenEpisodes `json:"openEpisodes,omitempty"`
	// evidence says where the record stands.
	// +optional
	Evidence *EvidenceStatus `json:"evidence,omitempty"`
}

// ScopeStatus is the census of namespaces, in numbers.
type ScopeStatus struct {
	// total is the number of namespaces in the cluster.
	Total int32 `json:"total"`
	// inScope is the number of namespaces the controls are judged on.
	InScope int32 `json:"inScope"`
	// excluded is the number of selected namespaces that an exclusion takes out.
	Excluded int32 `json:"excluded"`
	// notSelected is the number of namespaces that the selector does not select.
	NotSelected int32 `json:"notSelected"`
	// overdueExclusions is the number of exclusions past their reviewBy date.
	// +optional
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
	Conforming int32 `json:"conforming"`
	// correcting is the number of subjects that deviate, within the stated tolerance so far.
	Correcting int32 `json:"correcting"`
	// deviating is the number of subjects that deviate, beyond the stated tolerance.
	Deviating int32 `json:"deviating"`
	// notEvaluated is the number of subjects whose state is not known.
	NotEvaluated int32 `json:"notEvaluated"`
	// notApplicable is the number of subjects to which the control does not apply.
	NotApplicable int32 `json:"notApplicable"`
}

// OpenEpisodes are the open episodes: their number, and the ten longest.
type OpenEpisodes struct {
	// total is the number of open episodes.
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
	Size int64 `json:"size"`
	// rootHash is the Merkle root, in base64.
	// +kubebuilder:validation:MaxLength=64
	RootHash string `json:"rootHash"`
}
