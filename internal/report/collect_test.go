package report_test

import (
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

const scheduleName = "hourly"

func scheduleRef() *ledger.ScheduleRef {
	return &ledger.ScheduleRef{Name: scheduleName, UID: "uid-schedule", Generation: 1, Definition: "schedule"}
}

// schedule declares an hourly schedule with one anchor.
func (s *scribe) schedule(next time.Duration) {
	spec := map[string]any{"anchors": []map[string]any{{"name": "witness"}}}
	s.write(ledger.Entry{Kind: ledger.KindScheduleChanged, Schedule: scheduleRef(), Retention: &ledger.RetentionBody{FloorSeconds: 3600},
		Change: &ledger.ChangeBody{Type: ledger.ChangeCreated, To: s.object(spec), Manager: "kubectl", NextSlot: moment(next)}})
}

// collection is one collection, with what is to be altered in its manifest.
type collection struct {
	slot, next time.Duration
	state      string
	late       bool
	alter      func(*ledger.Manifest, *ledger.ManifestChunk)
	before     func() // what happens while it is made
}

// collect makes a collection of what is known.
func (s *scribe) collect(c collection) {
	s.tb.Helper()
	if c.state == "" {
		c.state = ledger.CollectionCompleted
	}
	body := &ledger.CollectionBody{Slot: *moment(c.slot), Next: moment(c.next), State: c.state, Late: c.late, Started: ledger.At(s.now), Ended: ledger.At(s.now)}
	e := ledger.Entry{Kind: ledger.KindCollected, Schedule: scheduleRef(), Collection: body}
	if c.state == ledger.CollectionFailed {
		e.Reason = "Unreachable"
		s.write(e)
		return
	}
	m, chunk := s.manifest(body.Slot)
	if c.alter != nil {
		c.alter(m, chunk)
	}
	m.Chunks = []ledger.ManifestChunkRef{{Digest: s.object(chunk), First: "a", Last: "zz", Scopes: len(chunk.Scopes)}}
	if n := len(chunk.Scopes); n > 0 {
		m.Chunks[0].First, m.Chunks[0].Last = ledger.ScopeOf(chunk.Scopes[0].Subject), ledger.ScopeOf(chunk.Scopes[n-1].Subject)
	}
	body.Manifest, body.Compared = s.object(m), len(chunk.Scopes)
	if c.before != nil {
		c.before()
	}
	s.write(e)
}

// manifest is the census of what is known: every subject that is in scope, and one
// namespace that no policy selects.
func (s *scribe) manifest(slot ledger.Time) (*ledger.Manifest, *ledger.ManifestChunk) {
	m := &ledger.Manifest{Schema: ledger.ManifestSchema, Schedule: *scheduleRef(), Slot: slot, Seq: s.known.NextSeq, RetentionSeconds: 3600,
		Lists: []ledger.ManifestList{{Version: "v1", Resource: "namespaces", Query: "/api/v1/namespaces", ResourceVersion: "10", Pages: 1,
			From: ledger.At(s.now), To: ledger.At(s.now)}}}
	chunk := &ledger.ManifestChunk{Schema: ledger.ChunkSchema, Scopes: []ledger.ManifestScope{{Subject: namespace("zz-other")}}}
	for _, name := range sorted(s.specs) {
		s.manifestPolicy(m, chunk, name)
	}
	slices.SortFunc(chunk.Scopes, func(a, b ledger.ManifestScope) int {
		return strings.Compare(ledger.ScopeOf(a.Subject), ledger.ScopeOf(b.Subject))
	})
	m.Lists[0].Count = len(chunk.Scopes)
	return m, chunk
}

func (s *scribe) manifestPolicy(m *ledger.Manifest, chunk *ledger.ManifestChunk, name string) {
	known, ok := s.known.Policy(name)
	if !ok {
		return
	}
	p := ledger.ManifestPolicy{Name: name, UID: known.UID, Generation: known.Generation, Spec: known.Spec, Since: known.Since}
	members := s.known.Members(name)
	slices.SortFunc(members, func(a, b *ledger.Member) int { return strings.Compare(a.Subject.Name, b.Subject.Name) })
	var ids []string
	for _, member := range members {
		ids = append(ids, ledger.UnitID(member.Subject))
		i := slices.IndexFunc(chunk.Scopes, func(sc ledger.ManifestScope) bool { return sc.Subject == member.Subject })
		if i < 0 {
			i = len(chunk.Scopes)
			chunk.Scopes = append(chunk.Scopes, ledger.ManifestScope{Subject: member.Subject})
		}
		sc := &chunk.Scopes[i]
		sc.Standings = append(sc.Standings, ledger.ManifestStanding{Policy: name, Disposition: "InScope", Entered: &member.Entry, Since: &member.Since,
			New: member.Entered == ledger.KindSubjectAdded})
	}
	for _, id := range sorted(s.defs[name]) {
		c := ledger.ManifestControl{ID: id, Type: "networkIsolation", Definition: s.defs[name][id], EvaluatorVersion: 1, Unit: "Namespace",
			Population: ledger.PopulationDigest(ids), Census: ledger.Census{NotSelected: 1}}
		if k := known.Controls[id]; k != nil {
			c.IntroducedAt, c.OperatingFrom = &k.IntroducedAt, &k.OperatingFrom
		}
		if id == "C" {
			s.manifestKinds(chunk, &c, name)
		} else {
			for i := range chunk.Scopes {
				s.manifestUnit(&chunk.Scopes[i], ledger.Unit{Policy: name, Control: id, Subject: chunk.Scopes[i].Subject}, &c.Census)
			}
		}
		c.Census.Total = c.Census.Sum()
		p.Controls = append(p.Controls, c)
	}
	m.Policies = append(m.Policies, p)
}

// manifestKinds is the census of the control that judges objects, and scopes where
// it finds something.
func (s *scribe) manifestKinds(chunk *ledger.ManifestChunk, c *ledger.ManifestControl, policy string) {
	c.Type, c.Census = "encryptionInTransit", ledger.Census{}
	kinds := map[string]*ledger.Census{}
	for i := range chunk.Scopes {
		sc := &chunk.Scopes[i]
		units := []ledger.Unit{{Policy: policy, Control: c.ID, Subject: sc.Subject}}
		for u := range s.known.ObjectMembersOf(ledger.ScopeOf(sc.Subject)) {
			if u.Policy == policy && u.Control == c.ID {
				units = append(units, u)
			}
		}
		slices.SortFunc(units, func(a, b ledger.Unit) int { return strings.Compare(ledger.UnitID(a.Subject), ledger.UnitID(b.Subject)) })
		for _, u := range units {
			if _, there := s.known.Unit(u); there && kinds[u.Subject.Kind] == nil {
				kinds[u.Subject.Kind] = &ledger.Census{}
			}
			s.manifestUnit(sc, u, &c.Census)
			if of := kinds[u.Subject.Kind]; of != nil {
				s.manifestUnit(&ledger.ManifestScope{}, u, of)
			}
		}
	}
	c.Unit = strings.Join(sorted(kinds), ", ")
	for _, kind := range sorted(kinds) {
		kinds[kind].Total = kinds[kind].Sum()
		c.Kinds = append(c.Kinds, ledger.KindCensus{Kind: kind, Census: *kinds[kind]})
	}
}

func (s *scribe) manifestUnit(sc *ledger.ManifestScope, u ledger.Unit, census *ledger.Census) {
	r, ok := s.known.Unit(u)
	if !ok {
		return
	}
	unit := ledger.ManifestUnit{Policy: u.Policy, Control: u.Control, State: r.State, Entry: r.ID, Since: &r.Since, Episode: r.Episode, Origin: r.Origin}
	if u.Subject != sc.Subject {
		unit.Subject = &u.Subject
	}
	sc.Units = append(sc.Units, unit)
	switch r.State.Outcome {
	case control.Conforming:
		census.Conforming++
	case control.Deviating:
		census.Deviating++
	case control.NotApplicable:
		census.NotApplicable++
	default:
		census.NotEvaluated++
	}
}

// missed states slots that passed while nobody collected.
func (s *scribe) missed(first, last time.Duration, count int, next time.Duration) {
	s.write(ledger.Entry{Kind: ledger.KindOccurrence, Schedule: scheduleRef(), Reason: "NotRunning",
		Occurrence: &ledger.OccurrenceBody{Of: ledger.OccurrenceOfCollection, State: ledger.OccurrenceMissed, First: *moment(first),
			Last: *moment(last), Count: count, Next: moment(next)}})
}

// anchor states that a witness acknowledged everything so far.
func (s *scribe) anchor(at time.Duration) {
	s.write(ledger.Entry{Kind: ledger.KindAnchored, Schedule: scheduleRef(), Anchor: &ledger.AnchorBody{Type: ledger.AnchorWitness, Name: "witness",
		Origin: "holdfast.dev/ledger/" + s.id(), Size: s.known.NextSeq, RootHash: "root", Receipt: s.object(s.known.NextSeq), At: moment(at)}})
}
