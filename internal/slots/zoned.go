package slots

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// ParseZoned reads what Velero's Schedules state: a cron expression of five fields or
// a descriptor such as @daily, after CRON_TZ= or TZ= with a zone where it is not to go
// by the one that is given.
func ParseZoned(spec string, zone *time.Location) (Slots, error) {
	if rest, zoned := zonePrefix(spec); !zoned {
		spec = "CRON_TZ=" + zone.String() + " " + spec
	} else if !strings.Contains(rest, " ") { // The library panics at it.
		return nil, fmt.Errorf("no cron expression after the time zone in %q", spec)
	}
	return cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor).Parse(spec)
}

// zonePrefix returns what follows the beginning that states a zone, and whether there
// is one.
func zonePrefix(spec string) (string, bool) {
	for _, prefix := range []string{"CRON_TZ=", "TZ="} {
		if rest, found := strings.CutPrefix(spec, prefix); found {
			return rest, true
		}
	}
	return "", false
}
