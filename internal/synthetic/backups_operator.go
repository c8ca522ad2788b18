package synthetic

import (
	"fmt"
	"time"

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
	return s.introduce(s.def, len(s.namespaces))
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

func (s *backupStory) beat() error {
	if !s.up {
		return nil
	}
	return s.write(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindHeartbeat, Alive: &ledger.AliveBody{
		Progress: map[string]ledger.Time{string(control.NeedBackups): ledger.At(s.now)}}}})
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
		found, until := s.judged(s.def, s.snapshot(ns))
		drafts, wake = append(drafts, found...), control.Earlier(wake, until)
	}
	if err := s.write(drafts...); err != nil {
		return err
	}
	decided, until, err := s.decide(s.def, BackupControl, s.cluster.Subject(), s.there(s.now))
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
