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

// ControlPolicy declares up to 64 controls over a scope of namespaces, and
// whether Holdfast only observes them or also repairs what deviates.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=ctlp,categories=holdfast
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`,description="What the policy's controls do unless they say otherwise: Observe or Enforce."
// +kubebuilder:printcolumn:name="Conforming",type=string,JSONPath=`.status.conditions[?(@.type=="Conforming")].status`,description="Whether every subject of every control conforms."
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Conforming")].reason`,description="Why Conforming is what it is."
// +kubebuilder:printcolumn:name="In Scope",type=integer,JSONPath=`.status.scope.inScope`,description="The number of namespaces the controls are judged on."
// +kubebuilder:printcolumn:name="Open",type=integer,JSONPath=`.status.openEpisodes.total`,description="The number of open episodes, all controls together."
// +kubebuilder:printcolumn:name="Enforced",type=string,JSONPath=`.status.conditions[?(@.type=="Enforced")].reason`,description="Enforced when what Enforce mode wants applied is applied, else why it is not, such as ObserveOnly, Pending or RolloutHeld."
// +kubebuilder:printcolumn:name="Evidence",type=string,JSONPath=`.status.conditions[?(@.type=="EvidenceRecorded")].status`,description="Whether what was observed is durable in the ledger."
// +kubebuilder:printcolumn:name="Ready",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether Holdfast does its own work for this policy."
// +kubebuilder:printcolumn:name="Excluded",type=integer,priority=1,JSONPath=`.status.scope.excluded`,description="The number of selected namespaces that an exclusion takes out of scope."
// +kubebuilder:printcolumn:name="Entries",type=integer,priority=1,JSONPath=`.status.evidence.checkpoint.size`,description="The number of ledger entries that the newest published checkpoint covers."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters"
type ControlPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata. The name has at most 63
	// characters; with a control's id it is the control's identity in evidence.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// spec is what the admin declares.
	// +required
	Spec ControlPolicySpec `json:"spec"`
	// status is what Holdfast observed. It is a bounded summary; the ledger has all of it.
	// Before Holdfast has seen the object it says that no generation is observed.
	// +optional
	// +kubebuilder:default={observedGeneration:0}
	Status ControlPolicyStatus `json:"status,omitempty"`
}

// ControlPolicyList is a list of ControlPolicy.
//
// +kubebuilder:object:root=true
type ControlPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the policies.
	Items []ControlPolicy `json:"items"`
}

// ControlPolicySpec is what the admin declares.
//
// +kubebuilder:validation:XValidation:rule="self.controls.all(c, (has(c.mode) ? c.mode : self.mode) != 'Enforce' || !has(c.networkIsolation) || !('Egress' in c.networkIsolation.defaultDeny) || (has(c.networkIsolation.allow) && c.networkIsolation.allow.exists(a, a.type == 'DNS')))",message="networkIsolation.allow must list type DNS where Egress is denied in Enforce mode, or workloads could resolve no names; add {type: DNS}, or use mode Observe",fieldPath=".controls"
// +kubebuilder:validation:XValidation:rule="self.scope.cluster == 'Included' || !self.controls.exists(c, has(c.encryptionAtRest) && has(c.encryptionAtRest.volumes) && (has(c.encryptionAtRest.volumes.guard) || has(c.encryptionAtRest.volumes.defaultClass) || has(c.encryptionAtRest.volumes.classTemplate)))",message="encryptionAtRest.volumes states guard, defaultClass or classTemplate, which are of the cluster: set scope.cluster to Included, or remove them",fieldPath=".controls"
// +kubebuilder:validation:XValidation:rule="self.controls.filter(c, has(c.encryptionAtRest) && has(c.encryptionAtRest.volumes) && (has(c.encryptionAtRest.volumes.guard) || has(c.encryptionAtRest.volumes.defaultClass) || has(c.encryptionAtRest.volumes.classTemplate))).size() <= 1",message="only one control may state guard, defaultClass or classTemplate of encryptionAtRest.volumes: the cluster has one of each for a policy",fieldPath=".controls"
// +kubebuilder:validation:XValidation:rule="self.scope.cluster == 'Included' || !self.controls.exists(c, has(c.encryptionInTransit) && has(c.encryptionInTransit.ingress) && has(c.encryptionInTransit.ingress.guard))",message="encryptionInTransit.ingress states guard, which is of the cluster: set scope.cluster to Included, or remove it",fieldPath=".controls"
// +kubebuilder:validation:XValidation:rule="self.controls.filter(c, has(c.encryptionInTransit) && has(c.encryptionInTransit.ingress) && has(c.encryptionInTransit.ingress.guard)).size() <= 1",message="only one control may state guard of encryptionInTransit.ingress: the cluster has one for a policy",fieldPath=".controls"
// +kubebuilder:validation:XValidation:rule="self.scope.cluster == 'Included' || !self.controls.exists(c, has(c.backup) && c.backup.provider == 'Velero')",message="a backup control of provider Velero judges the plan, its runs and its storage, which are of the cluster: set scope.cluster to Included",fieldPath=".controls"
// +kubebuilder:validation:XValidation:rule="self.controls.all(c, !has(c.restoreTest) || self.controls.exists(b, b.id == c.restoreTest.backupControl && has(b.backup) && b.backup.provider == 'Velero'))",message="restoreTest.backupControl must be the id of a control of this policy, of type backup and provider Velero",fieldPath=".controls"
type ControlPolicySpec struct {
	// description says in your own words what this policy is for, in at most
	// 1024 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description,omitempty"`
	// mode is Observe (record, change nothing; the default) or Enforce (record
	// and repair). A control may override it. It is part of every control's
	// definition: evidence of a control that observed is kept apart from
	// evidence of one that enforced.
	// +optional
	// +kubebuilder:default=Observe
	Mode Mode `json:"mode,omitempty"`
	// tolerance is what the controls themselves state about the time within
	// which a deviation is corrected. A control may override it. Absent means
	// that none is stated, and every episode is a deviation. It classifies
	// episodes in reports, and filters none out of the evidence.
	// +optional
	Tolerance *Tolerance `json:"tolerance,omitempty"`
	// enforcement adjusts how Enforce mode acts.
	// +optional
	Enforcement *Enforcement `json:"enforcement,omitempty"`
	// scope says which namespaces the controls are judged on.
	// +required
	Scope Scope `json:"scope"`
	// controls are the practices this policy states, 1 to 64 of them, each
	// with an id of its own.
	// +required
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Controls []ControlSpec `json:"controls"`
}

// Tolerance is what a control itself states about corrections. At least one
// of its fields is set.
//
// +kubebuilder:validation:AtLeastOneOf=correctionWithin;newSubjectWithin
type Tolerance struct {
	// correctionWithin is the time within which a subject that deviates is
	// corrected: a duration from 1s to 2160h (90 days), such as 90s, 5m or
	// 1h30m. Absent means that none is stated.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1s') && duration(self) <= duration('2160h')",message="correctionWithin must be a duration from 1s to 2160h, such as 90s, 5m or 1h30m"
	CorrectionWithin *metav1.Duration `json:"correctionWithin,omitempty"`
	// newSubjectWithin is the time within which a new subject conforms: a
	// duration from 1s to 2160h (90 days), such as 90s, 5m or 1h30m. It
	// defaults to correctionWithin.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1s') && duration(self) <= duration('2160h')",message="newSubjectWithin must be a duration from 1s to 2160h, such as 90s, 5m or 1h30m"
	NewSubjectWithin *metav1.Duration `json:"newSubjectWithin,omitempty"`
}

// Enforcement adjusts how Enforce mode acts. At least one of its fields is set.
//
// +kubebuilder:validation:AtLeastOneOf=pause;rollout
type Enforcement struct {
	// rollout paces the first enforcement on namespaces that run pods: at most
	// maxNamespaces of them begin in each interval. What conformed before is
	// restored at once, whatever it says. An edit that adds more namespaces than
	// 20 % of those enforced before, and more than ten, is held until the
	// annotation holdfast.dev/confirmed-generation equals metadata.generation.
	// +optional
	Rollout *Rollout `json:"rollout,omitempty"`
	// pause stops repairs until a stated time. Evaluation and evidence go on,
	// and the pause itself is recorded.
	// +optional
	Pause *Pause `json:"pause,omitempty"`
}

// Pause stops repairs until a stated time.
type Pause struct {
	// reason says why, in a form that an auditor can follow, such as a change
	// number: 1 to 256 characters.
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim() != ''",message="reason must say why repairs are paused"
	Reason string `json:"reason"`
	// until is when repairs resume by themselves: a time with its zone in the
	// form of RFC 3339, such as 2026-03-01T06:00:00Z. A time in the past
	// pauses nothing.
	// +required
	Until metav1.Time `json:"until"`
}

// Rollout paces the first enforcement on namespaces that run pods. At least one
// of its fields is set.
//
// +kubebuilder:validation:AtLeastOneOf=maxNamespaces;interval
type Rollout struct {
	// maxNamespaces is how many namespaces with pods may begin to be enforced in
	// one interval: 1 to 1000, 10 by default.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxNamespaces *int32 `json:"maxNamespaces,omitempty"`
	// interval is the length of an interval: a duration from 1s to 24h, such as
	// 30s or 5m, 1m by default.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,7}([.][0-9]{1,9})?s)?$') && self != '' && duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="interval must be a duration from 1s to 24h, such as 30s or 5m"
	Interval *metav1.Duration `json:"interval,omitempty"`
}
