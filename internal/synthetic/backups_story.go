package synthetic

import (
	"time"
)

// plan puts down what is to happen.
func (s *backupStory) plan() {
	s.agenda.put(s.now, s.begin)
	for at := s.opts.Start; at.Before(s.end); at = at.Add(backupEvery) {
		s.agenda.put(at.Add(s.dice.between(4*time.Second, 55*time.Second)), s.due)
	}
	for at := s.opts.Start.Add(backupHeartbeats); at.Before(s.end); at = at.Add(backupHeartbeats) {
		s.agenda.put(at, s.beat)
	}
	for week := 1; s.on(week*7, 4).Before(s.end); week++ {
		for i := range s.namespaces {
			s.agenda.put(s.on(week*7, 4).Add(time.Duration(i)*20*time.Minute), s.testing(week, i))
		}
	}
	for _, h := range s.happenings() {
		s.agenda.put(s.on(h.day, h.hour), s.seen(h.do))
	}
}

// on is an hour of a day, counted from 0, and some seconds.
func (s *backupStory) on(n int, hour float64) time.Time {
	return s.opts.Start.Add(time.Duration(n)*day + time.Duration(hour*float64(time.Hour))).Add(s.dice.between(0, 40*time.Second))
}

// seen has something happen to Velero, and the operator look.
func (s *backupStory) seen(do func()) func() error {
	return func() error {
		do()
		return s.look()
	}
}

type veleroHappening struct {
	day  int
	hour float64
	do   func()
}

// happenings happen once each. Beside them, one run in forty fails, or fails partially.
func (s *backupStory) happenings() []veleroHappening {
	return []veleroHappening{
		{9, 17.9, s.busy(25 * time.Minute)}, // the next run begins late
		{12, 5.5, s.fails("PartiallyFailed")},
		{17, 11.5, s.fails("Failed")},
		{20, 14, s.byHand},
		// The object store is away for 41 hours, and a backup is made by hand once it is back.
		{30, 3, s.storeAway(true)},
		{31, 20, s.storeAway(false)},
		{31, 20.4, s.byHand},
		// Velero is down for a day and a half. It makes up for the last slot when it is back.
		{45, 1, s.stopVelero},
		{46, 13, s.startVelero},
		// Somebody pauses the plan over a migration, and forgets it for a slot.
		{55, 2, s.pause(true)},
		{55, 13, s.pause(false)},
		// While the operator is down, a slot passes without a run.
		{62, 5, s.crash},
		{62, 11.5, s.skips},
		{62, 20, func() {}},
		// A run goes on for nine hours: the next slot's begins when it has ended.
		{70, 23.5, s.drags(9 * time.Hour)},
	}
}

// crash ends the operator's process; it is started again after fifteen hours.
func (s *backupStory) crash() {
	s.up, s.proof = false, s.now.Add(-s.dice.between(0, 2*time.Second))
	from := s.now
	s.agenda.put(s.now.Add(15*time.Hour), func() error {
		s.history.Blind = append(s.history.Blind, Interval{from, s.now})
		return s.start()
	})
}
