package observe

import (
	"cmp"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// backedUpVolumes are the volumes whose data was copied, or tried to be, by what
// says of which backup they are.
type backedUpVolumes struct {
	of map[object]*backedUpVolume
	at map[backupRef][]*backedUpVolume
}

// backupRef names a backup as its volumes do: by UID or, where they do not state
// it, by Velero's namespace and the name as a value of a label.
type backupRef struct{ uid, namespace, name string }

// backedUpVolume is a PodVolumeBackup or DataUpload.
type backedUpVolume struct {
	key object
	of  backupRef
	// namespace is that of the claim.
	namespace string
	control.BackedUpVolume
}

func newBackedUpVolumes() backedUpVolumes {
	return backedUpVolumes{of: map[object]*backedUpVolume{}, at: map[backupRef][]*backedUpVolume{}}
}

// compareVolumes orders the volumes of a backup.
func compareVolumes(a, b *backedUpVolume) int {
	return cmp.Or(
		cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.Claim, b.Claim), cmp.Compare(a.ClaimUID, b.ClaimUID), compareObjects(a.key, b.key),
	)
}

// put keeps a volume in the stead of what was kept of it, nil being none, and
// returns that.
func (k *backedUpVolumes) put(key object, v *backedUpVolume) (old *backedUpVolume) {
	if old = k.of[key]; old != nil {
		delete(k.of, key)
		of := k.at[old.of]
		if i, found := slices.BinarySearchFunc(of, old, compareVolumes); found {
			of = slices.Delete(of, i, i+1)
		}
		if k.at[old.of] = of; len(of) == 0 {
			delete(k.at, old.of)
		}
	}
	if v != nil {
		k.of[key] = v
		i, _ := slices.BinarySearchFunc(k.at[v.of], v, compareVolumes)
		k.at[v.of] = slices.Insert(k.at[v.of], i, v)
	}
	return old
}

// in returns the volumes of a backup whose claims lie in a namespace.
func (k *backedUpVolumes) in(b *keptBackup, namespace string) []control.BackedUpVolume {
	var volumes []control.BackedUpVolume
	for _, ref := range refsOf(b) {
		of := k.at[ref]
		i, _ := slices.BinarySearchFunc(of, namespace, func(v *backedUpVolume, namespace string) int { return cmp.Compare(v.namespace, namespace) })
		for ; i < len(of) && of[i].namespace == namespace; i++ {
			volumes = append(volumes, of[i].BackedUpVolume)
		}
	}
	return volumes
}

// refsOf are the ways to refer to a backup.
func refsOf(b *keptBackup) [2]backupRef {
	return [2]backupRef{{uid: b.UID}, {namespace: b.Namespace, name: labelValue(b.Name)}}
}

// volumeItem is a PodVolumeBackup or DataUpload on its way into the table: nil where
// it goes, or is not of a claim.
type volumeItem struct {
	key    object
	volume *backedUpVolume
}

// volumeTable keeps volumeItem items of one kind.
type volumeTable struct{ kind string }

func (volumeTable) put(st *store, item any) change {
	i := item.(*volumeItem)
	old := st.objects.backups.volumes.put(i.key, i.volume)
	if old == nil || i.volume == nil || old.of != i.volume.of || old.namespace != i.volume.namespace || old.BackedUpVolume != i.volume.BackedUpVolume {
		st.touchVolume(old)
		st.touchVolume(i.volume)
	}
	return change{key: i.key, present: i.volume != nil}
}

func (t volumeTable) remove(st *store, item any) change {
	return t.put(st, &volumeItem{key: item.(*volumeItem).key})
}

func (t volumeTable) replace(st *store, items []any) {
	kept := make(map[object]struct{}, len(items))
	for _, item := range items {
		kept[item.(*volumeItem).key] = struct{}{}
		t.put(st, item)
	}
	for key := range st.objects.backups.volumes.of {
		if _, ok := kept[key]; !ok && key.kind == t.kind {
			t.remove(st, &volumeItem{key: key})
		}
	}
}

// touchVolume touches the namespace of a volume, nil being none, if it sees the
// backup that it is of.
func (st *store) touchVolume(v *backedUpVolume) {
	if v == nil || st.living(v.namespace) == nil || !st.demanded.meets(control.NeedBackups) {
		return
	}
	for _, set := range st.objects.backups.selecting(v.namespace) {
		seen := slices.ContainsFunc(set.shown(), func(b *keptBackup) bool { return v.isOf(b) })
		if seen && st.clusterOf(set.key.label) != control.BackupOfAnother {
			st.touch(v.namespace, false)
			return
		}
	}
}

// isOf reports whether the volume is one of a backup.
func (v *backedUpVolume) isOf(b *keptBackup) bool {
	refs := refsOf(b)
	return slices.Contains(refs[:], v.of)
}
