package velero

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Patience is how long AwaitPhase waits: longer than Velero takes on a busy machine,
// with its queue, which it looks at once a minute when it missed that a backup could
// start, and its schedules, likewise.
const Patience = 5 * time.Minute

// poll is the time between two looks.
const poll = 100 * time.Millisecond

// The kinds of Velero that tests handle.
const (
	KindBackup   = "Backup"
	KindSchedule = "Schedule"
	KindRestore  = "Restore"
	KindLocation = "BackupStorageLocation"
	KindDelete   = "DeleteBackupRequest"
)

// ended are the phases of backups and restores that are for ever.
var ended = []string{"Completed", "PartiallyFailed", "Failed", "FailedValidation"}

// New returns an object of a kind of Velero, in Velero's namespace, with no more than
// a name.
func (s *Server) New(kind, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion("velero.io/v1")
	object.SetKind(kind)
	object.SetNamespace(s.Namespace)
	object.SetName(name)
	return object
}

// Spec returns an object of a kind of Velero. The spec is as JSON would be read: its
// values are map[string]any, []any, string, bool, int64 and float64.
func (s *Server) Spec(kind, name string, spec map[string]any) *unstructured.Unstructured {
	object := s.New(kind, name)
	object.Object["spec"] = spec
	return object
}

// Backup returns a Backup, as Spec does.
func (s *Server) Backup(name string, spec map[string]any) *unstructured.Unstructured {
	return s.Spec(KindBackup, name, spec)
}

// Schedule returns a Schedule whose backups are as the template says.
func (s *Server) Schedule(name, cron string, template map[string]any) *unstructured.Unstructured {
	return s.Spec(KindSchedule, name, map[string]any{"schedule": cron, "template": template})
}

// DeleteBackup has Velero delete a backup, from the store as well. It does not wait.
func (s *Server) DeleteBackup(ctx context.Context, name string) error {
	return s.Create(ctx, s.Spec(KindDelete, name, map[string]any{"backupName": name}))
}

// NewLocation returns a BackupStorageLocation in the store's bucket, under a prefix
// that may be empty. That of [Location] is the default one.
func (s *Server) NewLocation(name, prefix string) *unstructured.Unstructured {
	return s.Spec(KindLocation, name, map[string]any{
		"provider":      "velero.io/aws",
		"default":       name == Location,
		"objectStorage": map[string]any{"bucket": Bucket, "prefix": prefix, "caCert": base64.StdEncoding.EncodeToString(s.options.Store.CACert())},
		"config":        map[string]any{"region": Region, "s3ForcePathStyle": "true", "s3Url": s.options.Store.URL()},
	})
}

// Phase is the phase that the status of an object tells, or "".
func Phase(object *unstructured.Unstructured) string {
	phase, _, _ := unstructured.NestedString(object.Object, "status", "phase") // of another type is not there
	return phase
}

// AwaitPhase waits until an object of a kind of Velero is in one of the phases, and
// returns it. It fails as soon as the object has ended in another.
func (s *Server) AwaitPhase(ctx context.Context, kind, name string, phases ...string) (*unstructured.Unstructured, error) {
	object := s.New(kind, name)
	err := wait.PollUntilContextTimeout(ctx, poll, Patience, true, func(ctx context.Context) (bool, error) {
		if err := s.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		phase := Phase(object)
		if slices.Contains(phases, phase) {
			return true, nil
		}
		if slices.Contains(ended, phase) && kind != KindSchedule {
			return false, fmt.Errorf("it has ended as %s", phase)
		}
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("await that %s %s is in phase %q: %w; its status: %v; the server's log ends:\n%s",
			kind, name, phases, err, object.Object["status"], s.Log())
	}
	return object, nil
}

// RunBackup creates a backup, waits until it is Completed, and returns what it holds.
func (s *Server) RunBackup(ctx context.Context, name string, spec map[string]any) (Contents, error) {
	if err := s.Create(ctx, s.Backup(name, spec)); err != nil {
		return nil, err
	}
	if _, err := s.AwaitPhase(ctx, KindBackup, name, "Completed"); err != nil {
		return nil, err
	}
	return s.Contents(name)
}

// timeAt is the time in a field, or the zero time where there is none.
func timeAt(object *unstructured.Unstructured, fields ...string) (time.Time, error) {
	value, found, err := unstructured.NestedString(object.Object, fields...)
	if err != nil || !found {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, value)
}
