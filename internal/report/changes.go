package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// change notes an edit.
func (f *fold) change(l *line, what string, generation int64, b *ledger.ChangeBody) {
	if !f.window.holds(l.at) {
		return
	}
	c := Change{At: timeOf(l.at), What: what, Type: b.Type, Generation: generation, From: b.From, To: b.To, Paths: emptied(b.Paths),
		MorePaths: b.MorePaths, Actor: cmp.Or(b.Manager, actorUnknown), ChangeRef: b.ChangeRef, Message: b.Invalid, Seq: l.seq}
	if b.Type == "Introduced" || b.Type == "Withdrawn" {
		c.Actor = "" // Holdfast says so
	}
	f.changes = append(f.changes, c)
}

// listChanges are the changes of schedules, and of the policies and controls
// that the record is about.
func (f *fold) listChanges(controls []*statedControl) []Change {
	about := map[string]bool{}
	for _, c := range controls {
		about["ControlPolicy "+c.policy.name] = true
		about["Control "+c.name()] = true
	}
	all := len(f.query.Policies) == 0 && len(f.query.Controls) == 0
	of := []Change{}
	for _, c := range f.changes {
		if all || about[c.What] || strings.HasPrefix(c.What, "EvidenceSchedule ") {
			of = append(of, c)
		}
	}
	return of
}

func compareBecause(a, b Because) int {
	return cmp.Or(a.From.Compare(b.From.Time), a.To.Compare(b.To.Time), cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Message, b.Message))
}

// exclusionsOf are the exclusions of a policy's specs, each for as long as it was stated.
func (f *fold) exclusionsOf(p *policy) []Exclusion {
	of := []Exclusion{}
	stated := map[string]int{} // the index of an exclusion that the spec before states too
	for _, s := range p.specs {
		next := map[string]int{}
		in := s.span.clip(f.period())
		for _, e := range excludedBy(s) {
			key := strings.Join(append(slices.Clone(e.Namespaces), e.Reason, e.ApprovedBy, e.ReviewBy), "\x00")
			i, again := stated[key]
			switch {
			case in.empty():
				continue
			case again && !of[i].To.Before(timeOf(in.from).Time):
				of[i].To = timeOf(in.to)
			default:
				e.Interval = in.interval()
				e.Overdue = e.ReviewBy != "" && e.ReviewBy < timeOf(f.end).Format("2006-01-02")
				of, i = append(of, e), len(of)
			}
			next[key] = i
		}
		stated = next
	}
	return of
}

func excludedBy(s specInForce) []Exclusion {
	var of []Exclusion
	if names := s.spec.Scope.BuiltinExclusions; len(names) > 0 {
		of = append(of, Exclusion{Namespaces: names, Builtin: true})
	}
	for _, e := range s.spec.Scope.Exclusions {
		of = append(of, Exclusion{Namespaces: e.Namespaces, Reason: e.Reason, ApprovedBy: e.ApprovedBy, ReviewBy: e.ReviewBy})
	}
	return of
}
