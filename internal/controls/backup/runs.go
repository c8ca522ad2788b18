package backup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/coverage"
	"github.com/holdfast-dev/holdfast/internal/slots"
)

// Reasons of RuleRuns.
const (
	// ReasonRunning surfaces when the plan runs on time, and its newest run completed.
	ReasonRunning = "Running"
	// ReasonNoneDue surfaces when the plan is so young that no run of it has ended, or is
	// overdue.
	ReasonNoneDue = "NoneDue"
	// ReasonRunStuck surfaces when a run has not ended while the next one is overdue.
	ReasonRunStuck = "RunStuck"
	// ReasonNoRun surfaces when no run has begun for one and a half intervals.
	ReasonNoRun = "NoRun"
	// ReasonRunFailed surfaces when the newest run that ended did not complete.
	ReasonRunFailed = "RunFailed"
	// ReasonObjectiveMissed surfaces when no run that completed is within the recovery
	// point objective.
	ReasonObjectiveMissed = "ObjectiveMissed"
)

// The phases of a Backup that are told apart here.
const (
	phaseCompleted        = "Completed"
	phasePartiallyFailed  = "PartiallyFailed"
	phaseFailed           = "Failed"
	phaseFailedValidation = "FailedValidation"
)

// clocksDiffer is how much the clocks of Velero and of the API server may differ: a
// run that seems to begin so little before its slot is that slot's.
const clocksDiffer = 10 * time.Second

// runs are those of the plan.
type runs struct {
	*cluster
	slots slots.Slots
	// all are newest first; extra are what Holdfast started besides.
	all, extra []*control.Backup
}

// judgeRuns judges RuleRuns. What Schedule.status.lastBackup says is not looked at:
// it advances whatever becomes of the run.
func (c *cluster) judgeRuns() control.Finding {
	f := unjudged(c.in.Snapshot, []string{kindSchedules, kindBackups}, control.NeedBackups, control.NeedBackupPlans)
	if f == nil {
		judged := c.verdictOnRuns()
		f = &judged
	}
	f.Rule = RuleRuns
	return *f
}

func (c *cluster) verdictOnRuns() control.Finding {
	declared, err := c.slots()
	if err != nil {
		return undecided(control.ReasonFailed, "The control's schedule or time zone cannot be read.")
	}
	r := c.runs(declared)
	f := r.verdict()
	f.Until = r.next()
	if b := r.newest(r.all); b != nil {
		fact(&f, "newestRun", b.Name+" is "+phaseOf(b))
	}
	if b := r.success(); b != nil {
		fact(&f, "newestSuccess", b.Name)
		fact(&f, "newestSuccessAt", b.StartedAt.UTC().Format(time.RFC3339))
	}
	return f
}

// runs are those of the plan that are of this cluster, and those started besides.
func (c *cluster) runs(declared slots.Slots) *runs {
	r := &runs{cluster: c, slots: declared}
	for i := range c.in.Snapshot.Backups {
		b := &c.in.Snapshot.Backups[i]
		switch {
		case b.Namespace != c.namespace || b.Cluster != control.BackupOfThisCluster:
		case b.Plan == c.name:
			r.all = append(r.all, b)
		case b.Plan == "" && c.ours() && strings.HasPrefix(b.Name, c.extraPrefix()):
			r.extra = append(r.extra, b)
		}
	}
	for _, list := range [][]*control.Backup{r.all, r.extra} {
		slices.SortFunc(list, func(a, b *control.Backup) int {
			return cmp.Or(begun(b).Compare(begun(a)), cmp.Compare(b.Name, a.Name))
		})
	}
	return r
}

func (r *runs) verdict() control.Finding {
	newest, ended := r.newest(r.all), r.ended()
	culprit := r.ref()
	switch stuck := r.stuck(); {
	case stuck != nil:
		return deviating(ReasonRunStuck, fmt.Sprintf("Run %s of {names} is still %s, though the next one is overdue.", stuck.Name, phaseOf(stuck)), "Schedules", culprit)
	case newest == nil && r.plan == nil:
		return deviating(ReasonNoRun, "There are no runs of {names}, which does not exist.", "Schedules", culprit)
	case r.passed(r.overdue()):
		return deviating(ReasonNoRun, "{names} has not begun a run for one and a half intervals of its schedule.", "Schedules", culprit)
	case ended != nil && !r.succeeded(ended):
		return deviating(ReasonRunFailed, fmt.Sprintf("The newest run of {names} that ended, %s, is %s%s.", ended.Name, phaseOf(ended), said([]string{ended.Failure})), "Schedules", culprit)
	case r.missed():
		return deviating(ReasonObjectiveMissed, fmt.Sprintf("No run of {names} that completed is within %s.", objective(r.in)), "Schedules", culprit)
	case ended == nil:
		return notApplicable(ReasonNoneDue, r.ref()+" has not ended a run yet, and none is overdue.")
	}
	return conforming(ReasonRunning, fmt.Sprintf("%s runs on time, and its newest run, %s, is %s.", r.ref(), ended.Name, phaseOf(ended)))
}

// newest is the first of a list, nil where it is empty.
func (r *runs) newest(list []*control.Backup) *control.Backup {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// ended is the newest run that will not go on, nil where there is none.
func (r *runs) ended() *control.Backup {
	for _, b := range r.all {
		if terminal(b) {
			return b
		}
	}
	return nil
}

// stuck is the newest run that goes on though the run after it is overdue.
func (r *runs) stuck() *control.Backup {
	for _, b := range r.all {
		if !terminal(b) && r.passed(r.overdueAfter(begun(b))) {
			return b
		}
	}
	return nil
}

// overdue is when the next run is: after the newest one, or after the plan was made.
// It is zero where there is neither.
func (r *runs) overdue() time.Time {
	if newest := r.newest(r.all); newest != nil {
		return r.overdueAfter(begun(newest))
	}
	if r.plan != nil {
		return r.overdueAfter(r.plan.CreatedAt)
	}
	return time.Time{}
}

// overdueAfter is when the run after one that began at a time is overdue: half an
// interval after its slot, and not before the starting deadline.
func (r *runs) overdueAfter(at time.Time) time.Time {
	slot := r.slots.Next(at.Add(clocksDiffer))
	if slot.IsZero() {
		return slot
	}
	return slot.Add(max(r.slots.Next(slot).Sub(slot)/2, r.deadline()))
}

// success is the newest backup of the plan's that counts, also one that was started
// besides; nil where there is none.
func (r *runs) success() *control.Backup {
	var newest *control.Backup
	for _, b := range slices.Concat(r.all, r.extra) {
		if r.succeeded(b) && (newest == nil || b.StartedAt.After(newest.StartedAt)) {
			newest = b
		}
	}
	return newest
}

// succeeded reports whether a run completed, and is kept.
func (r *runs) succeeded(b *control.Backup) bool {
	return coverage.Usable(b, coverage.RulesOf(r.spec, r.in.Now)).Extent == coverage.Full
}

// missedAt is when the objective is missed: a success is too old by then, or there
// was none for as long since the plan was made. It is zero where there is neither.
func (r *runs) missedAt() time.Time {
	if b := r.success(); b != nil {
		return control.Earlier(b.StartedAt.Add(objective(r.in)), b.ExpiresAt)
	}
	if r.plan != nil {
		return r.plan.CreatedAt.Add(objective(r.in))
	}
	return time.Time{}
}

func (r *runs) missed() bool { return r.passed(r.missedAt()) }

// passed reports whether a time has come.
func (r *runs) passed(at time.Time) bool { return !at.IsZero() && !r.in.Now.Before(at) }

// next is when the verdict may change by time alone.
func (r *runs) next() time.Time {
	times := []time.Time{r.overdue(), r.missedAt()}
	for _, b := range r.all {
		if !terminal(b) {
			times = append(times, r.overdueAfter(begun(b)))
		}
	}
	if r.ours() && r.missed() {
		times = append(times, r.extraSlot().Add(r.extraEvery()))
	}
	var next time.Time
	for _, at := range times {
		if !at.IsZero() && !r.passed(at) {
			next = control.Earlier(next, at)
		}
	}
	return next
}

// begun is when a run was due to begin: when it was created, or, where Velero found it
// in the store and created the object anew, when it started.
func begun(b *control.Backup) time.Time { return control.Earlier(b.CreatedAt, b.StartedAt) }

// terminal reports whether a backup has ended.
func terminal(b *control.Backup) bool {
	switch b.Phase {
	case phaseCompleted, phasePartiallyFailed, phaseFailed, phaseFailedValidation:
		return true
	}
	return b.Deleting || b.Phase == "Deleting"
}

// phaseOf is the phase of a backup, as it is written.
func phaseOf(b *control.Backup) string { return cmp.Or(b.Phase, "New") }
