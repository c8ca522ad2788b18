package report

import (
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Control is one control's part of a record.
type Control struct {
	Policy    string `json:"policy"`
	ID        string `json:"id"`
	Type      string `json:"type"`
	Statement string `json:"statement"`
	Owner     string `json:"owner"`
	// Criteria are those that the control states, or where it states none, those
	// that controls of its type usually support.
	Criteria []string `json:"criteria"`
	Priority string   `json:"priority"`
	// Bases are what its states rested on: Configuration (declared), Behaviour
	// (observed effect) or Attestation (stated by a person).
	Bases []string `json:"bases"`
	// Definitions are the definitions in force, in order: results split here,
	// and only here.
	Definitions []Definition `json:"definitions"`
	// IntroducedAt and OperatingFrom are absent where it was never introduced.
	IntroducedAt  *ledger.Time `json:"introducedAt,omitempty"`
	OperatingFrom *ledger.Time `json:"operatingFrom,omitempty"`
	// NotInOperation are the parts of the period in which it was not in
	// operation: before operatingFrom, and while it was withdrawn.
	NotInOperation []Interval `json:"notInOperation"`
	Census         Population `json:"census"`
	// Subjects are all subjects of the period, with their time by outcome.
	Subjects []Subject `json:"subjects"`
	// Time is the subjects' time by outcome and in gaps, summed.
	Time Time `json:"time"`
	// Coverage is of the whole period; CoverageSince of the time since the first evidence.
	Coverage      Coverage `json:"coverage"`
	CoverageSince Coverage `json:"coverageSince"`
	// Baseline are the episodes that were there when the control was introduced.
	Baseline []Episode `json:"baseline"`
	// Removals are what was found missing at or after its subject's deletion. The
	// ledger has them as episodes; they are none, and count as NotApplicable.
	Removals []Episode `json:"removals"`
	// Episodes are all others that overlap the period.
	Episodes []Episode `json:"episodes"`
	Groups   []Group   `json:"groups"`
	Counts   Counts    `json:"counts"`
	// NewSubjects tells in one line how fast new subjects came to conform.
	NewSubjects NewSubjects `json:"newSubjects"`
	Repairs     Repairs     `json:"repairs"`
	// Left are subjects that left the scope, with what was open then.
	Left []Left `json:"left"`
	// Exclusions are the exclusions in force in the period and what they take out.
	Exclusions []Exclusion `json:"exclusions"`
	// NotCorrecting are the intervals in which the corrective part of an
	// enforcing control did not operate, and why.
	NotCorrecting []Because `json:"notCorrecting"`
	// EvidenceLost are intervals for which entries could only be counted.
	EvidenceLost []Loss `json:"evidenceLost"`
	// Behaviour says how observed effects were looked for, by what was done; absent
	// where nothing was probed for the control. A probe that more than 16 controls
	// ask for counts for the first 16 of them.
	Behaviour []Behaviour `json:"behaviour,omitempty"`
	// Backups is of controls of type backup that have a plan, RestoreTests of those
	// of type restoreTest.
	Backups      *Backups      `json:"backups,omitempty"`
	RestoreTests *RestoreTests `json:"restoreTests,omitempty"`
}

// Because is an interval with a reason.
type Because struct {
	Interval
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
	Subject string `json:"subject,omitempty"`
}

// Loss counts entries that could not be kept.
type Loss struct {
	Interval
	Count int `json:"count"`
	Units int `json:"units"`
}

// Definition is one definition of a control, in force for an interval.
type Definition struct {
	Interval
	Digest           string `json:"digest"`
	Generation       int64  `json:"generation"`
	EvaluatorVersion int    `json:"evaluatorVersion"`
	Mode             string `json:"mode"`
	// Nature is Detective, or "Detective and corrective".
	Nature string `json:"nature"`
	// CorrectionWithin and NewSubjectWithin are the stated tolerance, in
	// nanoseconds; absent where none is stated.
	CorrectionWithin *int64 `json:"correctionWithin,omitempty"`
	NewSubjectWithin *int64 `json:"newSubjectWithin,omitempty"`
	// SetBy and SetAt say who stated it (the field manager, as it calls itself) and when.
	SetBy string      `json:"setBy,omitempty"`
	SetAt ledger.Time `json:"setAt"`
	// Spec is the digest of the policy's spec.
	Spec   string `json:"spec"`
	Time   Time   `json:"time"`
	Counts Counts `json:"counts"`
}

// Population is a control's population over the period.
type Population struct {
	// Unit is the kind that is judged, or the kinds, sorted, with ", " between them.
	Unit string `json:"unit"`
	// AtStart and AtEnd are the census at the first and last collection in the
	// period; absent where there is none.
	AtStart *CensusAt `json:"atStart,omitempty"`
	AtEnd   *CensusAt `json:"atEnd,omitempty"`
	// Start + Added + Entered − Deleted − Left = End, from entries alone.
	Start   int `json:"start"`
	Added   int `json:"added"`
	Entered int `json:"entered"`
	Deleted int `json:"deleted"`
	Left    int `json:"left"`
	End     int `json:"end"`
	// Days is the number of sampling units subject × UTC day.
	Days int `json:"days"`
}

// CensusAt is the census of one collection.
type CensusAt struct {
	Slot ledger.Time `json:"slot"`
	Seq  uint64      `json:"seq"`
	ledger.Census
	// Kinds are its parts by kind, where it does not count each namespace.
	Kinds      []ledger.KindCensus   `json:"kinds,omitempty"`
	Manifest   string                `json:"manifest"`
	Population string                `json:"population"`
	Lists      []ledger.ManifestList `json:"lists"`
}

// Subject is one subject's part in the period.
type Subject struct {
	control.Subject
	// In are the intervals in which it was in scope.
	In   []Interval `json:"in"`
	Time Time       `json:"time"`
	// Episodes is the number of its episodes.
	Episodes int `json:"episodes"`
	// Final is its state at the end, absent where it was not in scope then.
	Final *control.State `json:"final,omitempty"`
}

// Time is subject-time, in microseconds: in nanoseconds the years of many
// subjects would not fit. Due is the sum of the others: the time in which
// subjects were in scope of a control in operation.
type Time struct {
	Due           int64 `json:"due"`
	Conforming    int64 `json:"conforming"`
	Deviating     int64 `json:"deviating"`
	NotApplicable int64 `json:"notApplicable"`
	NotEvaluated  int64 `json:"notEvaluated"`
	// Gap is time in which nobody observed.
	Gap int64 `json:"gap"`
}

// Coverage is the evaluated share of the subject-time that was due, both in
// microseconds.
type Coverage struct {
	Evaluated int64 `json:"evaluated"`
	Due       int64 `json:"due"`
	// PerMyriad is the share in hundredths of a percent, floored: 10000 only if
	// nothing is missing. Absent where nothing was due.
	PerMyriad *int64 `json:"perMyriad,omitempty"`
}

// The classes of an episode.
const (
	ClassWithinTolerance = "WithinTolerance"
	ClassDeviation       = "Deviation"
	ClassIndeterminate   = "Indeterminate"
	ClassPending         = "Pending"
	ClassBaseline        = "Baseline"
)

// Episode is one uninterrupted interval in which a subject deviated.
type Episode struct {
	ID      string          `json:"id"`
	Subject control.Subject `json:"subject"`
	// Class is by the definition in force when it began. Recurring is true where
	// it counts as a deviation only for its recurrence on that day, or because
	// it was contested.
	Class     string `json:"class"`
	Recurring bool   `json:"recurring,omitempty"`
	Origin    string `json:"origin"`
	// Ending is Open where it had not ended.
	Ending  string `json:"ending"`
	Started Bounds `json:"started"`
	Ended   Bounds `json:"ended"`
	Length  Span   `json:"length"`
	// Unobserved is the part of it that lies in gaps, in nanoseconds.
	Unobserved int64 `json:"unobserved"`
	// Rules are the rules that failed when it began, Message says what was found.
	Rules   []control.RuleState `json:"rules"`
	Message string              `json:"message"`
	// Actor is the field manager of the change that was found, as its client
	// calls itself and not authenticated, or unknown.
	Actor string `json:"actor"`
	// Action is what was done to which object, as far as it was observed.
	Action     string `json:"action,omitempty"`
	Definition string `json:"definition"`
	// Repairs, Failures and Contested tell Holdfast's acts during it.
	Repairs   int  `json:"repairs"`
	Failures  int  `json:"failures"`
	Contested bool `json:"contested,omitempty"`
	// First and Last are the entries of LedgerID that opened and ended it.
	LedgerID string  `json:"ledgerID"`
	First    uint64  `json:"first"`
	Last     *uint64 `json:"last,omitempty"`
	// ExistedBy is when a party outside the cluster had acknowledged the entry
	// that opened it.
	ExistedBy *ledger.Time `json:"existedBy,omitempty"`
	// Group is the id of its group.
	Group string `json:"group"`
}

// Group is one event: episodes of the same cause that began together.
type Group struct {
	ID     string   `json:"id"`
	Class  string   `json:"class"`
	Origin string   `json:"origin"`
	Actor  string   `json:"actor"`
	Action string   `json:"action,omitempty"`
	Rules  []string `json:"rules"`
	// Subjects is the number of subjects, Namespaces the first 20 names of the
	// namespaces that they are, or are in. The cluster is none.
	Subjects   int         `json:"subjects"`
	Namespaces []string    `json:"namespaces"`
	Episodes   int         `json:"episodes"`
	From       ledger.Time `json:"from"`
	// To is when the last of its episodes ended; absent while one is open.
	To      *ledger.Time   `json:"to,omitempty"`
	Longest Span           `json:"longest"`
	Endings map[string]int `json:"endings"`
}

// Counts count episodes that are no baseline.
type Counts struct {
	Episodes int            `json:"episodes"`
	Groups   int            `json:"groups"`
	Classes  map[string]int `json:"classes"`
	Origins  map[string]int `json:"origins"`
	Endings  map[string]int `json:"endings"`
	// LongerThan counts episodes by length, so that an auditor can apply a
	// threshold of their own: 0s, 1s, 10s, 1m, 5m, 1h, 24h.
	LongerThan []Longer `json:"longerThan"`
	// Median, P95 and Longest are of the longest possible lengths of the
	// episodes that ended, in nanoseconds; absent where there is none.
	Median  *int64 `json:"median,omitempty"`
	P95     *int64 `json:"p95,omitempty"`
	Longest *int64 `json:"longest,omitempty"`
}

// Longer is the number of episodes that were longer than a threshold, in
// nanoseconds: by their shortest possible length, and by their longest.
type Longer struct {
	Than     int64 `json:"than"`
	Surely   int   `json:"surely"`
	Possibly int   `json:"possibly"`
}

// NewSubjects says how fast new subjects came to conform.
type NewSubjects struct {
	Added int `json:"added"`
	// Deviated is the number of those that began with an episode, Conformed of
	// those that ended it by conforming, Within of those that did within the
	// tolerance (absent where none is stated).
	Deviated  int    `json:"deviated"`
	Conformed int    `json:"conformed"`
	Within    *int   `json:"within,omitempty"`
	Median    *int64 `json:"median,omitempty"`
	P99       *int64 `json:"p99,omitempty"`
	Longest   *int64 `json:"longest,omitempty"`
}

// Repairs count what Holdfast did.
type Repairs struct {
	Repaired   int `json:"repaired"`
	Failed     int `json:"failed"`
	Contested  int `json:"contested"`
	RolledBack int `json:"rolledBack"`
}

// Left is a subject that left the scope.
type Left struct {
	Subject control.Subject `json:"subject"`
	At      ledger.Time     `json:"at"`
	// Cause is LabelsChanged or PolicyChanged, Disposition NotSelected or Excluded.
	Cause       string `json:"cause"`
	Disposition string `json:"disposition"`
	// Episode is the one that was open; Returned is when it came back.
	Episode  string       `json:"episode,omitempty"`
	Returned *ledger.Time `json:"returned,omitempty"`
	// Out is how long it was out of scope within the period, in nanoseconds.
	Out int64  `json:"out"`
	Seq uint64 `json:"seq"`
}

// Exclusion is one exclusion, as stated, for as long as it was in force.
type Exclusion struct {
	Interval
	Namespaces []string `json:"namespaces"`
	Builtin    bool     `json:"builtin,omitempty"`
	Reason     string   `json:"reason"`
	// ApprovedBy is as stated, not authenticated.
	ApprovedBy string `json:"approvedBy"`
	ReviewBy   string `json:"reviewBy"`
	// Overdue is true where reviewBy had passed at the record's end.
	Overdue bool `json:"overdue,omitempty"`
}
