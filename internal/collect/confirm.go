package collect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

const (
	// maxTries is how often a scope that differs is read again.
	maxTries = 3
	// pollEvery is how often it is looked whether a difference is decided.
	pollEvery = 20 * time.Millisecond
)

// verdict is what became of a difference.
type verdict int

const (
	// pending: the watches have not shown what was read yet, or a pass is due.
	pending verdict = iota
	// agreed: what is recorded is what was read.
	agreed
	// moved: the scope changed since it was read.
	moved
	// confirmed: it did not, and what is recorded is something else.
	confirmed
)

// confirm decides every difference. One counts only if it is still there when the
// scope was read again, the watches have shown all of that, no pass over it
// is due, and nothing has changed in it since before it was read (E11).
func (n *collection) confirm(ctx context.Context) error {
	n.reread = n.differing[:min(len(n.differing), n.MaxReread)]
	patience, cancel := context.WithTimeout(ctx, n.Patience)
	defer cancel()
	open := n.reread
	for try := 0; try < maxTries && len(open) > 0; try++ {
		read, again, err := n.rereadAll(ctx, open)
		if err != nil {
			return err
		}
		moved, err := n.decide(ctx, patience.Done(), read)
		if err != nil {
			return err
		}
		open = append(again, moved...)
	}
	for _, s := range slices.Concat(open, n.differing[len(n.reread):]) {
		n.Recorder.View(func(k *ledger.Known) { n.asRecorded(k, s) })
		n.superseded(s)
	}
	if more := len(n.differing) - len(n.reread); more > 0 {
		n.short(ReasonTooManyDifferences, fmt.Sprintf("%d more scopes differed, and were not read again", more))
	}
	return nil
}

// rereadAll reads scopes again. It returns those that were read, and those
// that could not be.
func (n *collection) rereadAll(ctx context.Context, scopes []*scope) (read, failed []*scope, err error) {
	for _, s := range scopes {
		s.mark = n.Observer.Mark(s.name)
	}
	if err := n.cluster.RereadShared(ctx, n.Config); err != nil {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		n.short(ReasonListFailed, "what concerns several scopes could not be read again: "+word(err))
		n.Log.Info("What concerns several scopes could not be read again", "error", err.Error())
		return nil, scopes, nil
	}
	for _, s := range scopes {
		versions, err := n.cluster.Reread(ctx, n.Config, s.name)
		switch {
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case err != nil:
			n.short(ReasonListFailed, "a scope could not be read again: "+word(err))
			n.Log.Info("A scope could not be read again", "scope", s.name, "error", err.Error())
			failed = append(failed, s)
			continue
		}
		s.versions = versions
		if err := n.read(s); err != nil {
			return nil, nil, err
		}
		read = append(read, s)
	}
	return read, failed, nil
}

// decide waits until each of the scopes is decided, or patience is over, and
// returns those that are to be read once more.
func (n *collection) decide(ctx context.Context, patience <-chan struct{}, scopes []*scope) (again []*scope, err error) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		var waiting []*scope
		for _, s := range scopes {
			v, differences := n.look(s)
			switch v {
			case agreed:
				n.superseded(s)
			case confirmed:
				n.discrepancies(s, differences)
			case moved:
				again = append(again, s)
			case pending:
				waiting = append(waiting, s)
			}
		}
		if scopes = waiting; len(scopes) == 0 {
			return again, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-patience:
			return append(again, scopes...), nil
		case <-ticker.C:
		}
	}
}

// look says what became of the differences of a scope. That nothing has changed
// is looked at last: whatever happened before shows in what is recorded.
func (n *collection) look(s *scope) (v verdict, differences []difference) {
	still := n.Settled(s.name) && n.Observer.Reached(s.versions)
	n.Recorder.View(func(k *ledger.Known) { differences, _ = n.hold(k, s) })
	switch {
	case len(differences) == 0:
		return agreed, nil
	case n.Observer.Mark(s.name) != s.mark:
		return moved, nil
	case still:
		return confirmed, differences
	default:
		return pending, nil
	}
}

// superseded takes note that a scope differed only because it changed meanwhile.
func (n *collection) superseded(s *scope) {
	s.open = false
	n.body.Superseded += s.differing
}

// discrepancies records what was found, and has the scope looked at again.
func (n *collection) discrepancies(s *scope, differences []difference) {
	s.open = false
	n.body.Discrepancies += len(differences)
	drafts := make([]ledger.Draft, 0, len(differences))
	for i := range differences {
		drafts = append(drafts, n.discrepancy(s, &differences[i]))
	}
	n.Recorder.Record(drafts...)
	n.Log.Info("A scope is not what is recorded of it", "scope", s.name, "units", len(differences))
	n.Requeue(s.name)
}

// Reasons of a Discrepancy entry.
const (
	// ReasonStateDiffers: another state was read than is recorded.
	ReasonStateDiffers = "StateDiffers"
	// ReasonNotRecorded: the unit is in scope, and no state of it is recorded.
	ReasonNotRecorded = "NotRecorded"
	// ReasonNotInScope: a state is recorded of a unit that is not in scope, or is gone.
	ReasonNotInScope = "NotInScope"
)

func (n *collection) discrepancy(s *scope, d *difference) ledger.Draft {
	reason := ReasonStateDiffers
	switch {
	case d.from == nil:
		reason = ReasonNotRecorded
	case d.to == nil:
		reason = ReasonNotInScope
	}
	return ledger.Draft{At: n.Now(), Entry: ledger.Entry{
		Kind: ledger.KindDiscrepancy, Policy: d.policy.Ref(d.control), Control: d.control.Spec.ID,
		EvaluatorVersion: d.control.Kind.EvaluatorVersion(), Subject: &d.subject, From: d.from, To: d.to,
		Reason: reason, Message: d.message, Versions: s.ownVersions(),
		Schedule: &n.req.Schedule, Discrepancy: &ledger.DiscrepancyBody{Slot: n.body.Slot, Reads: s.reads},
	}, Payload: func() ([]ledger.Input, []ledger.Object, error) { return s.payload(d.control) }}
}

// ownVersions are the resourceVersions of the kinds that are named as needs are:
// an entry has no room for all.
func (s *scope) ownVersions() map[string]string {
	versions := maps.Clone(s.versions)
	maps.DeleteFunc(versions, func(kind, _ string) bool {
		switch control.Need(kind) {
		case control.NeedNamespaces, control.NeedNetworkPolicies, control.NeedPods, control.NeedServices:
			return false
		default:
			return true
		}
	})
	return versions
}
