package ledger

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
)

// trail is what is known of a schedule's newest manifest, so that of the next
// one only what changed has to be looked at.
type trail struct {
	chunks      map[string]*chunkSum // by digest
	scopes      scopeCache
	populations map[controlKey]population
	// touched are the scopes of which entries have said something since, all is
	// set where an entry concerned every scope.
	touched map[string]struct{}
	all     bool
}

// population is a digest, and that of what it was made of.
type population struct {
	of     [sha256.Size]byte
	digest string
}

// manifestCheck checks one manifest. The entry that names it is not folded yet.
type manifestCheck struct {
	*ledgerCheck
	entry  *Entry
	file   string // of the manifest
	m      *Manifest
	trail  *trail
	chunks []*chunkSum
}

// collected checks the manifest of a Collected entry: its chunks, what they add
// up to, and that it is what the entries imply.
func (l *ledgerCheck) collected(e *Entry) error {
	data, there := l.content(e.Collection.Manifest)
	if !there {
		return nil
	}
	file := l.rel(l.place.object(objectsDir, e.Collection.Manifest))
	c := &manifestCheck{ledgerCheck: l, entry: e, file: file, trail: l.trails[e.Schedule.Name]}
	if c.trail == nil {
		c.trail = &trail{all: true, populations: map[controlKey]population{}}
		l.trails[e.Schedule.Name] = c.trail
	}
	m, err := DecodeManifest(data)
	if err != nil {
		c.wrong("%v", err)
		return nil
	}
	c.m = m
	l.sum.Manifests++
	c.m.eachObject(nil, func(digest string) { l.name(objectsDir, digest, e.Seq) })
	c.head()
	if !c.readChunks() {
		c.trail.chunks, c.trail.all = nil, true
		return nil
	}
	c.order()
	for i := range c.m.Policies {
		for j := range c.m.Policies[i].Controls {
			c.census(&c.m.Policies[i], &c.m.Policies[i].Controls[j])
		}
	}
	return c.compare()
}

// wrong says that the manifest is not what it should be.
func (c *manifestCheck) wrong(format string, args ...any) {
	c.problemAt(c.file, c.entry.Seq, format, args...)
}

func (c *manifestCheck) head() {
	if c.m.Schedule != *c.entry.Schedule || !c.m.Slot.Equal(c.entry.Collection.Slot.Time) {
		c.wrong("the manifest is of slot %s of schedule %s, not of the one that the entry names", c.m.Slot, c.m.Schedule.Name)
	}
	if c.m.Seq > c.entry.Seq {
		c.wrong("the manifest says that comparing began after %d entries", c.m.Seq)
	}
	if len(c.m.Lists) == 0 {
		c.wrong("the manifest does not say how anything was read")
	}
}

// readChunks reads the chunks that the manifest before did not have. It returns
// false where one cannot be read: that is named with the other objects.
func (c *manifestCheck) readChunks() bool {
	complete := true
	for _, ref := range c.m.Chunks {
		sum := c.trail.chunks[ref.Digest]
		if sum == nil {
			sum = c.readChunk(ref.Digest)
		}
		complete = complete && sum != nil
		c.chunks = append(c.chunks, sum)
	}
	return complete
}

func (c *manifestCheck) readChunk(digest string) *chunkSum {
	data, there := c.content(digest)
	if !there {
		return nil
	}
	chunk, err := c.trail.scopes.chunk(data)
	if err != nil {
		c.wrong("chunk %s: %v", digest, err)
		return nil
	}
	chunk.eachObject(nil, func(digest string) { c.name(objectsDir, digest, c.entry.Seq) })
	sum := sumChunk(chunk)
	for _, why := range sum.wrong {
		c.wrong("chunk %s: %s", digest, why)
	}
	return sum
}

// order checks that the chunks hold all scopes once, in order of their names.
func (c *manifestCheck) order() {
	last, namespaces := "", 0
	for i, ref := range c.m.Chunks {
		scopes := c.chunks[i].Scopes
		if len(scopes) == 0 || len(scopes) != ref.Scopes || scopes[0].name() != ref.First || scopes[len(scopes)-1].name() != ref.Last {
			c.wrong("chunk %s does not hold the %d scopes from %q to %q", ref.Digest, ref.Scopes, ref.First, ref.Last)
		}
		for j := range scopes {
			name := scopes[j].name()
			if (i > 0 || j > 0) && name <= last {
				c.wrong("scope %q comes after %q", name, last)
			}
			last = name
		}
		namespaces += c.chunks[i].namespaces
	}
	for _, list := range c.m.Lists {
		if list.Group != "" || list.Resource != "namespaces" || list.Failed != "" {
			continue
		}
		if want := list.Count + c.m.Appeared - c.m.Gone; want != namespaces {
			c.wrong("%d namespaces were listed, %d appeared, %d were gone, and the chunks have %d", list.Count, c.m.Appeared, c.m.Gone, namespaces)
		}
	}
}

// compare compares the manifest with what the entries imply.
func (c *manifestCheck) compare() error {
	before := c.trail.chunks
	c.trail.chunks = map[string]*chunkSum{}
	for i, ref := range c.m.Chunks {
		c.trail.chunks[ref.Digest] = c.chunks[i]
	}
	if c.known == nil || c.m.Seq > c.entry.Seq {
		c.trail.all = true
		return nil
	}
	w, err := c.window()
	if err != nil {
		return err
	}
	for i, ref := range c.m.Chunks {
		_, same := before[ref.Digest]
		for j := range c.chunks[i].Scopes {
			scope := &c.chunks[i].Scopes[j]
			if _, touched := c.trail.touched[scope.name()]; touched || !same || c.trail.all {
				c.scope(scope, w)
			}
		}
	}
	c.absent(w)
	// What a collection says it did not compare is looked at again, shared or not.
	c.trail.touched, c.trail.all = w.scopes, w.all || w.partial
	scopes := 0
	for _, chunk := range c.chunks {
		scopes += len(chunk.Scopes)
	}
	c.trail.scopes.turn(scopes)
	return nil
}

// absent finds units that the entries have in scopes that the manifest does not
// have at all. That is so only where it has fewer units than the entries.
func (c *manifestCheck) absent(w *window) {
	if w.all {
		return
	}
	var names map[string]bool
	for i := range c.m.Policies {
		p := &c.m.Policies[i]
		if w.foreign[p.Name] {
			continue
		}
		for j := range p.Controls {
			t := c.known.Tally(p.Name, p.Controls[j].ID)
			if t == nil || t.units() <= p.Controls[j].Census.InScope() {
				continue
			}
			if names == nil {
				names = c.scopeNames()
			}
			c.absentUnits(p.Name, p.Controls[j].ID, names, w)
		}
	}
}

func (c *manifestCheck) scopeNames() map[string]bool {
	names := map[string]bool{}
	for _, chunk := range c.chunks {
		for i := range chunk.Scopes {
			names[chunk.Scopes[i].name()] = true
		}
	}
	return names
}

func (c *manifestCheck) absentUnits(policy, id string, names map[string]bool, w *window) {
	for _, m := range slices.Concat(c.known.Members(policy), c.known.ObjectMembers(policy)) {
		u, scope := Unit{policy, id, m.Subject}, ScopeOf(m.Subject)
		_, there := c.known.Unit(u)
		if there && (m.Control == "" || m.Control == id) && !w.left(u) && !names[scope] && !w.excused[u] {
			c.wrong("%s: the entries have it, the manifest does not", u)
		}
	}
}

// scope compares one scope of the manifest.
func (c *manifestCheck) scope(scope *ManifestScope, w *window) {
	listed := map[Unit]bool{}
	for i := range scope.Units {
		unit := &scope.Units[i]
		u := Unit{unit.Policy, unit.Control, unit.subjectIn(scope)}
		if listed[u] {
			c.wrong("%s is listed twice", u)
		}
		listed[u] = true
		if why := c.disagrees(u, unit, w); why != "" {
			c.wrong("%s: %s", u, why)
		}
	}
	if _, moved := w.moved[scope.name()]; moved || w.all {
		return
	}
	for i := range c.m.Policies {
		if p := &c.m.Policies[i]; !w.foreign[p.Name] {
			c.unlisted(scope, p, listed, w)
		}
	}
}

// disagrees says how a unit of the manifest is not what the entries imply.
func (c *manifestCheck) disagrees(u Unit, unit *ManifestUnit, w *window) string {
	if w.excuses(u, unit) {
		return ""
	}
	state := Bounded(unit.State)
	if states, changed := w.states[u]; changed {
		first := w.first[u]
		if (first != nil && first.Equal(state)) || slices.ContainsFunc(states, state.Equal) {
			return ""
		}
		return fmt.Sprintf("the manifest has it as %s, no entry of that time does", state.Outcome)
	}
	r, there := c.known.Unit(u)
	switch {
	case !there && w.left(u): // it left after it was compared
		return ""
	case !there:
		return fmt.Sprintf("the manifest has it as %s, the entries do not have it", state.Outcome)
	case !r.State.Equal(state):
		return fmt.Sprintf("the manifest has it as %s, the entries as %s (or for other reasons)", state.Outcome, r.State.Outcome)
	case unit.Entry != "" && unit.Entry != r.ID:
		return fmt.Sprintf("the manifest names entry %s as its newest, that is %s", unit.Entry, r.ID)
	}
	return ""
}

// unlisted finds units that the entries have in a scope, and the manifest does not.
func (c *manifestCheck) unlisted(scope *ManifestScope, p *ManifestPolicy, listed map[Unit]bool, w *window) {
	missing := func(u Unit) {
		_, there := c.known.Unit(u)
		_, changed := w.states[u]
		if there && !listed[u] && !changed && !w.excused[u] && !w.left(u) {
			c.wrong("%s: the entries have it, the manifest does not", u)
		}
	}
	for _, m := range c.known.MembersOf(scope.name()) {
		for i := range p.Controls {
			if m.Policy == p.Name {
				missing(Unit{p.Name, p.Controls[i].ID, m.Subject})
			}
		}
	}
	objects := slices.SortedFunc(maps.Keys(c.known.ObjectMembersOf(scope.name())), func(a, b Unit) int {
		return cmp.Or(cmp.Compare(a.Control, b.Control), compareSubjects(a.Subject, b.Subject))
	})
	for _, u := range objects {
		if u.Policy == p.Name && slices.ContainsFunc(p.Controls, func(ctl ManifestControl) bool { return ctl.ID == u.Control }) {
			missing(u)
		}
	}
}

// touch takes note of the scopes that an entry speaks of.
func (l *ledgerCheck) touch(e *Entry) {
	for _, t := range l.trails {
		switch {
		case e.Kind == KindPolicyChanged, e.Kind == KindControlWithdrawn:
			t.all = true
		case e.Subject != nil:
			if t.touched == nil {
				t.touched = map[string]struct{}{}
			}
			t.touched[ScopeOf(*e.Subject)] = struct{}{}
		}
	}
}
