package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EvidenceRecord is an immutable summary of one collection. Holdfast writes it,
// and removes the oldest ones of a schedule beyond its history limit; the
// ledger has all of them.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,shortName=evr,categories=holdfast
// +kubebuilder:printcolumn:name="Schedule",type=string,JSONPath=`.spec.schedule.name`,description="The EvidenceSchedule whose slot was collected."
// +kubebuilder:printcolumn:name="Slot",type=string,JSONPath=`.spec.slot`,description="When the collection was due."
// +kubebuilder:printcolumn:name="Result",type=string,JSONPath=`.spec.result`,description="Completed, Late, Partial (some kind could not be read completely) or Failed."
// +kubebuilder:printcolumn:name="Subjects",type=integer,JSONPath=`.spec.subjects`,description="The number of subjects in scope, all controls together."
// +kubebuilder:printcolumn:name="Deviating",type=integer,JSONPath=`.spec.deviating`,description="The number of subjects that deviated, all controls together."
// +kubebuilder:printcolumn:name="Discrepancies",type=integer,JSONPath=`.spec.discrepancies`,description="The number of units that were read in another state than the one recorded."
// +kubebuilder:printcolumn:name="Anchored",type=string,JSONPath=`.spec.anchored`,description="Which of the schedule's anchors acknowledged the checkpoint: All, Some, None, or NoAnchor where none is declared."
// +kubebuilder:printcolumn:name="Entries",type=integer,priority=1,JSONPath=`.spec.checkpoint.entries`,description="The number of ledger entries that the checkpoint covers."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 96",message="metadata.name must have at most 96 characters"
type EvidenceRecord struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata. The name is that of the schedule,
	// '-' and the slot, such as soc2-2026-20260301t060000z.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// spec is what was found. It never changes.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable: it is evidence"
	Spec EvidenceRecordSpec `json:"spec"`
}

// EvidenceRecordList is a list of EvidenceRecord.
//
// +kubebuilder:object:root=true
type EvidenceRecordList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the records.
	Items []EvidenceRecord `json:"items"`
}

// RecordResult is what became of a collection.
//
// +kubebuilder:validation:Enum=Completed;Late;Partial;Failed
type RecordResult string

// AnchoredState says which anchors acknowledged a checkpoint.
//
// +kubebuilder:validation:Enum=All;Some;None;NoAnchor
type AnchoredState string

const (
	// AnchoredByAll means that every declared anchor acknowledged the checkpoint.
	AnchoredByAll AnchoredState = "All"
	// AnchoredBySome means that at least one did, and at least one did not.
	AnchoredBySome AnchoredState = "Some"
	// AnchoredByNone means that no declared anchor did.
	AnchoredByNone AnchoredState = "None"
	// AnchoredUndeclared means that the schedule declares no anchor.
	AnchoredUndeclared AnchoredState = "NoAnchor"
)

// EvidenceRecordSpec is the summary of one collection.
type EvidenceRecordSpec struct {
	// schedule is the schedule whose slot was collected.
	// +required
	Schedule RecordSchedule `json:"schedule"`
	// slot is when the collection was due.
	// +required
	Slot metav1.Time `json:"slot"`
	// startedAt is when the collection began, by the operator's clock.
	// +required
	StartedAt metav1.Time `json:"startedAt"`
	// completedAt is when the collection ended, by the operator's clock.
	// +required
	CompletedAt metav1.Time `json:"completedAt"`
	// result is Completed, Late (it began after the starting deadline), Partial
	// (some kind could not be read completely) or Failed (nothing was collected).
	// +required
	Result RecordResult `json:"result"`
	// message says why the result is Partial or Failed, in at most 256 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
	// subjects is the number of subjects in scope, all controls together: a
	// namespace under two controls counts twice.
	// +required
	// +kubebuilder:validation:Minimum=0
	Subjects int32 `json:"subjects"`
	// deviating is the number of those that deviated.
	// +required
	// +kubebuilder:validation:Minimum=0
	Deviating int32 `json:"deviating"`
	// controls are the counts of each control, at most 256, by policy and id.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Controls []RecordControl `json:"controls,omitempty"`
	// controlsTotal is the number of controls, those that are not listed included.
	// +required
	// +kubebuilder:validation:Minimum=0
	ControlsTotal int32 `json:"controlsTotal"`
	// compared is the number of units that were compared with the recorded state.
	// +required
	// +kubebuilder:validation:Minimum=0
	Compared int32 `json:"compared"`
	// superseded is the number of units that differed only because the cluster
	// changed meanwhile.
	// +required
	// +kubebuilder:validation:Minimum=0
	Superseded int32 `json:"superseded"`
	// discrepancies is the number of units that were read in another state than
	// the one recorded.
	// +required
	// +kubebuilder:validation:Minimum=0
	Discrepancies int32 `json:"discrepancies"`
	// ledger says where the collection stands in the ledger.
	// +required
	Ledger RecordLedger `json:"ledger"`
	// checkpoint covers the collection.
	// +required
	Checkpoint RecordCheckpoint `json:"checkpoint"`
	// anchored is All, Some or None of the declared anchors, or NoAnchor.
	// +required
	Anchored AnchoredState `json:"anchored"`
	// anchors are the receipts of the anchors that acknowledged the checkpoint.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Anchors []RecordAnchor `json:"anchors,omitempty"`
	// previous is the schedule's record before this one; absent on the first,
	// and where none was left.
	// +optional
	Previous *PreviousRecord `json:"previous,omitempty"`
}

// RecordSchedule says which state of which schedule was collected.
type RecordSchedule struct {
	// name is the schedule's name.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// uid is the schedule's UID.
	// +required
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid"`
	// generation is the generation of the schedule's spec.
	// +required
	// +kubebuilder:validation:Minimum=0
	Generation int64 `json:"generation"`
}

// RecordControl is one control's census: total = conforming + deviating +
// notApplicable + notEvaluated + excluded + notSelected.
type RecordControl struct {
	// policy is the policy's name.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Policy string `json:"policy"`
	// id is the control's id.
	// +required
	// +kubebuilder:validation:MaxLength=63
	ID string `json:"id"`
	// total is the number of units of the kind in the cluster.
	// +required
	// +kubebuilder:validation:Minimum=0
	Total int32 `json:"total"`
	// conforming is the number of subjects that conformed.
	// +required
	// +kubebuilder:validation:Minimum=0
	Conforming int32 `json:"conforming"`
	// deviating is the number of subjects that deviated.
	// +required
	// +kubebuilder:validation:Minimum=0
	Deviating int32 `json:"deviating"`
	// notApplicable is the number of subjects to which the control did not apply.
	// +required
	// +kubebuilder:validation:Minimum=0
	NotApplicable int32 `json:"notApplicable"`
	// notEvaluated is the number of subjects whose state was not known.
	// +required
	// +kubebuilder:validation:Minimum=0
	NotEvaluated int32 `json:"notEvaluated"`
	// excluded is the number of selected units that an exclusion takes out.
	// +required
	// +kubebuilder:validation:Minimum=0
	Excluded int32 `json:"excluded"`
	// notSelected is the number of units that the selector does not select.
	// +required
	// +kubebuilder:validation:Minimum=0
	NotSelected int32 `json:"notSelected"`
}

// RecordLedger says where a collection stands in the ledger.
type RecordLedger struct {
	// id is the ledger's id.
	// +required
	// +kubebuilder:validation:MaxLength=32
	ID string `json:"id"`
	// seq is the sequence number of the Collected entry.
	// +required
	// +kubebuilder:validation:Minimum=0
	Seq int64 `json:"seq"`
	// manifest is the digest of the manifest (SHA-256, in hex); empty where
	// nothing was collected.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Manifest string `json:"manifest,omitempty"`
	// verifierKey is the ledger's verifier key, a hint.
	// +required
	// +kubebuilder:validation:MaxLength=256
	VerifierKey string `json:"verifierKey"`
}

// RecordCheckpoint is a signed checkpoint of the ledger.
type RecordCheckpoint struct {
	// origin is the log that it is of: holdfast.dev/ledger/ and the ledger's id,
	// with the segment's number after the first.
	// +required
	// +kubebuilder:validation:MaxLength=128
	Origin string `json:"origin"`
	// size is the number of leaves of that log.
	// +required
	// +kubebuilder:validation:Minimum=0
	Size int64 `json:"size"`
	// entries is the number of entries that it covers, earlier segments included.
	// +required
	// +kubebuilder:validation:Minimum=0
	Entries int64 `json:"entries"`
	// rootHash is the Merkle root, in base64.
	// +required
	// +kubebuilder:validation:MaxLength=64
	RootHash string `json:"rootHash"`
	// note is the signed note. Keep it where nobody of the cluster can write: it
	// binds everything before it.
	// +required
	// +kubebuilder:validation:MaxLength=2048
	Note string `json:"note"`
}

// RecordAnchor is the receipt of an anchor.
type RecordAnchor struct {
	// name is the anchor's name.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// type is Witness or Timestamp.
	// +required
	// +kubebuilder:validation:Enum=Witness;Timestamp
	Type string `json:"type"`
	// receipt is the digest of the receipt (SHA-256, in hex), an object of the ledger.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Receipt string `json:"receipt"`
	// at is the time that the receipt itself states; absent where it states none.
	// +optional
	At *metav1.Time `json:"at,omitempty"`
}

// PreviousRecord names the record before.
type PreviousRecord struct {
	// name is the record's name.
	// +required
	// +kubebuilder:validation:MaxLength=96
	Name string `json:"name"`
	// digest is the SHA-256, in hex, of the record's spec in canonical JSON (RFC 8785).
	// +required
	// +kubebuilder:validation:MaxLength=64
	Digest string `json:"digest"`
}
