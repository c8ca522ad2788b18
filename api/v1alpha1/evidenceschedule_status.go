package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EvidenceScheduleStatus is where the evidence of a schedule stands.
type EvidenceScheduleStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled speak of Holdfast's own work;
	// EvidenceRecorded and Anchored of the newest slot's evidence.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// lastSlot is the newest slot that was collected or missed.
	// +optional
	LastSlot *SlotStatus `json:"lastSlot,omitempty"`
	// nextSlot is when the next collection is due; absent while none is.
	// +optional
	NextSlot *metav1.Time `json:"nextSlot,omitempty"`
	// period is the examination period, as of the newest slot where it rolls.
	// +optional
	Period *PeriodStatus `json:"period,omitempty"`
	// retention is how long entries are kept at least, over all schedules that
	// were ever declared.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	Retention *metav1.Duration `json:"retention,omitempty"`
	// slots counts the slots that were due in the period so far.
	// +optional
	Slots *SlotCounts `json:"slots,omitempty"`
	// openEpisodes is the number of open episodes under the selected policies.
	// +optional
	// +kubebuilder:validation:Minimum=0
	OpenEpisodes *int32 `json:"openEpisodes,omitempty"`
	// gaps is the number of gaps that began in the period so far.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Gaps *int32 `json:"gaps,omitempty"`
	// evidence says where the record stands.
	// +optional
	Evidence *EvidenceStatus `json:"evidence,omitempty"`
	// verifierKey is the ledger's verifier key, a hint: get it in a way of your
	// own, once, and keep it.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	VerifierKey string `json:"verifierKey,omitempty"`
	// exports say what became of each export.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Exports []ExportStatus `json:"exports,omitempty"`
}

// SlotState is what became of a slot.
//
// +kubebuilder:validation:Enum=Completed;Late;Partial;Failed;Missed
type SlotState string

const (
	// SlotCompleted means that every population was read and compared.
	SlotCompleted SlotState = "Completed"
	// SlotLate means that so it was, but it began after the starting deadline.
	SlotLate SlotState = "Late"
	// SlotPartial means that some kind could not be read completely.
	SlotPartial SlotState = "Partial"
	// SlotFailed means that nothing could be read.
	SlotFailed SlotState = "Failed"
	// SlotMissed means that no collection began before the next slot.
	SlotMissed SlotState = "Missed"
)

// SlotStatus is one slot.
type SlotStatus struct {
	// time is the slot's time.
	// +required
	Time metav1.Time `json:"time"`
	// state is Completed, Late, Partial, Failed or Missed.
	// +required
	State SlotState `json:"state"`
	// record is the name of the slot's EvidenceRecord; empty where there is none.
	// +optional
	// +kubebuilder:validation:MaxLength=96
	Record string `json:"record,omitempty"`
}

// PeriodStatus is an examination period.
type PeriodStatus struct {
	// start is the beginning of the period.
	// +required
	Start metav1.Time `json:"start"`
	// end is the end of the period, which is not part of it.
	// +required
	End metav1.Time `json:"end"`
}

// SlotCounts counts slots: due = completed + late + partial + failed + missed.
type SlotCounts struct {
	// collected says how many of the slots due were collected completely, late
	// ones included, such as "719 of 720 (99.86 %)". The share is floored.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Collected string `json:"collected"`
	// due is the number of slots that were due.
	// +required
	// +kubebuilder:validation:Minimum=0
	Due int32 `json:"due"`
	// completed is the number of slots that were collected on time.
	// +required
	// +kubebuilder:validation:Minimum=0
	Completed int32 `json:"completed"`
	// late is the number of slots whose collection began after the starting deadline.
	// +required
	// +kubebuilder:validation:Minimum=0
	Late int32 `json:"late"`
	// partial is the number of slots in which some kind could not be read completely.
	// +required
	// +kubebuilder:validation:Minimum=0
	Partial int32 `json:"partial"`
	// failed is the number of slots whose collection failed.
	// +required
	// +kubebuilder:validation:Minimum=0
	Failed int32 `json:"failed"`
	// missed is the number of slots without a collection.
	// +required
	// +kubebuilder:validation:Minimum=0
	Missed int32 `json:"missed"`
}

// ExportStatus is what became of an export.
type ExportStatus struct {
	// name is the export's name.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// writtenFor is the slot after which the record was written last.
	// +optional
	WrittenFor *metav1.Time `json:"writtenFor,omitempty"`
	// complete is whether the record that was written covers the period to its end.
	// +optional
	Complete bool `json:"complete,omitempty"`
	// message says why the record could not be written; empty where it was.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
}
