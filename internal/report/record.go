// Package report folds the entries of a ledger into records: what was so at a
// date, or how controls operated throughout a period. A record is a function of
// entries and query: the same ones give the same bytes on any machine, without
// a cluster and without a clock.
package report

import "github.com/holdfast-dev/holdfast/internal/ledger"

// RecordSchema is the schema of a Record in JSON.
const RecordSchema = "holdfast.dev/record/v1"

// The statuses of a record: they stand in its title, its file's name and on
// every page.
const (
	// Interim: the period is not over, or the ledger does not reach its end.
	Interim = "Interim"
	// Complete: the ledger covers the period to its end.
	Complete = "Complete"
)

// Query says which record. A query with AsOf is about an instant, any other
// about [From, To).
type Query struct {
	AsOf     *ledger.Time `json:"asOf,omitempty"`
	From     *ledger.Time `json:"from,omitempty"`
	To       *ledger.Time `json:"to,omitempty"`
	Policies []string     `json:"policies,omitempty"`
	// Controls are ids, or policy/id; empty means all.
	Controls []string `json:"controls,omitempty"`
}

// Record is a control state record (as of an instant) or a control operation
// record (of a period). Lists are sorted and never nil; times are UTC;
// durations are integer nanoseconds, subject-time microseconds.
type Record struct {
	Schema string `json:"schema"`
	// Title is "Control state record as of …" or "Control operation record for
	// [start, end)", with the status.
	Title  string `json:"title"`
	Status string `json:"status"`
	// Through is the end of what was folded: the period's end, or for an interim
	// record the newest proof of observation before it.
	Through ledger.Time `json:"through"`
	Query   Query       `json:"query"`
	// Statements say what this is and is not, in fixed sentences.
	Statements []string `json:"statements"`
	// Banners are what a reader has to know first: no anchor, a broken chain.
	Banners     []string         `json:"banners"`
	Custody     Custody          `json:"custody"`
	Controls    []Control        `json:"controls"`
	Gaps        []Gap            `json:"gaps"`
	Collections []Collection     `json:"collections"`
	Slots       []SlotPopulation `json:"slots"`
	Changes     []Change         `json:"changes"`
	Tool        Tool             `json:"tool"`
	Markers     []Marker         `json:"markers"`
	// Matrix is criteria × controls, without roll-ups.
	Matrix  []Criterion `json:"matrix"`
	Entries EntryCounts `json:"entries"`
}

// EntryCounts count the entries that were folded, and those of kinds that this
// version does not know.
type EntryCounts struct {
	Folded  uint64            `json:"folded"`
	ByKind  map[string]uint64 `json:"byKind"`
	Unknown map[string]uint64 `json:"unknown"`
}

// Criterion is one row of the matrix: the controls, as policy/id, that support
// a criterion.
type Criterion struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Controls []string `json:"controls"`
}

// Custody says where the entries come from and how to check them.
type Custody struct {
	// Ledgers is the chain, oldest first.
	Ledgers []LedgerLink `json:"ledgers"`
	Anchors []Anchored   `json:"anchors"`
	// Unanchored are the intervals in which entries were written that no receipt
	// within the period covers, or that none did until an anchor which had failed
	// answered again. LongestUnanchored is the longest, in nanoseconds.
	Unanchored        []Interval `json:"unanchored"`
	LongestUnanchored int64      `json:"longestUnanchored"`
	// LongestWait is the longest time, in nanoseconds, for which entries of the
	// period had no receipt, whether one came later or not.
	LongestWait int64 `json:"longestWait"`
	// AnchorsDeclared are the names of the anchors that schedules declared.
	AnchorsDeclared []string `json:"anchorsDeclared"`
}

// LedgerLink is one ledger of the chain.
type LedgerLink struct {
	LedgerID    string `json:"ledgerID"`
	Reason      string `json:"reason"`
	Predecessor string `json:"predecessor,omitempty"`
	// Lost says what is lost of the predecessor, where this is a break.
	Lost        string             `json:"lost,omitempty"`
	Cluster     ledger.ClusterBody `json:"cluster"`
	VerifierKey string             `json:"verifierKey"`
	// First and Last bound the entries that were folded.
	First  uint64      `json:"first"`
	Last   uint64      `json:"last"`
	Opened ledger.Time `json:"opened"`
	// Pruned is the number of entries that retention removed.
	Pruned uint64 `json:"pruned,omitempty"`
}

// Anchored is one receipt, or a failure to get one.
type Anchored struct {
	Name     string       `json:"name"`
	Type     string       `json:"type"`
	LedgerID string       `json:"ledgerID"`
	Origin   string       `json:"origin"`
	Size     uint64       `json:"size"`
	RootHash string       `json:"rootHash"`
	Receipt  string       `json:"receipt,omitempty"`
	At       *ledger.Time `json:"at,omitempty"`
	Observed ledger.Time  `json:"observed"`
	// Failed says why there is no receipt.
	Failed string `json:"failed,omitempty"`
	Seq    uint64 `json:"seq"`
}

// Interval is [From, To).
type Interval struct {
	From ledger.Time `json:"from"`
	To   ledger.Time `json:"to"`
}

// Bounds bound a moment: it was not before, and not after. Either may be unknown.
type Bounds struct {
	NotBefore *ledger.Time `json:"notBefore,omitempty"`
	NotAfter  *ledger.Time `json:"notAfter,omitempty"`
}

// Span bounds a duration, in nanoseconds. Max is absent where it is not known.
type Span struct {
	Min int64  `json:"min"`
	Max *int64 `json:"max,omitempty"`
}

// Gap is an interval in which observation was due and absent.
type Gap struct {
	Interval
	// Open is true where it had not ended; To is then the record's end.
	Open  bool   `json:"open,omitempty"`
	Cause string `json:"cause"`
	// Kind or Policy is what was not observed; neither means everything.
	Kind    string `json:"kind,omitempty"`
	Policy  string `json:"policy,omitempty"`
	Message string `json:"message,omitempty"`
	Seq     uint64 `json:"seq"`
}

// Collection is one collection of a schedule, or a run of slots without one.
type Collection struct {
	Schedule string      `json:"schedule"`
	Slot     ledger.Time `json:"slot"`
	// State is Completed, Late, Partial, Failed or Missed.
	State string `json:"state"`
	// Count is the number of slots, Slot to LastSlot: more than one only where Missed.
	Count         int          `json:"count"`
	LastSlot      *ledger.Time `json:"lastSlot,omitempty"`
	Ended         *ledger.Time `json:"ended,omitempty"`
	Manifest      string       `json:"manifest,omitempty"`
	Compared      int          `json:"compared"`
	Superseded    int          `json:"superseded"`
	Discrepancies int          `json:"discrepancies"`
	Reason        string       `json:"reason,omitempty"`
	Message       string       `json:"message,omitempty"`
	LedgerID      string       `json:"ledgerID"`
	Seq           uint64       `json:"seq"`
	// Agrees says whether the manifest agrees with the fold of the entries;
	// Disagreements, at most 20, say where it does not.
	Agrees        bool     `json:"agrees"`
	Disagreements []string `json:"disagreements"`
}

// SlotPopulation counts the declared slots of a schedule within the period.
type SlotPopulation struct {
	Schedule  string `json:"schedule"`
	Expected  int    `json:"expected"`
	Completed int    `json:"completed"`
	Late      int    `json:"late"`
	Partial   int    `json:"partial"`
	Failed    int    `json:"failed"`
	Missed    int    `json:"missed"`
	// Pending is the number of those of which the entries do not say yet what
	// became of them. Expected is the sum of all.
	Pending int `json:"pending"`
}

// Change is an edit of a policy or a schedule, or a control's introduction or withdrawal.
type Change struct {
	At ledger.Time `json:"at"`
	// What is "ControlPolicy name", "EvidenceSchedule name" or "Control policy/id".
	What       string   `json:"what"`
	Type       string   `json:"type"`
	Generation int64    `json:"generation"`
	From       string   `json:"from,omitempty"`
	To         string   `json:"to,omitempty"`
	Paths      []string `json:"paths"`
	MorePaths  int      `json:"morePaths,omitempty"`
	// Actor is the field manager as it calls itself, or unknown.
	Actor     string `json:"actor"`
	ChangeRef string `json:"changeRef,omitempty"`
	Message   string `json:"message,omitempty"`
	Seq       uint64 `json:"seq"`
}

// The kinds of a Marker.
const (
	MarkerRecurrence    = "Recurrence"
	MarkerPersistence   = "Persistence"
	MarkerConcentration = "Concentration"
	MarkerDisagreement  = "Disagreement"
)

// Marker points at what is systematic: the same cause on different days, what
// persists, what concentrates in one namespace, a manifest that disagrees.
type Marker struct {
	Kind    string   `json:"kind"`
	Control string   `json:"control,omitempty"`
	Message string   `json:"message"`
	Refs    []string `json:"refs"`
}
