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
		m.Chunks[0].First, m.Chunks[0].Last = chunk.Scopes[0].Subject.Name, chunk.Scopes[n-1].Subject.Name
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
	slices.SortFunc(chunk.Scopes, func(a, b ledger.ManifestScope) int { return strings.Compare(a.Subject.Name, b.Subject.Name) })
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
		for i := range chunk.Scopes {
			s.manifestUnit(&chunk.Scopes[i], ledger.Unit{Policy: name, Control: id, Subject: chunk.Scopes[i].Subject}, &c.Census)
		}
		c.Census.Total = c.Census.Sum()
		p.Controls = append(p.Controls, c)
	}
	m.Policies = append(m.Policies, p)
}

func (s *scribe) manifestUnit(sc *ledger.ManifestScope, u ledger.Unit, census *ledger.Census) {
	r, ok := s.known.Unit(u)
	if !ok {
		return
	}
	sc.Units = append(sc.Units, ledger.ManifestUnit{Policy: u.Policy, Control: u.Control, State: r.State, Entry: r.ID, Since: &r.Since,
		Episode: r.Episode, Origin: r.Origin})
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
