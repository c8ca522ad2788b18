package ledger

import (
	"encoding/json"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// backup checks what an entry states about the slots of a backup. It is not folded
// yet.
func (l *ledgerCheck) backup(file string, e *Entry) {
	b := e.Occurrence
	l.backupObject(e)
	if l.known == nil {
		return
	}
	r := l.known.Backup(e.Policy.Name, e.Control)
	if err := r.Follows(b); err != nil {
		l.problemAt(file, e.Seq, "occurrence of %s/%s: %v", e.Policy.Name, e.Control, err)
		return
	}
	if b.State != OccurrenceMissed {
		return
	}
	if e.Reason == OccurrenceNotObserved && !r.Blind(b.First.Time, e.ObservedAt.Time) {
		l.problemAt(file, e.Seq, "occurrence of %s/%s: slot %s is said not to have been observed, and no gap says so",
			e.Policy.Name, e.Control, stamp(b.First))
	}
	if e.Reason == OccurrenceNoRun && b.Count > 1 && r.Blind(b.First.Time, b.Last.Time) {
		l.problemAt(file, e.Seq, "occurrence of %s/%s: no run is said to have been begun from %s to %s, and a gap says that nobody was looking",
			e.Policy.Name, e.Control, stamp(b.First), stamp(b.Last))
	}
}

// backupObject checks that the object of a run is that of the backup which the entry
// names. That it is there is checked with all others.
func (l *ledgerCheck) backupObject(e *Entry) {
	run := e.Occurrence.Run
	if run == nil {
		return
	}
	data, there := l.content(run.Object)
	if !there {
		return
	}
	var kept control.Backup
	if err := json.Unmarshal(data, &kept); err != nil || kept.UID != run.UID || kept.Name != run.Name || kept.Phase != run.Phase {
		l.problemAt(l.rel(l.place.object(objectsDir, run.Object)), e.Seq, "it is not backup %s (%s, %s)", run.Name, run.UID, run.Phase)
	}
}
