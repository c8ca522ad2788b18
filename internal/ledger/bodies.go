package ledger

// LedgerBody is what LedgerOpened states.
type LedgerBody struct {
	// LedgerID is the ledger's random id: 128 bits in hex.
	LedgerID string     `json:"ledgerID"`
	Reason   OpenReason `json:"reason"`
	// Segment is the number of the segment that begins here, from 0.
	Segment uint64 `json:"segment"`
	// Predecessor is the ledger, or the segment, that this one continues.
	Predecessor *PredecessorBody `json:"predecessor,omitempty"`
	Cluster     ClusterBody      `json:"cluster"`
	// VerifierKey is the note verifier key of the ledger's checkpoints.
	VerifierKey string `json:"verifierKey"`
}

// PredecessorBody names what a ledger or a segment continues.
type PredecessorBody struct {
	LedgerID string `json:"ledgerID"`
	// Checkpoint is the last checkpoint known of it (a signed note), and empty
	// where none was ever seen.
	Checkpoint string `json:"checkpoint,omitempty"`
	// Lost says in one sentence what is lost of it.
	Lost string `json:"lost,omitempty"`
}

// ClusterBody says which cluster a ledger belongs to.
type ClusterBody struct {
	// KubeSystemUID is the UID of the namespace kube-system.
	KubeSystemUID string `json:"kubeSystemUID"`
	// CADigest is the SHA-256 of the API server's CA bundle, in hex.
	CADigest string `json:"caDigest,omitempty"`
	// ServerVersion is the API server's version.
	ServerVersion string `json:"serverVersion,omitempty"`
}

// OperatorBody is what OperatorStarted states.
type OperatorBody struct {
	// Process is a random id of the process: 128 bits in hex.
	Process string `json:"process"`
	// Version and Revision are the operator's build.
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	// Image is the image with its digest, where the deployment states it.
	Image  string `json:"image,omitempty"`
	PodUID string `json:"podUID,omitempty"`
	// Arguments are the digest of the command line.
	Arguments string `json:"arguments"`
	// Permissions are the digest of what the operator may do.
	Permissions string `json:"permissions,omitempty"`
	// StartedAt is when the process started.
	StartedAt Time `json:"startedAt"`
}

// AliveBody is what Heartbeat states.
type AliveBody struct {
	// Progress is, by kind, when its watch last delivered an event or a bookmark.
	Progress map[string]Time `json:"progress"`
	// QueueAge is how long the newest token took through the queue, in nanoseconds.
	QueueAge int64 `json:"queueAge"`
	// ClockOffset is the API server's clock minus ours, in nanoseconds
	// (resolution: one second), absent where it was not read.
	ClockOffset *int64 `json:"clockOffset,omitempty"`
}

// ChangeBody is what PolicyChanged and ScheduleChanged state.
type ChangeBody struct {
	// Type is Created, Updated, Confirmed or Deleted.
	Type string `json:"type"`
	// From and To are the digests of the spec before and after.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Paths are the changed fields, at most 32 of them.
	Paths []string `json:"paths,omitempty"`
	// MorePaths is the number of changed fields beyond those.
	MorePaths int `json:"morePaths,omitempty"`
	// Manager is the field manager of the newest change to the spec.
	Manager string `json:"manager,omitempty"`
	// ChangeRef is the annotation holdfast.dev/change-ref.
	ChangeRef string `json:"changeRef,omitempty"`
	// Invalid says in one sentence why the spec cannot be used, where so.
	Invalid string `json:"invalid,omitempty"`
	// Enforces is true where a control of the policy is in Enforce mode.
	Enforces bool `json:"enforces,omitempty"`
	// Held is the number of namespaces that the edit adds to those enforced
	// before, where it is so large that their first enforcement waits until the
	// generation is confirmed.
	Held int `json:"held,omitempty"`
	// Confirmed is true where the edit came with the confirmation of its generation.
	Confirmed bool `json:"confirmed,omitempty"`
	// NextSlot is, on ScheduleChanged, the first slot that is due under the new
	// spec: the chain of slots goes on with it. Absent where none is.
	NextSlot *Time `json:"nextSlot,omitempty"`
}

// The types of a ChangeBody.
const (
	ChangeCreated = "Created"
	ChangeUpdated = "Updated"
	// ChangeConfirmed: a person confirmed the generation; nothing of the spec changed.
	ChangeConfirmed = "Confirmed"
	ChangeDeleted   = "Deleted"
)

// IntroBody is what ControlIntroduced states.
type IntroBody struct {
	// OperatingFrom is when the control begins to operate.
	OperatingFrom Time `json:"operatingFrom"`
	// Declared is true where the spec states it.
	Declared bool `json:"declared,omitempty"`
	// Subjects is the number of subjects of the first complete evaluation.
	Subjects int `json:"subjects"`
	// Slots are when what the control states is due: of a backup by Velero only.
	Slots *SlotsBody `json:"slots,omitempty"`
}

// ScopeBody says why a subject entered or left a scope.
type ScopeBody struct {
	// Cause is Created, PolicyChanged or LabelsChanged.
	Cause string `json:"cause"`
	// Disposition of a subject that left: NotSelected, or Excluded.
	Disposition string `json:"disposition,omitempty"`
	// Labels are the digest of the subject's labels now.
	Labels string `json:"labels,omitempty"`
}

// ObjectBody is the object that an entry speaks of.
type ObjectBody struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	// Before and After are the object before and after, absent where there was none.
	Before *ObjectVersion `json:"before,omitempty"`
	After  *ObjectVersion `json:"after,omitempty"`
	// Manager is the field manager of the change that was found (a name its
	// client chose; a deletion has none).
	Manager string `json:"manager,omitempty"`
	// Count is, on Contested, the number of repairs within the last hour.
	Count int `json:"count,omitempty"`
	// Until is, on Contested, when the next repair is tried.
	Until *Time `json:"until,omitempty"`
	// Taken are, on Repaired, the fields that were taken over of an object which is
	// not Holdfast's, at most 16, by path.
	Taken []TakenField `json:"taken,omitempty"`
}

// TakenField is a field that was taken over of an object which is not Holdfast's.
type TakenField struct {
	// Field is its path, such as metadata.annotations.
	Field string `json:"field"`
	// Was is the value before, as JSON of at most 256 bytes; absent where it was not set.
	Was string `json:"was,omitempty"`
}

// ObjectVersion is one version of an object.
type ObjectVersion struct {
	UID             string `json:"uid"`
	ResourceVersion string `json:"resourceVersion"`
	Generation      int64  `json:"generation,omitempty"`
}

// GapBody is an interval in which observation was due and absent. A gap whose
// end is not known yet has no To; a second entry, which names it in Ends, ends it.
type GapBody struct {
	// Cause is one of the causes of a gap.
	Cause string `json:"cause"`
	// Kind is the kind that was not observed, Policy the policy that could not
	// be evaluated. Without either it is everything.
	Kind   string `json:"kind,omitempty"`
	Policy string `json:"policy,omitempty"`
	// From is the last proof of observation.
	From Time `json:"from"`
	// To is when observation resumed.
	To *Time `json:"to,omitempty"`
	// Ends is the id of the Gap entry that this one ends.
	Ends string `json:"ends,omitempty"`
}

// The causes of a gap.
const (
	// CauseNotRunning: no operator was observing.
	CauseNotRunning = "NotRunning"
	// CauseWatchStalled: a watch delivered nothing while the process lived.
	CauseWatchStalled = "WatchStalled"
	// CauseWatchRestarted: a watch began again with a LIST.
	CauseWatchRestarted = "WatchRestarted"
	// CauseForbidden: a permission to observe was missing.
	CauseForbidden = "Forbidden"
	// CauseUnreachable: the API server did not answer.
	CauseUnreachable = "Unreachable"
	// CauseClockStepped: the wall clock jumped against the monotonic one.
	CauseClockStepped = "ClockStepped"
	// CauseInvalidPolicy: the policy's spec could not be used.
	CauseInvalidPolicy = "InvalidPolicy"
)

// GapCauses are all causes of a gap.
func GapCauses() []string {
	return []string{CauseNotRunning, CauseWatchStalled, CauseWatchRestarted, CauseForbidden, CauseUnreachable, CauseClockStepped, CauseInvalidPolicy}
}

// LostBody is what EvidenceLost states.
type LostBody struct {
	// Count is the number of entries that could not be kept.
	Count int  `json:"count"`
	From  Time `json:"from"`
	To    Time `json:"to"`
	// Units is the number of (control, subject) pairs they concern.
	Units int `json:"units"`
}

// TailBody is what RecoveredTail states.
type TailBody struct {
	// Count is the number of entries beyond the last signed checkpoint.
	Count uint64 `json:"count"`
	// CheckpointSize is that checkpoint's size.
	CheckpointSize uint64 `json:"checkpointSize"`
}

// ProbeBody is what Probed states: one run of the probes of one kind in one scope.
// Its entry has the scope as subject.
type ProbeBody struct {
	// Of is what was done: Canary, Handshake, Certificate, Guard, Repository or
	// RestoreTest.
	Of string `json:"of"`
	// BeganAt is when the first of the probes began.
	BeganAt Time `json:"beganAt"`
	// Targets is how many were probed, and Unseen of how many nothing was seen.
	Targets int `json:"targets"`
	Unseen  int `json:"unseen"`
	// Observations names what was seen: an object with the observations by target,
	// without the times of this run. It is the same while the same is seen.
	Observations string `json:"observations"`
	// ValidUntil is until when the first of them counts.
	ValidUntil Time `json:"validUntil"`
	// For are the controls that asked for it, at most 16, by policy and id; MoreFor
	// is the number of those beyond.
	For     []ProbedFor `json:"for"`
	MoreFor int         `json:"moreFor,omitempty"`
	// Keys are the keys in use, as first seen, of a Canary: at most 32.
	Keys []SeenKey `json:"keys,omitempty"`
}

// ProbedFor names a control that asked for a probe.
type ProbedFor struct {
	Policy  string `json:"policy"`
	Control string `json:"control"`
}

// SeenKey is a key that an API server encrypts with.
type SeenKey struct {
	// ID is the resource, the provider, and the key's name or the hash of its id.
	ID string `json:"id"`
	// FirstSeen is when Holdfast first saw it in use: it is at least as old.
	FirstSeen Time `json:"firstSeen"`
}
