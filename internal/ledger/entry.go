package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Schema is the schema of every entry that this version writes.
const Schema = "holdfast.dev/entry/v1"

// MaxEntrySize is the largest encoded entry, in bytes. Larger payloads are
// objects that an entry names by digest.
const MaxEntrySize = 4096

// Entry is one statement in the ledger, and one leaf of its Merkle tree.
//
// The encoded form is canonical JSON (RFC 8785). Integers stay below 2^53,
// durations are integer nanoseconds unless the name says otherwise, and
// resourceVersions are strings.
type Entry struct {
	// Schema is holdfast.dev/entry/v1.
	Schema string `json:"schema"`
	// Kind says what is stated.
	Kind Kind `json:"kind"`
	// Critical is true where a reader that does not know the kind must stop.
	Critical bool `json:"critical"`
	// ID identifies the statement: the same statement made again after a crash
	// has the same id (see StateID and ActID).
	ID string `json:"id"`
	// Seq is the entry's number in the ledger, from 0: the leaf index plus the
	// sequence number of the segment's first entry.
	Seq uint64 `json:"seq"`
	// Run is the Seq of the OperatorStarted entry of the process that wrote it.
	Run uint64 `json:"run"`
	// ObservedAt is when it was observed, by the operator's clock.
	ObservedAt Time `json:"observedAt"`
	// ProvenAt is, on a state entry, until when the scope was proven to be as it
	// was judged before: the last sign of life of the watch before the event that
	// changed something. It is absent where no such event is known.
	ProvenAt *Time `json:"provenAt,omitempty"`
	// MonoMicros is the time since the process started, by the monotonic
	// clock, in microseconds.
	MonoMicros int64 `json:"monoMicros"`
	// AppendedAt is max(AppendedAt of the entry before, now).
	AppendedAt Time `json:"appendedAt"`
	// SourceTimes are times that the API itself states.
	SourceTimes []SourceTime `json:"sourceTimes,omitempty"`
	// Versions are the resourceVersions that the observation rests on, by kind.
	Versions map[string]string `json:"versions,omitempty"`

	Policy           *PolicyRef       `json:"policy,omitempty"`
	Control          string           `json:"control,omitempty"`
	EvaluatorVersion int              `json:"evaluatorVersion,omitempty"`
	Subject          *control.Subject `json:"subject,omitempty"`

	// Prev is, on a state entry, the id of the one before, of the same policy
	// name, control and subject. On the first one it is the id of the entry that
	// brought the subject into the policy's scope, or of the control's last
	// withdrawal where that came later.
	Prev string `json:"prev,omitempty"`
	// From and To are the states before and after.
	From *control.State `json:"from,omitempty"`
	To   *control.State `json:"to,omitempty"`
	// Episode is the episode that this entry opens, belongs to or closes.
	Episode string `json:"episode,omitempty"`
	// Origin says why an episode began; on a subject's first state, how the
	// subject came under the control.
	Origin Origin `json:"origin,omitempty"`
	// Ending says how an episode ended.
	Ending Ending `json:"ending,omitempty"`

	// Reason is a CamelCase word, Message one sentence for people.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Inputs are the evaluator's exact inputs, by role and digest.
	Inputs []Input `json:"inputs,omitempty"`
	// ActorRef names the side object that says who acted.
	ActorRef string `json:"actorRef,omitempty"`

	Ledger   *LedgerBody   `json:"ledger,omitempty"`
	Operator *OperatorBody `json:"operator,omitempty"`
	Alive    *AliveBody    `json:"alive,omitempty"`
	Change   *ChangeBody   `json:"change,omitempty"`
	Intro    *IntroBody    `json:"introduction,omitempty"`
	Scope    *ScopeBody    `json:"scope,omitempty"`
	Object   *ObjectBody   `json:"object,omitempty"`
	Gap      *GapBody      `json:"gap,omitempty"`
	Lost     *LostBody     `json:"lost,omitempty"`
	Tail     *TailBody     `json:"tail,omitempty"`

	Schedule    *ScheduleRef     `json:"schedule,omitempty"`
	Retention   *RetentionBody   `json:"retention,omitempty"`
	Collection  *CollectionBody  `json:"collection,omitempty"`
	Discrepancy *DiscrepancyBody `json:"discrepancy,omitempty"`
	Occurrence  *OccurrenceBody  `json:"occurrence,omitempty"`
	Access      *AccessBody      `json:"access,omitempty"`
	SelfTest    *SelfTestBody    `json:"selfTest,omitempty"`
	Probe       *ProbeBody       `json:"probe,omitempty"`
	Anchor      *AnchorBody      `json:"anchor,omitempty"`
	Pruned      *PrunedBody      `json:"pruned,omitempty"`
	Erased      *ErasedBody      `json:"erased,omitempty"`
}

// PolicyRef says which state of which policy an entry speaks of.
type PolicyRef struct {
	Name       string `json:"name"`
	UID        string `json:"uid"`
	Generation int64  `json:"generation"`
	// Definition is the digest of the control's definition, prose excluded; on
	// entries about the whole policy, of its spec.
	Definition string `json:"definition,omitempty"`
}

// SourceTime is a time that the API states.
type SourceTime struct {
	// Field is the field that holds it.
	Field string `json:"field"`
	Value Time   `json:"value"`
	// Resolution is the field's resolution, in nanoseconds.
	Resolution int64 `json:"resolution"`
}

// Input is one part of an evaluator's exact inputs.
type Input struct {
	Role   string `json:"role"`
	Digest string `json:"digest"`
}

// Time is a point in time in UTC with a resolution of a microsecond.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000000Z"

// At rounds t down to the microsecond, in UTC.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Microsecond)} }

// MarshalJSON writes RFC 3339 with exactly six digits of fraction, in UTC.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.UTC().Format(timeLayout) + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes, and nothing else.
func (t *Time) UnmarshalJSON(data []byte) error {
	parsed, err := time.Parse(`"`+timeLayout+`"`, string(data))
	if err != nil {
		return fmt.Errorf("time %s: want the form %q", data, timeLayout)
	}
	t.Time = parsed
	return nil
}

// Encode returns the entry's canonical form.
func (e *Entry) Encode() ([]byte, error) {
	data, err := canonical(e)
	if err != nil {
		return nil, fmt.Errorf("encode %s entry: %w", e.Kind, err)
	}
	if len(data) > MaxEntrySize {
		return nil, fmt.Errorf("encode %s entry: %d bytes, at most %d are allowed", e.Kind, len(data), MaxEntrySize)
	}
	return data, nil
}

// ErrUnknownCritical is returned by Decode for an entry of a kind that this
// version does not know and must not pass over.
var ErrUnknownCritical = errors.New("entry of an unknown critical kind")

// Decode reads an encoded entry, and refuses one that is not canonical or not
// valid. An unknown kind that is not critical is returned as it is.
func Decode(data []byte) (*Entry, error) {
	if len(data) > MaxEntrySize {
		return nil, fmt.Errorf("entry of %d bytes, at most %d are allowed", len(data), MaxEntrySize)
	}
	if !isCanonical(data) {
		again, err := jcs.Transform(data)
		if err != nil {
			return nil, fmt.Errorf("entry is not JSON: %w", err)
		}
		if !bytes.Equal(again, data) {
			return nil, errors.New("entry is not canonical JSON (RFC 8785)")
		}
	}
	var e Entry
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("entry: %w", err)
	}
	return &e, e.validate()
}

func (e *Entry) validate() error {
	switch {
	case e.Schema != Schema && e.Critical:
		return fmt.Errorf("%w: schema %q, kind %q", ErrUnknownCritical, e.Schema, e.Kind)
	case e.Schema != Schema:
		return nil
	case e.Kind == "" || e.ID == "":
		return errors.New("entry without kind or id")
	case e.ObservedAt.IsZero() || e.AppendedAt.IsZero():
		return fmt.Errorf("%s entry without observedAt or appendedAt", e.Kind)
	}
	rule, known := kinds[e.Kind]
	if !known {
		if e.Critical {
			return fmt.Errorf("%w: %q", ErrUnknownCritical, e.Kind)
		}
		return nil
	}
	if e.Critical != rule.critical {
		return fmt.Errorf("%s entry: critical is %t, want %t", e.Kind, e.Critical, rule.critical)
	}
	if rule.has != nil && !rule.has(e) {
		return fmt.Errorf("%s entry without %s", e.Kind, rule.wants)
	}
	return nil
}

// canonical encodes v as canonical JSON.
func canonical(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(data)
}

// Opens reports whether the entry opens an episode.
func (e *Entry) Opens() bool { return e.Episode != "" && e.Episode == EpisodeID(e.ID) }
