package restoretest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
)

// volumes are what a test's namespace has claimed.
type volumes struct {
	// shared says in one sentence which volume is in use elsewhere; empty where none is.
	shared string
	// retained are the PersistentVolumes that outlive the namespace.
	retained []string
}

// volumesOf looks at the PersistentVolumes that the namespace of a test has claimed.
// To delete that namespace deletes their volumes: so none of them may be the volume of
// another PersistentVolume, nor the sentinel's own.
func (t *Tester) volumesOf(ctx context.Context, namespace *corev1.Namespace) (volumes, error) {
	var all corev1.PersistentVolumeList
	if err := t.api.List(ctx, &all); err != nil {
		return volumes{}, t.refused(err, "list PersistentVolumes", "")
	}
	return claimedBy(namespace.Name, all.Items, namespace.Annotations[onHandle]), nil
}

// claimedBy compares the volumes that a namespace has claimed with all others, and with
// the one of the handle.
func claimedBy(namespace string, all []corev1.PersistentVolume, handle string) volumes {
	others := map[string]string{}
	var own []*corev1.PersistentVolume
	for i := range all {
		v := &all[i]
		if claim := v.Spec.ClaimRef; claim != nil && claim.Namespace == namespace {
			own = append(own, v)
			continue
		}
		others[identity(v)] = "PersistentVolume " + v.Name
	}
	if handle != "" && others[handle] == "" {
		others[handle] = "the sentinel in the namespace that is tested"
	}
	var found volumes
	for _, v := range own {
		if other := others[identity(v)]; other != "" && found.shared == "" {
			found.shared = fmt.Sprintf("PersistentVolume %s, which was restored into namespace %s, has the volume of %s: nothing is removed, so as to delete no data."+
				" Set its reclaim policy to Retain, and delete its pod, its claim and itself.", v.Name, namespace, other)
		}
		if v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRetain {
			found.retained = append(found.retained, v.Name)
		}
		others[identity(v)] = "PersistentVolume " + v.Name
	}
	return found
}

// incidental reports whether a field of a source says how a volume is used, and not
// which it is.
func incidental(field string, _ any) bool {
	switch field {
	case "fsType", "readOnly", "secretRef", "secretName", "secretNamespace", "user", "keyring", "partition",
		"cachingMode", "kind", "type", "storagePolicyName", "storagePolicyID", "chapAuthDiscovery", "chapAuthSession":
		return true
	}
	return false
}

// identity is the same for two PersistentVolumes that are of one volume.
func identity(v *corev1.PersistentVolume) string {
	source := v.Spec.PersistentVolumeSource
	if csi := source.CSI; csi != nil {
		return "csi " + csi.Driver + " " + csi.VolumeHandle
	}
	var fields map[string]map[string]any
	encoded, err := json.Marshal(source)
	if err == nil {
		err = json.Unmarshal(encoded, &fields)
	}
	if err != nil || len(fields) == 0 {
		return "PersistentVolume " + string(v.UID) // of no known source: it is itself only
	}
	for name := range fields {
		maps.DeleteFunc(fields[name], incidental)
	}
	encoded, _ = json.Marshal(fields) // what was just decoded
	if source.Local != nil {
		affinity, _ := json.Marshal(v.Spec.NodeAffinity) // a path is of a node; it has no cycles
		encoded = append(encoded, affinity...)
	}
	return string(encoded)
}

// handleOf is the identity of the volume of a claim, empty while it has none.
func (t *Tester) handleOf(ctx context.Context, claim *corev1.PersistentVolumeClaim) (string, error) {
	var all corev1.PersistentVolumeList
	if err := t.api.List(ctx, &all); err != nil {
		return "", t.refused(err, "list PersistentVolumes", "")
	}
	for i := range all.Items {
		if all.Items[i].Name == claim.Spec.VolumeName {
			return identity(&all.Items[i]), nil
		}
	}
	return "", nil
}
