package report

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/tsc"
)

// controlRecord is one control's part of the record.
func (f *fold) controlRecord(c *statedControl) Control {
	gaps := f.gapsOf(c)
	baseline, removals, episodes := f.episodesOf(c, gaps)
	c.episodes = nil
	groups, group := groupsOf(episodes)
	r := Control{
		Policy: c.policy.name, ID: c.id, Type: c.typ, Statement: c.spec.Statement, Owner: c.spec.Owner,
		Criteria: criteriaOf(c.spec), Bases: basesOf(c), Priority: string(c.spec.Priority),
		IntroducedAt: known(c.introduced), OperatingFrom: known(c.operating),
		Groups: groups, Counts: countsOf(episodes, nil, len(groups)), Repairs: c.acts.repairs, Exclusions: f.exclusionsOf(c.policy),
		EvidenceLost: f.lossesWithin(),
	}
	operation := c.operation(f.period())
	r.NotInOperation = operation.not(f.period()).intervals()
	f.definitionsOf(c, &r, episodes, group)
	f.subjectsOf(c, &r, episodes, operation, gaps)
	r.NewSubjects = newSubjectsOf(r.Census.Added, episodes, f.period())
	r.NotCorrecting = f.notCorrecting(c)
	r.Behaviour = f.behaviourOf(c, operation)
	f.stateBackups(c, &r, operation, gaps)
	r.Baseline, r.Removals = f.stated(baseline, nil), f.stated(removals, nil)
	r.Episodes = f.stated(episodes, func(i int) string { return groups[group[i]].ID })
	return r
}

// stated are episodes as a record states them. What was known of each is let go:
// a long period has many.
func (f *fold) stated(of []classified, group func(int) string) []Episode {
	list := make([]Episode, 0, len(of))
	for i := range of {
		id := ""
		if group != nil {
			id = group(i)
		}
		list = append(list, f.episodeOf(&of[i], id))
		of[i].episode = nil
	}
	return list
}

// rests notes what a state rested on.
func (c *statedControl) rests(on control.Basis) {
	if on == "" {
		return
	}
	if c.bases == nil {
		c.bases = map[control.Basis]struct{}{}
	}
	c.bases[on] = struct{}{}
}

func basesOf(c *statedControl) []string {
	of := []string{}
	for basis := range c.bases {
		of = append(of, string(basis))
	}
	slices.Sort(of)
	return of
}

func criteriaOf(spec v1alpha1.ControlSpec) []string {
	of := []string{}
	for _, id := range tsc.Supported(spec) {
		of = append(of, string(id))
	}
	slices.Sort(of)
	return of
}

// definitionsOf are the definitions that were in force in the period, each with
// the counts of the episodes that began under it.
func (f *fold) definitionsOf(c *statedControl, r *Control, episodes []classified, group []int) {
	r.Definitions = []Definition{}
	began := map[*definition]map[int]bool{} // the groups that began under each
	for i := range episodes {
		if d := episodes[i].def; began[d] == nil {
			began[d] = map[int]bool{}
		}
		began[episodes[i].def][group[i]] = true
	}
	for _, d := range c.definitions {
		in := d.span.clip(f.period())
		at := f.query.AsOf != nil && d.span.holds(f.window.from)
		if in.empty() && !at && began[d] == nil {
			continue
		}
		r.Definitions = append(r.Definitions, Definition{Interval: span{in.from, max(in.from, in.to)}.interval(), Digest: d.digest,
			Generation: d.generation, EvaluatorVersion: d.evaluator, Mode: string(d.mode), Nature: natureOf(d.mode),
			CorrectionWithin: d.correction, NewSubjectWithin: d.newSubject, SetBy: d.setBy, SetAt: timeOf(d.setAt), Spec: d.spec,
			Counts: countsOf(episodes, d, len(began[d]))})
	}
}

func natureOf(m v1alpha1.Mode) string {
	if m == v1alpha1.ModeEnforce {
		return "Detective and corrective"
	}
	return "Detective"
}

// subjectsOf fills in the subjects, their time, and the population that they make.
func (f *fold) subjectsOf(c *statedControl, r *Control, episodes []classified, operation, gaps spans) {
	r.Subjects, r.Left = []Subject{}, []Left{}
	r.Census = Population{Unit: c.unitKind, AtStart: c.atStart, AtEnd: c.atEnd}
	perSubject := map[*control.Subject]int{}
	for i := range episodes {
		perSubject[episodes[i].unit.subject]++
	}
	splits := make([]spans, len(r.Definitions))
	for i := range r.Definitions {
		d := &r.Definitions[i]
		splits[i] = spans{{micros(d.From.Time), micros(d.To.Time)}}
	}
	population, kinds := c.population(), map[string]bool{}
	for _, s := range sortedSubjects(population) {
		m := population[s]
		r.Left = append(r.Left, f.leftOf(m, operation)...)
		in := m.within(f.period()).and(operation)
		if f.query.AsOf != nil && len(in) == 0 {
			in = m.within(f.window).and(c.operation(f.window))
		}
		if len(in) == 0 {
			continue
		}
		kinds[s.Kind] = true
		u := c.units[s]
		t := u.timeIn(in, gaps)
		for i := range splits {
			if len(splits[i]) > 0 && !splits[i][0].empty() {
				r.Definitions[i].Time.plus(u.timeIn(in.and(splits[i]), gaps))
			}
		}
		r.Time.plus(t)
		r.Census.count(m, in, f)
		r.Subjects = append(r.Subjects, Subject{Subject: *s, In: in.intervals(), Time: t, Episodes: perSubject[s], Final: f.final(u, in, gaps)})
	}
	r.Census.Unit = unitOf(c, kinds)
	unseen := int64(0)
	if len(operation) > 0 {
		unseen = (operation[0].from - f.window.from) * int64(f.there(c, operation[0].from))
	}
	r.Coverage, r.CoverageSince = coverageOf(r.Time, unseen), coverageOf(r.Time, 0)
	slices.SortStableFunc(r.Left, func(a, b Left) int { return a.At.Compare(b.At.Time) })
}

// unitOf are the kinds of the control's subjects, with those that only collections
// found, which no policy has in scope.
func unitOf(c *statedControl, kinds map[string]bool) string {
	if c.unitKind != "" && !c.judgesOwn() {
		return c.unitKind
	}
	for _, at := range []*CensusAt{c.atStart, c.atEnd} {
		if at != nil {
			for _, k := range at.Kinds {
				kinds[k.Kind] = true
			}
		}
	}
	return strings.Join(sortedKeys(kinds), ", ")
}

// there is the number of subjects in scope at a time.
func (f *fold) there(c *statedControl, at int64) int {
	n := 0
	for _, m := range c.population() {
		if m.within(span{at, at + 1}) != nil {
			n++
		}
	}
	return n
}

// count counts a subject's part in the population: how each of its times in
// scope of the control in operation began, and ended.
func (p *Population) count(m *member, in spans, f *fold) {
	lastDay := int64(never)
	for _, s := range in {
		switch st := m.beginning(s.from); {
		case s.from == f.window.from:
			p.Start++
		case st != nil && st.added:
			p.Added++
		default:
			p.Entered++
		}
		switch st := m.ending(s.to); {
		case s.to >= f.end:
			p.End++
		case st != nil && st.deleted:
			p.Deleted++
		default:
			p.Left++
		}
		for d := max(dayOf(s.from), lastDay+1); d*day < s.to; d++ {
			p.Days++
			lastDay = d
		}
	}
}

// final is the unit's state at the end, nil where it was not in scope then.
func (f *fold) final(u *unit, in, gaps spans) *control.State {
	if in[len(in)-1].to < f.end {
		return nil
	}
	if u == nil || u.state == nil || (len(gaps) > 0 && gaps[len(gaps)-1].to >= f.end) {
		return &control.State{Outcome: control.NotEvaluated}
	}
	return u.state
}

// leftOf is when a subject left the scope of the control in operation.
func (f *fold) leftOf(m *member, operation spans) []Left {
	var of []Left
	for i := range m.stays {
		left := m.stays[i].left
		if left == nil || !f.window.holds(micros(left.At.Time)) || micros(left.At.Time) > f.end || !operation.holds(micros(left.At.Time)) {
			continue
		}
		l := *left
		until := f.end
		if l.Returned != nil {
			until = min(until, micros(l.Returned.Time))
		}
		l.Out = span{micros(l.At.Time), until}.length() * microsecond
		of = append(of, l)
	}
	return of
}
