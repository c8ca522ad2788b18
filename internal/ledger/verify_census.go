package ledger

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// chunkSum is a chunk, and what its scopes add up to.
type chunkSum struct {
	*ManifestChunk
	namespaces int
	// dispositions are those of namespaces, by policy and disposition.
	dispositions map[string]map[string]int
	units        map[controlKey]*unitSum
	// wrong says what of the chunk cannot be, whatever the entries say.
	wrong []string
}

// unitSum are the units of one control in a chunk.
type unitSum struct {
	// kinds count by kind what was judged, and what is outside the policy's scope.
	kinds map[string]*Census
	ids   []string
	of    [sha256.Size]byte // the sorted ids
}

// Dispositions of a ManifestStanding.
const (
	dispositionInScope     = "InScope"
	dispositionExcluded    = "Excluded"
	dispositionNotSelected = "NotSelected"
)

// unitNamespace is the Unit of a control that judges each namespace in scope.
const unitNamespace = "Namespace"

// sumChunk adds up a chunk's scopes.
func sumChunk(chunk *ManifestChunk) *chunkSum {
	s := &chunkSum{ManifestChunk: chunk, dispositions: map[string]map[string]int{}, units: map[controlKey]*unitSum{}}
	for i := range chunk.Scopes {
		scope := &chunk.Scopes[i]
		if scope.Subject.Kind == unitNamespace {
			s.addNamespace(scope)
		}
		for j := range scope.Units {
			s.addUnit(scope, &scope.Units[j])
		}
		for j := range scope.Outside {
			s.addOutside(scope, &scope.Outside[j])
		}
	}
	for _, u := range s.units {
		slices.Sort(u.ids)
		u.of = sha256.Sum256([]byte(strings.Join(u.ids, "\n")))
	}
	return s
}

func (s *chunkSum) addNamespace(scope *ManifestScope) {
	s.namespaces++
	for _, st := range scope.Standings {
		if s.dispositions[st.Policy] == nil {
			s.dispositions[st.Policy] = map[string]int{}
		}
		s.dispositions[st.Policy][st.Disposition]++
	}
}

func (s *chunkSum) addUnit(scope *ManifestScope, unit *ManifestUnit) {
	u, subject := s.unit(unit.Policy, unit.Control), unit.subjectIn(scope)
	u.ids = append(u.ids, UnitID(subject))
	u.kind(subject.Kind).Count(unit.State.Outcome)
	s.checkScope(scope, subject)
}

// addOutside adds subjects that are no units. Their scope's standing says why.
func (s *chunkSum) addOutside(scope *ManifestScope, o *ManifestOutside) {
	at := slices.IndexFunc(scope.Standings, func(st ManifestStanding) bool { return st.Policy == o.Policy })
	if at < 0 || scope.Standings[at].Disposition == dispositionInScope {
		s.wrong = append(s.wrong, fmt.Sprintf("scope %q has subjects of %s/%s outside the policy's scope, and does not stand outside", scope.name(), o.Policy, o.Control))
		return
	}
	seen := map[control.Subject]bool{}
	for _, subject := range o.Subjects {
		of := s.unit(o.Policy, o.Control).kind(subject.Kind)
		if scope.Standings[at].Disposition == dispositionExcluded {
			of.Excluded++
		} else {
			of.NotSelected++
		}
		if seen[subject] {
			s.wrong = append(s.wrong, fmt.Sprintf("%s is listed twice outside the scope of %s/%s", subject, o.Policy, o.Control))
		}
		seen[subject] = true
		s.checkScope(scope, subject)
	}
}

// checkScope checks that a subject stands in the scope that it belongs to.
func (s *chunkSum) checkScope(scope *ManifestScope, subject control.Subject) {
	if ScopeOf(subject) != scope.name() {
		s.wrong = append(s.wrong, fmt.Sprintf("%s stands in scope %q", subject, scope.name()))
	}
}

func (s *chunkSum) unit(policy, id string) *unitSum {
	key := controlKey{policy, id}
	if s.units[key] == nil {
		s.units[key] = &unitSum{kinds: map[string]*Census{}}
	}
	return s.units[key]
}

func (u *unitSum) kind(kind string) *Census {
	if u.kinds[kind] == nil {
		u.kinds[kind] = &Census{}
	}
	return u.kinds[kind]
}

// name is the scope's name: that of its namespace, or of the cluster.
func (s *ManifestScope) name() string { return ScopeOf(s.Subject) }

// subjectIn is the unit's subject.
func (u *ManifestUnit) subjectIn(scope *ManifestScope) control.Subject {
	if u.Subject != nil {
		return *u.Subject
	}
	return scope.Subject
}

// Count counts a unit in scope by its outcome.
func (c *Census) Count(outcome control.Outcome) {
	switch outcome {
	case control.Conforming:
		c.Conforming++
	case control.Deviating:
		c.Deviating++
	case control.NotApplicable:
		c.NotApplicable++
	default:
		c.NotEvaluated++
	}
}

// plus adds what another census counts, but for its total.
func (c *Census) plus(o Census) {
	c.Conforming += o.Conforming
	c.Deviating += o.Deviating
	c.NotApplicable += o.NotApplicable
	c.NotEvaluated += o.NotEvaluated
	c.Excluded += o.Excluded
	c.NotSelected += o.NotSelected
}

// census derives a control's census and its population again.
func (c *manifestCheck) census(p *ManifestPolicy, ctl *ManifestControl) {
	key := controlKey{p.Name, ctl.ID}
	kinds, ids, of := map[string]*Census{}, 0, sha256.New()
	for _, chunk := range c.chunks {
		u := chunk.units[key]
		if u == nil {
			continue
		}
		ids += len(u.ids)
		if len(u.ids) > 0 {
			of.Write(u.of[:])
		}
		for kind, n := range u.kinds {
			if kinds[kind] == nil {
				kinds[kind] = &Census{}
			}
			kinds[kind].plus(*n)
		}
	}
	if ctl.Unit == unitNamespace && len(ctl.Kinds) == 0 {
		c.censusOfNamespaces(p, ctl, kinds)
	} else {
		c.censusOfKinds(p, ctl, kinds)
	}
	if digest := c.population(key, [sha256.Size]byte(of.Sum(nil)), ids); digest != ctl.Population {
		c.wrong("the population of %s/%s has the digest %s, the units give %s", p.Name, ctl.ID, ctl.Population, digest)
	}
}

// censusOfNamespaces checks the census of a control that judges each namespace.
func (c *manifestCheck) censusOfNamespaces(p *ManifestPolicy, ctl *ManifestControl, kinds map[string]*Census) {
	var got Census
	for _, n := range kinds {
		got.plus(*n)
	}
	for _, chunk := range c.chunks {
		got.Excluded += chunk.dispositions[p.Name][dispositionExcluded]
		got.NotSelected += chunk.dispositions[p.Name][dispositionNotSelected]
		got.Total += chunk.namespaces
	}
	c.counted(p.Name+"/"+ctl.ID, ctl.Census, got)
}

// censusOfKinds checks the census of a control that judges what it finds: kind by
// kind, and all of them together.
func (c *manifestCheck) censusOfKinds(p *ManifestPolicy, ctl *ManifestControl, kinds map[string]*Census) {
	name := p.Name + "/" + ctl.ID
	var all Census
	for i := range ctl.Kinds {
		k := &ctl.Kinds[i]
		if i > 0 && k.Kind <= ctl.Kinds[i-1].Kind {
			c.wrong("the census of %s counts %s after %s", name, k.Kind, ctl.Kinds[i-1].Kind)
		}
		got := Census{}
		if kinds[k.Kind] != nil {
			got = *kinds[k.Kind]
		}
		got.Total = got.Sum()
		c.counted(name+" of kind "+k.Kind, k.Census, got)
		all.plus(got)
		delete(kinds, k.Kind)
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		c.wrong("the census of %s does not count the kind %s, of which there are %d", name, kind, kinds[kind].Sum())
	}
	all.Total = all.Sum()
	c.counted(name, ctl.Census, all)
}

// counted compares a census with what the units give.
func (c *manifestCheck) counted(of string, want, got Census) {
	if want.Sum() != want.Total {
		c.wrong("the census of %s does not add up: %d units, and %d in all its parts", of, want.Total, want.Sum())
	}
	if got != want {
		c.wrong("the census of %s says %+v, the units give %+v", of, want, got)
	}
}

// population is the digest of a control's population of so many units.
func (c *manifestCheck) population(key controlKey, of [sha256.Size]byte, size int) string {
	if last, ok := c.trail.populations[key]; ok && last.of == of {
		return last.digest
	}
	ids := make([]string, 0, size)
	for _, chunk := range c.chunks {
		if u := chunk.units[key]; u != nil {
			ids = append(ids, u.ids...)
		}
	}
	digest := PopulationDigest(ids)
	c.trail.populations[key] = population{of, digest}
	return digest
}
