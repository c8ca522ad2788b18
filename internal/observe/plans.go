package observe

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// planNames are the plans that controls name, nil for all that there are: the scope Cluster
// sees these, and their runs. What it costs does not grow with the others then.
type planNames map[types.NamespacedName]struct{}

// DemandPlans says which Schedules of Velero's the scope Cluster is to see, and of
// which it is to see runs, in the stead of those that it was told before. Until it is
// first called these are all.
func (o *Observer) DemandPlans(plans ...types.NamespacedName) {
	o.mu.Lock()
	o.store.demandPlans(plans...)
	triggers := o.drain()
	o.mu.Unlock()
	o.tell(triggers)
}

func (st *store) demandPlans(plans ...types.NamespacedName) {
	next := make(planNames, len(plans))
	for _, plan := range plans {
		next[plan] = struct{}{}
	}
	if st.plans == nil || !maps.Equal(st.plans, next) {
		st.plans = next
		st.touchCluster()
	}
}

// plansOf are the plans of which the scope Cluster sees runs: with each that is named
// go what Holdfast started besides, and what is of no plan.
func (st *store) plansOf() []planKey {
	kept := st.objects.backups.runs
	if st.plans == nil {
		return slices.DeleteFunc(slices.Collect(maps.Keys(kept)), func(k planKey) bool { return !st.shows(k) })
	}
	if st.cluster.namespace == nil {
		return nil
	}
	keys := map[planKey]struct{}{}
	for plan := range st.plans {
		for _, name := range []string{plan.Name, control.ExtraPrefix(plan.Name), ""} {
			keys[planKey{plan.Namespace, st.cluster.namespace.UID, name}] = struct{}{}
		}
	}
	return slices.Collect(maps.Keys(keys))
}

func comparePlans(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// shows reports whether the scope Cluster sees the runs of a plan.
func (st *store) shows(k planKey) bool {
	if st.clusterOf(k.label) != control.BackupOfThisCluster {
		return false
	}
	if st.plans == nil {
		return true
	}
	for plan := range st.plans {
		if plan.Namespace == k.namespace && (k.plan == plan.Name || k.plan == control.ExtraPrefix(plan.Name) || k.plan == "") {
			return true
		}
	}
	return false
}

// concernsCluster reports whether the scope Cluster sees a backup, or may have an
// occurrence to state by it: one that has ended, whatever its plan. nil is none.
func (st *store) concernsCluster(b *keptBackup) bool {
	return b != nil && (st.shows(planOf(b)) || hasEnded(b.Phase) && st.clusterOf(b.label) == control.BackupOfThisCluster)
}

// shownPlans returns the plans that the scope Cluster sees, by namespace and name.
func (st *store) shownPlans() []control.BackupPlan {
	if st.plans == nil {
		return objectsAt(st, &st.objects.plans, control.Cluster, control.NeedBackupPlans)
	}
	if !st.demanded.meets(control.NeedBackupPlans) {
		return nil
	}
	var shown []control.BackupPlan
	for _, plan := range slices.SortedFunc(maps.Keys(st.plans), comparePlans) {
		if p := st.objects.plans.find(control.Cluster, object{kindPlans, plan.Namespace, plan.Name}); p != nil {
			shown = append(shown, p.value)
		}
	}
	return shown
}
