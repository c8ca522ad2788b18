package synthetic

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// declareSoc2 declares the schedule, or puts it on legal hold.
func (c *chronicle) declareSoc2(next time.Duration, hold bool) {
	c.t.Helper()
	spec := c.object(v1alpha1.EvidenceScheduleSpec{Schedule: "0 */12 * * *", TimeZone: "Etc/UTC"})
	change := &ledger.ChangeBody{Type: ledger.ChangeCreated, To: spec.Digest, Manager: "argocd-controller"}
	if c.soc2.Name == "" {
		c.soc2 = ledger.ScheduleRef{Name: scheduleName, UID: c.dice.uid()}
	} else {
		change.Type, change.From, change.Paths = ledger.ChangeUpdated, spec.Digest, []string{"spec.legalHold"}
	}
	c.soc2.Generation, c.soc2.Definition = c.soc2.Generation+1, spec.Digest
	at := ledger.At(c.now.Truncate(next).Add(next))
	change.NextSlot = &at
	ref := c.soc2
	c.say(ledger.Entry{Kind: ledger.KindScheduleChanged, Schedule: &ref, Change: change,
		Retention: &ledger.RetentionBody{FloorSeconds: int64(400 * day / time.Second), LegalHold: hold}}, spec)
}

// collect makes the collection of a slot.
func (c *chronicle) collect(slot time.Duration, late bool) {
	c.t.Helper()
	c.pass() // time alone may have turned a verdict
	made := &counted{chronicle: c, kinds: map[controlKey]map[string]*ledger.Census{}, ids: map[controlKey][]string{}}
	seq := c.w.Known().NextSeq
	chunk := ledger.ManifestChunk{Schema: ledger.ChunkSchema}
	for _, name := range c.names() {
		chunk.Scopes = append(chunk.Scopes, made.scope(name))
	}
	whole, at, next := c.object(chunk), ledger.At(c.start.Add(slot)), ledger.At(c.start.Add(slot+12*hour))
	ref := c.soc2
	manifest := c.object(ledger.Manifest{Schema: ledger.ManifestSchema, Schedule: ref, Slot: at, Seq: seq, Gaps: c.w.Known().OpenGaps(),
		RetentionSeconds: c.w.Known().Evidence().RetentionSeconds, Policies: made.policies(),
		Lists: []ledger.ManifestList{{Version: "v1", Resource: "namespaces", Query: "/api/v1/namespaces", ResourceVersion: c.next(), Pages: 1,
			Count: len(c.scopes) - 1, From: ledger.At(c.now), To: ledger.At(c.now)}},
		Chunks: []ledger.ManifestChunkRef{{Digest: whole.Digest, First: "", Last: chunk.Scopes[len(chunk.Scopes)-1].Subject.Name, Scopes: len(chunk.Scopes)}}})
	c.must(c.w.PutObjects(append(made.objects, whole, manifest)))
	started := ledger.At(c.now)
	c.now = c.now.Add(time.Second)
	c.say(ledger.Entry{Kind: ledger.KindCollected, Schedule: &ref, Collection: &ledger.CollectionBody{Slot: at, Next: &next, Late: late, Started: started,
		Ended: ledger.At(c.now), State: ledger.CollectionCompleted, Manifest: manifest.Digest, Compared: made.units}})
}

// counted is a census that is being made.
type counted struct {
	*chronicle
	kinds   map[controlKey]map[string]*ledger.Census
	ids     map[controlKey][]string
	units   int
	objects []ledger.Object
}

// scope is one scope's part of a manifest.
func (n *counted) scope(name string) ledger.ManifestScope {
	n.t.Helper()
	n.look(name)
	snapshot := n.scopes[name]
	scope := ledger.ManifestScope{Subject: snapshot.Namespace.Subject()}
	for _, def := range n.sorted() {
		standing := ledger.ManifestStanding{Policy: def.Name, Disposition: string(def.Dispose(snapshot.Namespace)), Exclusion: def.Exclusion(name)}
		if m, there := n.w.Known().Member(def.Name, scope.Subject); there {
			standing.Entered, standing.Since, standing.New = &m.Entry, &m.Since, m.Entered == ledger.KindSubjectAdded
		}
		scope.Standings = append(scope.Standings, standing)
		for _, u := range assess.Judge(def, snapshot, n.now) {
			n.judge(&scope, def, &u, assess.Disposition(standing.Disposition))
		}
	}
	slices.SortStableFunc(scope.Units, func(a, b ledger.ManifestUnit) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Control, b.Control))
	})
	parts, err := n.encoder.Parts(snapshot)
	n.must(err)
	if len(scope.Units) == 0 {
		parts = parts[:1] // which namespace it is decides that
	}
	scope.Inputs = inputsOf(parts)
	for _, part := range parts {
		n.objects = append(n.objects, part.Object)
	}
	return scope
}

// judge takes a unit, or a subject that is none since its scope is outside the policy's.
func (n *counted) judge(scope *ledger.ManifestScope, def *assess.Definition, u *assess.Unit, as assess.Disposition) {
	key := controlKey{def.Name, u.Control.Spec.ID}
	if n.kinds[key] == nil {
		n.kinds[key] = map[string]*ledger.Census{}
	}
	if n.kinds[key][u.Subject.Kind] == nil {
		n.kinds[key][u.Subject.Kind] = &ledger.Census{}
	}
	of := n.kinds[key][u.Subject.Kind]
	switch {
	case as == assess.InScope:
		scope.Units = append(scope.Units, n.unit(u, scope))
		n.units++
		n.ids[key] = append(n.ids[key], ledger.UnitID(u.Subject))
		*of = plus(*of, censusOf(u.State.Outcome))
		return
	case u.Control.JudgesNamespaces() && scope.Subject.Kind != "Namespace":
		return
	case as == assess.Excluded:
		of.Total, of.Excluded = of.Total+1, of.Excluded+1
	default:
		of.Total, of.NotSelected = of.Total+1, of.NotSelected+1
	}
	if u.Control.JudgesNamespaces() {
		return
	}
	last := len(scope.Outside) - 1
	if last < 0 || scope.Outside[last].Policy != def.Name || scope.Outside[last].Control != u.Control.Spec.ID {
		scope.Outside = append(scope.Outside, ledger.ManifestOutside{Policy: def.Name, Control: u.Control.Spec.ID})
		last++
	}
	scope.Outside[last].Subjects = append(scope.Outside[last].Subjects, u.Subject)
}

// unit is a unit of a manifest: what was read, and what the ledger has of it.
func (n *counted) unit(u *assess.Unit, scope *ledger.ManifestScope) ledger.ManifestUnit {
	m := ledger.ManifestUnit{Policy: u.Def.Name, Control: u.Control.Spec.ID, State: u.State}
	if u.Subject != scope.Subject {
		m.Subject = &u.Subject
	}
	key := ledger.Unit{Policy: m.Policy, Control: m.Control, Subject: u.Subject}
	if member, ok := n.w.Known().ObjectMember(key); ok {
		m.Entered, m.EnteredAt, m.New = &member.Entry, &member.Since, member.Entered == ledger.KindSubjectAdded
	}
	if r, ok := n.w.Known().Unit(key); ok {
		m.Entry, m.Since, m.Episode, m.Origin = r.ID, &r.Since, r.Episode, r.Origin
	}
	return m
}

func censusOf(outcome control.Outcome) ledger.Census {
	var c chunk
	c.counts = map[controlKey]ledger.Census{}
	def := &assess.Definition{}
	c.count(def, verdict{control: &assess.Control{}, state: control.State{Outcome: outcome}})
	return c.counts[controlKey{}]
}

func (n *counted) sorted() []*assess.Definition {
	return slices.SortedFunc(slices.Values(n.defs), func(a, b *assess.Definition) int { return cmp.Compare(a.Name, b.Name) })
}

// policies count the units of each control.
func (n *counted) policies() []ledger.ManifestPolicy {
	var list []ledger.ManifestPolicy
	for _, def := range n.sorted() {
		record, _ := n.w.Known().Policy(def.Name)
		m := ledger.ManifestPolicy{Name: def.Name, UID: def.UID, Generation: def.Generation, Spec: def.SpecObject.Digest, Since: record.Since}
		for i := range def.Controls {
			c := &def.Controls[i]
			key := controlKey{def.Name, c.Spec.ID}
			of := ledger.ManifestControl{ID: c.Spec.ID, Type: c.Type, Definition: c.Digest, Input: c.Object.Digest, EvaluatorVersion: c.Kind.EvaluatorVersion(),
				Population: ledger.PopulationDigest(n.ids[key]), IntroducedAt: &record.Controls[c.Spec.ID].IntroducedAt, OperatingFrom: &record.Controls[c.Spec.ID].OperatingFrom}
			kinds := slices.Sorted(maps.Keys(n.kinds[key]))
			for _, kind := range kinds {
				of.Census = plus(of.Census, *n.kinds[key][kind])
				of.Kinds = append(of.Kinds, ledger.KindCensus{Kind: kind, Census: *n.kinds[key][kind]})
			}
			if of.Unit = strings.Join(kinds, ", "); c.JudgesNamespaces() {
				of.Unit, of.Kinds = "Namespace", nil
			}
			n.objects = append(n.objects, c.Object)
			m.Controls = append(m.Controls, of)
		}
		list = append(list, m)
	}
	return list
}
