package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// recentState is the state that a unit had before an entry changed it. Those
// since the last manifests are kept, to know what the entries said when a
// collection compared.
type recentState struct {
	seq   uint64
	unit  *unit
	state *control.State
}

// maxRecent bounds how many changes are remembered between two manifests.
const maxRecent = 200_000

// remember keeps the state of a unit that is about to change.
func (f *fold) remember(u *unit) {
	if len(f.recent) >= maxRecent {
		f.recent = append(f.recent[:0], f.recent[maxRecent/2:]...)
		f.forgotten = true
	}
	f.recent = append(f.recent, recentState{f.line.seq, u, u.state})
	f.touch(u.subject)
}

// touch notes that something of the subject's scope changed.
func (f *fold) touch(s *control.Subject) {
	for _, sched := range f.schedules {
		sched.touched[ledger.ScopeOf(*s)] = true
	}
}

// discrepancy notes a unit that a collection read otherwise: the next manifest
// of the schedule is not held against the entries for it.
func (f *fold) discrepancy(l *line) error {
	s, _, err := f.scheduleOf(l)
	if err != nil {
		return err
	}
	c, _, err := f.ofControl(l)
	if err != nil {
		return err
	}
	subject, err := f.in.subject(l)
	if err != nil {
		return err
	}
	s.discrepant[ledger.Unit{Policy: c.policy.name, Control: c.id, Subject: *subject}] = true
	f.touch(subject)
	return nil
}

// comparison holds one manifest against the entries.
type comparison struct {
	*fold
	schedule *schedule
	manifest *ledger.Manifest
	// allowed are the states that units had since the manifest's Seq, besides the
	// one they have now.
	allowed map[*unit][]*control.State
	// partial is whether something could not be read.
	partial  bool
	policies map[string]bool // those that can be compared
	seen     map[string]bool // the scopes that were compared
	found    []string
}

func (f *fold) compare(s *schedule, l *line, body *ledger.CollectionBody) ([]string, error) {
	data, err := f.src.Object(f.ledgerID, body.Manifest)
	if err != nil {
		return nil, err
	}
	var m ledger.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	if !f.seeded {
		if err := f.seed(&m, l); err != nil {
			return nil, err
		}
	}
	c := &comparison{fold: f, schedule: s, manifest: &m, found: []string{}, allowed: map[*unit][]*control.State{}, policies: map[string]bool{}, seen: map[string]bool{},
		partial: body.State != ledger.CollectionCompleted || slices.ContainsFunc(m.Lists, func(l ledger.ManifestList) bool { return l.Failed != "" })}
	f.keepCensus(&m, l, body)
	if err := c.run(); err != nil {
		return nil, err
	}
	f.prune()
	return c.found, nil
}

// prune forgets the changes that no manifest still to come can ask for. One that
// began before this one was made may.
func (f *fold) prune() {
	keep := f.lastCompared
	f.lastCompared = f.line.seq
	i := sort.Search(len(f.recent), func(i int) bool { return f.recent[i].seq >= keep })
	f.recent = append(f.recent[:0], f.recent[i:]...)
	f.forgotten = false
}

func (c *comparison) disagree(format string, args ...any) {
	if len(c.found) <= maxDisagreements {
		c.found = append(c.found, fmt.Sprintf(format, args...))
	}
}

func (c *comparison) run() error {
	i := sort.Search(len(c.recent), func(i int) bool { return c.recent[i].seq >= c.manifest.Seq })
	if i == 0 && c.forgotten {
		c.disagree("too much changed while it was made for it to be compared")
		return nil
	}
	for _, r := range c.recent[i:] {
		c.allowed[r.unit] = append(c.allowed[r.unit], r.state)
	}
	for _, mp := range c.manifest.Policies {
		p := c.fold.policies[mp.Name]
		switch {
		case p == nil || len(p.specs) == 0 && len(p.namespaces)+len(p.others) == 0:
			c.disagree("policy %s is in the manifest, and not in the entries", mp.Name)
		case p.generation == mp.Generation && p.edited < c.manifest.Seq:
			c.policies[mp.Name] = true
			c.controls(p, &mp)
		}
	}
	return c.chunks()
}

// controls compares what the manifest says of a policy's controls.
func (c *comparison) controls(p *policy, mp *ledger.ManifestPolicy) {
	for _, mc := range mp.Controls {
		if mc.Census.Total != mc.Census.Sum() {
			c.disagree("%s/%s: the census has %d units, and accounts for %d", mp.Name, mc.ID, mc.Census.Total, mc.Census.Sum())
		}
		sc, ok := p.controls[mc.ID]
		if !ok {
			continue
		}
		if mc.EvaluatorVersion != 0 {
			sc.evaluatedBy(mc.EvaluatorVersion, c.line.at)
		}
		if sc.typ == "" {
			sc.typ = mc.Type
		}
		sc.unitKind = mc.Unit
		if d := sc.current(); d != nil && d.learned && d.digest != mc.Definition {
			c.disagree("%s/%s: the manifest has definition %.12s, the entries have %.12s", mp.Name, mc.ID, mc.Definition, d.digest)
		}
	}
}

// chunks compares the scopes. A chunk that was compared before, and of whose
// scopes nothing changed since, says the same again.
func (c *comparison) chunks() error {
	checked := map[string]bool{}
	dirty := sortedKeys(c.schedule.touched)
	clear(c.schedule.touched)
	for _, ref := range c.manifest.Chunks {
		at, _ := slices.BinarySearch(dirty, ref.First)
		clean := c.schedule.checked[ref.Digest] && (at >= len(dirty) || dirty[at] > ref.Last)
		if !clean {
			before := len(c.found)
			if err := c.chunk(ref.Digest); err != nil {
				return err
			}
			clean = len(c.found) == before
		}
		checked[ref.Digest] = clean
	}
	c.missing(dirty)
	c.schedule.checked = checked
	return nil
}

func (c *comparison) chunk(digest string) error {
	data, err := c.src.Object(c.ledgerID, digest)
	if err != nil {
		return err
	}
	var chunk ledger.ManifestChunk
	if err := json.Unmarshal(data, &chunk); err != nil {
		return fmt.Errorf("chunk %s: %w", digest, err)
	}
	for i := range chunk.Scopes {
		c.scope(&chunk.Scopes[i])
	}
	return nil
}

// scope compares one scope: how it stands to each policy, and its units.
func (c *comparison) scope(s *ledger.ManifestScope) {
	subject := c.in.same(s.Subject)
	c.seen[ledger.ScopeOf(*subject)] = true
	for _, standing := range s.Standings {
		if !c.policies[standing.Policy] {
			continue
		}
		inside := c.fold.policies[standing.Policy].own(subject).open() != nil
		if inside != (standing.Disposition == "InScope") && !c.moving(standing.Policy, subject) {
			c.disagree("%s is %s for policy %s in the manifest, and %s by the entries", subject, standing.Disposition, standing.Policy,
				map[bool]string{true: "in scope", false: "not in scope"}[inside])
		}
	}
	listed := map[ledger.Unit]bool{}
	for i := range s.Units {
		c.unit(subject, &s.Units[i], listed)
	}
	for _, name := range sortedKeys(c.policies) {
		c.unlisted(name, subject, listed)
	}
}

// moving is whether something changed about the own subject of a scope since the
// manifest's Seq, or a discrepancy accounts for it.
func (c *comparison) moving(policy string, s *control.Subject) bool {
	p := c.fold.policies[policy]
	if m := p.own(s); m != nil && m.moved >= c.manifest.Seq {
		return true
	}
	for id := range p.controls {
		if c.schedule.discrepant[ledger.Unit{Policy: policy, Control: id, Subject: *s}] {
			return true
		}
	}
	return false
}

// unlisted looks for subjects of single controls that the entries have in a scope,
// and the manifest has not.
func (c *comparison) unlisted(policy string, scope *control.Subject, listed map[ledger.Unit]bool) {
	p := c.fold.policies[policy]
	for _, id := range sortedKeys(p.controls) {
		sc := p.controls[id]
		for _, s := range sc.scoped[ledger.ScopeOf(*scope)] {
			key, m := ledger.Unit{Policy: policy, Control: id, Subject: *s}, sc.members[s]
			if m.open() == nil || listed[key] || m.moved >= c.manifest.Seq || c.schedule.discrepant[key] || c.moving(policy, scope) {
				continue
			}
			c.disagree("%s is judged by the entries, and not in the manifest", key)
		}
	}
}

func (c *comparison) unit(scope *control.Subject, mu *ledger.ManifestUnit, listed map[ledger.Unit]bool) {
	if !c.policies[mu.Policy] {
		return
	}
	subject := scope
	if mu.Subject != nil {
		subject = c.in.same(*mu.Subject)
	}
	key := ledger.Unit{Policy: mu.Policy, Control: mu.Control, Subject: *subject}
	listed[key] = true
	if c.schedule.discrepant[key] || (c.partial && mu.State.Outcome == control.NotEvaluated) {
		return
	}
	sc, ok := c.fold.policies[mu.Policy].controls[mu.Control]
	if !ok {
		c.disagree("%s is in the manifest, and not in the entries", key)
		return
	}
	if u := sc.units[subject]; !c.agrees(u, mu) {
		c.disagree("%s is %s in the manifest, and %s by the entries", key, mu.State.Outcome, statedOf(u))
	}
}

// agrees is whether the entries say of the unit what the manifest says, or said
// so since the manifest's Seq.
func (c *comparison) agrees(u *unit, mu *ledger.ManifestUnit) bool {
	read := ledger.Bounded(mu.State)
	if u == nil || u.state == nil {
		if mu.Entry == "" || mu.State.Outcome == control.NotEvaluated {
			return true
		}
	} else if u.state.Equal(read) {
		return true
	}
	return u != nil && slices.ContainsFunc(c.allowed[u], func(s *control.State) bool { return s == nil || s.Equal(read) })
}

func statedOf(u *unit) string {
	if u == nil || u.state == nil {
		return "not stated"
	}
	return string(u.state.Outcome)
}

// missing looks for scopes that the entries have, and the manifest has not.
func (c *comparison) missing(dirty []string) {
	for _, scope := range dirty {
		if c.seen[scope] {
			continue
		}
		for _, name := range sortedKeys(c.policies) {
			for _, s := range c.inScope(name, scope) {
				if !c.moving(name, s) {
					c.disagree("%s is in the scope of policy %s by the entries, and not in the manifest", s, name)
				}
			}
		}
	}
}

// inScope are the own subjects of a scope in a policy's scope.
func (c *comparison) inScope(policy, scope string) []*control.Subject {
	var of []*control.Subject
	for _, own := range []subjects{c.fold.policies[policy].namespaces, c.fold.policies[policy].others} {
		for s, m := range own {
			if ledger.ScopeOf(*s) == scope && m.open() != nil {
				of = append(of, s)
			}
		}
	}
	slices.SortFunc(of, func(a, b *control.Subject) int { return compareSubjects(*a, *b) })
	return of
}
