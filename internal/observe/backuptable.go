package observe

import (
	"cmp"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// backupItem is a Backup on its way into the table: nil where it goes.
type backupItem struct {
	key    object
	backup *keptBackup
	// filters is the text of its filters.
	filters string
}

// backupTable keeps backupItem items.
type backupTable struct{}

func (backupTable) put(st *store, item any) change {
	i := item.(*backupItem)
	if i.backup != nil {
		i.backup.Deleting = i.backup.goes || st.deletionAsked(i.key, i.backup.UID)
	}
	return change{key: i.key, present: i.backup != nil, matters: st.placeBackup(i.key, i.backup, i.filters)}
}

func (t backupTable) remove(st *store, item any) change {
	return t.put(st, &backupItem{key: item.(*backupItem).key})
}

func (t backupTable) replace(st *store, items []any) {
	kept := make(map[object]struct{}, len(items))
	for _, item := range items {
		kept[item.(*backupItem).key] = struct{}{}
		st.touching(t.put(st, item))
	}
	for key := range st.objects.backups.of {
		if _, ok := kept[key]; !ok {
			st.touching(t.remove(st, &backupItem{key: key}))
		}
	}
}

// held implements holder.
func (backupTable) held(st *store, key object) (uid string, found bool) {
	b := st.objects.backups.of[key]
	if b == nil {
		return "", false
	}
	return b.UID, true
}

// seenSet is what namespaces see of a set: nil and nothing where there is none.
type seenSet struct {
	set   *backupSet
	shown []*keptBackup
}

func (k *backups) seen(key setKey) seenSet {
	set := k.sets[key]
	if set == nil {
		return seenSet{}
	}
	return seenSet{set, set.shown()}
}

// placeBackup keeps a backup in the stead of what was kept of it, nil being none,
// and touches the namespaces that see a difference. It reports whether it concerns the
// scope Cluster.
func (st *store) placeBackup(key object, b *keptBackup, filters string) (matters bool) {
	kept := &st.objects.backups
	before := map[setKey]seenSet{}
	old := kept.of[key]
	if old != nil {
		before[old.set.key] = kept.seen(old.set.key)
	}
	if b != nil {
		of := setKey{b.Namespace, b.label, filters}
		before[of] = kept.seen(of)
	}
	if old != nil {
		kept.drop(key, old)
	}
	if b != nil {
		kept.add(key, b, filters)
	}
	if !st.demanded.meets(control.NeedBackups) {
		return false
	}
	for key, was := range before {
		is := kept.seen(key)
		if !slices.EqualFunc(was.shown, is.shown, sameBackup) {
			st.touchSelected(cmp.Or(is.set, was.set))
		}
	}
	was, is := st.concernsCluster(old), st.concernsCluster(b)
	return was != is || is && !sameBackup(old, b)
}

// requestTable keeps DeleteBackupRequests that are not done: in the stead of a
// scope each has the backup that is to be deleted, and as its value the UID of that,
// where it names one.
type requestTable struct{}

func (requestTable) put(st *store, item any) change {
	i := item.(*objectItem[string])
	old := st.objects.backups.requests.put(i.key, i.at)
	for _, concerned := range []map[string]string{old, i.at} {
		for backup := range concerned {
			st.renewDeletion(i.key.namespace, backup)
		}
	}
	return change{key: i.key, present: len(i.at) > 0}
}

func (t requestTable) remove(st *store, item any) change {
	return t.put(st, &objectItem[string]{key: item.(*objectItem[string]).key})
}

func (t requestTable) replace(st *store, items []any) {
	kept := make(map[object]struct{}, len(items))
	for _, item := range items {
		kept[item.(*objectItem[string]).key] = struct{}{}
		t.put(st, item)
	}
	for _, key := range st.objects.backups.requests.others(kindRequests, kept) {
		t.remove(st, &objectItem[string]{key: key})
	}
}

// renewDeletion brings up to date whether a backup is asked to be deleted.
func (st *store) renewDeletion(namespace, name string) {
	key := object{kind: kindBackups, namespace: namespace, name: name}
	b := st.objects.backups.of[key]
	if b == nil {
		return
	}
	goes := b.goes || st.deletionAsked(key, b.UID)
	if goes == b.Deleting {
		return
	}
	renewed := *b
	renewed.Deleting = goes
	st.touching(change{key: key, matters: st.placeBackup(key, &renewed, b.set.key.filters)})
}

// deletionAsked reports whether somebody asked for a backup to be deleted.
func (st *store) deletionAsked(backup object, uid string) bool {
	return slices.ContainsFunc(st.objects.backups.requests.at[backup.name], func(r *placedObject[string]) bool {
		return r.key.namespace == backup.namespace && (r.value == "" || r.value == uid)
	})
}
