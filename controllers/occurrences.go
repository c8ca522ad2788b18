package controllers

import (
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/occurrence"
)

// occurrences are what keeps the chains of slots: one hand at a time looks at what is
// due and records what came of it, or what is due from then on.
type occurrences struct {
	mu sync.Mutex
	// runs are the backups of this cluster that were created at a time or after it,
	// and whether backups are observed.
	runs func(since time.Time) ([]control.Backup, bool)
}

// occurred records what came of the slots in which backups are due, and has the pass
// be made again when more can be said. Nothing is said while backups are not observed:
// it is once they are.
func (r *ScopeReconciler) occurred(p *pass) {
	if p.name != control.Cluster {
		return
	}
	r.occurrences.mu.Lock()
	defer r.occurrences.mu.Unlock()
	var drafts []ledger.Draft
	for _, def := range p.pinned {
		for i := range def.Controls {
			drafts = append(drafts, r.occurrencesOf(p, def, &def.Controls[i])...)
		}
	}
	if len(drafts) == 0 {
		return
	}
	transitions, ticket := r.Recorder.Record(drafts...)
	p.ticket = ticket
	r.announce(transitions, ticket)
}

// occurrencesOf drafts what came of the slots of one control.
func (r *ScopeReconciler) occurrencesOf(p *pass, def *definition, c *assess.Control) []ledger.Draft {
	id := c.Spec.ID
	record := r.backupRecord(def.Name, id)
	if record == nil || record.Withdrawn || occurrence.Declared(def.Name, &c.Spec) == nil {
		return nil
	}
	if reason, _ := p.snapshot.Unobserved(control.NeedBackups); reason != "" {
		return nil
	}
	runs, observed := r.occurrences.runs(occurrence.Since(record))
	if !observed {
		return nil
	}
	decided, wake, err := occurrence.Decide(occurrence.Input{Record: record, Runs: runs, Elsewhere: r.plannedElsewhere(def.Name, id), Now: p.now})
	if err != nil {
		r.Log.Error(err, "What came of the slots of a backup control cannot be said", "policy", def.Name, "control", id)
		return nil
	}
	if !wake.IsZero() {
		p.again(wake.Sub(p.now))
	}
	drafts := make([]ledger.Draft, 0, len(decided))
	for i := range decided {
		draft, err := occurrenceDraft(&decided[i], p)
		if err != nil {
			r.Log.Error(err, "An occurrence could not be recorded", "policy", def.Name, "control", id)
			return drafts
		}
		draft.Policy, draft.Control = def.Ref(c), id
		drafts = append(drafts, draft)
	}
	return drafts
}

// occurrenceDraft drafts what came of slots, or of a run that none expected. The run
// is an object: Velero does not keep it.
func occurrenceDraft(d *occurrence.Decided, p *pass) (ledger.Draft, error) {
	body, subject := d.Body, p.snapshot.Namespace.Subject()
	draft := ledger.Draft{At: p.now, Entry: ledger.Entry{Kind: ledger.KindOccurrence, Subject: &subject, Reason: d.Reason, Occurrence: &body}}
	if d.Backup == nil {
		return draft, nil
	}
	object, err := ledger.NewObject(d.Backup)
	if err != nil {
		return ledger.Draft{}, err
	}
	run := *body.Run
	run.Object, body.Run = object.Digest, &run
	draft.Message = clip(d.Backup.Failure)
	draft.Payload = func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{object}, nil }
	return draft, nil
}

// backupRecord is what the ledger says of the slots of a control; nil for nothing.
func (r *Engine) backupRecord(policy, id string) (record *ledger.BackupRecord) {
	r.Recorder.View(func(k *ledger.Known) { record = k.Backup(policy, id) })
	return record
}

// plannedElsewhere reports of a plan whether it is that of a backup control other than
// the given one: its runs are recorded there.
func (r *Engine) plannedElsewhere(policy, id string) func(namespace, plan string) bool {
	return func(namespace, plan string) (elsewhere bool) {
		r.Recorder.View(func(k *ledger.Known) {
			own := ledger.BackupKey(policy, id)
			for key, other := range k.Evidence().Backups {
				elsewhere = elsewhere || key != own && !other.Withdrawn && other.Slots.Namespace == namespace && other.Slots.Plan == plan
			}
		})
		return elsewhere
	}
}

// slotsFrom is what a control has due from now on; nil where that is nothing.
func (r *Engine) slotsFrom(def *definition, c *assess.Control, now time.Time) *ledger.SlotsBody {
	declared := occurrence.Declared(def.Name, &c.Spec)
	if declared == nil {
		return nil
	}
	slots, err := occurrence.Introduce(*declared, r.backupRecord(def.Name, c.Spec.ID), now)
	if err != nil {
		r.Log.Error(err, "The schedule of a backup control cannot be read", "policy", def.Name, "control", c.Spec.ID)
	}
	return slots
}
