package observe

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	storagev1client "k8s.io/client-go/kubernetes/typed/storage/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The ids of the kinds of storage.
const (
	kindClasses = "storageclasses"
	kindVolumes = "persistentvolumes"
)

// The annotations of storage, those of old among them, which are still honoured.
const (
	defaultClass      = "storageclass.kubernetes.io/is-default-class"
	oldDefaultClass   = "storageclass.beta.kubernetes.io/is-default-class"
	oldClassOfVolume  = corev1.BetaStorageClassAnnotation
	provisionedBy     = "pv.kubernetes.io/provisioned-by"
	csiSource         = "csi"
	annotationEnabled = "true"
)

func storageKinds() []optional {
	return []optional{
		{
			id: kindClasses, group: storagev1.GroupName, resource: kindClasses, kind: "StorageClass", everywhere: "v1",
			needs: []control.Need{control.NeedStorageClasses, control.NeedVolumes}, keep: keepClass,
		},
		{
			id: kindVolumes, resource: kindVolumes, kind: "PersistentVolume", everywhere: "v1",
			needs: []control.Need{control.NeedVolumes}, keep: keepVolume,
		},
	}
}

func keepClass(s *source, _ schema.GroupVersionKind) {
	s.extent = ofCluster
	s.example = &storagev1.StorageClass{}
	s.connect = connectTo(storagev1client.NewForConfig, func(c *storagev1client.StorageV1Client, _ string) client {
		return clientOf(c.StorageClasses())
	})
	manager := s.fieldManager
	s.convert = converting(func(c *storagev1.StorageClass) *objectItem[control.StorageClass] { return convertClass(c, manager) })
	s.table = objectTable[control.StorageClass]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[control.StorageClass] { return &st.objects.classes },
		meta:   func(c *control.StorageClass) *control.Meta { return &c.Meta },
		spread: (*store).classChanged,
	}
}

// convertClass keeps what is judged of a StorageClass.
func convertClass(c *storagev1.StorageClass, fieldManager string) *objectItem[control.StorageClass] {
	class := control.StorageClass{
		Provisioner: intern(c.Provisioner),
		Parameters:  withoutCredentials(c.Parameters),
		Default:     c.Annotations[defaultClass] == annotationEnabled || c.Annotations[oldDefaultClass] == annotationEnabled,
	}
	class.Meta, class.Ours = metaOf(&c.ObjectMeta, fieldManager, body{
		fields: []string{"provisioner", "parameters"}, annotations: []string{defaultClass, oldDefaultClass},
	})
	return &objectItem[control.StorageClass]{
		key: object{kind: kindClasses, name: class.Name},
		at:  map[string]control.StorageClass{control.Cluster: class},
	}
}

// classChanged touches the namespaces that have volumes of a class.
func (st *store) classChanged(class object) {
	for namespace, volumes := range st.objects.volumes.at {
		if slices.ContainsFunc(volumes, func(o *placedObject[control.Volume]) bool { return o.value.ClassName == class.name }) {
			st.touch(namespace, true)
		}
	}
}

func keepVolume(s *source, _ schema.GroupVersionKind) {
	s.extent = ofClaims
	s.example = &corev1.PersistentVolume{}
	s.connect = connectTo(corev1client.NewForConfig, func(c *corev1client.CoreV1Client, _ string) client {
		return clientOf(c.PersistentVolumes())
	})
	manager := s.fieldManager
	s.convert = converting(func(v *corev1.PersistentVolume) *objectItem[control.Volume] { return convertVolume(v, manager) })
	s.table = objectTable[control.Volume]{
		kind: s.id, needs: s.needs, in: func(st *store) *placed[control.Volume] { return &st.objects.volumes },
		meta:      func(v *control.Volume) *control.Meta { return &v.Meta },
		elsewhere: true,
	}
}

// convertVolume keeps what is judged of a PersistentVolume, in the namespace of
// its claim. One without a claim concerns no scope, and may have concerned one.
func convertVolume(v *corev1.PersistentVolume, fieldManager string) *objectItem[control.Volume] {
	claim := v.Spec.ClaimRef
	if claim == nil || claim.Namespace == "" {
		claim = &corev1.ObjectReference{Namespace: nowhere}
	}
	volume := control.Volume{
		Claim:       claim.Name,
		Phase:       corev1.PersistentVolumePhase(intern(string(v.Status.Phase))),
		Provisioner: intern(v.Annotations[provisionedBy]),
		ClassName:   intern(cmp.Or(v.Annotations[oldClassOfVolume], v.Spec.StorageClassName)),
	}
	volume.Meta, _ = metaOf(&v.ObjectMeta, fieldManager, body{})
	volume.Source, volume.Handle = sourceOf(&v.Spec.PersistentVolumeSource)
	if csi := v.Spec.CSI; csi != nil {
		volume.Attributes = withoutCredentials(csi.VolumeAttributes)
	}
	return &objectItem[control.Volume]{
		key: object{kind: kindVolumes, name: v.Name}, at: map[string]control.Volume{intern(claim.Namespace): volume},
	}
}

// sourceOf returns what a volume is made of: the CSI driver, or the name of the
// field of the spec that is set; and the volume's handle there.
func sourceOf(s *corev1.PersistentVolumeSource) (source, handle string) {
	if s.CSI != nil {
		return intern(s.CSI.Driver), s.CSI.VolumeHandle
	}
	fields := reflect.ValueOf(*s)
	for i := range fields.NumField() {
		if fields.Field(i).IsNil() {
			continue
		}
		source, _, _ = strings.Cut(fields.Type().Field(i).Tag.Get("json"), ",")
		return source, handleOf(s)
	}
	return "", ""
}

// handleOf returns what comes nearest to a handle of a volume that is not CSI's.
func handleOf(s *corev1.PersistentVolumeSource) string {
	switch {
	case s.AWSElasticBlockStore != nil:
		return s.AWSElasticBlockStore.VolumeID
	case s.GCEPersistentDisk != nil:
		return s.GCEPersistentDisk.PDName
	case s.AzureDisk != nil:
		return s.AzureDisk.DataDiskURI
	case s.AzureFile != nil:
		return s.AzureFile.ShareName
	case s.VsphereVolume != nil:
		return s.VsphereVolume.VolumePath
	case s.RBD != nil:
		return s.RBD.RBDPool + "/" + s.RBD.RBDImage
	case s.NFS != nil:
		return s.NFS.Server + ":" + s.NFS.Path
	case s.ISCSI != nil:
		return s.ISCSI.IQN
	case s.HostPath != nil:
		return s.HostPath.Path
	case s.Local != nil:
		return s.Local.Path
	default:
		return ""
	}
}

// volumesOf returns the volumes whose claims lie in a namespace, with their
// classes as they are now.
func (st *store) volumesOf(namespace string) []control.Volume {
	volumes := objectsAt(st, &st.objects.volumes, namespace, control.NeedVolumes)
	classes := map[string]*control.StorageClass{}
	for i := range volumes {
		name := volumes[i].ClassName
		class, known := classes[name]
		if !known {
			if kept := st.objects.classes.find(control.Cluster, object{kind: kindClasses, name: name}); kept != nil {
				// Whose it is matters where the class itself is judged.
				class = new(kept.value)
				class.Ours = false
			}
			classes[name] = class
		}
		volumes[i].Class = class
	}
	return volumes
}

// withoutCredentials returns parameters without those that may hold a credential,
// nil where none is left.
func withoutCredentials(parameters map[string]string) map[string]string {
	kept := internLabels(parameters)
	maps.DeleteFunc(kept, func(name, value string) bool { return mayBeCredential(name, value) })
	if len(kept) == 0 {
		return nil
	}
	return kept
}
