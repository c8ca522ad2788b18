package control

import (
	"strings"
	"time"
)

// Cluster is the name of the scope that is no namespace: the cluster itself. No
// namespace has it.
const Cluster = ""

// ClusterKind is the kind of the cluster as a subject.
const ClusterKind = "Cluster"

// ClusterNamespace stands, in the stead of a namespace, for the scope Cluster. It
// came to be with the namespace kube-system, and has its UID.
func ClusterNamespace(kubeSystemUID string, created time.Time) Namespace {
	return Namespace{Name: Cluster, UID: kubeSystemUID, CreatedAt: created}
}

// IsCluster reports whether it stands for the cluster itself.
func (n Namespace) IsCluster() bool { return n.Name == Cluster }

// IsScratch reports whether it says to be a namespace that a restore test restores
// into.
func (n Namespace) IsScratch() bool {
	return strings.HasPrefix(n.Name, ScratchPrefix) && n.Labels[RestoreTestLabel] != ""
}
