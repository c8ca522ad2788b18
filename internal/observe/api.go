package observe

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The defaults of Options.
const (
	DefaultProgressTimeout = 2 * time.Minute
	DefaultProbeTimeout    = 10 * time.Second
	DefaultPollInterval    = time.Second
)

var (
	// ErrStale surfaces when a store has not reached one of our own writes in the
	// namespace. The namespace is triggered when it has; the caller need not poll,
	// but should look again after some seconds, in case the write is never seen.
	ErrStale = errors.New("the cache has not reached an own write")
	// ErrNotFound surfaces when there is no such namespace, or the cluster is not
	// known yet.
	ErrNotFound = errors.New("no such namespace")
)

// UnresolvedWriteError surfaces when the outcome of an own write in the
// namespace is unknown. The caller reads the object live and reports what it
// found by NoteWrite or NoteAbsent. It is an ErrStale too.
type UnresolvedWriteError struct {
	// Need is what the kind is watched for first.
	Need control.Need
	// APIVersion and Kind are those in which the object is observed.
	APIVersion, Kind string
	Namespace, Name  string
}

// Error names the object.
func (e *UnresolvedWriteError) Error() string {
	return fmt.Sprintf("the outcome of an own write of %s %s/%s is unknown", e.Kind, e.Namespace, e.Name)
}

// Is makes it an ErrStale.
func (e *UnresolvedWriteError) Is(target error) bool { return target == ErrStale }

// Options say what to observe with, and whom to tell.
type Options struct {
	// Config is the client configuration. The observer makes connections of its
	// own from it, so that a watch that froze can be broken off.
	Config *rest.Config
	// FieldManager is Holdfast's field manager: what it applied is Ours.
	FieldManager string
	// Owned says whether the ledger knows that Holdfast created an object. It is
	// asked with each snapshot, must be fast, and may be nil.
	Owned func(kind, namespace, name, uid string) bool
	// DNSService is the Service of the cluster's DNS. Empty means kube-system/kube-dns.
	DNSService types.NamespacedName
	// ProgressTimeout is how long a kind may show no sign of life before a live
	// request is made. API servers send one a minute. 0 means two minutes.
	ProgressTimeout time.Duration
	// ProbeTimeout bounds that request. 0 means ten seconds.
	ProbeTimeout time.Duration
	// PollInterval is how often progress is looked at, and how long a watch may
	// take to deliver what it had missed. 0 means one second.
	PollInterval time.Duration
	// Now is the clock of what is recorded; nil means the system's.
	Now func() time.Time
	// Log gets one line when observation of a kind is lost, and one when it is back.
	Log logr.Logger
	// OnScope is told which scopes' verdict inputs changed. It must return
	// fast and may be called concurrently; nil means nobody is told.
	OnScope func(Trigger)
	// OnGap is told of gaps, one at a time for each kind, and before OnScope is
	// told what was seen after the gap. While it runs that kind stands still. nil
	// means nobody is told.
	OnGap func(GapEvent)
}

// Trigger names a scope to evaluate.
type Trigger struct {
	// Namespace is the scope: a namespace, or control.Cluster.
	Namespace string
	// Initial is true where nothing of the scope's own is known to have
	// changed: it is part of an initial list, a gap has ended, or what changed
	// concerns many scopes. Live drift goes first.
	Initial bool
	// Proof is the newest sign of life of the watch before the event that
	// changed something: until then the scope was as it was known. It is zero
	// where no single event did.
	Proof time.Time
}

// Cause says why observation was absent.
type Cause string

// The causes of a gap, as the ledger names them.
const (
	// CauseForbidden: a permission to observe was missing.
	CauseForbidden Cause = "Forbidden"
	// CauseUnreachable: the API server did not answer.
	CauseUnreachable Cause = "Unreachable"
	// CauseWatchStalled: a watch withheld changes while the process lived.
	CauseWatchStalled Cause = "WatchStalled"
	// CauseWatchRestarted: a watch began again with a LIST.
	CauseWatchRestarted Cause = "WatchRestarted"
)

// GapEvent says that a gap in the observation of a kind began or ended. A gap
// that was found only when it was over has no event of its beginning.
type GapEvent struct {
	// Kind names the kind, and Need what it is watched for.
	Kind string
	Need control.Need
	// Also are further needs that are not met during the gap.
	Also  []control.Need
	Cause Cause
	// Remedy says what to do about it, for people: which right to grant. It is
	// empty where that is not known.
	Remedy string
	// From is the last proof of observation.
	From time.Time
	// To is when observation resumed; nil while it has not.
	To *time.Time
	// Moot is true where the gap ended because the kind is watched no more: it is
	// served no more, or nothing needs it. Whether it could be read nobody knows.
	Moot bool
	// Key is the same for the beginning and the end of one gap, and for no other
	// gap of this process.
	Key string
}

// ProgressState says how the observation of a kind stands.
type ProgressState string

// The states of progress.
const (
	// Syncing: the initial list is not complete.
	Syncing ProgressState = "Syncing"
	// Live: what happens is seen.
	Live ProgressState = "Live"
	// Stalled: the watch withheld changes, and is catching up.
	Stalled ProgressState = "Stalled"
	// Forbidden: a permission is missing.
	Forbidden ProgressState = "Forbidden"
	// Unreachable: the API server does not answer.
	Unreachable ProgressState = "Unreachable"
)

// Progress is how far the observation of a need got.
type Progress struct {
	// Kind names the kind that got least far.
	Kind string
	// Version is the resourceVersion that the store has reached.
	Version string
	// At is the time of the last proof of observation.
	At time.Time
	// State is how observation stands, and Since from when on.
	State ProgressState
	Since time.Time
}

// behind reports whether one kind got less far than another.
func (p Progress) behind(other Progress) bool {
	if (p.State == Live) != (other.State == Live) {
		return p.State != Live
	}
	return p.At.Before(other.At)
}
