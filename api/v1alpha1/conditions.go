package v1alpha1

// Condition types. Anchored is an EvidenceSchedule's, Conforming and Enforced are a
// ControlPolicy's.
const (
	// ConditionReady is True when Holdfast does its work for this object: the
	// spec was accepted and is being evaluated. It says nothing about conformity.
	ConditionReady = "Ready"
	// ConditionReconciling is present and True only while a new generation is being worked in.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is present and True only when the user must act.
	ConditionStalled = "Stalled"
	// ConditionConforming is False while any subject is Deviating, Unknown
	// while some are NotEvaluated or there is none, True otherwise.
	ConditionConforming = "Conforming"
	// ConditionEnforced is True when what Enforce mode wants applied is applied.
	ConditionEnforced = "Enforced"
	// ConditionEvidenceRecorded is True when what was observed is durable in the ledger.
	// On an EvidenceSchedule it is True when the newest slot was collected.
	ConditionEvidenceRecorded = "EvidenceRecorded"
	// ConditionAnchored is True when a party outside the cluster acknowledged the
	// newest collection's checkpoint.
	ConditionAnchored = "Anchored"
)

// Reasons of Ready, Reconciling and Stalled.
const (
	// ReasonEvaluating surfaces when the policy is accepted and its scope evaluated.
	ReasonEvaluating = "Evaluating"
	// ReasonNewGeneration surfaces while a new generation is being worked in.
	ReasonNewGeneration = "NewGeneration"
	// ReasonInvalidSpec surfaces when the spec cannot be used; the message names the field.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonOperatingFromInvalid surfaces when operatingFrom lies before the
	// control's introduction, or was changed after it had passed.
	ReasonOperatingFromInvalid = "OperatingFromInvalid"
)

// Reasons of Conforming.
const (
	// ReasonAllConforming surfaces when every subject of every control conforms.
	ReasonAllConforming = "AllConforming"
	// ReasonCorrecting surfaces when subjects deviate, all within the stated tolerance.
	ReasonCorrecting = "Correcting"
	// ReasonDeviating surfaces when a subject deviates beyond the stated tolerance.
	ReasonDeviating = "Deviating"
	// ReasonNotEvaluated surfaces when the state of some subjects is not known.
	ReasonNotEvaluated = "NotEvaluated"
	// ReasonNoOccurrence surfaces when no subject is in scope.
	ReasonNoOccurrence = "NoOccurrence"
	// ReasonEvidenceUnavailable surfaces when the ledger has been unavailable for over 30 seconds.
	ReasonEvidenceUnavailable = "EvidenceUnavailable"
)

// Reasons of Enforced.
const (
	// ReasonEnforced surfaces when everything wanted is applied.
	ReasonEnforced = "Enforced"
	// ReasonObserveOnly surfaces when no control is in Enforce mode.
	ReasonObserveOnly = "ObserveOnly"
	// ReasonNotApplicable surfaces when no control in Enforce mode is of a type
	// that can repair: what deviates is recorded, and nothing is applied.
	ReasonNotApplicable = "NotApplicable"
	// ReasonPaused surfaces while a pause is in effect.
	ReasonPaused = "Paused"
	// ReasonPending surfaces while something that is wanted is not applied yet, and
	// nobody has to act.
	ReasonPending = "Pending"
	// ReasonRepairFailed surfaces when a repair was refused or did not take effect.
	ReasonRepairFailed = "RepairFailed"
	// ReasonContested surfaces when a repair is fought; the message names the field manager.
	ReasonContested = "Contested"
	// ReasonNameCollision surfaces when an object that Holdfast did not create bears a name it needs.
	ReasonNameCollision = "NameCollision"
	// ReasonPolicyConflict surfaces when policies over one namespace contradict each other; the stricter wins.
	ReasonPolicyConflict = "PolicyConflict"
	// ReasonEgressRefused surfaces when denying egress is refused because it would
	// cut off DNS or the API server; the message says what is missing.
	ReasonEgressRefused = "EgressRefused"
	// ReasonIngressRefused surfaces when denying ingress is refused because it
	// would cut off an admission webhook; the message names it.
	ReasonIngressRefused = "IngressRefused"
	// ReasonDefaultClassRefused surfaces when the StorageClass that is stated as the
	// default is not made it, because it is not shown to be encrypted itself.
	ReasonDefaultClassRefused = "DefaultClassRefused"
	// ReasonRedirectRefused surfaces when an Ingress that takeOver asks to redirect is
	// left as it is; the message says why.
	ReasonRedirectRefused = "RedirectRefused"
	// ReasonCertificateRefused surfaces when no Certificate is made from the template;
	// the message says why.
	ReasonCertificateRefused = "CertificateRefused"
	// ReasonStrictRefused surfaces when PeerAuthentication STRICT would cut off what
	// has no proxy; the message names it.
	ReasonStrictRefused = "StrictRefused"
	// ReasonRollingOut surfaces while namespaces with pods wait for their turn to
	// be enforced for the first time.
	ReasonRollingOut = "RollingOut"
	// ReasonRolloutHeld surfaces when an edit adds so many namespaces that their
	// first enforcement waits until the generation is confirmed.
	ReasonRolloutHeld = "RolloutHeld"
	// ReasonRolledBack surfaces when what was enforced was taken back because it
	// broke what worked; it is not tried again before the generation is confirmed
	// or the policy is edited.
	ReasonRolledBack = "RolledBack"
)

// Reasons of EvidenceRecorded.
const (
	// ReasonRecorded surfaces when every observation is durable.
	ReasonRecorded = "Recorded"
	// ReasonLedgerUnavailable surfaces when the ledger cannot be written; the message says why.
	ReasonLedgerUnavailable = "LedgerUnavailable"
	// ReasonLedgerInUse surfaces when another process holds the ledger.
	ReasonLedgerInUse = "LedgerInUse"
	// ReasonNotDurable surfaces when what is recorded ends with the pod, because the
	// operator has no persistent volume: set ledger.persistence.enabled of the chart.
	// Nothing else is kept from working.
	ReasonNotDurable = "NotDurable"
	// ReasonEvidenceLost surfaces while observations are only counted, because memory for them is full.
	ReasonEvidenceLost = "EvidenceLost"
)

// Reasons of Ready and Stalled of an EvidenceSchedule.
const (
	// ReasonScheduled surfaces when collections are made as declared.
	ReasonScheduled = "Scheduled"
	// ReasonSuspended surfaces while spec.suspend is true.
	ReasonSuspended = "Suspended"
	// ReasonPeriodOver surfaces when the examination period has ended: no
	// collection is due any more.
	ReasonPeriodOver = "PeriodOver"
	// ReasonInvalidSchedule surfaces when spec.schedule cannot be read as a cron
	// expression, or never comes to pass.
	ReasonInvalidSchedule = "InvalidSchedule"
	// ReasonInvalidTimeZone surfaces when spec.timeZone is not known.
	ReasonInvalidTimeZone = "InvalidTimeZone"
	// ReasonInvalidAnchor surfaces when an anchor cannot be used as declared; the
	// message names it.
	ReasonInvalidAnchor = "InvalidAnchor"
	// ReasonExportNotConfigured surfaces when exports are declared and the operator
	// has no export directory. Collections go on.
	ReasonExportNotConfigured = "ExportNotConfigured"
)

// Reasons of EvidenceRecorded of an EvidenceSchedule, besides those of a
// ControlPolicy.
const (
	// ReasonCollected surfaces when the newest slot was collected.
	ReasonCollected = "Collected"
	// ReasonAwaitingFirstSlot surfaces before the first slot.
	ReasonAwaitingFirstSlot = "AwaitingFirstSlot"
	// ReasonCollectionPartial surfaces when some kind could not be read completely;
	// what needs it is NotEvaluated.
	ReasonCollectionPartial = "CollectionPartial"
	// ReasonCollectionFailed surfaces when nothing could be collected.
	ReasonCollectionFailed = "CollectionFailed"
	// ReasonSlotMissed surfaces when the newest slot passed without a collection.
	ReasonSlotMissed = "SlotMissed"
)

// Reasons of Anchored.
const (
	// ReasonAnchored surfaces when every declared anchor acknowledged the newest
	// collection's checkpoint.
	ReasonAnchored = "Anchored"
	// ReasonNoAnchor surfaces when the schedule declares no anchor.
	ReasonNoAnchor = "NoAnchor"
	// ReasonAnchorUnreachable surfaces when an anchor did not acknowledge the newest
	// collection's checkpoint; the message names it and says why.
	ReasonAnchorUnreachable = "AnchorUnreachable"
)

// AnnotationChangeRef names the change (a ticket, a pull request) behind an edit of a spec.
const AnnotationChangeRef = "holdfast.dev/change-ref"

// AnnotationConfirmedGeneration confirms a generation whose rollout is held: its
// value is the policy's metadata.generation.
const AnnotationConfirmedGeneration = "holdfast.dev/confirmed-generation"

// LabelSchedule names, on an EvidenceRecord, the EvidenceSchedule that it is of.
const LabelSchedule = "holdfast.dev/schedule"
