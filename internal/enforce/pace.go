package enforce

import (
	"sync"
	"time"
)

// Pace spaces out the first enforcement of a policy: in any interval at most so
// many namespaces begin to be enforced.
//
// It remembers, of each policy, the namespaces that began, those that wait, and
// as many times as begin in one interval. It has no clock, and its methods may
// be used concurrently. A restart forgets everything.
type Pace struct {
	mu       sync.Mutex
	policies map[string]*rollout
}

// rollout is what is remembered of one policy.
type rollout struct {
	limit    int
	interval time.Duration
	admitted map[string]struct{}
	// waiting are told when to ask again.
	waiting map[string]time.Time
	// begun are the times within the last interval at which a namespace began.
	begun []time.Time
}

// NewPace returns a Pace that nothing has begun in.
func NewPace() *Pace { return &Pace{policies: map[string]*rollout{}} }

// Admit reports whether the policy may be enforced in the namespace. No more than
// limit namespaces, which is at least one, begin in any interval, and one that was
// admitted stays so until it is forgotten. Otherwise retry says how long to wait
// before asking again: those who wait are spread over the intervals ahead, so
// that a long queue costs each of them few questions. Whoever asks while another
// may begin is admitted, though others wait for longer.
func (p *Pace) Admit(policy, namespace string, limit int, interval time.Duration, now time.Time) (ok bool, retry time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.policies[policy]
	if r == nil {
		r = &rollout{admitted: map[string]struct{}{}, waiting: map[string]time.Time{}}
		p.policies[policy] = r
	}
	if _, done := r.admitted[namespace]; done {
		return true, 0
	}
	limit = max(limit, 1)
	if r.limit != limit || r.interval != interval {
		r.limit, r.interval = limit, interval
		clear(r.waiting) // for turns of another pace
	}
	r.prune(interval, now)
	if len(r.begun) < limit {
		r.begun = append(r.begun, now)
		r.admitted[namespace] = struct{}{}
		delete(r.waiting, namespace)
		return true, 0
	}
	return false, r.wait(namespace, limit, interval, now).Sub(now)
}

// prune forgets the beginnings that lie an interval back.
func (r *rollout) prune(interval time.Duration, now time.Time) {
	past := 0
	for past < len(r.begun) && now.Sub(r.begun[past]) >= interval {
		past++
	}
	r.begun = append(r.begun[:0], r.begun[past:]...)
}

// wait returns when the namespace is to ask again: when the next may begin, or,
// for one that is new, behind those who wait already.
func (r *rollout) wait(namespace string, limit int, interval time.Duration, now time.Time) time.Time {
	turn, waits := r.waiting[namespace]
	if waits && turn.After(now) {
		return turn
	}
	turn = r.begun[len(r.begun)-limit].Add(interval)
	if !waits {
		turn = turn.Add(time.Duration(len(r.waiting)/limit) * interval)
	}
	r.waiting[namespace] = turn
	return turn
}

// Forget forgets a policy: its namespaces begin anew.
func (p *Pace) Forget(policy string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.policies, policy)
}

// ForgetNamespace forgets a namespace, which is gone or no longer enforced, in
// every policy. That it began counts for the rest of the interval.
func (p *Pace) ForgetNamespace(namespace string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.policies {
		delete(r.admitted, namespace)
		delete(r.waiting, namespace)
	}
}
