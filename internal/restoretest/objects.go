package restoretest

import (
	"crypto/rand"
	"encoding/base64"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/holdfast-dev/holdfast/internal/control"
	data "github.com/holdfast-dev/holdfast/internal/sentinel"
)

const (
	// contentKey is where a ConfigMap has its random data, of so many bytes before
	// they are encoded.
	contentKey  = "content"
	contentSize = 1024
	// claimSize is what a claim asks for: less is refused by some file systems and
	// drivers, or rounded up.
	claimSize = "1Gi"
	// nonRoot is the user of Holdfast's image.
	nonRoot = 65532
	// filler is the container that fills the volume, and says what is in it.
	filler = "fill"
	// volumeDir is where the volume is mounted.
	volumeDir = "/data"
)

// configMap is the part of a sentinel that says what all of it is: it is created last.
// What is written anew is another object, so that the time of its creation, by the
// API server's clock, is that of its content.
func (t *Tester) configMap(namespace string, volume *data.Report, handle string) *corev1.ConfigMap {
	content := make([]byte, contentSize)
	_, _ = rand.Read(content) // it never fails
	cm := &corev1.ConfigMap{ObjectMeta: t.sentinelMeta(namespace), Immutable: new(true),
		Data: map[string]string{contentKey: base64.StdEncoding.EncodeToString(content)}}
	if volume != nil {
		cm.Annotations[onVolume], cm.Annotations[onHandle] = volume.String(), handle
	}
	return cm
}

// claim is a sentinel's claim.
func (t *Tester) claim(target *control.RestoreTarget) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: t.sentinelMeta(target.Namespace), Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: target.Class,
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(claimSize)}},
	}}
}

// pod is what fills the volume of a sentinel with data of a new name, and then waits,
// for some ways to back up volumes need a pod that has them mounted.
func (t *Tester) pod(target *control.RestoreTarget) *corev1.Pod {
	generation := rand.Text()
	meta := t.sentinelMeta(target.Namespace)
	meta.Annotations[onGeneration] = generation
	container := func(name string, args ...string) corev1.Container {
		return corev1.Container{
			Name: name, Image: target.Image, Args: append([]string{data.Command}, args...),
			VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: volumeDir}},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1m"), corev1.ResourceMemory: resource.MustParse("32Mi")},
				Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
			},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}
	}
	return &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{
		InitContainers:               []corev1.Container{container(filler, "-dir="+volumeDir, "-generation="+generation)},
		Containers:                   []corev1.Container{container("wait", "-wait")},
		AutomountServiceAccountToken: new(false), EnableServiceLinks: new(false), TerminationGracePeriodSeconds: new(int64(1)),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: new(true), RunAsUser: new(int64(nonRoot)), RunAsGroup: new(int64(nonRoot)), FSGroup: new(int64(nonRoot)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: sentinelName},
		}}},
	}}
}

// reported is what the pod of a sentinel said is in its volume; false while it has not.
func reported(pod *corev1.Pod) (data.Report, bool) {
	for i := range pod.Status.InitContainerStatuses {
		s := &pod.Status.InitContainerStatuses[i]
		if s.Name == filler && s.State.Terminated != nil && s.State.Terminated.ExitCode == 0 {
			return data.ParseReport(s.State.Terminated.Message)
		}
	}
	return data.Report{}, false
}
