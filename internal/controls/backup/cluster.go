package backup

import (
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/slots"
)

// cluster is what the rules on the cluster look at of Velero.
type cluster struct {
	in   control.Input
	spec *v1alpha1.Backup
	// v is what the control states of Velero.
	v *v1alpha1.VeleroBackup
	// namespace is where Velero runs, and name that of the plan.
	namespace, name string
	// plan is nil where there is none.
	plan *control.BackupPlan
}

func read(in control.Input) *cluster {
	spec := in.Control.Backup
	c := &cluster{
		in: in, spec: spec, v: veleroOf(spec),
		namespace: control.VeleroNamespace(spec), name: control.PlanName(in.Policy, in.Control.ID, spec),
	}
	for i := range in.Snapshot.BackupPlans {
		if p := &in.Snapshot.BackupPlans[i]; p.Namespace == c.namespace && p.Name == c.name {
			c.plan = p
		}
	}
	return c
}

// judge implements planner.
func (velero) judge(in control.Input) []control.Finding {
	c := read(in)
	return []control.Finding{c.judgePlan(), c.judgeRuns(), c.judgeLocation(), c.judgeEncryption(), c.judgeRetention()}
}

// ref names the plan.
func (c *cluster) ref() string { return "Schedule " + c.namespace + "/" + c.name }

// ours reports whether the plan is one that Holdfast applies.
func (c *cluster) ours() bool { return !planStated(c.spec) }

// template is what the plan's backups are to be like: empty where there is no plan.
func (c *cluster) template() map[string]any {
	if c.plan == nil {
		return nil
	}
	return mapOf(c.plan.Spec, "template")
}

// slots are those of the control.
func (c *cluster) slots() (slots.Slots, error) {
	zone, err := time.LoadLocation(c.zone())
	if err != nil {
		return nil, err
	}
	return slots.Parse(c.spec.Schedule, zone)
}

// zone is the time zone of the control.
func (c *cluster) zone() string {
	if c.spec.TimeZone == "" {
		return utc
	}
	return c.spec.TimeZone
}

// utc is the zone of schedules that state none.
const utc = "Etc/UTC"

// deadline is how long after its slot a run may start.
func (c *cluster) deadline() time.Duration {
	if c.spec.StartingDeadline == nil {
		return control.DefaultStartingDeadline
	}
	return c.spec.StartingDeadline.Duration
}

// filtersOf are those of a template; nil where they are not of Velero's form.
func filtersOf(template map[string]any) *control.BackupFilters {
	rest := maps.Clone(template)
	delete(rest, "resourcePolicy")
	encoded, err := json.Marshal(rest)
	if err != nil {
		return nil
	}
	filters := &control.BackupFilters{ResourcePolicy: textOf(mapOf(template, "resourcePolicy"), "name")}
	if json.Unmarshal(encoded, filters) != nil {
		return nil
	}
	return filters
}

// mapOf, textOf and isSet return what is found in an object, and nothing where it is
// of another type.
func mapOf(object map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		object, _ = object[key].(map[string]any)
	}
	return object
}

func textOf(object map[string]any, key string) string {
	text, _ := object[key].(string)
	return text
}

func isSet(object map[string]any, key string) bool {
	set, _ := object[key].(bool)
	return set
}

// issue is one thing that is wrong: what follows the name of what it is about, and
// how that goes on for readers alone.
type issue struct{ reason, what, more string }

// deviatingBy makes a finding of issues, of which the first gives the reason.
func deviatingBy(ref string, issues []issue) control.Finding {
	var what, culprits []string
	for _, i := range issues {
		what = append(what, i.what+i.more)
		culprits = append(culprits, ref+": "+i.what)
	}
	return deviating(issues[0].reason, ref+" "+strings.Join(what, "; it ")+".", "", culprits...)
}
