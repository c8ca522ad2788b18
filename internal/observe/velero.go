package observe

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// The ids of Velero's kinds.
const (
	kindBackups    = "backups." + veleroGroup
	kindPlans      = "schedules." + veleroGroup
	kindLocations  = "backupstoragelocations." + veleroGroup
	kindPodVolumes = "podvolumebackups." + veleroGroup
	kindUploads    = "datauploads." + veleroGroup
	kindRequests   = "deletebackuprequests." + veleroGroup
)

// The labels and annotations of Velero's objects.
const (
	planLabel       = "velero.io/schedule-name"
	backupNameLabel = "velero.io/backup-name"
	backupUIDLabel  = "velero.io/backup-uid"
	claimUIDLabel   = "velero.io/pvc-uid"
	claimAnnotation = "velero.io/pvc-name"
)

// What is kept of how data is copied: from a mounted file system, or from a snapshot.
const (
	methodFileSystem = "FileSystem"
	methodDataMover  = "DataMover"
)

// maxFailure bounds what is kept of why a backup failed, in bytes.
const maxFailure = 256

// veleroKinds are those of Velero. Evaluators need none of them by itself.
func veleroKinds() []optional {
	kind := func(resource, kind string, need control.Need, keep func(*source, schema.GroupVersionKind)) optional {
		return optional{group: veleroGroup, resource: resource, kind: kind, needs: []control.Need{need}, keep: keep}
	}
	return []optional{
		kind("schedules", "Schedule", control.NeedBackupPlans, keepPlan),
		kind("backupstoragelocations", "BackupStorageLocation", control.NeedBackupLocations, keepLocation),
		kind("backups", "Backup", control.NeedBackups, keepBackup),
		kind("deletebackuprequests", "DeleteBackupRequest", control.NeedBackups, keepRequest),
		kind("podvolumebackups", "PodVolumeBackup", control.NeedBackups, keepPodVolume),
		kind("datauploads", "DataUpload", control.NeedBackups, keepUpload),
	}
}

// backupSpec and backupStatus are what is read of a Backup.
type backupSpec struct {
	control.BackupFilters `json:",inline"`

	ResourcePolicy struct {
		Name string `json:"name"`
	} `json:"resourcePolicy"`
	Location string `json:"storageLocation"`
	TTL      string `json:"ttl"`
}

type backupStatus struct {
	Phase            string       `json:"phase"`
	StartedAt        *metav1.Time `json:"startTimestamp"`
	CompletedAt      *metav1.Time `json:"completionTimestamp"`
	ExpiresAt        *metav1.Time `json:"expiration"`
	FailureReason    string       `json:"failureReason"`
	ValidationErrors []string     `json:"validationErrors"`
	Errors           int          `json:"errors"`
	Warnings         int          `json:"warnings"`
	NativeAttempted  int          `json:"volumeSnapshotsAttempted"`
	NativeCompleted  int          `json:"volumeSnapshotsCompleted"`
	CSIAttempted     int          `json:"csiVolumeSnapshotsAttempted"`
	CSICompleted     int          `json:"csiVolumeSnapshotsCompleted"`
	OperationsFailed int          `json:"backupItemOperationsFailed"`
	Hooks            struct {
		Failed int `json:"hooksFailed"`
	} `json:"hookStatus"`
}

type wireBackup = wireOf[backupSpec, backupStatus]

func keepBackup(s *source, gvk schema.GroupVersionKind) {
	s.extent = ofAll
	s.example, s.connect = &wireBackup{}, wireClient[backupSpec, backupStatus](gvk, s.resource)
	s.convert = tryConverting(convertBackup)
	s.table = backupTable{}
}

// convertBackup keeps what is judged of a Backup. The counts of what it has done so
// far are not kept while it runs.
func convertBackup(w *wireBackup) (*backupItem, error) {
	filters := w.Spec.BackupFilters
	filters.ResourcePolicy = w.Spec.ResourcePolicy.Name
	shared, text, err := filtersOf(filters)
	if err != nil {
		return nil, err
	}
	b := &keptBackup{
		label: intern(w.Labels[control.ClusterLabel]),
		extra: w.Labels[control.ExtraLabel] != "",
		goes:  w.DeletionTimestamp != nil || w.Status.Phase == backupDeleting,
		Backup: control.Backup{
			Meta: control.Meta{
				Namespace: intern(w.Namespace), Name: w.Name, UID: string(w.UID), CreatedAt: w.CreationTimestamp.UTC(),
				Identity: control.Identity{UID: string(w.UID), ResourceVersion: w.ResourceVersion, Generation: w.Generation},
			},
			Plan:        intern(w.Labels[planLabel]),
			Location:    intern(w.Spec.Location),
			Phase:       intern(w.Status.Phase),
			StartedAt:   timeOf(w.Status.StartedAt),
			CompletedAt: timeOf(w.Status.CompletedAt),
			ExpiresAt:   timeOf(w.Status.ExpiresAt),
			TTL:         durationOf(w.Spec.TTL),
			Filters:     shared,
			Failure:     failureOf(&w.Status),
		},
	}
	if hasEnded(b.Phase) {
		b.Errors, b.Warnings, b.HooksFailed = w.Status.Errors, w.Status.Warnings, w.Status.Hooks.Failed
		b.Snapshots = control.BackupSnapshots{
			CSIAttempted: w.Status.CSIAttempted, CSICompleted: w.Status.CSICompleted,
			NativeAttempted: w.Status.NativeAttempted, NativeCompleted: w.Status.NativeCompleted,
			OperationsFailed: w.Status.OperationsFailed,
		}
	}
	return &backupItem{key: object{kindBackups, b.Namespace, w.Name}, backup: b, filters: text}, nil
}

// failureOf is the first reason that Velero gives for a backup that failed.
func failureOf(s *backupStatus) string {
	reason := s.FailureReason
	if reason == "" && len(s.ValidationErrors) > 0 {
		reason = s.ValidationErrors[0]
	}
	return intern(phrase.Clip(redacted(reason), maxFailure))
}

// timeOf is a time that may be absent.
func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// durationOf reads a duration. One that Velero cannot read is none.
func durationOf(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0
	}
	return d
}

// labelValue is a name as Velero writes it into the value of a label: one that is
// too long ends with the beginning of its hash.
func labelValue(name string) string {
	const most, hashed = validation.DNS1035LabelMaxLength, 6
	if len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:most-hashed] + hex.EncodeToString(sum[:])[:hashed]
}
