package backup

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	veleroVersion = "velero.io/v1"
	// defaultExtraEvery is how often a further backup is started where the control
	// does not say.
	defaultExtraEvery = time.Hour
)

// wants implements planner: the Schedule, unless the plan is one of the user's own;
// and a further backup while no run is within the objective. Nothing is deleted, and
// no retention is shortened.
//
// Refused is to take a Schedule that somebody else created.
func (velero) wants(in control.Input) ([]control.Change, error) {
	c := read(in)
	if !c.ours() || unjudged(in.Snapshot, []string{kindSchedules}, control.NeedBackupPlans) != nil {
		return nil, nil
	}
	spec := c.wantedSpec()
	inPlace := c.plan != nil && len(differences("spec", spec, withoutSkip(c.plan.Spec))) == 0
	if c.plan != nil && !c.plan.Ours && !inPlace {
		return nil, &control.Refusal{
			Reason:  v1alpha1.ReasonNameCollision,
			Message: fmt.Sprintf("%s was not created by Holdfast, and bears the name of its plan: name it as the control's velero.plan, or delete it.", c.ref()),
		}
	}
	changes := []control.Change{{
		APIVersion: veleroVersion, Kind: "Schedule", Namespace: c.namespace, Name: c.name, Spec: spec,
		Unowned: []string{skipField}, Rules: []string{RulePlan, RuleRetention}, Effect: control.Permits, InPlace: inPlace,
	}}
	if extra := c.wantedExtra(); extra != nil {
		changes = append(changes, *extra)
	}
	return changes, nil
}

// wantedExtra is a further backup, as the plan's runs are: while the objective is
// missed, no other backup of the plan is under way, and the location can take one.
func (c *cluster) wantedExtra() *control.Change {
	if c.plan == nil || unjudged(c.in.Snapshot, []string{kindBackups, kindLocations}, control.NeedBackups, control.NeedBackupLocations) != nil {
		return nil
	}
	declared, err := c.slots()
	if err != nil {
		return nil
	}
	name := c.extraPrefix() + strconv.FormatInt(c.extraSlot().Unix()/60, 10)
	if r := c.runs(declared); !r.missed() || r.underWay(name) || !c.writable() {
		return nil
	}
	spec := c.wantedTemplate()
	delete(spec, "metadata")
	return &control.Change{
		APIVersion: veleroVersion, Kind: "Backup", Namespace: c.namespace, Name: name, Spec: spec,
		Labels: map[string]string{control.ClusterLabel: c.in.Snapshot.Namespace.UID, control.ExtraLabel: "true"},
		Rules:  []string{RuleRuns}, Effect: control.Permits,
		InPlace: slices.ContainsFunc(c.in.Snapshot.Backups, func(b control.Backup) bool { return b.Namespace == c.namespace && b.Name == name }),
	}
}

// underWay reports whether a backup of the plan other than the named one is, and not
// for so long that it is stuck.
func (r *runs) underWay(name string) bool {
	return slices.ContainsFunc(slices.Concat(r.all, r.extra), func(b *control.Backup) bool {
		return !terminal(b) && b.Name != name && !r.passed(r.overdueAfter(begun(b)))
	})
}

// writable reports whether the location is known to take backups.
func (c *cluster) writable() bool {
	l := c.location()
	return l != nil && l.Phase == "Available" && l.AccessMode != "ReadOnly"
}

// extraPrefix begins the names of backups that are started besides the plan's runs.
func (c *cluster) extraPrefix() string { return control.ExtraPrefix(c.name) }

// extraEvery is how often one is started at most.
func (c *cluster) extraEvery() time.Duration {
	if c.v.ExtraBackupEvery == nil {
		return defaultExtraEvery
	}
	return c.v.ExtraBackupEvery.Duration
}

// extraSlot is the beginning of the interval in which one may be started now.
func (c *cluster) extraSlot() time.Time { return c.in.Now.UTC().Truncate(c.extraEvery()) }
