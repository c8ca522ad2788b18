package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// togetherWithin is how far apart the episodes of one group begin at most.
const togetherWithin = 60 * second

// maxNamespaces is how many namespaces a group names.
const maxNamespaces = 20

// cause is what the episodes of a group have in common. An actor that is not
// known is no other one's.
type cause struct {
	def           *definition
	class         string
	origin        ledger.Origin
	actor, action string
	rules         string
}

func causeOf(e *classified) cause {
	return cause{e.def, e.class, e.origin, e.actor, e.action, ruleKey(e.rules)}
}

// ruleKey is what two lists of rules have in common if they fail the same ones.
func ruleKey(rules []control.RuleState) string {
	if len(rules) == 1 {
		return rules[0].Rule
	}
	return strings.Join(ruleIDs(rules), " ")
}

func ruleIDs(rules []control.RuleState) []string {
	ids := make([]string, 0, len(rules))
	for _, r := range rules {
		ids = append(ids, r.Rule)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// groupsOf gathers episodes of one cause of which no two began more than a
// minute apart: each is one event. It returns the number of each episode's group
// too. A group is named after its first episode.
func groupsOf(of []classified) ([]Group, []int) {
	newest := map[cause]int{} // the newest group of a cause
	group, first, size := make([]int, len(of)), []int{}, []int{}
	for i := range of { // in the order in which they began
		key := causeOf(&of[i])
		g, ok := newest[key]
		if !ok || of[i].startedNotAfter-of[first[g]].startedNotAfter > togetherWithin {
			g = len(first)
			newest[key] = g
			first, size = append(first, i), append(size, 0)
		}
		group[i] = g
		size[g]++
	}
	members := make([][]*classified, len(first))
	groups, parts := make([]Group, len(first)), newShared()
	for i := range of {
		g := group[i]
		if members[g] == nil {
			members[g] = make([]*classified, 0, size[g])
		}
		members[g] = append(members[g], &of[i])
		if len(members[g]) == size[g] {
			groups[g] = parts.groupOf(members[g])
			members[g] = nil
		}
	}
	return groups, group
}

// shared are the parts of groups of one episode, of which there are many: equal
// ones are the same.
type shared struct {
	endings    map[ledger.Ending]map[string]int
	namespaces map[string][]string
	rules      map[string][]string
}

func newShared() *shared {
	return &shared{map[ledger.Ending]map[string]int{}, map[string][]string{}, map[string][]string{}}
}

// cached returns what create makes for a key, the same each time.
func cached[K comparable, V any](in map[K]V, key K, create func() V) V {
	v, ok := in[key]
	if !ok {
		v = create()
		in[key] = v
	}
	return v
}

func (s *shared) groupOf(of []*classified) Group {
	first := of[0]
	g := Group{ID: first.id, Class: first.class, Origin: string(first.origin), Actor: first.actor, Action: first.action,
		Rules:    cached(s.rules, ruleKey(first.rules), func() []string { return ruleIDs(first.rules) }),
		Episodes: len(of), From: timeOf(first.startedNotAfter), Longest: first.length(), Subjects: len(of)}
	if len(of) == 1 {
		ending, scope := first.endingNow(), ledger.ScopeOf(*first.unit.subject)
		g.Endings = cached(s.endings, ending, func() map[string]int { return map[string]int{string(ending): 1} })
		g.Namespaces = cached(s.namespaces, scope, func() []string { return named(scope) })
		if !first.isOpen() {
			g.To = known(first.endedNotAfter)
		}
		return g
	}
	g.sum(of)
	return g
}

// sum fills in what the group's episodes have together.
func (g *Group) sum(of []*classified) {
	first := of[0]
	g.Endings = map[string]int{}
	subjects, namespaces := map[*control.Subject]bool{}, map[string]bool{}
	longest, open, to := first, false, int64(never)
	for _, e := range of {
		subjects[e.unit.subject] = true
		if scope := ledger.ScopeOf(*e.unit.subject); scope != control.Cluster {
			namespaces[scope] = true
		}
		g.Endings[string(e.endingNow())]++
		open = open || e.isOpen()
		to = max(to, e.endedNotAfter)
		if cmp.Or(compareInt(e.longest, longest.longest), compareInt(e.shortest, longest.shortest)) > 0 {
			longest = e
		}
	}
	if !open {
		g.To = known(to)
	}
	g.Longest, g.Subjects = longest.length(), len(subjects)
	names := sortedKeys(namespaces)
	g.Namespaces = names[:min(len(names), maxNamespaces)]
}

// named is a scope in a list of namespaces, in which the cluster is none.
func named(scope string) []string {
	if scope == control.Cluster {
		return []string{}
	}
	return []string{scope}
}

// length is the episode's length as a record states it.
func (b *bounded) length() Span {
	s := Span{Min: b.shortest * microsecond}
	if b.longest != forever {
		s.Max = new(b.longest * microsecond)
	}
	return s
}

// episodeOf is the episode as a record states it.
func (f *fold) episodeOf(e *classified, group string) Episode {
	of := Episode{ID: e.id, Subject: *e.unit.subject, Class: e.class, Recurring: e.recurring, Origin: string(e.origin),
		Ending: string(e.endingNow()), Started: Bounds{known(e.startedNotBefore), known(e.startedNotAfter)},
		Ended: Bounds{known(e.endedNotBefore), known(e.endedNotAfter)}, Length: e.length(), Unobserved: e.unobserved * microsecond,
		Rules: emptied(e.rules), Message: e.message, Actor: e.actor, Action: e.action, Repairs: e.repairs, Failures: e.failures,
		Contested: e.contested, LedgerID: f.links[e.episode.ledger].LedgerID, First: e.first,
		ExistedBy: f.existedBy(e.episode.ledger, e.first), Group: group}
	if e.def != nil {
		of.Definition = e.def.digest
	}
	if !e.isOpen() && e.ending != endingLedgerBreak {
		of.Last = new(e.last)
	}
	return of
}
