package observe

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// identifies reports whether the cluster as a scope is known by this namespace.
func identifies(namespace string) bool { return namespace == metav1.NamespaceSystem }

// renewCluster takes note of the namespace that identifies the cluster; nil is
// none: then there is no scope Cluster.
func (st *store) renewCluster(by *control.Namespace) {
	old := st.cluster.namespace
	switch {
	case by == nil && old == nil:
		return
	case by == nil:
		st.cluster.namespace = nil
		st.marks++
		st.removed = st.marks
	case old != nil && old.UID == by.UID:
		return
	default:
		st.cluster.namespace = new(control.ClusterNamespace(by.UID, by.CreatedAt))
	}
	st.touch(control.Cluster, false)
	if len(st.objects.backups.of) > 0 {
		st.touchAll() // for another cluster, others are its backups
	}
}

// touchCluster touches the scope Cluster, if it is known.
func (st *store) touchCluster() {
	if st.cluster.namespace != nil {
		st.touch(control.Cluster, true)
	}
}

// clusterSnapshot returns what is known of the cluster as a scope.
func (st *store) clusterSnapshot() *control.Snapshot {
	snapshot := &control.Snapshot{
		Namespace:       *st.cluster.namespace,
		NetworkPolicies: []control.NetworkPolicy{},
		Lifelines:       st.lifelines,
	}
	st.clusterObjects(snapshot)
	return snapshot
}
