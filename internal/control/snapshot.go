package control

import (
	"cmp"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
)

// Snapshot is what was observed of one scope, at one moment. It is immutable.
//
// Its JSON form is what the ledger keeps as the evaluator's exact inputs, in
// parts that are addressed by content: so it holds what evaluators look at and
// nothing else, and parts that are equal in many namespaces are kept once.
type Snapshot struct {
	// Namespace is the scope's namespace; for the scope Cluster see ClusterNamespace.
	Namespace Namespace `json:"namespace"`
	// NetworkPolicies are those of the namespace, by name.
	NetworkPolicies []NetworkPolicy `json:"networkPolicies"`
	// Pods are the classes of the pods that are neither Succeeded nor Failed,
	// in a stable order.
	Pods []PodClass `json:"pods,omitempty"`
	// Services are those of the namespace, by name.
	Services []Service `json:"services,omitempty"`
	// Entrances are the Ingresses, Gateways and routes of the namespace, by
	// kind and name.
	Entrances []Entrance `json:"entrances,omitempty"`
	// Peers say what the selectors of this namespace's policies match beyond it.
	Peers Peers `json:"peers,omitzero"`
	// Lifelines are what no restriction may cut off. They are the same for every
	// namespace, and shared: nil where they were not observed.
	Lifelines *Lifelines `json:"lifelines,omitempty"`
	// AdmissionBackends are the Services of the namespace that the API server
	// calls, by service and port.
	AdmissionBackends []AdmissionBackend `json:"admissionBackends,omitempty"`
	// ClusterPolicies are the ClusterNetworkPolicies that have the namespace, or
	// pods of it, as subjects, by name.
	ClusterPolicies []ClusterPolicy `json:"clusterPolicies,omitempty"`
	// Unmodelled are objects that touch the namespace, of kinds that override
	// NetworkPolicies and that no evaluator models, by kind and name.
	Unmodelled []ObjectRef `json:"unmodelled,omitempty"`
	// StorageClasses are those of the cluster, by name: in the scope Cluster only.
	StorageClasses []StorageClass `json:"storageClasses,omitempty"`
	// APIServerPods are the mirror pods of kube-apiservers, by name, where the
	// cluster shows them: in the scope Cluster only.
	APIServerPods []APIServerPod `json:"apiServerPods,omitempty"`
	// Guards are the objects of admission guards, by kind and name: in the scope
	// Cluster only.
	Guards []GuardObject `json:"guards,omitempty"`
	// Volumes are the PersistentVolumes whose claims lie in the namespace, by name.
	Volumes []Volume `json:"volumes,omitempty"`
	// Ingresses, Gateways (with ListenerSets) and GatewayRoutes are those of the
	// namespace, by kind and name; routes are those that lead through its Gateways,
	// by kind, namespace and name.
	Ingresses     []Ingress      `json:"ingresses,omitempty"`
	Gateways      []Gateway      `json:"gateways,omitempty"`
	GatewayRoutes []GatewayRoute `json:"gatewayRoutes,omitempty"`
	// Workloads are the namespace's, by kind and name, and Mesh is what a mesh is
	// told about it: nil where no mesh's kinds are served.
	Workloads []Workload `json:"workloads,omitempty"`
	Mesh      *Mesh      `json:"mesh,omitempty"`
	// Certificates are cert-manager's, by name.
	Certificates []Certificate `json:"certificates,omitempty"`
	// Claims are the namespace's PersistentVolumeClaims, by name.
	Claims []Claim `json:"claims,omitempty"`
	// Backups are those that tell anything, newest first: one is as old as its data,
	// by StartedAt, or by CreatedAt where it never started.
	//
	// In a namespace they are of those that select it, that have ended, and that are
	// not of another cluster, for each set of equal filters: of those that completed,
	// and of those that partially failed, each that is not being deleted and to which
	// no newer one is that is kept for as long, be they expired or not; and the newest
	// of all. Where they are more than 32, those are left out first that do not count
	// anyway, and then those whose filters name labels or kinds.
	//
	// In the scope Cluster they are, of this cluster, the newest 4 runs of each plan,
	// the newest that ended, and the newest that completed and that partially failed,
	// of those that are not being deleted. Backups of no plan are as if they were of
	// one, and those that are started besides the runs of a plan as if of another. What
	// is watched shows of plans, and of their runs, those that a control names.
	Backups []Backup `json:"backups,omitempty"`
	// BackupPlans, and BackupLocations, are those of the cluster, by namespace and
	// name: in the scope Cluster only.
	BackupPlans     []BackupPlan     `json:"backupPlans,omitempty"`
	BackupLocations []BackupLocation `json:"backupLocations,omitempty"`
	// VolumeSnapshots are the namespace's, by name.
	VolumeSnapshots []VolumeSnapshot `json:"volumeSnapshots,omitempty"`
	// NotServed are the optional kinds that a control may require and that are not
	// served, as the name of their CustomResourceDefinition, sorted.
	NotServed []string `json:"notServed,omitempty"`
	// Observations are the newest of each target of the scope, by target. A target
	// without one was not probed yet.
	Observations []Observation `json:"observations,omitempty"`
	// Unavailable are the needs that could not be observed, and why: one of
	// the reasons of a NotEvaluated finding. An evaluator whose need is listed
	// here returns NotEvaluated.
	Unavailable map[Need]string `json:"unavailable,omitempty"`
	// Versions are the resourceVersions the stores had reached, by kind. They
	// go into the entry, and are no input of evaluators.
	Versions map[Need]string `json:"-"`
}

// Unobserved returns why the first of the needs that could not be observed was
// not, and which it is: a reason of a NotEvaluated finding. Both are empty where
// all of them were.
func (s *Snapshot) Unobserved(needs ...Need) (reason string, need Need) {
	for _, need := range needs {
		if reason, unavailable := s.Unavailable[need]; unavailable {
			return cmp.Or(reason, ReasonFailed), need
		}
	}
	return "", ""
}

// Namespace is what evaluators see of a namespace.
type Namespace struct {
	Name   string            `json:"name"`
	UID    string            `json:"uid"`
	Labels map[string]string `json:"labels,omitempty"`
	// CreatedAt is the creation time (resolution: one second).
	CreatedAt time.Time `json:"createdAt"`
	// Terminating is true from the deletion timestamp on.
	Terminating bool `json:"terminating,omitempty"`
	// TerminatingSince is the deletion timestamp (resolution: one second). It
	// goes into the entry, and is no input of evaluators.
	TerminatingSince time.Time `json:"-"`
	// HasRunningPods is told only while Terminating: whether a pod that is
	// neither Succeeded nor Failed is left.
	HasRunningPods bool `json:"hasRunningPods,omitempty"`
}

// NetworkPolicy is what evaluators see of a networking.k8s.io/v1 NetworkPolicy.
type NetworkPolicy struct {
	Name string                         `json:"name"`
	Spec networkingv1.NetworkPolicySpec `json:"spec"`
	// Ours is true where Holdfast created the object, or applied it with its
	// field manager.
	Ours bool `json:"ours,omitempty"`
	// Identity is which object and which state of it this is. It goes into the
	// entry, and is no input of evaluators.
	Identity Identity `json:"-"`
}

// Identity is which object, and which state of it, was observed.
type Identity struct {
	UID             string
	ResourceVersion string
	Generation      int64
	// Manager is the field manager of the newest change to the spec, as its
	// client chose to call itself, and empty where none is recorded.
	Manager string
	// ManagedAt is when that change was made (resolution: one second).
	ManagedAt time.Time
	// Applied is when Holdfast's field manager last applied it, zero if never
	// (resolution: one second).
	Applied time.Time
}

// Subject returns the scope as a subject: the namespace, or the cluster.
func (n Namespace) Subject() Subject {
	if n.IsCluster() {
		return Subject{Kind: ClusterKind, Name: "cluster", UID: n.UID}
	}
	return Subject{Kind: "Namespace", Name: n.Name, UID: n.UID}
}
