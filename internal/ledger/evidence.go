package ledger

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The kinds of entries about evidence itself.
const (
	// KindScheduleChanged says that an EvidenceSchedule was created, edited or deleted.
	KindScheduleChanged Kind = "ScheduleChanged"
	// KindCollected says that a collection was made, or failed.
	KindCollected Kind = "Collected"
	// KindDiscrepancy says that a collection read another state than the one recorded.
	KindDiscrepancy Kind = "Discrepancy"
	// KindOccurrence says that declared slots passed without what was due.
	KindOccurrence Kind = "Occurrence"
	// KindAccessObserved says that who can act on Holdfast and its evidence is not who could before.
	KindAccessObserved Kind = "AccessObserved"
	// KindSelfTested says what an evaluator made of its fixtures.
	KindSelfTested Kind = "SelfTested"
	// KindProbed says what probes saw in a scope.
	KindProbed Kind = "Probed"
	// KindAnchored says that a party outside the cluster acknowledged a checkpoint.
	KindAnchored Kind = "Anchored"
	// KindAnchorFailed says that a party which acknowledged before, or was
	// declared since, does not. It is written once until it does again.
	KindAnchorFailed Kind = "AnchorFailed"
	// KindPruned says that whole segments were removed, as retention allows.
	KindPruned Kind = "Pruned"
	// KindObjectErased says that an object which says who acted was erased.
	KindObjectErased Kind = "ObjectErased"
)

// ScheduleRef says which state of which EvidenceSchedule an entry speaks of.
type ScheduleRef struct {
	Name       string `json:"name"`
	UID        string `json:"uid"`
	Generation int64  `json:"generation"`
	// Definition is the digest of the spec.
	Definition string `json:"definition"`
}

// RetentionBody is, on ScheduleChanged, what the schedule asks of the ledger.
type RetentionBody struct {
	// FloorSeconds is how long entries are kept at least. Seconds, because years
	// in nanoseconds are no integer that canonical JSON can hold.
	FloorSeconds int64 `json:"floorSeconds"`
	// LegalHold is true where nothing may be pruned or erased.
	LegalHold bool `json:"legalHold,omitempty"`
}

// The states of a CollectionBody.
const (
	// CollectionCompleted: every population was read and compared.
	CollectionCompleted = "Completed"
	// CollectionPartial: some kind could not be read completely; what needs it is NotEvaluated.
	CollectionPartial = "Partial"
	// CollectionFailed: there is no manifest.
	CollectionFailed = "Failed"
)

// CollectionBody is what Collected states. The entry's Reason and Message say
// why a collection is not Completed.
type CollectionBody struct {
	// Slot is the time that the schedule's cron declares.
	Slot Time `json:"slot"`
	// Next is the next slot after Slot; absent where the schedule ends.
	Next *Time `json:"next,omitempty"`
	// Late is true where it began after the schedule's starting deadline.
	Late bool `json:"late,omitempty"`
	// Started and Ended bound it by the operator's clock.
	Started Time `json:"started"`
	Ended   Time `json:"ended"`
	// State is Completed, Partial or Failed.
	State string `json:"state"`
	// Manifest is the digest of the Manifest; empty where State is Failed.
	Manifest string `json:"manifest,omitempty"`
	// Compared is the number of units that were compared with the recorded
	// state, Superseded of those the number that differed only because the
	// cluster changed meanwhile, Discrepancies the number of Discrepancy entries.
	Compared      int `json:"compared"`
	Superseded    int `json:"superseded"`
	Discrepancies int `json:"discrepancies"`
}

// DiscrepancyBody is what Discrepancy states beside From (the recorded state),
// To (the state that was read afresh) and Inputs (what was read). Either state
// is absent where that side does not have the unit.
//
// The entry comes before the Collected entry of its slot.
type DiscrepancyBody struct {
	Slot Time `json:"slot"`
	// Reads is how often the scope was read before the difference was believed.
	Reads int `json:"reads"`
}

// AccessBody is what AccessObserved states.
type AccessBody struct {
	// Access is the digest of the Access object, Previous that of the one
	// before; the recorder fills that in.
	Access   string `json:"access"`
	Previous string `json:"previous,omitempty"`
}

// SelfTestBody is what SelfTested states.
type SelfTestBody struct {
	// Type is the control type, such as networkIsolation.
	Type             string `json:"type"`
	EvaluatorVersion int    `json:"evaluatorVersion"`
	// Fixtures is the number of fixtures, Digest the digest of all of them.
	Fixtures int    `json:"fixtures"`
	Digest   string `json:"digest"`
	// Failed are the fixtures with other findings than expected, at most 16 of
	// them, MoreFailed is the number of those beyond.
	Failed     []string `json:"failed,omitempty"`
	MoreFailed int      `json:"moreFailed,omitempty"`
}

// The types of an AnchorBody.
const (
	AnchorWitness   = "Witness"
	AnchorTimestamp = "Timestamp"
)

// AnchorBody is what Anchored and AnchorFailed state.
type AnchorBody struct {
	// Type is Witness or Timestamp, Name the anchor's name in the schedule.
	Type string `json:"type"`
	Name string `json:"name"`
	// Origin, Size and RootHash (base64) are the checkpoint's: Size counts the
	// entries of the one segment that Origin names.
	Origin   string `json:"origin"`
	Size     uint64 `json:"size"`
	RootHash string `json:"rootHash"`
	// Receipt is the digest of the Receipt object; empty on AnchorFailed.
	Receipt string `json:"receipt,omitempty"`
	// At is the time that the receipt itself states.
	At *Time `json:"at,omitempty"`
}

// Receipt is what a party outside the cluster gave for a checkpoint. It is an
// object; its parts verify without a cluster.
type Receipt struct {
	Schema string `json:"schema"`
	Type   string `json:"type"`
	Name   string `json:"name"`
	// Checkpoint is the signed note that was anchored, cosignatures included.
	Checkpoint string `json:"checkpoint"`
	// VerifierKey is a witness's key as the schedule declares it: a hint, never a proof.
	VerifierKey string `json:"verifierKey,omitempty"`
	// Token is an RFC 3161 time stamp token (DER) over the SHA-256 of Checkpoint.
	Token []byte `json:"token,omitempty"`
}

// ReceiptSchema is the schema of a Receipt.
const ReceiptSchema = "holdfast.dev/receipt/v1"

// PrunedBody is what Pruned states.
type PrunedBody struct {
	// Segment was removed; its entries were First to Last.
	Segment uint64 `json:"segment"`
	First   uint64 `json:"first"`
	Last    uint64 `json:"last"`
	// LastAppended is when entry Last was appended: FloorSeconds and more before
	// this entry was.
	LastAppended Time `json:"lastAppended"`
	// FloorSeconds is the retention floor in force.
	FloorSeconds int64 `json:"floorSeconds"`
	// Checkpoint is the segment's last checkpoint, a signed note.
	Checkpoint string `json:"checkpoint"`
	// State is the digest of an object: the fold of all entries up to Last, in
	// the form of a state snapshot (holdfast.dev/known/v1). What reads the ledger
	// from here on begins with it.
	State string `json:"state"`
}

// ErasedBody is what ObjectErased states.
type ErasedBody struct {
	Digest string `json:"digest"`
}

// ManifestSchema and ChunkSchema are the schemas of a Manifest and of its chunks.
const (
	ManifestSchema = "holdfast.dev/manifest/v1"
	ChunkSchema    = "holdfast.dev/manifest-chunk/v1"
)

// Manifest is the census of one collection: an object. Its chunks are objects
// too, cut by content, so that what did not change since the collection before
// is not kept twice.
type Manifest struct {
	Schema   string      `json:"schema"`
	Schedule ScheduleRef `json:"schedule"`
	Slot     Time        `json:"slot"`
	// Seq is the number of entries when comparing began: a unit's state in the
	// manifest is the one that entries below Seq imply, or one that an entry
	// from Seq up to the Collected entry states, unless a Discrepancy names it,
	// something could not be read (Failed in Lists), or the policy was edited
	// before the Collected entry.
	Seq uint64 `json:"seq"`
	// Lists say how each kind was read.
	Lists []ManifestList `json:"lists"`
	// Appeared and Gone are the numbers of namespaces that came into being, or
	// ceased to be, after the list of namespaces, and before they were compared:
	// Total of each Census is Count of that list, plus Appeared, less Gone.
	Appeared int `json:"appeared,omitempty"`
	Gone     int `json:"gone,omitempty"`
	// Policies are all policies that the schedule selects, by name.
	Policies []ManifestPolicy `json:"policies"`
	// Gaps are the gaps that were open at Seq, by the id of their entries.
	Gaps map[string]GapBody `json:"gaps,omitempty"`
	// RetentionSeconds is the retention floor in force.
	RetentionSeconds int64 `json:"retentionSeconds"`
	// Access is the digest of the newest Access object.
	Access string `json:"access,omitempty"`
	// Chunks hold the scopes, by their names, each scope in one chunk: first the
	// cluster, whose name is "", then namespaces.
	Chunks []ManifestChunkRef `json:"chunks"`
}

// ManifestList is how one kind was read: all of it, at one resourceVersion.
type ManifestList struct {
	Group    string `json:"group,omitempty"`
	Version  string `json:"version"`
	Resource string `json:"resource"`
	// Query is the request's path with the selectors, without limit and continue.
	Query           string `json:"query"`
	ResourceVersion string `json:"resourceVersion,omitempty"`
	Pages           int    `json:"pages"`
	Count           int    `json:"count"`
	// Restarts is how often it began again because it had expired
	// (410), was not answered, or was refused as by an API server that was just started.
	Restarts int  `json:"restarts,omitempty"`
	From     Time `json:"from"`
	To       Time `json:"to"`
	// Failed says why it is not complete, such as Forbidden; Count is then 0.
	Failed string `json:"failed,omitempty"`
}

// ManifestPolicy is one policy's generation that units were judged by.
type ManifestPolicy struct {
	Name       string `json:"name"`
	UID        string `json:"uid"`
	Generation int64  `json:"generation"`
	// Spec is the digest of the spec.
	Spec string `json:"spec"`
	// Since is when the policy was observed first.
	Since    Time              `json:"since"`
	Controls []ManifestControl `json:"controls"`
}

// ManifestControl is one control's census. Total = Conforming + Deviating +
// NotApplicable + NotEvaluated + Excluded + NotSelected, over every unit of the
// kind in the cluster.
type ManifestControl struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	// Definition is the digest of the definition, Input that of the object that
	// is the evaluator's input with role definition.
	Definition       string `json:"definition"`
	Input            string `json:"input"`
	EvaluatorVersion int    `json:"evaluatorVersion"`
	// IntroducedAt and OperatingFrom are absent where the control was not
	// introduced yet.
	IntroducedAt  *Time `json:"introducedAt,omitempty"`
	OperatingFrom *Time `json:"operatingFrom,omitempty"`
	// Unit is the kind that is judged, such as Namespace, or several of them,
	// sorted, with ", " between them. Kinds count them one by one where they are
	// not all the namespaces: then Total counts what the evaluator found anywhere in
	// the cluster, in scope or not.
	Unit   string       `json:"unit"`
	Census Census       `json:"census"`
	Kinds  []KindCensus `json:"kinds,omitempty"`
	// Population is the PopulationDigest of the units in scope.
	Population string `json:"population"`
}

// Census counts every unit of a kind in the cluster by what it is to a control.
type Census struct {
	Total         int `json:"total"`
	Conforming    int `json:"conforming"`
	Deviating     int `json:"deviating"`
	NotApplicable int `json:"notApplicable"`
	NotEvaluated  int `json:"notEvaluated"`
	Excluded      int `json:"excluded"`
	NotSelected   int `json:"notSelected"`
}

// KindCensus is the part of a census that is of one kind.
type KindCensus struct {
	Kind string `json:"kind"`
	Census
}

// Sum is what Total has to be.
func (c Census) Sum() int {
	return c.Conforming + c.Deviating + c.NotApplicable + c.NotEvaluated + c.Excluded + c.NotSelected
}

// InScope is the number of units in the control's population.
func (c Census) InScope() int {
	return c.Conforming + c.Deviating + c.NotApplicable + c.NotEvaluated
}

// ManifestChunkRef names a chunk and says which scopes it holds: First and Last are
// names of scopes, which is "" for the cluster.
type ManifestChunkRef struct {
	Digest string `json:"digest"`
	First  string `json:"first"`
	Last   string `json:"last"`
	Scopes int    `json:"scopes"`
}

// ManifestChunk holds successive scopes of a manifest. It holds no times of the
// collection and no resourceVersions: equal scopes give equal chunks.
type ManifestChunk struct {
	Schema string          `json:"schema"`
	Scopes []ManifestScope `json:"scopes"`
}

// ManifestScope is one namespace, or the cluster itself: how it stands to each
// policy, and what was found there.
type ManifestScope struct {
	Subject control.Subject `json:"subject"`
	// Inputs are the parts of the scope's snapshot, by role and digest. With the
	// control's Input they are the evaluator's exact inputs. A namespace in no
	// policy's scope has only the part that says which namespace it is; so has
	// one that changed whenever it was read: its units are as they are recorded.
	Inputs []Input `json:"inputs,omitempty"`
	// Standings say how the namespace stands to each policy, by name.
	Standings []ManifestStanding `json:"standings"`
	// Units are the judged units, by policy and control.
	Units []ManifestUnit `json:"units,omitempty"`
	// Outside are the subjects that are no units because the scope is not in the
	// policy's: its standing says why.
	Outside []ManifestOutside `json:"outside,omitempty"`
}

// ManifestOutside are the subjects that a control would judge in a scope, were
// that in its policy's scope. Namespaces that are subjects themselves are not
// among them: their standing says it.
type ManifestOutside struct {
	Policy   string            `json:"policy"`
	Control  string            `json:"control"`
	Subjects []control.Subject `json:"subjects"`
}

// ManifestStanding says how a namespace stands to a policy.
type ManifestStanding struct {
	Policy string `json:"policy"`
	// Disposition is InScope, Excluded or NotSelected.
	Disposition string `json:"disposition"`
	// Exclusion says which one, where Excluded: builtin, or the index in
	// spec.scope.exclusions.
	Exclusion string `json:"exclusion,omitempty"`
	// Entered is the entry that brought it into scope, where InScope and known.
	Entered *EntryRef `json:"entered,omitempty"`
	Since   *Time     `json:"since,omitempty"`
	// New is true where it was a new subject when it entered.
	New bool `json:"new,omitempty"`
}

// ManifestUnit is one unit: the state that was read afresh, and since when and
// in which episode the ledger has it.
type ManifestUnit struct {
	Policy  string `json:"policy"`
	Control string `json:"control"`
	// Subject is absent where it is the scope's own.
	Subject *control.Subject `json:"subject,omitempty"`
	State   control.State    `json:"state"`
	// Entry is the id of the unit's newest state entry; empty where there is none.
	Entry   string `json:"entry,omitempty"`
	Since   *Time  `json:"since,omitempty"`
	Episode string `json:"episode,omitempty"`
	Origin  Origin `json:"origin,omitempty"`
	// Entered is the entry that brought the subject under the control, where it
	// came by itself and not with its scope; New is true where it was new then.
	Entered   *EntryRef `json:"entered,omitempty"`
	EnteredAt *Time     `json:"enteredAt,omitempty"`
	New       bool      `json:"new,omitempty"`
}

// UnitID names a subject in populations and samples: group, kind, namespace,
// name and UID, with slashes between them. None of the five can hold a slash.
func UnitID(s control.Subject) string {
	return strings.Join([]string{s.Group, s.Kind, s.Namespace, s.Name, s.UID}, "/")
}

// PopulationDigest identifies a population: the SHA-256, in hex, of its sorted
// unit ids, each followed by a newline.
func PopulationDigest(ids []string) string {
	var b strings.Builder
	for _, id := range slices.Sorted(slices.Values(ids)) {
		b.WriteString(id)
		b.WriteByte('\n')
	}
	return Digest([]byte(b.String()))
}
