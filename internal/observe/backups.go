package observe

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// How many backups a snapshot shows: of a namespace, and of each plan in the scope
// Cluster beside the newest that ended, that completed and that partially failed.
const (
	maxBackups    = 32
	newestOfPlans = 4
)

// backups are Velero's. Each is kept once, however many namespaces it selects:
// those that select the same are a set, and sets are found by the namespaces that
// they name.
type backups struct {
	of   map[object]*keptBackup
	sets map[setKey]*backupSet
	// filters are those of sets, by their text.
	filters map[string]*sharedFilters
	// named are the sets that include nothing but names, by namespace, and wide are
	// all others.
	named map[string]map[*backupSet]struct{}
	wide  map[*backupSet]struct{}
	// runs are the backups that say of which cluster they are, by plan.
	runs map[planKey]*planRuns
	// requests are those that a backup be deleted, by backup.
	requests placed[string]
	volumes  backedUpVolumes
}

// sharedFilters are filters that sets have in common.
type sharedFilters struct {
	*control.BackupFilters
	users int
}

// planRuns are the runs of a plan, oldest first: all of them, and those that may
// count, by list.
type planRuns struct {
	all    []*keptBackup
	usable [2][]*keptBackup
}

// planKey is a plan, "" for none, where Velero runs and of which cluster.
type planKey struct{ namespace, label, plan string }

func newBackups() backups {
	return backups{
		of:       map[object]*keptBackup{},
		sets:     map[setKey]*backupSet{},
		filters:  map[string]*sharedFilters{},
		named:    map[string]map[*backupSet]struct{}{},
		wide:     map[*backupSet]struct{}{},
		runs:     map[planKey]*planRuns{},
		requests: newPlaced[string](),
		volumes:  newBackedUpVolumes(),
	}
}

// planOf returns the plan of a backup. One that Holdfast starts besides is of another
// plan than those that are of none, which would hide it where they are many.
func planOf(b *keptBackup) planKey {
	plan := b.Plan
	if b.extra {
		plan = b.Name[:strings.LastIndexByte(b.Name, '-')+1]
	}
	return planKey{b.Namespace, b.label, plan}
}

// add adds a backup to its set, which is made where there is none with its filters.
func (k *backups) add(key object, b *keptBackup, text string) {
	of := setKey{b.Namespace, b.label, text}
	set := k.sets[of]
	if set == nil {
		set = &backupSet{key: of, filters: k.share(text, b.Filters)}
		k.sets[of] = set
		k.index(set, func(sets map[*backupSet]struct{}) { sets[set] = struct{}{} })
	}
	b.Filters, b.set = set.filters, set
	set.insert(b)
	k.of[key] = b
	if b.label != "" {
		k.addRun(b)
	}
}

func (k *backups) addRun(b *keptBackup) {
	runs := k.runs[planOf(b)]
	if runs == nil {
		runs = &planRuns{}
		k.runs[planOf(b)] = runs
	}
	runs.all = insertBackup(runs.all, b)
	if list, usable := b.usable(); usable {
		runs.usable[list] = insertBackup(runs.usable[list], b)
	}
}

func (k *backups) dropRun(b *keptBackup) {
	runs := k.runs[planOf(b)]
	runs.all = dropBackup(runs.all, b)
	if list, usable := b.usable(); usable {
		runs.usable[list] = dropBackup(runs.usable[list], b)
	}
	if len(runs.all) == 0 {
		delete(k.runs, planOf(b))
	}
}

// drop takes a backup away, and its set where it was the last one.
func (k *backups) drop(key object, b *keptBackup) {
	delete(k.of, key)
	if b.label != "" {
		k.dropRun(b)
	}
	set := b.set
	set.drop(b)
	if len(set.backups) > 0 {
		return
	}
	delete(k.sets, set.key)
	k.index(set, func(sets map[*backupSet]struct{}) { delete(sets, set) })
	if shared := k.filters[set.key.filters]; shared.users > 1 {
		shared.users--
	} else {
		delete(k.filters, set.key.filters)
	}
}

// share returns the one copy of filters.
func (k *backups) share(text string, filters *control.BackupFilters) *control.BackupFilters {
	shared := k.filters[text]
	if shared == nil {
		shared = &sharedFilters{BackupFilters: filters}
		k.filters[text] = shared
	}
	shared.users++
	return shared.BackupFilters
}

// index calls fn with each group of sets that a set is found in.
func (k *backups) index(set *backupSet, fn func(map[*backupSet]struct{})) {
	names, only := set.filters.Named()
	if !only {
		fn(k.wide)
		return
	}
	for _, name := range names {
		sets := k.named[name]
		if sets == nil {
			sets = map[*backupSet]struct{}{}
			k.named[name] = sets
		}
		if fn(sets); len(sets) == 0 {
			delete(k.named, name)
		}
	}
}

// selecting returns the sets that select a namespace.
func (k *backups) selecting(namespace string) []*backupSet {
	var sets []*backupSet
	for _, group := range []map[*backupSet]struct{}{k.named[namespace], k.wide} {
		for set := range group {
			if set.filters.Selects(namespace) {
				sets = append(sets, set)
			}
		}
	}
	return sets
}

// touchSelected touches the namespaces that a set selects.
func (st *store) touchSelected(set *backupSet) {
	if st.clusterOf(set.key.label) == control.BackupOfAnother {
		return
	}
	if names, only := set.filters.Named(); only {
		for _, name := range names {
			if st.living(name) != nil && set.filters.Selects(name) {
				st.touch(name, false)
			}
		}
		return
	}
	for name, s := range st.scopes {
		if s.namespace != nil && set.filters.Selects(name) {
			st.touch(name, true)
		}
	}
}

// clusterOf says of which cluster a backup is with this value of
// control.ClusterLabel.
func (st *store) clusterOf(label string) string {
	switch {
	case label == "" || st.cluster.namespace == nil:
		return ""
	case label == st.cluster.namespace.UID:
		return control.BackupOfThisCluster
	}
	return control.BackupOfAnother
}

// viewBackup returns a backup as evaluators see it in a scope.
func (st *store) viewBackup(b *keptBackup, scope string) control.Backup {
	view := b.Backup
	view.Cluster = st.clusterOf(b.label)
	if scope != control.Cluster {
		view.Volumes = st.objects.backups.volumes.in(b, scope)
	}
	return view
}

// backupsOf returns the backups that a namespace sees, newest first.
func (st *store) backupsOf(namespace string) []control.Backup {
	if !st.demanded.meets(control.NeedBackups) {
		return nil
	}
	var shown []*keptBackup
	for _, set := range st.objects.backups.selecting(namespace) {
		if st.clusterOf(set.key.label) != control.BackupOfAnother {
			shown = append(shown, set.shown()...)
		}
	}
	if len(shown) > maxBackups {
		slices.SortFunc(shown, func(a, b *keptBackup) int {
			return cmp.Or(cmp.Compare(st.worth(b), st.worth(a)), compareBackups(b, a))
		})
		shown = shown[:maxBackups]
	}
	return st.viewBackups(shown, namespace)
}

// worth says how much a backup may tell of a namespace, where not all can be shown.
func (st *store) worth(b *keptBackup) int {
	_, usable := b.usable()
	switch {
	case !usable || st.clusterOf(b.label) != control.BackupOfThisCluster:
		return 0
	case !b.set.holdsAll():
		return 1
	}
	return 2
}

// viewBackups returns backups as evaluators see them in a scope, newest first.
func (st *store) viewBackups(shown []*keptBackup, scope string) []control.Backup {
	slices.SortFunc(shown, func(a, b *keptBackup) int { return compareBackups(b, a) })
	shown = slices.Compact(shown)
	if len(shown) == 0 {
		return nil
	}
	views := make([]control.Backup, 0, len(shown))
	for _, b := range shown {
		views = append(views, st.viewBackup(b, scope))
	}
	return views
}

// newestRuns returns the runs that the scope Cluster sees, newest first.
func (st *store) newestRuns() []control.Backup {
	if !st.demanded.meets(control.NeedBackups) {
		return nil
	}
	var shown []*keptBackup
	for _, plan := range st.plansOf() {
		runs := st.objects.backups.runs[plan]
		if runs == nil {
			continue
		}
		shown = append(shown, newest(runs.all, newestOfPlans)...)
		shown = append(shown, newestEnded(runs.all)...)
		shown = append(shown, newest(runs.usable[0], 1)...)
		shown = append(shown, newest(runs.usable[1], 1)...)
	}
	return st.viewBackups(shown, control.Cluster)
}

// newest returns so many of the newest backups of a list, or all that there are.
func newest(list []*keptBackup, most int) []*keptBackup { return list[max(0, len(list)-most):] }

// newestEnded returns the newest backup of a list that has ended, if there is one.
func newestEnded(list []*keptBackup) []*keptBackup {
	for i, b := range slices.Backward(list) {
		if hasEnded(b.Phase) {
			return list[i : i+1]
		}
	}
	return nil
}

// BackupRuns returns the backups of this cluster that began at a time or after it, or
// were created then where they did not begin: whatever their phase and wherever
// Velero runs, in the order in which they were created. It also returns whether
// backups are observed at all: only then does it mean something that one is not among
// them. Their Volumes are left out.
func (o *Observer) BackupRuns(since time.Time) (runs []control.Backup, observed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.store.demanded.meets(control.NeedBackups) || o.reason(control.NeedBackups) != "" {
		return nil, false
	}
	return o.store.runsSince(since), true
}

// runsSince returns the backups of this cluster that began at a time or after it, in
// the order in which they were created.
func (st *store) runsSince(since time.Time) []control.Backup {
	var runs []control.Backup
	for plan, of := range st.objects.backups.runs {
		if st.clusterOf(plan.label) != control.BackupOfThisCluster {
			continue
		}
		from, _ := slices.BinarySearchFunc(of.all, since, func(b *keptBackup, since time.Time) int { return b.begun().Compare(since) })
		for _, b := range of.all[from:] {
			runs = append(runs, st.viewBackup(b, control.Cluster))
		}
	}
	slices.SortFunc(runs, func(a, b control.Backup) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
	})
	return runs
}
