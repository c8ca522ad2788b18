package controllers

import (
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// backups says what came of the newest slots in which backups were due, and begins the
// counters of those that may come.
func (s scrape) backups(def *definition) {
	for i := range def.Controls {
		id := def.Controls[i].Spec.ID
		record := s.engine.backupRecord(def.Name, id)
		if record == nil || record.Withdrawn {
			continue
		}
		for _, state := range ledger.OccurrenceStates() {
			s.backupSlots.WithLabelValues(def.Name, id, state)
		}
		if record.LastSlot != nil {
			s.gauge("holdfast_last_backup_slot_state", 1, def.Name, id, record.LastState)
			s.stamp("holdfast_last_backup_slot_timestamp_seconds", record.LastSlot.Time, def.Name, id)
		}
	}
}
