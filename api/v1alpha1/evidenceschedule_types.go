package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EvidenceSchedule binds policies to an examination period: when whole
// populations are read again, how long the evidence is kept, who outside the
// cluster acknowledges it, and which records are written.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=evs,categories=holdfast
// +kubebuilder:printcolumn:name="Schedule",type=string,JSONPath=`.spec.schedule`,description="When collections are due, as a cron expression in the schedule's time zone."
// +kubebuilder:printcolumn:name="Suspended",type=boolean,JSONPath=`.spec.suspend`,description="Whether no collections are due at present."
// +kubebuilder:printcolumn:name="Last Slot",type=string,JSONPath=`.status.lastSlot.time`,description="The newest slot that was collected or missed."
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.lastSlot.state`,description="What became of the newest slot: Completed, Late, Partial, Failed or Missed."
// +kubebuilder:printcolumn:name="Next Slot",type=string,JSONPath=`.status.nextSlot`,description="When the next collection is due."
// +kubebuilder:printcolumn:name="Collected",type=string,JSONPath=`.status.slots.collected`,description="How many of the slots due in the period so far were collected, late ones included."
// +kubebuilder:printcolumn:name="Open",type=integer,JSONPath=`.status.openEpisodes`,description="The number of open episodes, all selected policies together."
// +kubebuilder:printcolumn:name="Gaps",type=integer,JSONPath=`.status.gaps`,description="The number of gaps that began in the period so far."
// +kubebuilder:printcolumn:name="Anchored",type=string,JSONPath=`.status.conditions[?(@.type=="Anchored")].status`,description="Whether a party outside the cluster acknowledged the newest collection's checkpoint."
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether Holdfast does its own work for this schedule."
// +kubebuilder:printcolumn:name="Time Zone",type=string,priority=1,JSONPath=`.spec.timeZone`,description="The time zone of the schedule."
// +kubebuilder:printcolumn:name="Period Start",type=string,priority=1,JSONPath=`.status.period.start`,description="The beginning of the examination period."
// +kubebuilder:printcolumn:name="Period End",type=string,priority=1,JSONPath=`.status.period.end`,description="The end of the examination period; the end itself is not part of it."
// +kubebuilder:printcolumn:name="Entries",type=integer,priority=1,JSONPath=`.status.evidence.checkpoint.size`,description="The number of ledger entries that the newest published checkpoint covers."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters"
type EvidenceSchedule struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata. The name has at most 63
	// characters; evidence refers to the schedule by it.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// spec is what the admin declares.
	// +required
	Spec EvidenceScheduleSpec `json:"spec"`
	// status is where the evidence stands. It is a bounded summary; the ledger has all of it.
	// Before Holdfast has seen the object it says that no generation is observed.
	// +optional
	// +kubebuilder:default={observedGeneration:0}
	Status EvidenceScheduleStatus `json:"status,omitempty"`
}

// EvidenceScheduleList is a list of EvidenceSchedule.
//
// +kubebuilder:object:root=true
type EvidenceScheduleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the schedules.
	Items []EvidenceSchedule `json:"items"`
}

// EvidenceScheduleSpec is what the admin declares.
//
// +kubebuilder:validation:XValidation:rule="!has(self.retention) || !self.retention.matches('^([0-9]{1,6}h)?([0-9]{1,7}m)?([0-9]{1,9}([.][0-9]{1,9})?s)?$') || self.retention.size() == 0 || !has(self.period.start) || !has(self.period.end) || !self.period.start.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$') || format.datetime().validate(self.period.start).hasValue() || !self.period.end.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$') || format.datetime().validate(self.period.end).hasValue() || duration(self.retention) >= timestamp(self.period.end) - timestamp(self.period.start) + duration('4416h')",message="retention must be at least the period plus six months (4416h)",fieldPath=".retention"
// +kubebuilder:validation:XValidation:rule="!has(self.retention) || !self.retention.matches('^([0-9]{1,6}h)?([0-9]{1,7}m)?([0-9]{1,9}([.][0-9]{1,9})?s)?$') || self.retention.size() == 0 || !has(self.period.rolling) || !self.period.rolling.matches('^([0-9]{1,6}h)?([0-9]{1,7}m)?([0-9]{1,9}([.][0-9]{1,9})?s)?$') || self.period.rolling.size() == 0 || duration(self.retention) >= duration(self.period.rolling) + duration('4416h')",message="retention must be at least the rolling period plus six months (4416h)",fieldPath=".retention"
type EvidenceScheduleSpec struct {
	// policySelector selects ControlPolicies by their labels; {}, the default,
	// selects all.
	// +optional
	// +kubebuilder:default={}
	PolicySelector metav1.LabelSelector `json:"policySelector,omitzero"`
	// schedule says when collections are due: a cron expression of the five
	// fields minute, hour, day of month, month and day of week, such as
	// "0 * * * *". A slot that passes without a collection is recorded as missed.
	// +required
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9*/,-]+ ){3}[0-9A-Za-z*/,-]+ [0-9A-Za-z*/,-]+$')",message="schedule must be a cron expression of five fields, such as 0 * * * *"
	Schedule string `json:"schedule"`
	// timeZone is the time zone of the schedule, by its name in the tz database,
	// such as Europe/Berlin; Etc/UTC by default.
	// +optional
	// +kubebuilder:default="Etc/UTC"
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$') && self != 'Local'",message="timeZone must be the name of a time zone, such as Etc/UTC or Europe/Berlin"
	TimeZone string `json:"timeZone,omitempty"`
	// suspend stops collections while it is true. No slots are due meanwhile, so
	// that none is missed; the suspension itself is recorded. What is observed
	// between collections goes on being recorded.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// startingDeadline is how long after its slot a collection may begin and
	// count as on time: a duration from 1s to 24h, 10m by default. One that
	// begins later, but before the next slot, is late.
	// +optional
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="startingDeadline must be a duration from 1s to 24h, such as 90s, 5m or 1h30m"
	StartingDeadline *metav1.Duration `json:"startingDeadline,omitempty"`
	// period is the examination period: from start to end, or the time before
	// now where it rolls.
	// +required
	Period EvidencePeriod `json:"period"`
	// retention is how long entries are kept at least: a duration such as
	// 13200h, of at least the period plus six months (4416h), which is the
	// default, and at most 876000h (100 years). Earlier pruning is refused. A
	// later, shorter one does not take back what this one promised.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}h)?([0-9]{1,7}m)?([0-9]{1,9}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1s') && duration(self) <= duration('876000h')",message="retention must be a duration from 1s to 876000h, such as 13200h"
	Retention *metav1.Duration `json:"retention,omitempty"`
	// legalHold forbids pruning and erasing while it is true. It outlives the
	// schedule: deleting the schedule does not end it, an edit does.
	// +optional
	LegalHold bool `json:"legalHold,omitempty"`
	// recordsHistoryLimit is the number of EvidenceRecords of this schedule that
	// stay in the cluster, 1 to 1000; 24 by default. The ledger has all of them.
	// +optional
	// +kubebuilder:default=24
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	RecordsHistoryLimit *int32 `json:"recordsHistoryLimit,omitempty"`
	// anchors are parties outside the cluster that acknowledge each collection's
	// checkpoint, at most 8. Without any, whoever holds the signing key can write
	// another past, and every record says so.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Anchors []EvidenceAnchor `json:"anchors,omitempty"`
	// exports are the records that are written to the operator's export
	// directory, at most 8.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Exports []EvidenceExport `json:"exports,omitempty"`
}

// EvidencePeriod is an examination period: start and end, or rolling.
//
// +kubebuilder:validation:XValidation:rule="has(self.rolling) ? !has(self.start) && !has(self.end) : has(self.start) && has(self.end)",message="period must have either start and end, or rolling"
// +kubebuilder:validation:XValidation:rule="!has(self.start) || !has(self.end) || !self.start.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$') || format.datetime().validate(self.start).hasValue() || !self.end.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$') || format.datetime().validate(self.end).hasValue() || (timestamp(self.start) < timestamp(self.end) && timestamp(self.end).getFullYear() - timestamp(self.start).getFullYear() <= 10)",message="end must be later than start, in the tenth year after it at the latest",fieldPath=".end"
type EvidencePeriod struct {
	// start is the beginning of the period: a time with its zone in the form of
	// RFC 3339, such as 2026-01-01T00:00:00Z.
	// +optional
	Start *metav1.Time `json:"start,omitempty"`
	// end is the end of the period, which is not part of it: a time with its
	// zone in the form of RFC 3339, such as 2027-01-01T00:00:00Z.
	// +optional
	End *metav1.Time `json:"end,omitempty"`
	// rolling makes the period the time before now: a duration from 24h to
	// 87600h (ten years), such as 8760h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}h)?([0-9]{1,7}m)?([0-9]{1,9}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('24h') && duration(self) <= duration('87600h')",message="rolling must be a duration from 24h to 87600h, such as 8760h"
	Rolling *metav1.Duration `json:"rolling,omitempty"`
}

// EvidenceAnchor is a party outside the cluster that acknowledges checkpoints.
//
// +kubebuilder:validation:ExactlyOneOf=witness;timestamp
type EvidenceAnchor struct {
	// name identifies the anchor in evidence: lower-case letters, digits and
	// '-', at most 63 characters. The same name means the same party for ever.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="name must consist of lower-case letters, digits and '-', with a letter or digit first and last"
	Name string `json:"name"`
	// witness is a C2SP witness (tlog-witness), which cosigns checkpoints that
	// are consistent with all it cosigned before.
	// +optional
	Witness *WitnessAnchor `json:"witness,omitempty"`
	// timestamp is an RFC 3161 time stamping authority, which signs that a
	// checkpoint existed at a time.
	// +optional
	Timestamp *TimestampAnchor `json:"timestamp,omitempty"`
}

// WitnessAnchor is a C2SP witness.
type WitnessAnchor struct {
	// url is the witness's submission prefix, with the scheme https or http.
	// +required
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != ''",message="url must be an absolute URL with the scheme https or http"
	URL string `json:"url"`
	// verifierKey is the witness's key in the form of a signed note's verifier
	// key, name+hash+key. A cosignature by another key is no acknowledgement.
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^+[:space:]]+[+][0-9a-f]{8}[+][A-Za-z0-9+/]{40,}=*$')",message="verifierKey must be a note verifier key, such as witness.example+0123abcd+BF..."
	VerifierKey string `json:"verifierKey"`
}

// TimestampAnchor is an RFC 3161 time stamping authority.
type TimestampAnchor struct {
	// url is where time stamps are requested, with the scheme https or http: a
	// token is signed, whatever carries it.
	// +required
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != ''",message="url must be an absolute URL with the scheme https or http"
	URL string `json:"url"`
}

// ExportFormat is a format of a record.
//
// +kubebuilder:validation:Enum=HTML;CSV;JSON;OSCAL;Bundle
type ExportFormat string

const (
	// ExportHTML is one self-contained page.
	ExportHTML ExportFormat = "HTML"
	// ExportCSV is one file per register.
	ExportCSV ExportFormat = "CSV"
	// ExportJSON is the record with everything in it.
	ExportJSON ExportFormat = "JSON"
	// ExportOSCAL is OSCAL assessment results, observations only.
	ExportOSCAL ExportFormat = "OSCAL"
	// ExportBundle is the ledger with the record: what verify needs.
	ExportBundle ExportFormat = "Bundle"
)

// ExportMoment says when a record is written.
//
// +kubebuilder:validation:Enum=PeriodEnd;EveryCollection
type ExportMoment string

const (
	// ExportAtPeriodEnd writes the record once, after the period's end.
	ExportAtPeriodEnd ExportMoment = "PeriodEnd"
	// ExportAtEveryCollection replaces the record after each collection.
	ExportAtEveryCollection ExportMoment = "EveryCollection"
)

// EvidenceExport is a record that is written to the operator's export directory.
type EvidenceExport struct {
	// name identifies the export: lower-case letters, digits and '-', at most 63
	// characters.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="name must consist of lower-case letters, digits and '-', with a letter or digit first and last"
	Name string `json:"name"`
	// formats are 1 to 5 of HTML, CSV, JSON, OSCAL and Bundle.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5
	Formats []ExportFormat `json:"formats"`
	// when is PeriodEnd (once, after the period's end; the default) or
	// EveryCollection.
	// +optional
	// +kubebuilder:default=PeriodEnd
	When ExportMoment `json:"when,omitempty"`
}
