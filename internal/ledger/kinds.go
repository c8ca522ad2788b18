package ledger

import (
	"maps"
	"slices"
)

// Kind says what an entry states.
type Kind string

// The kinds that this version writes.
const (
	// KindLedgerOpened is the first entry of a ledger, and of each segment.
	KindLedgerOpened Kind = "LedgerOpened"
	// KindOperatorStarted is the first entry of a process.
	KindOperatorStarted Kind = "OperatorStarted"
	// KindOperatorStopped is the last entry of a process that stops in order.
	KindOperatorStopped Kind = "OperatorStopped"
	// KindPermissionChanged says that a permission was lost or regained.
	KindPermissionChanged Kind = "PermissionChanged"
	// KindHeartbeat says, every five minutes, what was alive.
	KindHeartbeat Kind = "Heartbeat"
	// KindPolicyChanged says that a policy was created, edited or deleted.
	KindPolicyChanged Kind = "PolicyChanged"
	// KindControlIntroduced says that a control was evaluated completely for the first time.
	KindControlIntroduced Kind = "ControlIntroduced"
	// KindControlWithdrawn says that a control is stated no more.
	KindControlWithdrawn Kind = "ControlWithdrawn"
	// KindScopeEntered says that an existing subject came into a policy's scope.
	KindScopeEntered Kind = "ScopeEntered"
	// KindScopeLeft says that an existing subject left a policy's scope.
	KindScopeLeft Kind = "ScopeLeft"
	// KindSubjectAdded says that a new subject came into being in a policy's scope.
	KindSubjectAdded Kind = "SubjectAdded"
	// KindSubjectDeleted says that a subject ceased to be.
	KindSubjectDeleted Kind = "SubjectDeleted"
	// KindOutcomeChanged says that a subject's state under a control changed.
	KindOutcomeChanged Kind = "OutcomeChanged"
	// KindUnobservedChange says that a state was skipped between two observations.
	KindUnobservedChange Kind = "UnobservedChange"
	// KindRepaired says that a repair was applied and read back.
	KindRepaired Kind = "Repaired"
	// KindRepairFailed says that a repair was refused, or did not take effect.
	KindRepairFailed Kind = "RepairFailed"
	// KindContested says that a repair is fought.
	KindContested Kind = "Contested"
	// KindRolledBack says that an object of ours was removed because it did harm.
	KindRolledBack Kind = "RolledBack"
	// KindGap says that observation was due and absent.
	KindGap Kind = "Gap"
	// KindEvidenceLost says how many entries could not be kept.
	KindEvidenceLost Kind = "EvidenceLost"
	// KindRecoveredTail says how many entries lay beyond the last signed checkpoint.
	KindRecoveredTail Kind = "RecoveredTail"
)

// kindRule is what holds for every entry of a kind.
type kindRule struct {
	critical bool
	// has checks that the entry has what wants names.
	has   func(*Entry) bool
	wants string
}

// kinds are the kinds that this version knows. A kind is critical where a fold
// that passes over it would be wrong.
var kinds = map[Kind]kindRule{
	KindLedgerOpened:      {true, func(e *Entry) bool { return e.Ledger != nil }, "ledger"},
	KindOperatorStarted:   {true, func(e *Entry) bool { return e.Operator != nil }, "operator"},
	KindOperatorStopped:   {false, nil, ""},
	KindPermissionChanged: {false, nil, ""},
	KindHeartbeat:         {false, func(e *Entry) bool { return e.Alive != nil }, "alive"},
	KindPolicyChanged:     {true, func(e *Entry) bool { return e.Policy != nil && e.Change != nil }, "policy or change"},
	KindControlIntroduced: {true, func(e *Entry) bool { return e.ofControl() && e.Intro != nil }, "policy, control or introduction"},
	KindControlWithdrawn:  {true, (*Entry).ofControl, "policy or control"},
	KindScopeEntered:      {true, (*Entry).ofMember, "policy or subject"},
	KindScopeLeft:         {true, (*Entry).ofMember, "policy or subject"},
	KindSubjectAdded:      {true, (*Entry).ofMember, "policy or subject"},
	KindSubjectDeleted:    {true, (*Entry).ofMember, "policy or subject"},
	KindOutcomeChanged:    {true, func(e *Entry) bool { return e.ofControl() && e.Subject != nil && e.To != nil }, "policy, control, subject or to"},
	KindUnobservedChange:  {true, func(e *Entry) bool { return e.Subject != nil && e.Object != nil }, "subject or object"},
	KindRepaired:          {true, func(e *Entry) bool { return e.ofControl() && e.Subject != nil && e.Object != nil }, "policy, control, subject or object"},
	KindRepairFailed:      {false, func(e *Entry) bool { return e.ofControl() && e.Subject != nil && e.Object != nil }, "policy, control, subject or object"},
	KindContested:         {true, func(e *Entry) bool { return e.Subject != nil && e.Object != nil }, "subject or object"},
	KindRolledBack:        {true, func(e *Entry) bool { return e.ofControl() && e.Subject != nil && e.Object != nil }, "policy, control, subject or object"},
	KindGap:               {true, func(e *Entry) bool { return e.Gap != nil }, "gap"},
	KindEvidenceLost:      {true, func(e *Entry) bool { return e.Lost != nil }, "lost"},
	KindRecoveredTail:     {false, func(e *Entry) bool { return e.Tail != nil }, "tail"},

	KindScheduleChanged: {true, func(e *Entry) bool { return e.Schedule != nil && e.Change != nil && e.Retention != nil }, "schedule, change or retention"},
	KindCollected:       {true, func(e *Entry) bool { return e.Schedule != nil && e.Collection != nil }, "schedule or collection"},
	KindDiscrepancy: {true, func(e *Entry) bool {
		return e.ofControl() && e.Subject != nil && (e.From != nil || e.To != nil) && e.Schedule != nil && e.Discrepancy != nil
	}, "policy, control, subject, from or to, schedule or discrepancy"},
	KindOccurrence: {true, func(e *Entry) bool {
		return e.Occurrence != nil && e.Occurrence.valid() && e.ofWhatWasDue()
	}, "a whole occurrence, or what it is of"},
	KindAccessObserved: {false, func(e *Entry) bool { return e.Access != nil }, "access"},
	KindSelfTested:     {false, func(e *Entry) bool { return e.SelfTest != nil }, "selfTest"},
	KindProbed:         {false, func(e *Entry) bool { return e.Probe != nil && e.Subject != nil && e.Probe.Observations != "" }, "probe, subject or observations"},
	KindAnchored:       {false, func(e *Entry) bool { return e.Anchor != nil && e.Anchor.Receipt != "" }, "anchor or its receipt"},
	KindAnchorFailed:   {false, func(e *Entry) bool { return e.Anchor != nil }, "anchor"},
	KindPruned:         {true, func(e *Entry) bool { return e.Pruned != nil }, "pruned"},
	KindObjectErased:   {true, func(e *Entry) bool { return e.Erased != nil }, "erased"},
}

// Kinds returns the kinds that this version knows, sorted.
func Kinds() []Kind { return slices.Sorted(maps.Keys(kinds)) }

// proves is whether the entry shows that the cluster was observed when it was
// made. That a process starts, or that something cannot be observed, does not.
func (e *Entry) proves() bool {
	switch e.Kind {
	case KindLedgerOpened, KindOperatorStarted, KindRecoveredTail, KindEvidenceLost, KindPermissionChanged,
		KindOccurrence, KindSelfTested, KindProbed, KindAnchored, KindAnchorFailed, KindPruned, KindObjectErased:
		return false
	case KindGap:
		return e.Gap != nil && e.Gap.To != nil
	default:
		return true
	}
}

// ofWhatWasDue is whether an Occurrence has what it is of.
func (e *Entry) ofWhatWasDue() bool {
	switch e.Occurrence.Of {
	case OccurrenceOfCollection:
		return e.Schedule != nil
	case OccurrenceOfBackup:
		return e.ofControl() && e.Subject != nil
	default:
		return true
	}
}

func (e *Entry) ofControl() bool { return e.Policy != nil && e.Control != "" }
func (e *Entry) ofMember() bool  { return e.Policy != nil && e.Subject != nil }

// Reasons of a RolledBack entry.
const (
	// RolledBackLifeline: what the object forbids is now something that nothing
	// may cut off.
	RolledBackLifeline = "Lifeline"
	// RolledBackPodsNotReady: pods that were ready before the object was applied
	// are no longer. Nothing is enforced for the first time in the policy's name
	// until its generation is confirmed, or another comes.
	RolledBackPodsNotReady = "PodsNotReady"
)

// Origin says why an episode began.
type Origin string

// The origins.
const (
	OriginDrift              Origin = "Drift"
	OriginNewSubject         Origin = "NewSubject"
	OriginEnteredScope       Origin = "EnteredScope"
	OriginBaseline           Origin = "Baseline"
	OriginDefinitionChanged  Origin = "DefinitionChanged"
	OriginAttestationExpired Origin = "AttestationExpired"
	OriginAfterGap           Origin = "AfterGap"
	OriginUnknown            Origin = "Unknown"
)

// Origins are all origins.
func Origins() []Origin {
	return []Origin{OriginDrift, OriginNewSubject, OriginEnteredScope, OriginBaseline, OriginDefinitionChanged,
		OriginAttestationExpired, OriginAfterGap, OriginUnknown}
}

// Ending says how an episode ended.
type Ending string

// The endings.
const (
	EndingRepaired          Ending = "Repaired"
	EndingCorrected         Ending = "Corrected"
	EndingSubjectDeleted    Ending = "SubjectDeleted"
	EndingLeftScope         Ending = "LeftScope"
	EndingDefinitionChanged Ending = "DefinitionChanged"
	EndingControlWithdrawn  Ending = "ControlWithdrawn"
	EndingUnknownInGap      Ending = "UnknownInGap"
)

// Endings are all endings.
func Endings() []Ending {
	return []Ending{EndingRepaired, EndingCorrected, EndingSubjectDeleted, EndingLeftScope, EndingDefinitionChanged, EndingControlWithdrawn, EndingUnknownInGap}
}

// OpenReason says why a ledger, or a segment of it, was opened.
type OpenReason string

// The reasons of a LedgerOpened entry.
const (
	OpenFirstInstall       OpenReason = "FirstInstall"
	OpenVolumeLost         OpenReason = "VolumeLost"
	OpenVolumeRegressed    OpenReason = "VolumeRegressed"
	OpenVolumeInconsistent OpenReason = "VolumeInconsistent"
	OpenKeyLost            OpenReason = "KeyLost"
	OpenClusterChanged     OpenReason = "ClusterChanged"
	OpenRolled             OpenReason = "Rolled"
)
