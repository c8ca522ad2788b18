package ledger

import (
	"fmt"
	"maps"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Known is what the ledger says was last known: the fold of its entries, in
// order. It is the base of every comparison, and what a state snapshot holds.
//
// It is not safe for concurrent use.
type Known struct {
	// LedgerID is the id of the ledger that was folded.
	LedgerID string
	// NextSeq is the sequence number of the next entry.
	NextSeq uint64
	// Run is the Seq of the newest OperatorStarted entry.
	Run uint64
	// LastAppended is when the newest entry was appended; LastObserved is the
	// newest time that an entry proves to have been observed at.
	LastAppended Time
	LastObserved Time

	policies map[string]*PolicyRecord
	units    map[Unit]*Record
	members  map[string][]*Member
	subjects map[string]map[Unit]*Member
	objects  map[string][]CreatedObject
	gaps     map[string]GapBody
	tallies  map[controlKey]*Tally
	evidence *EvidenceState // replaced, never changed
}

// Unit is what a state belongs to: one subject under one control.
type Unit struct {
	Policy  string          `json:"policy"`
	Control string          `json:"control"`
	Subject control.Subject `json:"subject"`
}

type controlKey struct{ policy, control string }

// Record is the last known state of a unit. It is immutable but for its marks.
type Record struct {
	Unit  Unit          `json:"unit"`
	ID    string        `json:"id"`
	State control.State `json:"state"`
	// Since is when this outcome was observed first, and while an episode is
	// open, when the episode began.
	Since Time `json:"since"`
	// Definition is the control's definition that the state was judged by.
	Definition string `json:"definition"`
	// Episode, Origin and Message belong to an open episode.
	Episode string `json:"episode,omitempty"`
	Origin  Origin `json:"origin,omitempty"`
	Message string `json:"message,omitempty"`

	marks marks
}

// marks are what the process remembers of a record beyond its entries: by what
// it was confirmed last. They are no part of the fold, and are zero until this
// process has confirmed the record: no epoch is.
type marks struct {
	definition string
	epoch      uint64
}

// Member is a subject in a policy's scope: the scope's own, which is the namespace
// or the cluster, or an object in it that a control judges.
type Member struct {
	Policy string `json:"policy"`
	// Control is the control that judges the object; empty for the scope's own
	// subject, which all controls of the policy have in common.
	Control string          `json:"control,omitempty"`
	Subject control.Subject `json:"subject"`
	// Entered is the kind of the entry that brought it in, Entry that entry.
	Entered Kind     `json:"entered"`
	Entry   EntryRef `json:"entry"`
	Since   Time     `json:"since"`
}

// PolicyRecord is the last known state of a policy.
type PolicyRecord struct {
	Name       string `json:"name"`
	UID        string `json:"uid"`
	Generation int64  `json:"generation"`
	// Since is when the policy was observed first.
	Since Time `json:"since"`
	// Enforces is whether a control of it is in Enforce mode.
	Enforces bool `json:"enforces,omitempty"`
	// Confirmed is the generation that a person confirmed last. Each is confirmed
	// once: what is rolled back after that needs another generation.
	Confirmed int64 `json:"confirmed,omitempty"`
	// Brake holds back what its generation would enforce for the first time.
	Brake    *Brake                    `json:"brake,omitempty"`
	Spec     string                    `json:"spec"`
	Deleted  bool                      `json:"deleted,omitempty"`
	Controls map[string]*ControlRecord `json:"controls,omitempty"`
	// Withdrawals are the last entries that withdrew a control, by its id.
	Withdrawals map[string]EntryRef `json:"withdrawals,omitempty"`
}

// Brake holds back first enforcement until the generation is confirmed, or
// another comes.
type Brake struct {
	// Since is when it was put on. Namespaces created later are not held back by
	// an edit.
	Since Time `json:"since"`
	// Added is the number of namespaces that the edit adds, where that is why.
	Added int `json:"added,omitempty"`
	// Namespace is where what was enforced had to be rolled back, where that is why.
	Namespace string `json:"namespace,omitempty"`
}

// ControlRecord is the last known state of a control. It outlives a
// withdrawal: introducing the control again gives no second baseline.
type ControlRecord struct {
	IntroducedAt  Time   `json:"introducedAt"`
	OperatingFrom Time   `json:"operatingFrom"`
	Declared      bool   `json:"declared,omitempty"`
	Definition    string `json:"definition"`
	Withdrawn     bool   `json:"withdrawn,omitempty"`
}

// EntryRef refers to an entry.
type EntryRef struct {
	ID  string `json:"id"`
	Seq uint64 `json:"seq"`
}

// CreatedObject is an object that Holdfast applied.
type CreatedObject struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
}

// Tally counts the units of one control by outcome, and holds the open episodes.
type Tally struct {
	Conforming    int
	NotApplicable int
	// NotEvaluated are the records that are so, and Open those that are Deviating.
	NotEvaluated map[control.Subject]*Record
	Open         map[control.Subject]*Record
}

func newTally() *Tally {
	return &Tally{NotEvaluated: map[control.Subject]*Record{}, Open: map[control.Subject]*Record{}}
}

// NewKnown returns what is known of an empty ledger: nothing.
func NewKnown() *Known {
	return &Known{
		policies: map[string]*PolicyRecord{},
		units:    map[Unit]*Record{},
		members:  map[string][]*Member{},
		subjects: map[string]map[Unit]*Member{},
		objects:  map[string][]CreatedObject{},
		gaps:     map[string]GapBody{},
		tallies:  map[controlKey]*Tally{},
		evidence: &EvidenceState{},
	}
}

// String names the unit as people do.
func (u Unit) String() string {
	return fmt.Sprintf("%s/%s on %s", u.Policy, u.Control, u.Subject)
}

// Unit returns the last known state of a unit.
func (k *Known) Unit(u Unit) (*Record, bool) { r, ok := k.units[u]; return r, ok }

// Policy returns the last known state of a policy.
func (k *Known) Policy(name string) (*PolicyRecord, bool) { p, ok := k.policies[name]; return p, ok }

// Member returns how a scope's own subject came into a policy's scope.
func (k *Known) Member(policy string, s control.Subject) (*Member, bool) {
	for _, m := range k.members[ScopeOf(s)] {
		if m.Policy == policy && m.Subject == s {
			return m, true
		}
	}
	return nil, false
}

// ObjectMember returns how the object that a unit is about came under its control.
func (k *Known) ObjectMember(u Unit) (*Member, bool) {
	m, ok := k.subjects[ScopeOf(u.Subject)][u]
	return m, ok
}

// MembersOf are the own subjects of one scope, one for each policy that it is in
// the scope of. A scope is a namespace's name, or control.Cluster.
func (k *Known) MembersOf(scope string) []*Member { return k.members[scope] }

// ObjectMembersOf are the objects in one scope that controls judge. The map is the
// fold's own: it must not be changed, or kept.
func (k *Known) ObjectMembersOf(scope string) map[Unit]*Member { return k.subjects[scope] }

// Members are the scopes' own subjects in a policy's scope.
func (k *Known) Members(policy string) []*Member {
	var of []*Member
	for _, members := range k.members {
		for _, m := range members {
			if m.Policy == policy {
				of = append(of, m)
			}
		}
	}
	return of
}

// ObjectMembers are the objects that a policy's controls judge, in no order.
func (k *Known) ObjectMembers(policy string) []*Member {
	var of []*Member
	for _, members := range k.subjects {
		for u, m := range members {
			if u.Policy == policy {
				of = append(of, m)
			}
		}
	}
	return of
}

// MemberOf returns how a unit's subject came under its control: the object that the
// control judges, or else the scope's own subject.
func (k *Known) MemberOf(u Unit) (*Member, bool) {
	if m, ok := k.ObjectMember(u); ok {
		return m, true
	}
	return k.Member(u.Policy, u.Subject)
}

// scopeMember is the own subject of a scope in a policy's scope, nil if it is not in it.
func (k *Known) scopeMember(policy, scope string) *Member {
	for _, m := range k.members[scope] {
		if m.Policy == policy {
			return m
		}
	}
	return nil
}

// ScopeOf is the scope that a subject is judged in: its namespace's name, and
// control.Cluster for what has none.
func ScopeOf(s control.Subject) string {
	if s.Kind == "Namespace" {
		return s.Name
	}
	return s.Namespace
}

// Created are the objects of a namespace that Holdfast applied.
func (k *Known) Created(namespace string) []CreatedObject { return k.objects[namespace] }

// Policies are the names of all policies that were ever known.
func (k *Known) Policies() []string { return slices.Sorted(maps.Keys(k.policies)) }

// Controls are the ids of a policy's controls that have units.
func (k *Known) Controls(policy string) []string {
	var ids []string
	for c := range k.tallies {
		if c.policy == policy && !k.tallies[c].empty() {
			ids = append(ids, c.control)
		}
	}
	slices.Sort(ids)
	return ids
}

func (t *Tally) empty() bool { return t.units() == 0 }

func (t *Tally) units() int {
	return t.Conforming + t.NotApplicable + len(t.NotEvaluated) + len(t.Open)
}

// Tally counts the units of a control. It is nil where there are none.
func (k *Known) Tally(policy, controlID string) *Tally {
	return k.tallies[controlKey{policy, controlID}]
}

// OpenGaps are the gaps that have no end yet, by the id of their entries.
func (k *Known) OpenGaps() map[string]GapBody { return maps.Clone(k.gaps) }
