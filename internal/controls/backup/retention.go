package backup

import (
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Reasons of RuleRetention.
const (
	// ReasonRetained surfaces when backups are kept within the bounds.
	ReasonRetained = "Retained"
	// ReasonRetentionNotStated surfaces when the control states no bounds.
	ReasonRetentionNotStated = "RetentionNotStated"
	// ReasonRetentionTooShort and ReasonRetentionTooLong surface when backups are kept
	// for less, or for more.
	ReasonRetentionTooShort = "RetentionTooShort"
	ReasonRetentionTooLong  = "RetentionTooLong"
)

// judgeRetention judges RuleRetention.
func (c *cluster) judgeRetention() control.Finding {
	var f control.Finding
	switch unable := unjudged(c.in.Snapshot, []string{kindSchedules}, control.NeedBackupPlans, control.NeedBackups); {
	case c.spec.Retention == nil && c.spec.MaximumRetention == nil:
		f = notApplicable(ReasonRetentionNotStated, "The control does not say how long backups are to be kept.")
	case unable != nil:
		f = *unable
	case c.plan == nil:
		f = deviating(ReasonPlanMissing, "There is no {names} that says how long backups are kept.", "Schedules", c.ref())
	default:
		f = c.verdictOnRetention()
	}
	f.Rule = RuleRetention
	return f
}

func (c *cluster) verdictOnRetention() control.Finding {
	ttl, whose, known := c.ttl()
	if !known {
		return undecided(control.ReasonInconclusive, c.ref()+" states no ttl, and no run shows yet what Velero's server takes instead: 720h, unless it is told otherwise.")
	}
	f := conforming(ReasonRetained, fmt.Sprintf("Backups are kept for %s, by the ttl of %s.", ttl, whose))
	switch least, most := c.spec.Retention, c.spec.MaximumRetention; {
	case least != nil && ttl < least.Duration:
		f = deviating(ReasonRetentionTooShort, fmt.Sprintf("Backups are kept for %s, by the ttl of %s, and not for %s.", ttl, whose, least.Duration), "", c.ref()+": ttl")
	case most != nil && ttl > most.Duration:
		f = deviating(ReasonRetentionTooLong, fmt.Sprintf("Backups are kept for %s, by the ttl of %s, and so for more than %s.", ttl, whose, most.Duration), "", c.ref()+": ttl")
	}
	fact(&f, "ttl", ttl.String())
	return f
}

// ttl is how long backups of the plan are kept, and what says so: the plan or, where
// it leaves that to Velero's server, the newest run, into which the server wrote it.
func (c *cluster) ttl() (ttl time.Duration, whose string, known bool) {
	stated, err := time.ParseDuration(textOf(c.template(), "ttl"))
	if err == nil && stated > 0 {
		return stated, c.ref(), true
	}
	r := c.runs(nil)
	for _, b := range r.all {
		if b.TTL > 0 {
			return b.TTL, "Velero's server, as run " + b.Name + " has it", true
		}
	}
	return 0, "", false
}
