package enforce

import (
	"sync"
	"time"
)

const (
	// DefaultContentionLimit is how many repairs of one object in an hour are
	// taken for ordinary drift.
	DefaultContentionLimit = 30

	contentionWindow  = time.Hour
	minContentionWait = time.Minute
	maxContentionWait = 30 * time.Minute
	// sweepInterval is how often objects that are quiet are forgotten.
	sweepInterval = time.Minute
)

// Contention counts the repairs of each object, and tells when somebody keeps
// undoing them. Such an object is contested: its repairs are then spaced out,
// by one minute at first and twice as long each time, up to half an hour. An
// hour without a repair ends it.
//
// It remembers only objects repaired within the last hour, and of each at most
// as many times as the limit. It has no clock, and its methods may be used
// concurrently. A restart forgets everything.
type Contention struct {
	limit int

	mu     sync.Mutex
	fights map[Object]*fight
	swept  time.Time
}

// Standing is where an object stands.
type Standing struct {
	// Repairs is the number of repairs within the last hour, counted up to one
	// more than the limit.
	Repairs int
	// Contested is true from the repair that exceeded the limit on, until an
	// hour passed without one.
	Contested bool
	// Until is when the next repair may be made, where that lies ahead; zero
	// where it may be made now.
	Until time.Time
}

// fight is what is remembered of one object.
type fight struct {
	// repairs are the newest repairs, oldest first: at most limit+1.
	repairs []time.Time
	// wait is the current spacing, zero unless contested.
	wait  time.Duration
	until time.Time
}

// NewContention returns a tracker that takes more than limit repairs of one
// object in an hour for a fight. A limit below 1 means DefaultContentionLimit.
func NewContention(limit int) *Contention {
	if limit < 1 {
		limit = DefaultContentionLimit
	}
	return &Contention{limit: limit, fights: map[Object]*fight{}}
}

// Standing returns where an object stands, before a repair: with Until set the
// repair is to wait.
func (c *Contention) Standing(object Object, now time.Time) Standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	f := c.fights[object]
	if f == nil || f.quiet(now) {
		return Standing{}
	}
	return f.standing(now)
}

// Repaired counts a repair and returns where the object then stands.
func (c *Contention) Repaired(object Object, now time.Time) Standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	f := c.fights[object]
	if f == nil || f.quiet(now) {
		f = &fight{}
		c.fights[object] = f
	}
	f.repaired(now, c.limit)
	return f.standing(now)
}

// sweep forgets the objects that are quiet, now and then.
func (c *Contention) sweep(now time.Time) {
	if now.Sub(c.swept) < sweepInterval {
		return
	}
	c.swept = now
	for object, f := range c.fights {
		if f.quiet(now) {
			delete(c.fights, object)
		}
	}
}

// repaired counts a repair. More than limit within the window start a fight, and
// each repair during a fight doubles the wait.
func (f *fight) repaired(now time.Time, limit int) {
	f.repairs = append(f.repairs, now)
	if len(f.repairs) > limit+1 {
		f.repairs = f.repairs[1:]
	}
	switch {
	case f.wait > 0:
		f.wait = min(2*f.wait, maxContentionWait)
	case f.recent(now) > limit:
		f.wait = minContentionWait
	default:
		return
	}
	f.until = now.Add(f.wait)
}

func (f *fight) standing(now time.Time) Standing {
	s := Standing{Repairs: f.recent(now), Contested: f.wait > 0}
	if f.until.After(now) {
		s.Until = f.until
	}
	return s
}

// quiet reports whether the window passed without a repair.
func (f *fight) quiet(now time.Time) bool {
	return now.Sub(f.repairs[len(f.repairs)-1]) >= contentionWindow
}

// recent returns the number of repairs within the window.
func (f *fight) recent(now time.Time) int {
	for i, at := range f.repairs {
		if now.Sub(at) < contentionWindow {
			return len(f.repairs) - i
		}
	}
	return 0
}
