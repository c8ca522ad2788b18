package report

import "math/bits"

// add adds a length of subject-time to the outcome's.
func (t *Time) add(o outcome, length int64) {
	t.Due += length
	switch o {
	case conforming:
		t.Conforming += length
	case deviating:
		t.Deviating += length
	case notApplicable:
		t.NotApplicable += length
	default:
		t.NotEvaluated += length
	}
}

func (t *Time) addGap(length int64) {
	t.Due += length
	t.Gap += length
}

func (t *Time) plus(o Time) {
	t.Due += o.Due
	t.Conforming += o.Conforming
	t.Deviating += o.Deviating
	t.NotApplicable += o.NotApplicable
	t.NotEvaluated += o.NotEvaluated
	t.Gap += o.Gap
}

// timeIn is a unit's time by outcome, over what was due.
func (u *unit) timeIn(due, gaps spans) Time {
	var t Time
	for _, d := range due {
		gap := gaps.within(d)
		t.addGap(gap)
		at := d.from
		for i, o := range u.states() {
			until := d.to
			if n := u.outcomes; i+1 < len(n) {
				until = min(until, n[i+1].at)
			}
			s := span{max(o.at, at), until}
			if s.empty() {
				continue
			}
			if s.from > at {
				before := span{at, s.from}
				t.add(none, before.length()-gaps.within(before))
			}
			t.add(o.outcome, s.length()-gaps.within(s))
			at = s.to
		}
		if at < d.to {
			rest := span{at, d.to}
			t.add(none, rest.length()-gaps.within(rest))
		}
	}
	return t
}

func (u *unit) states() []outcomeAt {
	if u == nil {
		return nil
	}
	return u.outcomes
}

// coverageOf is the evaluated share of what was due, floored.
func coverageOf(t Time, unseen int64) Coverage {
	c := Coverage{Evaluated: t.Conforming + t.Deviating + t.NotApplicable, Due: t.Due + unseen}
	if c.Due > 0 {
		c.PerMyriad = new(share(c.Evaluated, c.Due))
	}
	return c
}

// share is part of whole in hundredths of a percent, floored.
func share(part, whole int64) int64 {
	hi, lo := bits.Mul64(uint64(part), 10_000)
	q, _ := bits.Div64(hi, lo, uint64(whole))
	return int64(q)
}
