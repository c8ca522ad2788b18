package synthetic

import (
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
)

// driftCost is what a drift costs in entries, by experience.
type driftCost struct {
	drifts  int
	entries uint64
}

// plans put down what happens again and again.
func (s *simulation) plans() {
	s.every(s.opts.Heartbeat, func() error { return s.beat(s.now) })
	s.every(day, func() error { return s.selfTest(s.now) })
	s.every(s.opts.Collections, s.slot)
	if s.witness != nil {
		s.every(day, s.anchor)
	}
	s.agenda.put(s.now.Add(20*time.Minute), s.drift)
	s.agenda.put(s.now.Add(s.dice.after(7*day)), s.create)
	s.agenda.put(s.now.Add(s.dice.after(9*day)), s.destroy)
}

// drift makes something drift, and puts down when that happens again.
func (s *simulation) drift() error {
	s.agenda.put(s.now.Add(s.dice.after(s.pause())), s.drift)
	before := s.entries()
	var err error
	switch p := s.dice.IntN(1000); {
	case p < 2:
		s.wave()
	case p < 500:
		err = s.tamper(s.pick(production))
	case p < 650:
		err = s.tamper(s.pick(restricted))
	case p < 800:
		err = s.tamper(s.offender())
	case p < 900:
		err = s.openUp(s.pick(production))
	default:
		err = s.forget(s.pick(production))
	}
	s.drifts.drifts++
	s.drifts.entries += s.entries() - before
	return err
}

// minPause is the least time between two drifts on average: where nothing is left
// to drift, no hurry makes up for the entries that are missing at the end.
const minPause = time.Second

// pause is how long it takes on average until the next drift.
func (s *simulation) pause() time.Duration {
	if s.opts.Entries == 0 {
		return 12 * day / time.Duration(s.opts.Namespaces)
	}
	left := s.end.Sub(s.now)
	cost := 5.0
	if s.drifts.drifts > 100 {
		cost = max(1, float64(s.drifts.entries)/float64(s.drifts.drifts))
	}
	routine := float64(left)/float64(s.opts.Heartbeat) + float64(left)/float64(s.opts.Collections)
	entries := max(1, float64(s.opts.Entries)-float64(s.entries())-routine)
	return max(minPause, time.Duration(float64(left)/(entries/cost)))
}

// entries is the number of entries so far.
func (s *simulation) entries() uint64 { return s.written + s.op.known().NextSeq }

// tamper has somebody change, or delete, what Holdfast applied in a namespace.
func (s *simulation) tamper(n *namespace) error {
	managers := []string{"kubectl-edit", "helm", "argocd-controller", "terraform"}
	return s.undo(n, managers[s.dice.IntN(len(managers))], s.dice.chance(55))
}

// undo changes or deletes the denial that Holdfast applied in one direction.
func (s *simulation) undo(n *namespace, manager string, deletes bool) error {
	if n == nil {
		return nil
	}
	direction := networkingv1.PolicyTypeIngress
	if n.shape.egress == intact && s.dice.chance(30) {
		direction = networkingv1.PolicyTypeEgress
	}
	if *n.shape.of(direction) != intact {
		return nil
	}
	if deletes {
		*n.shape.of(direction) = removed
		delete(n.objects, denialOf[direction])
		s.next()
	} else {
		*n.shape.of(direction) = opened
		s.apply(n, denialOf[direction], manager)
	}
	n.busy = s.now.Add(time.Second)
	return s.changed(n)
}

// offender is a namespace that drifts more often than others.
func (s *simulation) offender() *namespace {
	for i := range 3 {
		n := s.namespaces[(i*7+int(s.opts.Seed%11))%len(s.namespaces)]
		if n.Labels[tierLabel] == production && n.Name != "legacy-batch" && n.busy.Before(s.now) && s.dice.chance(60) {
			return n
		}
	}
	return s.pick(production)
}

// unseen has something drift in the middle of a time in which nobody looks.
func (s *simulation) unseen(duration time.Duration) {
	s.agenda.put(s.now.Add(duration/2), func() error {
		if err := s.tamper(s.pick(production)); err != nil {
			return err
		}
		return s.forget(s.pick(production))
	})
}

// wave has one tool change many namespaces at almost the same moment.
func (s *simulation) wave() {
	at, deletes := s.now, s.dice.chance(50)
	share := 20 + s.dice.IntN(50)
	for _, n := range slices.Clone(s.namespaces) {
		if n.Labels[tierLabel] != production || n.Name == "legacy-batch" || !n.busy.Before(s.now) || !s.dice.chance(share) {
			continue
		}
		at = at.Add(s.dice.between(2*time.Millisecond, 30*time.Millisecond))
		n.busy = at.Add(time.Second)
		s.agenda.put(at, func() error {
			if n.gone {
				return nil
			}
			return s.undo(n, "argocd-controller", deletes)
		})
	}
}

// openUp has the owners of a namespace let everybody in, and take that back
// after a while: Holdfast does not delete what others wrote.
func (s *simulation) openUp(n *namespace) error {
	if n == nil || n.shape.open {
		return nil
	}
	n.shape.open = true
	s.next()
	s.later(n, s.correction(), func() { n.shape.open = false })
	return s.changed(n)
}

// forget has the owners of a namespace remove their own denial of egress, and
// put it back after a while.
func (s *simulation) forget(n *namespace) error {
	if n == nil || !n.shape.owners {
		return nil
	}
	n.shape.owners = false
	s.next()
	s.later(n, s.correction(), func() { n.shape.owners = true })
	return s.changed(n)
}

// correction is how long owners take: minutes, hours, sometimes days.
func (s *simulation) correction() time.Duration {
	switch p := s.dice.IntN(100); {
	case p < 40:
		return s.dice.between(20*time.Second, 3*time.Minute)
	case p < 85:
		return s.dice.between(20*time.Minute, 6*time.Hour)
	default:
		return s.dice.between(10*time.Hour, 4*day)
	}
}

// later changes a namespace after a while, unless it is gone by then.
func (s *simulation) later(n *namespace, after time.Duration, change func()) {
	s.agenda.put(s.now.Add(after), func() error {
		if n.gone {
			return nil
		}
		change()
		s.next()
		return s.changed(n)
	})
}

// create makes a namespace. Its owners deny egress some time later.
func (s *simulation) create() error {
	s.agenda.put(s.now.Add(s.dice.after(7*day)), s.create)
	n := s.add(s.name(), s.tier(), s.now)
	n.busy = s.now.Add(time.Minute)
	s.later(n, s.dice.between(5*time.Second, 3*time.Hour), func() { n.shape.owners = true })
	return s.changed(n)
}

// destroy deletes a namespace.
func (s *simulation) destroy() error {
	s.agenda.put(s.now.Add(s.dice.after(9*day)), s.destroy)
	n := s.pick(production)
	if n == nil || len(s.namespaces) < 12 {
		return nil
	}
	s.remove(n)
	return s.changed(n)
}

// strayAndReturn relabels a namespace out of scope while it deviates, and back
// again.
func (s *simulation) strayAndReturn() error {
	n := s.pick(production)
	if n == nil {
		return nil
	}
	n.busy = s.now.Add(8 * time.Hour)
	n.shape.open = true
	s.later(n, 40*time.Minute, func() { n.label("development"); s.census.members++ })
	s.later(n, 3*time.Hour, func() { n.shape.open = false })
	s.later(n, 5*time.Hour, func() { n.label(production); s.census.members++ })
	return s.changed(n)
}

// contestant has a tool undo what Holdfast repairs, over and over.
func (s *simulation) contestant() error {
	n := s.pick(production)
	if n == nil {
		return nil
	}
	for i := range contestedAfter + 3 {
		s.agenda.put(s.now.Add(time.Duration(i)*20*time.Second), func() error {
			if n.gone {
				return nil
			}
			return s.undo(n, "legacy-sync", false)
		})
	}
	n.busy = s.now.Add(10 * time.Minute)
	return nil
}

// overlook has the operator miss a change: the next collection finds it.
func (s *simulation) overlook() error {
	n := s.pick(production)
	if n == nil || n.shape.open || !s.op.observes() {
		return nil
	}
	n.shape.open = true
	n.busy = s.now.Add(2 * s.opts.Collections)
	s.next()
	s.later(n, 2*s.opts.Collections, func() { n.shape.open = false })
	s.history.Overlooked = append(s.history.Overlooked, n.Subject())
	return s.noticeOne(n, s.now)
}
