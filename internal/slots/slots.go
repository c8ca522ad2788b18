// Package slots reads cron expressions: when something is due.
package slots

import (
	"time"

	"github.com/robfig/cron/v3"
)

// Slots are the times at which something is due.
type Slots interface {
	// Next is the first slot after a time; zero where there is none within five years.
	Next(after time.Time) time.Time
}

// Parse reads a cron expression of five fields, in a time zone.
func Parse(spec string, zone *time.Location) (Slots, error) {
	slots, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(spec)
	if err != nil {
		return nil, err
	}
	if s, ok := slots.(*cron.SpecSchedule); ok {
		s.Location = zone
	}
	return slots, nil
}
