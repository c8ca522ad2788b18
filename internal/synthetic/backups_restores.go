package synthetic

import (
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// What comes of restore tests, as BackupHistory counts them.
const (
	restored       = "Restored"
	restoreFailed  = "Failed"
	restoreNotMade = "NotMade"
)

// sentinelBytes is the size of a sentinel.
const sentinelBytes = 4096

// testing restores the newest backup of a namespace. One in the fourth week comes back
// with other data than was written; one in the sixth cannot be made.
func (s *backupStory) testing(week, n int) func() error {
	return func() error {
		if !s.up {
			return nil
		}
		ns := s.namespaces[n]
		c, _ := s.def.Control(RestoreControl)
		targets := c.Targets(s.def, s.snapshot(ns), s.now)
		if len(targets) == 0 || targets[0].Restore.Candidate == nil {
			return fmt.Errorf("namespace %s has no backup to restore", ns.Name)
		}
		began := s.now
		s.now = s.now.Add(s.dice.between(9*time.Second, 50*time.Second))
		o := control.Observation{Target: targets[0], At: s.now, ValidUntil: s.now.Add(2 * restoreEvery)}
		came := restored
		switch {
		case week == 4 && n == 1:
			came = restoreFailed
		case week == 6 && n == 2:
			came = restoreNotMade
		}
		s.history.Restores[came]++
		s.observe(&o, came, began)
		s.observed[ns.Name] = o
		if err := s.probed(ns.Subject(), ledger.ProbeBody{Of: control.ProbeRestore, BeganAt: ledger.At(began), ValidUntil: ledger.At(o.ValidUntil),
			For: []ledger.ProbedFor{{Policy: s.def.Name, Control: RestoreControl}}}, o); err != nil {
			return err
		}
		return s.pass()
	}
}

// observe fills in what a test saw.
func (s *backupStory) observe(o *control.Observation, came string, began time.Time) {
	if came == restoreNotMade {
		o.Reason, o.Message = control.ReasonForbidden, "The right to create namespaces is missing."
		return
	}
	s.tests++
	from := o.Restore.Candidate
	item := control.RestoredItem{Kind: "ConfigMap", Bytes: sentinelBytes, SHA256: newDice(s.opts.Seed, fmt.Sprintf("sentinel-%d", s.tests)).hex(64),
		Differs: came == restoreFailed}
	o.Restored = &control.Restored{Test: fmt.Sprintf("test-%04d", s.tests), Backup: from.Name, BackupUID: from.UID, BackupAt: from.StartedAt, Phase: "Completed",
		Warnings: 1, Items: []control.RestoredItem{item}, Seconds: int64(o.At.Sub(began) / time.Second), DataAge: int64(began.Sub(from.StartedAt) / time.Second)}
}
