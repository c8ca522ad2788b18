package restoretest

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
)

const (
	// sentinelName is the name of each object of a sentinel.
	sentinelName = permissions.SentinelName
	// guardName is the name of what guards the namespace of a test.
	guardName = permissions.ScratchGuard
	// managedBy is on every object.
	managedBy, holdfast = "app.kubernetes.io/managed-by", "holdfast"
)

// Annotations.
const (
	// onVolume is, on the ConfigMap of a sentinel, what its pod wrote into the volume,
	// and onHandle which volume that is.
	onVolume = "holdfast.dev/sentinel-volume"
	onHandle = "holdfast.dev/sentinel-volume-handle"
	// onGeneration is, on the pod, the name of the data in its volume.
	onGeneration = "holdfast.dev/sentinel-generation"
	// onSource is, on the namespace of a test, the one that is tested, and onVelero
	// where the Restore is.
	onSource = "holdfast.dev/restore-source"
	onVelero = "holdfast.dev/restore-velero-namespace"
	// description tells people what an object is.
	description = "holdfast.dev/description"
)

// sentinelLabels are those of each object of a sentinel, and those that are restored.
func (t *Tester) sentinelLabels() map[string]string {
	return map[string]string{control.SentinelLabel: "true", control.ClusterLabel: t.options.ClusterUID, managedBy: holdfast}
}

// testLabels are those of a test's namespace, and of all that is made for it.
func (t *Tester) testLabels(id string) map[string]string {
	return map[string]string{control.RestoreTestLabel: id, control.ClusterLabel: t.options.ClusterUID, managedBy: holdfast}
}

// oursInSource reports whether an object is of a sentinel that Holdfast put there, in
// this cluster.
func (t *Tester) oursInSource(object client.Object) bool {
	return bears(object, t.sentinelLabels()) && object.GetName() == sentinelName
}

// oursOfTest reports whether an object was made for a test, in this cluster.
func (t *Tester) oursOfTest(object client.Object) bool {
	id := object.GetLabels()[control.RestoreTestLabel]
	return id != "" && bears(object, t.testLabels(id)) && object.GetName() == control.ScratchPrefix+id
}

// bears reports whether an object has all of the labels.
func bears(object client.Object, labels map[string]string) bool {
	for name, value := range labels {
		if object.GetLabels()[name] != value {
			return false
		}
	}
	return true
}

// sentinelMeta is that of an object of a sentinel.
func (t *Tester) sentinelMeta(namespace string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: sentinelName, Labels: t.sentinelLabels(),
		Annotations: map[string]string{description: "Random data that Holdfast looks for in a restored backup. Nothing uses it."}}
}

// keyOf names an object of a namespace.
func keyOf(namespace, name string) client.ObjectKey {
	return client.ObjectKey{Namespace: namespace, Name: name}
}
