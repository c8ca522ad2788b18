package ledger

import (
	"errors"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Health says how the ledger is doing.
type Health struct {
	// Available is whether entries can be made durable.
	Available bool
	// Since is when Available last changed.
	Since time.Time
	// Reason and Message say why not.
	Reason, Message string
	// Pending is the number of entries that are not durable yet, Lost that of
	// entries that could not be kept.
	Pending, Lost int
	// LedgerID and VerifierKey name the ledger, once it was opened.
	LedgerID, VerifierKey string
}

// Health says how the ledger is doing.
func (r *Recorder) Health() Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.health
	h.Pending = len(r.pending)
	if h.Available && h.Pending > 0 && r.opts.Now().Sub(r.pending[0].at) > answerLimit {
		h.Available, h.Since = false, r.pending[0].at
		h.Reason, h.Message = v1alpha1.ReasonLedgerUnavailable, errNoAnswer.Error()
	}
	return h
}

// answerLimit is how long an open ledger may take to make an entry durable
// before it counts as unavailable.
const answerLimit = 5 * time.Second

// errNoAnswer says that a ledger is open, and makes nothing durable.
var errNoAnswer = errors.New("the ledger's volume does not answer")

func (r *Recorder) unavailable(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setUnavailable(err)
}

func (r *Recorder) setUnavailable(err error) {
	reason := v1alpha1.ReasonLedgerUnavailable
	if errors.Is(err, ErrInUse) {
		reason = v1alpha1.ReasonLedgerInUse
	}
	message := err.Error()
	if !r.health.Available && r.health.Reason == reason && r.health.Message == message {
		return
	}
	r.opts.Log.Error(err, "The ledger is unavailable; enforcement goes on, and observations are kept in memory")
	if r.health.Available {
		r.health.Since = r.opts.Now()
	}
	r.health.Available, r.health.Reason, r.health.Message = false, reason, message
	r.healthChanged()
}

func (r *Recorder) healthChanged() {
	if r.opts.OnHealth != nil {
		go r.opts.OnHealth()
	}
}

// evidenceLost counts what could not be kept, and remembers the units it concerns.
type evidenceLost struct {
	count    int
	from, to Time
	units    map[Unit]struct{}
}

func (l *evidenceLost) add(e *Entry) {
	if l.count == 0 {
		l.from, l.units = e.ObservedAt, map[Unit]struct{}{}
	}
	l.count++
	l.to = e.ObservedAt
	if e.Kind == KindOutcomeChanged {
		l.units[Unit{e.Policy.Name, e.Control, *e.Subject}] = struct{}{}
	}
}
