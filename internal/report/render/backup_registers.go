package render

import (
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// backupRegisters are the registers that only a record about backups has.
func backupRegisters(r *report.Record) []register {
	backups, restores := false, false
	for i := range r.Controls {
		backups = backups || r.Controls[i].Backups != nil
		restores = restores || r.Controls[i].RestoreTests != nil
	}
	var list []register
	if backups {
		list = append(list, runRegister(r), pointRegister(r))
	}
	if restores {
		list = append(list, restoreRegister(r))
	}
	return list
}

func runRegister(r *report.Record) register {
	return register{
		file: "backups.csv", about: "one row per slot of a backup, run of missed slots, or run that no slot expected",
		sums: ofBackups(r, func(b *report.Backups) string { return backupSlots(b.Slots) }),
		columns: ofControl("slot", "last_slot", "slots", "extra", "state", "reason", "message", "usable", "backup", "backup_namespace", "backup_uid", "plan",
			"phase", "begun", "data_at", "ended", "expires", "object", "observed", "existed_by", "ledger", "entry"),
		rows: ofControls(r, func(c *report.Control) []report.BackupOccurrence {
			if c.Backups == nil {
				return nil
			}
			return c.Backups.Occurrences
		}, func(_ *report.Control, o *report.BackupOccurrence) []string {
			row := []string{exact(o.Slot), exact(o.LastSlot), whole(o.Count), yes(o.Extra), o.State, o.Reason, o.Message, yes(o.Usable)}
			run := o.Run
			if run == nil {
				run = &ledger.RunBody{}
			}
			row = append(row, run.Name, run.Namespace, run.UID, run.Plan, run.Phase)
			if o.Run == nil {
				row = append(row, "")
			} else {
				row = append(row, exact(&run.BegunAt))
			}
			return append(row, exact(run.StartedAt), exact(run.EndedAt), exact(run.ExpiresAt), run.Object, exact(&o.Observed), exact(o.ExistedBy), o.LedgerID, position(&o.Seq))
		}),
	}
}

// ofBackups says something of each control that has backups.
func ofBackups(r *report.Record, say func(*report.Backups) string) string {
	var parts []string
	for i := range r.Controls {
		if b := r.Controls[i].Backups; b != nil {
			parts = append(parts, name(&r.Controls[i])+": "+say(b))
		}
	}
	return strings.Join(parts, "; ")
}

func pointRegister(r *report.Record) register {
	return register{
		file: "recovery-points.csv", about: "one row per usable run, by the time of its data, after the one that was the newest when the period began",
		sums:    ofBackups(r, func(b *report.Backups) string { return recoveryLine(b.RecoveryPoints) }),
		columns: ofControl("data_at", "usable_from", "usable_until", "since_the_one_before_s", "backup", "ledger", "entry"),
		rows: ofControls(r, func(c *report.Control) []report.RecoveryPoint {
			if c.Backups == nil {
				return nil
			}
			return c.Backups.RecoveryPoints.Points
		}, func(_ *report.Control, p *report.RecoveryPoint) []string {
			return []string{exact(&p.DataAt), exact(&p.UsableFrom), exact(p.UsableUntil), secondsOrNone(p.Since), p.Backup, p.LedgerID, position(&p.Seq)}
		}),
	}
}

func restoreRegister(r *report.Record) register {
	var sums []string
	for i := range r.Controls {
		if t := r.Controls[i].RestoreTests; t != nil {
			sums = append(sums, name(&r.Controls[i])+": "+restoreCounts(t.Restored, t.Failed, t.NotMade))
		}
	}
	return register{
		file: "restore-tests.csv", about: "one row per restore of a namespace's sentinel; application data is not restored",
		sums: strings.Join(sums, "; "),
		columns: ofControl("namespace", "at", "state", "statement", "backup", "data_at", "sentinel_bytes", "recovery_time_s", "recovery_point_s",
			"left_behind", "valid_until", "existed_by", "ledger", "entry"),
		rows: ofControls(r, func(c *report.Control) []report.RestoreTest {
			if c.RestoreTests == nil {
				return nil
			}
			return c.RestoreTests.Tests
		}, func(_ *report.Control, t *report.RestoreTest) []string {
			return []string{
				t.Namespace, exact(&t.At), t.State, t.Statement, t.Backup, exact(t.DataAt), whole(t.Bytes), whole(t.Seconds), whole(t.DataAge), t.Left,
				exact(&t.ValidUntil), exact(t.ExistedBy), t.LedgerID, fmt.Sprint(t.Seq),
			}
		}),
	}
}
