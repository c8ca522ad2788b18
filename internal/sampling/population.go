package sampling

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/census"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// Kind says what the units of a population are.
type Kind string

// The kinds of populations.
const (
	// Items are the subjects of a control at a date, by the manifest of the
	// newest collection then. A unit is a subject.
	Items Kind = "items"
	// Days are the subjects of a control in a period, day by day. A unit is a
	// subject on a UTC day, any part of which it was in scope.
	Days Kind = "days"
	// Occurrences are the declared slots of collections in a period or, where a
	// control is named, those of the backups that it declares.
	Occurrences Kind = "occurrences"
	// Changes are the edits of policies and schedules, and introductions and
	// withdrawals of controls, in a period.
	Changes Kind = "changes"
	// Episodes are the episodes of a control that overlap a period, without those
	// that were there when it was introduced.
	Episodes Kind = "episodes"
)

// Kinds are all kinds of populations.
func Kinds() []Kind { return []Kind{Items, Days, Occurrences, Changes, Episodes} }

// Question asks for a population.
type Question struct {
	Kind Kind `json:"kind"`
	// Policy and Control say whose population; changes need neither, and occurrences
	// of collections none. Control may be policy/id.
	Policy  string `json:"policy,omitempty"`
	Control string `json:"control,omitempty"`
	// At is the date of items; without one it is that of the newest collection.
	At *ledger.Time `json:"at,omitempty"`
	// From and To bound all others; To is not in the period.
	From *ledger.Time `json:"from,omitempty"`
	To   *ledger.Time `json:"to,omitempty"`
}

// Validate says what is wrong with the question itself.
func (q *Question) Validate() error {
	if policy, id, both := strings.Cut(q.Control, "/"); both {
		if q.Policy != "" && q.Policy != policy {
			return fmt.Errorf("control %q is of another policy than %q", q.Control, q.Policy)
		}
		q.Policy, q.Control = policy, id
	}
	of := q.Kind == Items || q.Kind == Days || q.Kind == Episodes
	switch {
	case !slices.Contains(Kinds(), q.Kind):
		return fmt.Errorf("population %q: want one of %v", q.Kind, Kinds())
	case of && q.Control == "":
		return fmt.Errorf("%s are those of a control: name one", q.Kind)
	case q.Kind == Items && (q.From != nil || q.To != nil):
		return errors.New("items are those at a date: give that, and no period")
	case q.Kind == Items:
		return nil
	}
	return q.period()
}

// period says what is wrong with the period that is asked for.
func (q *Question) period() error {
	switch {
	case q.From == nil || q.To == nil || q.At != nil:
		return fmt.Errorf("%s are those of a period: give its start and its end", q.Kind)
	case !q.From.Before(q.To.Time):
		return fmt.Errorf("the period ends at %s, which is not after its start: swap them", q.To.Format(time.RFC3339))
	default:
		return nil
	}
}

// Population is all units that a sample is drawn from.
type Population struct {
	Question
	// Size and Digest are those of the units: see ledger.PopulationDigest.
	Size   int    `json:"size"`
	Digest string `json:"digest"`
	// Collection is the manifest that lists the items.
	Collection *Manifest `json:"collection,omitempty"`
	// Rests says, by ledger, how many of its first entries the population rests on.
	Rests map[string]uint64 `json:"rests"`
	// Lists say how the cluster was read, where a manifest lists the units.
	Lists []ledger.ManifestList `json:"lists,omitempty"`

	// ids are the units' ids, sorted; unit tells more of one.
	ids  iter.Seq[string]
	unit func(id string) unit
	// stated is the digest that the manifest states of its items.
	stated string
}

// Manifest names the manifest of a collection.
type Manifest struct {
	LedgerID string      `json:"ledgerID"`
	Seq      uint64      `json:"seq"`
	Slot     ledger.Time `json:"slot"`
	Digest   string      `json:"digest"`
}

// unit says where the evidence on a unit is.
type unit struct {
	// ledgerID is the ledger of what seqs and inputs name.
	ledgerID string
	seqs     []uint64
	// entry and episode are ids: of a state entry, and of an episode.
	entry, episode string
	// subject, of policy and control, on a day: what was stated of it then.
	subject         *control.Subject
	policy, control string
	day             time.Time
	// row and inputs are those of a manifest.
	row    *census.Row
	inputs []ledger.Input
}

// Of returns the population that a question asks for.
func Of(ctx context.Context, src report.Source, q Question) (*Population, error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	p := &Population{Question: q, Rests: map[string]uint64{}}
	fill := map[Kind]func(context.Context, report.Source) error{
		Items: p.items, Days: p.days, Occurrences: p.occurrences, Changes: p.changes, Episodes: p.episodes,
	}[q.Kind]
	if err := fill(ctx, src); err != nil {
		return nil, err
	}
	p.Digest, p.Size = digestOf(p.ids)
	if p.stated != "" && p.stated != p.Digest {
		return nil, fmt.Errorf("the rows of the manifest are not the population that it states (%s, and %s): verify says more", p.Digest, p.stated)
	}
	return p, nil
}

// listed has the units of a map as the population.
func (p *Population) listed(units map[string]unit) {
	ids := make([]string, 0, len(units))
	for id := range units {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	p.ids, p.unit = slices.Values(ids), func(id string) unit { return units[id] }
}
