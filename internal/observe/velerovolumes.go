package observe

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// requestSpec is what is read of a DeleteBackupRequest; of its status, and of those
// of the kinds below, it is copyStatus.
type requestSpec struct {
	Backup string `json:"backupName"`
}

// copyStatus is what is read of the status of what is done to volumes.
type copyStatus struct {
	Phase    string `json:"phase"`
	Progress struct {
		Bytes int64 `json:"bytesDone"`
	} `json:"progress"`
}

// requestProcessed is the phase of a request that is done, as far as it ever will be.
const requestProcessed = "Processed"

func keepRequest(s *source, gvk schema.GroupVersionKind) {
	s.extent = ofAll
	s.example, s.connect = &wireOf[requestSpec, copyStatus]{}, wireClient[requestSpec, copyStatus](gvk, s.resource)
	s.convert = converting(convertRequest)
	s.table = requestTable{}
}

// convertRequest keeps which backup is asked to be deleted.
func convertRequest(w *wireOf[requestSpec, copyStatus]) *objectItem[string] {
	item := &objectItem[string]{key: object{kind: kindRequests, namespace: intern(w.Namespace), name: w.Name}}
	if w.Status.Phase != requestProcessed {
		item.at = map[string]string{w.Spec.Backup: w.Labels[backupUIDLabel]}
	}
	return item
}

// podVolumeSpec is what is read of a PodVolumeBackup.
type podVolumeSpec struct {
	Pod struct {
		Namespace string `json:"namespace"`
	} `json:"pod"`
}

func keepPodVolume(s *source, gvk schema.GroupVersionKind) {
	s.extent = ofAll
	s.example, s.connect = &wireOf[podVolumeSpec, copyStatus]{}, wireClient[podVolumeSpec, copyStatus](gvk, s.resource)
	s.convert = converting(func(w *wireOf[podVolumeSpec, copyStatus]) *volumeItem {
		return convertVolumeOf(kindPodVolumes, w, w.Spec.Pod.Namespace, w.Annotations[claimAnnotation], methodFileSystem)
	})
	s.table = volumeTable{kindPodVolumes}
}

// uploadSpec is what is read of a DataUpload.
type uploadSpec struct {
	Claim     string `json:"sourcePVC"`
	Namespace string `json:"sourceNamespace"`
}

func keepUpload(s *source, gvk schema.GroupVersionKind) {
	s.extent = ofAll
	s.example, s.connect = &wireOf[uploadSpec, copyStatus]{}, wireClient[uploadSpec, copyStatus](gvk, s.resource)
	s.convert = converting(func(w *wireOf[uploadSpec, copyStatus]) *volumeItem {
		return convertVolumeOf(kindUploads, w, w.Spec.Namespace, w.Spec.Claim, methodDataMover)
	})
	s.table = volumeTable{kindUploads}
}

// convertVolumeOf keeps what is judged of a volume that is backed up. How much of
// it was copied is kept once all of it was.
func convertVolumeOf[S any](kind string, w *wireOf[S, copyStatus], namespace, claim, method string) *volumeItem {
	item := &volumeItem{key: object{kind: kind, namespace: intern(w.Namespace), name: w.Name}}
	uid := w.Labels[claimUIDLabel]
	if uid == "" || namespace == "" {
		return item // the volume is not a claim's
	}
	v := &backedUpVolume{
		key: item.key, namespace: intern(namespace),
		BackedUpVolume: control.BackedUpVolume{
			ClaimUID: intern(uid), Claim: intern(claim), Method: method, Phase: intern(w.Status.Phase),
		},
	}
	if v.of.uid = intern(w.Labels[backupUIDLabel]); v.of.uid == "" {
		v.of = backupRef{namespace: item.key.namespace, name: intern(w.Labels[backupNameLabel])}
	}
	if v.Phase == backupCompleted {
		v.Bytes = w.Status.Progress.Bytes
	}
	item.volume = v
	return item
}
