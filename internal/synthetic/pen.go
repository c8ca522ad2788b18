package synthetic

import (
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/occurrence"
)

// pen writes down what a process finds in snapshots, as the operator does.
type pen struct {
	w       *ledger.Writer
	now     time.Time
	epoch   uint64
	encoder assess.Encoder
	// distrusted is the control type whose evaluator failed its self-test, or empty.
	distrusted string
}

func (p *pen) write(drafts ...ledger.Draft) error {
	_, err := p.w.Write(drafts...)
	return err
}

// judged drafts what is found in a scope that is in a definition's, and when that may
// become something else.
func (p *pen) judged(def *assess.Definition, snapshot *control.Snapshot) ([]ledger.Draft, time.Time) {
	ns, subject := snapshot.Namespace, snapshot.Namespace.Subject()
	var drafts []ledger.Draft
	known := p.w.Known()
	if _, member := known.Member(def.Name, subject); !member {
		drafts = append(drafts, p.enters(def, "", subject, ns.CreatedAt))
	}
	objects := known.ObjectMembersOf(ns.Name)
	var until time.Time
	for _, u := range assess.Judge(def, snapshot, p.now) {
		if u.Control.Type == p.distrusted {
			u.Distrust()
		}
		_, there := objects[ledger.Unit{Policy: def.Name, Control: u.Control.Spec.ID, Subject: u.Subject}]
		if !there && !u.Control.JudgesNamespaces() {
			born := u.Born
			if born.IsZero() {
				born = ns.CreatedAt
			}
			drafts = append(drafts, p.enters(def, u.Control.Spec.ID, u.Subject, born))
		}
		until = control.Earlier(until, u.Until)
		drafts = append(drafts, p.state(&u, snapshot))
	}
	return drafts, until
}

// enters drafts that a subject comes into a definition's scope, or under a control.
func (p *pen) enters(def *assess.Definition, id string, subject control.Subject, created time.Time) ledger.Draft {
	kind, cause := ledger.KindScopeEntered, "PolicyChanged"
	if record, there := p.w.Known().Policy(def.Name); there && created.After(record.Since.Time) {
		kind, cause = ledger.KindSubjectAdded, "Created"
	}
	return ledger.Draft{At: p.now, Entry: ledger.Entry{Kind: kind, Policy: def.Ref(nil), Control: id, Subject: &subject, Scope: &ledger.ScopeBody{Cause: cause},
		SourceTimes: []ledger.SourceTime{{Field: "metadata.creationTimestamp", Value: ledger.At(created), Resolution: int64(time.Second)}}}}
}

func (p *pen) state(u *assess.Unit, snapshot *control.Snapshot) ledger.Draft {
	subject, state, c := u.Subject, u.State, u.Control
	return ledger.Draft{At: p.now, Epoch: p.epoch,
		Entry: ledger.Entry{Kind: ledger.KindOutcomeChanged, Policy: u.Def.Ref(c), Control: c.Spec.ID, EvaluatorVersion: c.Kind.EvaluatorVersion(),
			Subject: &subject, To: &state, Message: u.Messages()},
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return p.inputs(c, snapshot) }}
}

// inputs are the exact inputs of a verdict.
func (p *pen) inputs(c *assess.Control, snapshot *control.Snapshot) ([]ledger.Input, []ledger.Object, error) {
	parts, err := p.encoder.Parts(snapshot)
	if err != nil {
		return nil, nil, err
	}
	return c.Payload(parts, snapshot)
}

// introduce records that every scope was held against a definition, and what is due.
func (p *pen) introduce(def *assess.Definition, subjects int) error {
	for i := range def.Controls {
		c := &def.Controls[i]
		intro := &ledger.IntroBody{OperatingFrom: ledger.At(p.now), Subjects: subjects}
		if from := c.Spec.OperatingFrom; from != nil {
			intro.OperatingFrom, intro.Declared = ledger.At(from.Time), true
		}
		if declared := occurrence.Declared(def.Name, &c.Spec); declared != nil {
			var err error
			if intro.Slots, err = occurrence.Introduce(*declared, p.w.Known().Backup(def.Name, c.Spec.ID), p.now); err != nil {
				return err
			}
		}
		if err := p.write(ledger.Draft{At: p.now, Entry: ledger.Entry{Kind: ledger.KindControlIntroduced, Policy: def.Ref(c), Control: c.Spec.ID, Intro: intro}}); err != nil {
			return err
		}
	}
	return nil
}

// decide drafts what came of the slots of a control that backs up, as far as that can be
// said, and when more can. newestFirst are the backups that there are.
func (p *pen) decide(def *assess.Definition, id string, cluster control.Subject, newestFirst []control.Backup) ([]ledger.Draft, time.Time, error) {
	record := p.w.Known().Backup(def.Name, id)
	if record == nil {
		return nil, time.Time{}, nil
	}
	since := occurrence.Since(record)
	var runs []control.Backup
	for _, b := range newestFirst {
		if !b.CreatedAt.Before(since) {
			runs = append(runs, b)
		}
	}
	decided, wake, err := occurrence.Decide(occurrence.Input{Record: record, Runs: runs, Now: p.now})
	if err != nil {
		return nil, wake, err
	}
	c, _ := def.Control(id)
	var drafts []ledger.Draft
	for i := range decided {
		d, subject, body := &decided[i], cluster, decided[i].Body
		draft := ledger.Draft{At: p.now, Entry: ledger.Entry{Kind: ledger.KindOccurrence, Policy: def.Ref(c), Control: id, Subject: &subject,
			Reason: d.Reason, Occurrence: &body}}
		if d.Backup != nil {
			object, err := ledger.NewObject(d.Backup)
			if err != nil {
				return nil, wake, err
			}
			run := *body.Run
			run.Object, body.Run = object.Digest, &run
			draft.Message = d.Backup.Failure
			draft.Payload = func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{object}, nil }
		}
		drafts = append(drafts, draft)
	}
	return drafts, wake, nil
}

// probed records what one run of probes saw in a scope: of one target.
func (p *pen) probed(scope control.Subject, body ledger.ProbeBody, seen ...control.Observation) error {
	kept := make([]seenBy, 0, len(seen))
	for _, o := range seen {
		kept = append(kept, seenBy{Observation: o})
		if o.Reason != "" {
			body.Unseen++
		}
	}
	object, err := ledger.NewObject(kept)
	if err != nil {
		return err
	}
	body.Targets, body.Observations = len(seen), object.Digest
	return p.write(ledger.Draft{At: p.now, Entry: ledger.Entry{Kind: ledger.KindProbed, Subject: &scope, Probe: &body},
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{object}, nil }})
}

// seenBy is an observation without the times of the run that made it, as the operator
// keeps it.
type seenBy struct {
	control.Observation
	At         *time.Time `json:"at,omitempty"`
	ValidUntil *time.Time `json:"validUntil,omitempty"`
}
