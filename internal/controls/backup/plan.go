package backup

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/coverage"
	"github.com/holdfast-dev/holdfast/internal/phrase"
	"github.com/holdfast-dev/holdfast/internal/slots"
)

// Reasons of RulePlan.
const (
	// ReasonPlanned surfaces when the plan is enabled, and as declared.
	ReasonPlanned = "Planned"
	// ReasonPlanMissing surfaces when there is no Schedule of the plan's name.
	ReasonPlanMissing = "PlanMissing"
	// ReasonPlanPaused surfaces when it is paused.
	ReasonPlanPaused = "PlanPaused"
	// ReasonPlanRefused surfaces when Velero takes it for invalid.
	ReasonPlanRefused = "PlanRefused"
	// ReasonPlanNotEnabled surfaces when Velero has not taken it up.
	ReasonPlanNotEnabled = "PlanNotEnabled"
	// ReasonPlanDiffers surfaces when Holdfast's own plan is not as it applies it.
	ReasonPlanDiffers = "PlanDiffers"
	// ReasonPlanSparser surfaces when a plan of the user's has no run for a slot.
	ReasonPlanSparser = "PlanSparser"
	// ReasonPlanPartial surfaces when it leaves something out of every namespace, or a
	// namespace that the control names.
	ReasonPlanPartial = "PlanPartial"
	// ReasonOtherLocation surfaces when it uses another location than stated.
	ReasonOtherLocation = "OtherLocation"
	// ReasonClusterUnlabelled surfaces when its backups do not say which cluster they
	// are of.
	ReasonClusterUnlabelled = "ClusterUnlabelled"
)

// The phases of a Schedule that are told apart.
const (
	phaseEnabled = "Enabled"
	phaseRefused = "FailedValidation"
)

// How many slots, and how far ahead, a plan is compared with what is declared.
const (
	comparedSlots = 1000
	comparedDays  = 400
)

// judgePlan judges RulePlan.
func (c *cluster) judgePlan() control.Finding {
	f := unjudged(c.in.Snapshot, []string{kindSchedules}, control.NeedBackupPlans)
	if f == nil {
		judged := c.verdictOnPlan()
		f = &judged
	}
	f.Rule = RulePlan
	return *f
}

func (c *cluster) verdictOnPlan() control.Finding {
	if c.plan == nil {
		return deviating(ReasonPlanMissing, "There is no {names}.", "Schedules", c.ref())
	}
	issues := c.issuesOfState()
	if c.ours() {
		issues = append(issues, c.issuesOfOurs()...)
	} else {
		issues = append(issues, c.issuesOfTheirs()...)
	}
	if c.plan.Phase != phaseEnabled && len(issues) == 0 {
		issues = append(issues, issue{reason: ReasonPlanNotEnabled, what: "is not enabled: Velero has not taken it up"})
	}
	f := conforming(ReasonPlanned, c.ref()+" is enabled, and as declared.")
	if len(issues) > 0 {
		f = deviatingBy(c.ref(), issues)
	}
	fact(&f, "plan", c.namespace+"/"+c.name)
	fact(&f, "schedule", textOf(c.plan.Spec, "schedule"))
	if policy := textOf(mapOf(c.template(), "resourcePolicy"), "name"); policy != "" {
		fact(&f, "resourcePolicy", policy)
	}
	return f
}

// issuesOfState are those of any plan.
func (c *cluster) issuesOfState() []issue {
	var issues []issue
	if isSet(c.plan.Spec, "paused") {
		issues = append(issues, issue{reason: ReasonPlanPaused, what: "is paused"})
	}
	if c.plan.Phase == phaseRefused {
		issues = append(issues, issue{ReasonPlanRefused, "is refused by Velero", said(c.plan.Errors)})
	}
	return issues
}

// said is what a server says of something, clipped.
func said(errors []string) string {
	text := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(strings.Join(errors, ", ")), "."))
	if text == "" {
		return ""
	}
	return ": " + phrase.Clip(text, maxDetail)
}

// issuesOfOurs are where Holdfast's own plan is not as wanted.
func (c *cluster) issuesOfOurs() []issue {
	var issues []issue
	for _, path := range differences("spec", c.wantedSpec(), withoutSkip(c.plan.Spec)) {
		if path != "spec.paused" { // That is an issue of its own.
			issues = append(issues, issue{reason: ReasonPlanDiffers, what: "is not as declared in " + path})
		}
	}
	return issues
}

// issuesOfTheirs are where a plan of the user's does less than declared.
func (c *cluster) issuesOfTheirs() []issue {
	template := c.template()
	issues := c.issuesOfSchedule()
	uid := c.in.Snapshot.Namespace.UID
	if labels := mapOf(template, "metadata", "labels"); textOf(labels, control.ClusterLabel) != uid {
		issues = append(issues, issue{ReasonClusterUnlabelled, "does not label its backups",
			fmt.Sprintf(": add %s: %s to spec.template.metadata.labels, or none of them counts", control.ClusterLabel, uid)})
	}
	if c.v.StorageLocation != "" && textOf(template, "storageLocation") != c.v.StorageLocation {
		issues = append(issues, issue{reason: ReasonOtherLocation, what: "does not use the BackupStorageLocation " + c.v.StorageLocation})
	}
	return append(issues, c.issuesOfFilters(filtersOf(template))...)
}

// issuesOfFilters are what the plan leaves out: anything of every namespace, or one
// that the control names. Whether those in scope are in it, their recovery points
// say.
func (c *cluster) issuesOfFilters(f *control.BackupFilters) []issue {
	if f == nil {
		return []issue{{reason: ReasonPlanPartial, what: "does not say what it holds"}}
	}
	const some = "namespace"
	if held := coverage.Holds(f, some); held.Reason == coverage.WhyRefused {
		return []issue{{reason: ReasonPlanRefused, what: held.Why}}
	}
	everywhere := *f
	everywhere.IncludedNamespaces, everywhere.ExcludedNamespaces = nil, nil
	if held := coverage.Holds(&everywhere, some); held.Extent == coverage.Partial {
		return []issue{{reason: ReasonPlanPartial, what: held.Why}}
	}
	for _, name := range phrase.Sorted(c.v.IncludedNamespaces) {
		if !strings.ContainsAny(name, "*?[") && !f.Selects(name) {
			return []issue{{reason: ReasonPlanPartial, what: "leaves out the namespace " + name}}
		}
	}
	return nil
}

// issuesOfSchedule is that a slot of the control has no run of the plan.
func (c *cluster) issuesOfSchedule() []issue {
	declared, err := c.slots()
	if err != nil {
		return nil // The rule on runs says so.
	}
	// Velero's server goes by its own zone, which is UTC in its image.
	planned, err := slots.ParseZoned(textOf(c.plan.Spec, "schedule"), time.UTC)
	if err != nil {
		return []issue{{reason: ReasonPlanSparser, what: "has a schedule that cannot be read"}}
	}
	if sparser(declared, planned, c.in.Now, c.deadline()) {
		return []issue{{reason: ReasonPlanSparser, what: fmt.Sprintf("does not run for each slot of %q in %s", c.spec.Schedule, c.zone())}}
	}
	return nil
}

// sparser reports whether one of the next slots of what is declared passes without a
// run of what is planned, which may begin as much later as is allowed.
func sparser(declared, planned slots.Slots, now time.Time, late time.Duration) bool {
	slot := now
	for range comparedSlots {
		slot = declared.Next(slot)
		if slot.IsZero() || slot.After(now.AddDate(0, 0, comparedDays)) {
			return false
		}
		run := planned.Next(slot.Add(-time.Second))
		if run.IsZero() || run.After(slot.Add(late)) {
			return true
		}
	}
	return false
}
