package observe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestBackupsProperty: whatever comes, changes and goes, in whatever order, each
// scope sees the backups that follow from what is there, and exactly those scopes
// are touched that see a difference.
func TestBackupsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newBackupModel()
		before := m.naive()
		t.Repeat(map[string]func(*rapid.T){
			"namespace": m.drawNamespace, "backup": m.drawBackup, "backups": m.drawBackups, "volume": m.drawVolume, "request": m.drawRequest, "plans": m.drawPlans, "relist": m.relist,
			"": func(t *rapid.T) {
				after := m.naive()
				for scope, want := range after {
					if diff := gocmp.Diff(want, m.seen(scope), cmpopts.EquateEmpty()); diff != "" {
						t.Fatalf("%q sees (-want +got):\n%s", scope, diff)
					}
				}
				want, got := changed(before, after), m.due()
				if m.others { // and more may be touched
					got = slices.DeleteFunc(got, func(scope string) bool { return !slices.Contains(want, scope) })
				}
				if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("touched (-want +got):\n%s", diff)
				}
				before, m.others = after, false
			},
		})
	})
}

// backupView is what a scope sees, and may ask for, of backups. Runs that it does not
// see concern it once they have ended: Telling are the others.
type backupView struct{ Backups, Runs, Telling []control.Backup }

// backupModel holds what is there, and a store that was told of it.
type backupModel struct {
	world
	namespaces map[string]string // UIDs
	backups    map[object]*wireBackup
	volumes    map[object]*wireOf[uploadSpec, copyStatus]
	requests   map[object]*wireOf[requestSpec, copyStatus]
	// plans are those that controls name, nil for all.
	plans map[types.NamespacedName]bool
	// others is true where more may be touched than what sees a difference in the end.
	others bool
}

func newBackupModel() *backupModel {
	return &backupModel{
		world: newWorld(), namespaces: map[string]string{}, backups: map[object]*wireBackup{},
		volumes: map[object]*wireOf[uploadSpec, copyStatus]{}, requests: map[object]*wireOf[requestSpec, copyStatus]{},
	}
}

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func (m *backupModel) drawNamespace(t *rapid.T) {
	m.others = true
	name := rapid.SampledFrom([]string{"kube-system", "shop", "shop-eu", "web"}).Draw(t, "namespace")
	uid := rapid.SampledFrom([]string{"", "ours", "ours", "other"}).Draw(t, "uid")
	if uid == "" {
		delete(m.namespaces, name)
		m.noNamespace(name)
		return
	}
	m.namespaces[name] = uid
	n := &control.Namespace{Name: name, UID: uid}
	m.touching(namespaceTable{}.put(m.store, &namespaceItem{Namespace: n}))
}

func drawMeta(t *rapid.T) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: rapid.SampledFrom([]string{"velero", "velero", "velero", "velero-2"}).Draw(t, "velero"),
		Name:      rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "p-extra-1", "p-extra-2"}).Draw(t, "name"),
	}
}

// drawBackups changes several backups, which may be as they were in the end.
func (m *backupModel) drawBackups(t *rapid.T) {
	m.others = true
	for range rapid.IntRange(1, 6).Draw(t, "backups") {
		m.drawBackup(t)
	}
}

// drawBackup creates a backup, or changes it, or has it go.
func (m *backupModel) drawBackup(t *rapid.T) {
	meta := drawMeta(t)
	key := object{kindBackups, meta.Namespace, meta.Name}
	if rapid.IntRange(0, 4).Draw(t, "goes") == 0 {
		delete(m.backups, key)
		m.touching(backupTable{}.remove(m.store, &backupItem{key: key}))
		return
	}
	hour := func(name string) *metav1.Time {
		h := rapid.IntRange(-1, 3).Draw(t, name)
		if h < 0 {
			return nil
		}
		return new(metav1.NewTime(start.Add(time.Duration(h) * time.Hour)))
	}
	meta.UID = types.UID(meta.Namespace + meta.Name + rapid.SampledFrom([]string{"", "2"}).Draw(t, "uid"))
	meta.CreationTimestamp = metav1.NewTime(start)
	meta.Labels = map[string]string{
		planLabel:            rapid.SampledFrom([]string{"p", "p", "p", "q", ""}).Draw(t, "plan"),
		control.ClusterLabel: rapid.SampledFrom([]string{"ours", "ours", "ours", "ours", "", "other"}).Draw(t, "cluster"),
	}
	if strings.Contains(meta.Name, "-extra-") {
		meta.Labels[control.ExtraLabel] = rapid.SampledFrom([]string{"", "true", "true"}).Draw(t, "extra")
		meta.Labels[planLabel] = ""
	}
	w := &wireBackup{ObjectMeta: meta}
	w.Spec.IncludedNamespaces = rapid.SampledFrom([][]string{{"shop", "web"}, {"web", "shop"}, {"shop", "web"}, {"shop*"}, {"shop"}, {"*"}, nil}).Draw(t, "included")
	w.Spec.ExcludedNamespaces = rapid.SampledFrom([][]string{nil, nil, nil, {"web"}}).Draw(t, "excluded")
	w.Status.Phase = rapid.SampledFrom([]string{
		backupCompleted, backupCompleted, backupCompleted, backupPartiallyFailed, "InProgress", "", backupFailed, backupFailedValidation, backupDeleting,
	}).Draw(t, "phase")
	w.Status.StartedAt, w.Status.ExpiresAt = hour("started"), hour("expires")
	if old := m.backups[key]; old != nil && m.namespaces["kube-system"] == "" && old.Labels[control.ClusterLabel] != w.Labels[control.ClusterLabel] {
		m.others = true // which says nothing yet, while the cluster is not known
	}
	m.backups[key] = w
	m.touching(backupTable{}.put(m.store, itemOf(w)))
}

func itemOf(w *wireBackup) *backupItem {
	item, err := convertBackup(w)
	if err != nil {
		panic(err)
	}
	return item
}

// drawPlans has controls name other plans.
func (m *backupModel) drawPlans(t *rapid.T) {
	m.plans = map[types.NamespacedName]bool{}
	m.others = true
	for _, plan := range []types.NamespacedName{{Namespace: "velero", Name: "p"}, {Namespace: "velero", Name: "q"}, {Namespace: "velero-2", Name: "p"}} {
		if rapid.Bool().Draw(t, plan.String()) {
			m.plans[plan] = true
		}
	}
	m.demandPlans(slices.Collect(maps.Keys(m.plans))...)
}

// shows reports whether the scope Cluster sees runs that are called so.
func (m *backupModel) shows(namespace, plan string) bool {
	shows := m.plans == nil
	for named := range m.plans {
		shows = shows || named.Namespace == namespace && (plan == named.Name || plan == "" || plan == named.Name+"-extra-")
	}
	return shows
}

func (m *backupModel) drawVolume(t *rapid.T) {
	meta := drawMeta(t)
	key := object{kindUploads, meta.Namespace, meta.Name}
	if rapid.IntRange(0, 4).Draw(t, "goes") == 0 {
		delete(m.volumes, key)
		m.touching(volumeTable{kindUploads}.remove(m.store, &volumeItem{key: key}))
		return
	}
	of := drawMeta(t)
	meta.Labels = map[string]string{claimUIDLabel: "claim", backupNameLabel: of.Name}
	if rapid.Bool().Draw(t, "uid stated") {
		meta.Labels[backupUIDLabel] = of.Namespace + of.Name
	}
	w := &wireOf[uploadSpec, copyStatus]{ObjectMeta: meta}
	w.Spec.Namespace = rapid.SampledFrom([]string{"shop", "web"}).Draw(t, "of namespace")
	w.Spec.Claim = meta.Name
	w.Status.Phase = rapid.SampledFrom([]string{"InProgress", backupCompleted}).Draw(t, "phase")
	w.Status.Progress.Bytes = rapid.Int64Range(0, 2).Draw(t, "bytes")
	m.volumes[key] = w
	m.touching(volumeTable{kindUploads}.put(m.store, volumeItemOf(w)))
}

func volumeItemOf(w *wireOf[uploadSpec, copyStatus]) *volumeItem {
	return convertVolumeOf(kindUploads, w, w.Spec.Namespace, w.Spec.Claim, methodDataMover)
}

func (m *backupModel) drawRequest(t *rapid.T) {
	meta, of := drawMeta(t), drawMeta(t)
	key := object{kindRequests, meta.Namespace, meta.Name}
	if rapid.Bool().Draw(t, "goes") {
		delete(m.requests, key)
		m.touching(requestTable{}.remove(m.store, &objectItem[string]{key: key}))
		return
	}
	if rapid.Bool().Draw(t, "uid stated") {
		meta.Labels = map[string]string{backupUIDLabel: of.Namespace + of.Name}
	}
	w := &wireOf[requestSpec, copyStatus]{ObjectMeta: meta}
	w.Spec.Backup = of.Name
	w.Status.Phase = rapid.SampledFrom([]string{"", "InProgress", requestProcessed}).Draw(t, "phase")
	m.requests[key] = w
	m.touching(requestTable{}.put(m.store, convertRequest(w)))
}

// relist lists everything anew, or has a new store see it in another order.
func (m *backupModel) relist(t *rapid.T) {
	if rapid.Bool().Draw(t, "anew") {
		m.others = true
		plans := m.store.plans
		m.store = newStore(defaultDNS())
		m.store.plans = plans
	}
	var backups, volumes, requests []any
	for _, w := range m.backups {
		backups = append(backups, itemOf(w))
	}
	for _, w := range m.volumes {
		volumes = append(volumes, volumeItemOf(w))
	}
	for _, w := range m.requests {
		requests = append(requests, convertRequest(w))
	}
	steps := rapid.Permutation([]func(){
		func() { backupTable{}.replace(m.store, backups) },
		func() { volumeTable{kindUploads}.replace(m.store, volumes) },
		func() { requestTable{}.replace(m.store, requests) },
		func() {
			for name, uid := range m.namespaces {
				m.touching(namespaceTable{}.put(m.store, &namespaceItem{Namespace: &control.Namespace{Name: name, UID: uid}}))
			}
		},
	}).Draw(t, "order")
	for _, step := range steps {
		step()
	}
}

// seen is what the store says a scope sees.
func (m *backupModel) seen(scope string) backupView {
	s := m.snapshot(m.living(scope))
	view := backupView{Backups: s.Backups}
	if scope == control.Cluster {
		view.Runs = m.runsSince(time.Time{})
		for _, b := range view.Runs {
			if m.tells(&b) {
				view.Telling = append(view.Telling, b)
			}
		}
	}
	return view
}

// naive is what each scope that there is has to see, found by looking at everything.
func (m *backupModel) naive() map[string]backupView {
	all := make([]control.Backup, 0, len(m.backups))
	for _, w := range m.backups {
		all = append(all, m.naiveBackup(w))
	}
	slices.SortFunc(all, func(a, b control.Backup) int { return naiveOrder(&b, &a) })
	views := map[string]backupView{}
	for name := range m.namespaces {
		views[name] = m.naiveNamespace(name, all)
	}
	if m.namespaces["kube-system"] != "" {
		views[control.Cluster] = m.naiveCluster(all)
	}
	return views
}

func (m *backupModel) naiveBackup(w *wireBackup) control.Backup {
	b := itemOf(w).backup.Backup
	label, uid := w.Labels[control.ClusterLabel], m.namespaces["kube-system"]
	if label != "" && uid != "" {
		b.Cluster = control.BackupOfAnother
		if label == uid {
			b.Cluster = control.BackupOfThisCluster
		}
	}
	b.Deleting = w.Status.Phase == backupDeleting
	for _, r := range m.requests {
		uid := r.Labels[backupUIDLabel]
		b.Deleting = b.Deleting || r.Status.Phase != requestProcessed && r.Namespace == b.Namespace && r.Spec.Backup == b.Name && (uid == "" || uid == b.UID)
	}
	return b
}

func naiveOrder(a, b *control.Backup) int {
	begun := func(b *control.Backup) time.Time {
		if b.StartedAt.IsZero() {
			return b.CreatedAt
		}
		return b.StartedAt
	}
	return cmp.Or(begun(a).Compare(begun(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
}

// naiveNamespace is what a namespace has to see of all backups, newest first.
func (m *backupModel) naiveNamespace(name string, all []control.Backup) backupView {
	var view backupView
	newest := map[string]bool{}
	for i := range all {
		b := all[i]
		if !b.Filters.Selects(name) || b.Cluster == control.BackupOfAnother || !hasEnded(b.Phase) {
			continue
		}
		set := m.setOf(&b)
		first := !newest[set]
		newest[set] = true
		needed := !b.Deleting && (b.Phase == backupCompleted || b.Phase == backupPartiallyFailed)
		for j := range all[:i] { // those that are newer
			o := &all[j]
			needed = needed && !(m.setOf(o) == set && o.Phase == b.Phase && !o.Deleting &&
				o.ExpiresAt.IsZero() == b.ExpiresAt.IsZero() && !o.ExpiresAt.Before(b.ExpiresAt))
		}
		if first || needed {
			b.Volumes = m.naiveVolumes(&b, name)
			view.Backups = append(view.Backups, b)
		}
	}
	return view
}

// setOf is what a backup has in common with those that select the same.
func (m *backupModel) setOf(b *control.Backup) string {
	w := m.backups[object{kindBackups, b.Namespace, b.Name}]
	list := func(names []string) string { return strings.Join(slices.Sorted(slices.Values(names)), ",") }
	return strings.Join([]string{
		b.Namespace, w.Labels[control.ClusterLabel], list(w.Spec.IncludedNamespaces), list(w.Spec.ExcludedNamespaces),
	}, " ")
}

func (m *backupModel) naiveVolumes(b *control.Backup, namespace string) []control.BackedUpVolume {
	var byUID, byName []control.BackedUpVolume
	for _, key := range slices.SortedFunc(maps.Keys(m.volumes), compareObjects) {
		w := m.volumes[key]
		v := control.BackedUpVolume{ClaimUID: "claim", Claim: w.Spec.Claim, Method: methodDataMover, Phase: w.Status.Phase}
		if v.Phase == backupCompleted {
			v.Bytes = w.Status.Progress.Bytes
		}
		uid := w.Labels[backupUIDLabel]
		switch {
		case w.Spec.Namespace != namespace:
		case uid == b.UID:
			byUID = append(byUID, v)
		case uid == "" && w.Namespace == b.Namespace && w.Labels[backupNameLabel] == b.Name:
			byName = append(byName, v)
		}
	}
	slices.SortStableFunc(byUID, func(a, b control.BackedUpVolume) int { return cmp.Compare(a.Claim, b.Claim) })
	return append(byUID, byName...)
}

// naiveCluster is what the scope Cluster has to see of all backups, newest first.
func (m *backupModel) naiveCluster(all []control.Backup) backupView {
	var view backupView
	seen := map[string]int{}
	for _, b := range all {
		if b.Cluster != control.BackupOfThisCluster {
			continue
		}
		view.Runs = append(view.Runs, b)
		if !m.shows(b.Namespace, m.planOf(&b)) {
			continue
		}
		plan := b.Namespace + "/" + m.planOf(&b)
		seen[plan]++
		ended := plan + " ended"
		if hasEnded(b.Phase) {
			seen[ended]++
		}
		phase := fmt.Sprint(plan, "/", b.Phase)
		best := (b.Phase == backupCompleted || b.Phase == backupPartiallyFailed) && !b.Deleting
		if best {
			seen[phase]++
		}
		if seen[plan] <= newestOfPlans || best && seen[phase] == 1 || hasEnded(b.Phase) && seen[ended] == 1 {
			view.Backups = append(view.Backups, b)
		}
	}
	slices.SortFunc(view.Runs, func(a, b control.Backup) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
	})
	for _, b := range view.Runs {
		if m.tells(&b) {
			view.Telling = append(view.Telling, b)
		}
	}
	return view
}

// planOf is what the runs of the same plan have in common.
func (m *backupModel) planOf(b *control.Backup) string {
	if m.backups[object{kindBackups, b.Namespace, b.Name}].Labels[control.ExtraLabel] != "" {
		return b.Name[:len(b.Name)-1]
	}
	return b.Plan
}

// tells reports whether a run concerns the scope Cluster.
func (m *backupModel) tells(b *control.Backup) bool {
	return hasEnded(b.Phase) || m.shows(b.Namespace, m.planOf(b))
}

// changed are the scopes that see something else.
func changed(before, after map[string]backupView) []string {
	var scopes []string
	for scope, view := range after {
		if !gocmp.Equal(before[scope], view, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(backupView{}, "Runs")) {
			scopes = append(scopes, scope)
		}
	}
	slices.Sort(scopes)
	return scopes
}
