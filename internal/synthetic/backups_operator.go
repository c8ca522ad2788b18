package synthetic

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/occurrence"
)

// begin starts the operator for the first time, and declares the policy.
func (s *backupStory) begin() error {
	if err := s.start(); err != nil {
		return err
	}
	s.now = s.now.Add(8 * time.Second)
	object := s.def.SpecObject
	if err := s.write(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: s.def.Ref(nil),
		Change: &ledger.ChangeBody{Type: ledger.ChangeCreated, To: object.Digest, Manager: "argocd-controller", ChangeRef: "CHG-1301"}},
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{object}, nil }}); err != nil {
		return err
	}
	if err := s.pass(); err != nil {
		return err
	}
	s.history.Introduced = s.now
	return s.introduce()
}

// start starts a process. What happened since the last one was not observed.
func (s *backupStory) start() error {
	s.starts++
	args, err := ledger.NewObject(arguments{[]string{"--ledger-dir=/var/lib/holdfast"}})
	if err != nil {
		return err
	}
	pod := s.dice.uid()
	s.w, err = ledger.OpenWriter(s.ctx, ledger.WriterOptions{
		Options: ledger.Options{Dir: s.dir, Key: s.key, Head: ledger.FileHead{Path: s.dir + ".head"}, MinFree: 1 << 20, Holder: pod,
			Cluster: ledger.ClusterBody{KubeSystemUID: s.cluster.UID, ServerVersion: "v1.34.2"},
			NewID:   func() (string, error) { return newDice(s.opts.Seed, "backup ledger").hex(16), nil }},
		Operator: ledger.OperatorBody{Process: s.dice.hex(16), Version: fmt.Sprintf("v0.7.%d", s.starts), PodUID: pod, Arguments: args.Digest,
			StartedAt: ledger.At(s.now)},
		OperatorObjects: []ledger.Object{args}})
	if err != nil {
		return err
	}
	s.up = true
	if s.starts == 1 {
		return s.beat()
	}
	s.epoch++
	to := ledger.At(s.now)
	if err := s.write(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindGap, Reason: ledger.CauseNotRunning,
		Gap: &ledger.GapBody{Cause: ledger.CauseNotRunning, From: ledger.At(s.proof), To: &to}}}); err != nil {
		return err
	}
	return s.pass()
}

func (s *backupStory) write(drafts ...ledger.Draft) error {
	_, err := s.w.Write(drafts...)
	return err
}

func (s *backupStory) beat() error {
	if !s.up {
		return nil
	}
	return s.write(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindHeartbeat, Alive: &ledger.AliveBody{
		Progress: map[string]ledger.Time{string(control.NeedBackups): ledger.At(s.now)}}}})
}

// introduce records that every scope was held against the policy, and what is due.
func (s *backupStory) introduce() error {
	for i := range s.def.Controls {
		c := &s.def.Controls[i]
		intro := &ledger.IntroBody{OperatingFrom: ledger.At(s.now), Subjects: len(s.namespaces)}
		if declared := occurrence.Declared(s.def.Name, &c.Spec); declared != nil {
			var err error
			if intro.Slots, err = occurrence.Introduce(*declared, nil, s.now); err != nil {
				return err
			}
		}
		if err := s.write(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindControlIntroduced, Policy: s.def.Ref(c), Control: c.Spec.ID, Intro: intro}}); err != nil {
			return err
		}
	}
	return nil
}

// look makes a pass a moment after something happened, where a process runs. A process
// that just ended leaves the ledger as it is.
func (s *backupStory) look() error {
	if !s.up {
		if s.w == nil {
			return nil
		}
		w := s.w
		s.w = nil
		return w.Close(s.ctx)
	}
	s.now = s.now.Add(s.dice.between(2*time.Millisecond, 30*time.Millisecond))
	return s.pass()
}

// pass is one pass over the cluster and all namespaces, and the decision of what came
// of slots.
func (s *backupStory) pass() error {
	var wake time.Time
	var drafts []ledger.Draft
	for _, ns := range append([]control.Namespace{s.cluster}, s.namespaces...) {
		found, until := s.scope(ns)
		drafts, wake = append(drafts, found...), control.Earlier(wake, until)
	}
	if err := s.write(drafts...); err != nil {
		return err
	}
	decided, until, err := s.decide()
	if err != nil {
		return err
	}
	s.wakeAt(control.Earlier(wake, until))
	return s.write(decided...)
}

// wakeAt has a pass be made because of the time alone.
func (s *backupStory) wakeAt(at time.Time) {
	s.wake = at
	if at.IsZero() {
		return
	}
	s.agenda.put(later(at, s.now), func() error {
		if !s.up || !s.wake.Equal(at) {
			return nil
		}
		return s.pass()
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// scope drafts what is found in one scope, and when that may become something else.
func (s *backupStory) scope(ns control.Namespace) ([]ledger.Draft, time.Time) {
	snapshot, subject := s.snapshot(ns), ns.Subject()
	var drafts []ledger.Draft
	known := s.w.Known()
	if _, member := known.Member(s.def.Name, subject); !member {
		drafts = append(drafts, s.enters("", subject, ns.CreatedAt))
	}
	judged := known.ObjectMembersOf(ns.Name)
	var until time.Time
	for _, u := range assess.Judge(s.def, snapshot, s.now) {
		if _, there := judged[ledger.Unit{Policy: s.def.Name, Control: u.Control.Spec.ID, Subject: u.Subject}]; !there {
			drafts = append(drafts, s.enters(u.Control.Spec.ID, u.Subject, ns.CreatedAt))
		}
		until = control.Earlier(until, u.Until)
		drafts = append(drafts, s.state(&u, snapshot))
	}
	return drafts, until
}

func (s *backupStory) enters(id string, subject control.Subject, created time.Time) ledger.Draft {
	return ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindScopeEntered, Policy: s.def.Ref(nil), Control: id, Subject: &subject,
		Scope:       &ledger.ScopeBody{Cause: "PolicyChanged"},
		SourceTimes: []ledger.SourceTime{{Field: "metadata.creationTimestamp", Value: ledger.At(created), Resolution: int64(time.Second)}}}}
}

func (s *backupStory) state(u *assess.Unit, snapshot *control.Snapshot) ledger.Draft {
	subject, state, c := u.Subject, u.State, u.Control
	return ledger.Draft{At: s.now, Epoch: s.epoch,
		Entry: ledger.Entry{Kind: ledger.KindOutcomeChanged, Policy: s.def.Ref(c), Control: c.Spec.ID, EvaluatorVersion: c.Kind.EvaluatorVersion(),
			Subject: &subject, To: &state, Message: u.Messages()},
		Payload: func() ([]ledger.Input, []ledger.Object, error) { return s.inputs(c, snapshot) }}
}

// inputs are the exact inputs of a verdict.
func (s *backupStory) inputs(c *assess.Control, snapshot *control.Snapshot) ([]ledger.Input, []ledger.Object, error) {
	parts, err := s.encoder.Parts(snapshot)
	if err == nil {
		parts, err = c.Inputs(parts, snapshot)
	}
	if err != nil {
		return nil, nil, err
	}
	inputs, objects := []ledger.Input{{Role: assess.RoleDefinition, Digest: c.Object.Digest}}, []ledger.Object{c.Object}
	for _, part := range parts {
		inputs, objects = append(inputs, ledger.Input{Role: part.Role, Digest: part.Digest}), append(objects, part.Object)
	}
	return inputs, objects, nil
}

// snapshot is what is observed of a scope.
func (s *backupStory) snapshot(ns control.Namespace) *control.Snapshot {
	snapshot := &control.Snapshot{Namespace: ns}
	there := s.there(s.now)
	if ns.IsCluster() {
		snapshot.BackupPlans, snapshot.BackupLocations = []control.BackupPlan{s.schedule}, []control.BackupLocation{s.location(s.now)}
		snapshot.Backups = telling(there, func(*control.Backup) bool { return true })
		return snapshot
	}
	snapshot.Backups = telling(there, occurrence.Ended)
	if o, tested := s.observed[ns.Name]; tested {
		snapshot.Observations = []control.Observation{o}
	}
	return snapshot
}

// telling are the newest four backups, and the newest that completed and that partially
// failed.
func telling(newestFirst []control.Backup, counts func(*control.Backup) bool) []control.Backup {
	var kept []control.Backup
	seen := map[string]bool{phaseCompleted: false, phasePartiallyFailed: false}
	for i := range newestFirst {
		b := &newestFirst[i]
		already, tells := seen[b.Phase]
		if counts(b) && (len(kept) < 4 || (tells && !already)) {
			kept = append(kept, *b)
			if tells {
				seen[b.Phase] = true
			}
		}
	}
	return kept
}

// decide drafts what came of slots, as the operator does.
func (s *backupStory) decide() ([]ledger.Draft, time.Time, error) {
	record := s.w.Known().Backup(s.def.Name, BackupControl)
	if record == nil {
		return nil, time.Time{}, nil
	}
	since := occurrence.Since(record)
	runs := slices.DeleteFunc(s.there(s.now), func(b control.Backup) bool { return b.CreatedAt.Before(since) })
	decided, wake, err := occurrence.Decide(occurrence.Input{Record: record, Runs: runs, Now: s.now})
	if err != nil {
		return nil, wake, err
	}
	c, _ := s.def.Control(BackupControl)
	var drafts []ledger.Draft
	for i := range decided {
		d, subject := &decided[i], s.cluster.Subject()
		body := d.Body
		draft := ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindOccurrence, Policy: s.def.Ref(c), Control: BackupControl, Subject: &subject,
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
