// Package control is the contract that every control type meets. It is pure:
// it imports no client and no clock.
package control

import (
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Control is one control type. Its methods are pure functions of their arguments.
type Control interface {
	// Needs says what must be observed to judge a control of this type.
	Needs(spec v1alpha1.ControlSpec) []Need
	// Evaluate returns every finding on every subject of the scope, ordered by
	// subject and rule. The only clock is in.Now. It returns none where the scope
	// holds nothing that a control of this type judges.
	Evaluate(in Input) []Finding
	// EvaluatorVersion is bumped whenever the same input gives other findings.
	EvaluatorVersion() int
}

// Remediator is a control type that can repair.
type Remediator interface {
	// Wants returns every object that the control wants in the scope as it
	// stands, ordered as they are to be applied: permissions before
	// restrictions, removals last. What is already so is among them: which of
	// them are due follows from the failing rules that they repair.
	//
	// The error is a *Refusal, or several joined, where repairing would do harm:
	// what is refused is left out of the changes.
	Wants(in Input) ([]Change, error)
}

// Refusal says why a repair is not planned. It is shown to the user.
type Refusal struct {
	// Reason is a reason constant of the Enforced condition.
	Reason string
	// Message is one sentence that says what is refused and why.
	Message string
}

// Error returns the message.
func (r *Refusal) Error() string { return r.Message }

// Need is a kind that must be observed.
type Need string

// What can be observed.
const (
	NeedNamespaces      Need = "namespaces"
	NeedNetworkPolicies Need = "networkpolicies"
	NeedPods            Need = "pods"
	NeedServices        Need = "services"
	// NeedEndpointSlices: those of the cluster's DNS and of the API server.
	NeedEndpointSlices Need = "endpointslices"
	// NeedAdmissionBackends: webhook configurations, conversion webhooks of
	// CustomResourceDefinitions, and APIServices.
	NeedAdmissionBackends Need = "admissionbackends"
	// NeedEntrances: Ingresses, and Gateways with their routes where served.
	NeedEntrances Need = "entrances"
	// NeedClusterPolicies: the kinds that override NetworkPolicies, where served.
	NeedClusterPolicies Need = "clusterpolicies"
	// NeedStorageClasses, and NeedVolumes (PersistentVolumes with their classes).
	NeedStorageClasses Need = "storageclasses"
	NeedVolumes        Need = "volumes"
	// NeedAPIServerPods: the mirror pods of kube-apiservers.
	NeedAPIServerPods Need = "apiserverpods"
	// NeedGuards: the objects of admission guards.
	NeedGuards Need = "guards"
	// NeedServiceSubjects: Services as subjects, with UID, creation time, and what
	// their ports say to be spoken there.
	NeedServiceSubjects Need = "servicesubjects"
	// NeedIngresses: Ingresses with what they say about TLS.
	NeedIngresses Need = "ingresses"
	// NeedGateways: Gateways and ListenerSets with their routes and
	// ReferenceGrants, where served.
	NeedGateways Need = "gateways"
	// NeedMesh: workloads, and the kinds of Istio, where served.
	NeedMesh Need = "mesh"
	// NeedCertificates: cert-manager's, where served.
	NeedCertificates Need = "certificates"
	// NeedProbes: the observations of every target of the scope. It is unavailable
	// (Inconclusive) while one of them awaits its first probe by this process.
	NeedProbes Need = "probes"
	// NeedClaims: PersistentVolumeClaims.
	NeedClaims Need = "persistentvolumeclaims"
	// NeedBackups: Velero's Backups, with their PodVolumeBackups and DataUploads, in
	// the namespaces that they were to hold; in the scope Cluster the newest runs.
	NeedBackups Need = "backups"
	// NeedBackupPlans, and NeedBackupLocations: Velero's Schedules, and its
	// BackupStorageLocations.
	NeedBackupPlans     Need = "backupplans"
	NeedBackupLocations Need = "backuplocations"
	// NeedVolumeSnapshots: VolumeSnapshots, where served.
	NeedVolumeSnapshots Need = "volumesnapshots"
)

// Input is everything an evaluation may look at.
type Input struct {
	// Policy is the policy's name.
	Policy string
	// Control is the control's spec, with mode and tolerance resolved.
	Control v1alpha1.ControlSpec
	// Scope is the policy's scope, for types that apply something to the whole of
	// it, such as admission guards; nil for networkIsolation.
	Scope *v1alpha1.Scope
	// Backup is, for a control of type restoreTest, the spec of the backup control
	// that it names, and nil otherwise.
	Backup *v1alpha1.ControlSpec
	// GuardElsewhere is true where another control of the policy answers for the
	// admission guard that a control of this type may state: the one that states it
	// or, where none does, the first of the type in mode Enforce. What is left of a
	// guard is then none of this control's business.
	GuardElsewhere bool
	// Snapshot is what was observed in the scope. It must not be changed.
	Snapshot *Snapshot
	// Now is the time of the evaluation.
	Now time.Time
}

// Outcome is a rule's verdict on a subject.
type Outcome string

// The outcomes.
const (
	Conforming    Outcome = "Conforming"
	Deviating     Outcome = "Deviating"
	NotApplicable Outcome = "NotApplicable"
	NotEvaluated  Outcome = "NotEvaluated"
)

// Basis says what a finding rests on.
type Basis string

// The bases.
const (
	// BasisConfiguration is declared configuration.
	BasisConfiguration Basis = "Configuration"
	// BasisBehaviour is an observed effect.
	BasisBehaviour Basis = "Behaviour"
	// BasisAttestation is a person's statement, with an expiry.
	BasisAttestation Basis = "Attestation"
)

// Reasons of a NotEvaluated finding.
const (
	// ReasonNotTestable: the API cannot show it.
	ReasonNotTestable = "NotTestable"
	// ReasonInconclusive: what was observed does not decide it.
	ReasonInconclusive = "Inconclusive"
	// ReasonForbidden: a permission to observe is missing.
	ReasonForbidden = "Forbidden"
	// ReasonNotInstalled: the kind is not served.
	ReasonNotInstalled = "NotInstalled"
	// ReasonSuspended: evaluation was suspended.
	ReasonSuspended = "Suspended"
	// ReasonSelfTestFailed: the evaluator does not find what it has to find in a fixture.
	ReasonSelfTestFailed = "SelfTestFailed"
	// ReasonFailed: the evaluation itself failed.
	ReasonFailed = "Failed"
)

// ReasonAttestationExpired is the reason of a Deviating finding that rested on an
// attestation, which has expired: an episode that begins so has that as its origin.
const ReasonAttestationExpired = "AttestationExpired"

// ReasonTerminating is the reason of a NotApplicable finding on a namespace
// that is being deleted and runs no pods.
const ReasonTerminating = "Terminating"

// Subject is the one item that a control is judged on. It belongs to the scope of
// its namespace: a PersistentVolume to that of its claim, which its subject has as
// namespace. What has no namespace belongs to the scope Cluster.
type Subject struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
}

// String returns kind and name, as people write them.
func (s Subject) String() string {
	if s.Namespace == "" {
		return s.Kind + " " + s.Name
	}
	return s.Kind + " " + s.Namespace + "/" + s.Name
}

// Finding is one rule's verdict on one subject.
type Finding struct {
	Subject Subject `json:"subject"`
	// Rule is the rule's id, such as NP-01.
	Rule    string  `json:"rule"`
	Outcome Outcome `json:"outcome"`
	Basis   Basis   `json:"basis"`
	// Reason is a CamelCase word, stable across evaluations of the same state.
	Reason string `json:"reason"`
	// Message is one sentence for people. It holds no time stamps.
	Message string `json:"message,omitempty"`
	// Culprits name what makes the subject deviate, such as the policy and the
	// rule in it. Sorted; never pod names.
	Culprits []string `json:"culprits,omitempty"`
	// Facts are what else the rule saw, by name.
	Facts map[string]string `json:"facts,omitempty"`
	// Born is when the subject came to be, where it is not the scope itself.
	Born time.Time `json:"-"`
	// Until is when the finding may become another one by the mere passing of time,
	// zero if never.
	Until time.Time `json:"-"`
}

// Earlier returns the earlier of two times at which a finding may become another
// one, of which a zero one is never.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// State is the last known state of a subject under a control: the outcome, the
// rules that decide it, and their culprits.
type State struct {
	Outcome Outcome `json:"outcome"`
	Basis   Basis   `json:"basis,omitempty"`
	// Rules are the rules with the state's outcome, unless it is Conforming.
	Rules []RuleState `json:"rules,omitempty"`
}

// RuleState is what one rule contributes to a state.
type RuleState struct {
	Rule     string   `json:"rule"`
	Reason   string   `json:"reason"`
	Culprits []string `json:"culprits,omitempty"`
}
