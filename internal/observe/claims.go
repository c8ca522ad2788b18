package observe

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// The ids of claims, and of snapshots of their volumes.
const (
	kindClaims    = "persistentvolumeclaims"
	kindSnapshots = "volumesnapshots." + snapshotGroup
)

func claimKinds() []optional {
	return []optional{
		{id: kindClaims, resource: kindClaims, kind: "PersistentVolumeClaim", everywhere: "v1", needs: []control.Need{control.NeedClaims}, keep: keepClaim},
		{group: snapshotGroup, resource: "volumesnapshots", kind: "VolumeSnapshot", needs: []control.Need{control.NeedVolumeSnapshots}, keep: keepSnapshot},
	}
}

func keepClaim(s *source, _ schema.GroupVersionKind) {
	s.example = &corev1.PersistentVolumeClaim{}
	s.connect = connectTo(corev1client.NewForConfig, func(c *corev1client.CoreV1Client, namespace string) client {
		return clientOf(c.PersistentVolumeClaims(namespace))
	})
	s.convert = converting(convertClaim)
	s.table = objectTable[control.Claim]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[control.Claim] { return &st.objects.claims },
		meta: func(c *control.Claim) *control.Meta { return &c.Meta },
	}
}

// convertClaim keeps what is judged of a PersistentVolumeClaim.
func convertClaim(c *corev1.PersistentVolumeClaim) *objectItem[control.Claim] {
	claim := control.Claim{Labels: internLabels(c.Labels), Bound: c.Status.Phase == corev1.ClaimBound, Volume: c.Spec.VolumeName}
	claim.Meta, _ = metaOf(&c.ObjectMeta, "", body{})
	return inNamespace(kindClaims, c.Namespace, c.Name, claim)
}

// snapshotSpec and snapshotStatus are what is read of a VolumeSnapshot.
type snapshotSpec struct {
	Source struct {
		Claim string `json:"persistentVolumeClaimName"`
	} `json:"source"`
}

type snapshotStatus struct {
	Ready   bool         `json:"readyToUse"`
	TakenAt *metav1.Time `json:"creationTime"`
	Error   struct {
		Message string `json:"message"`
	} `json:"error"`
}

type wireSnapshot = wireOf[snapshotSpec, snapshotStatus]

func keepSnapshot(s *source, gvk schema.GroupVersionKind) {
	s.example, s.connect = &wireSnapshot{}, wireClient[snapshotSpec, snapshotStatus](gvk, s.resource)
	s.convert = converting(convertSnapshot)
	s.table = objectTable[control.VolumeSnapshot]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[control.VolumeSnapshot] { return &st.objects.snapshots },
		meta: func(v *control.VolumeSnapshot) *control.Meta { return &v.Meta },
	}
}

// convertSnapshot keeps what is judged of a VolumeSnapshot.
func convertSnapshot(w *wireSnapshot) *objectItem[control.VolumeSnapshot] {
	snapshot := control.VolumeSnapshot{
		Claim:    intern(w.Spec.Source.Claim),
		Ready:    w.Status.Ready,
		TakenAt:  timeOf(w.Status.TakenAt),
		Error:    phrase.Clip(redacted(w.Status.Error.Message), maxFailure),
		Deleting: w.DeletionTimestamp != nil,
	}
	snapshot.Meta, _ = metaOf(&w.ObjectMeta, "", body{})
	return inNamespace(kindSnapshots, w.Namespace, w.Name, snapshot)
}
