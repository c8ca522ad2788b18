//go:build velero

package velero_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/test/harness"
	"github.com/holdfast-dev/holdfast/test/velero"
)

// veleroManager is the field manager of Velero's server.
const veleroManager = "velero-server"

// What the controls of backups take for granted about Velero.
var _ = Describe("Velero", func() {
	const (
		ownLabel      = "example.com/own"
		templateLabel = "example.com/template"
		scheduleLabel = "velero.io/schedule-name"
	)

	It("leaves Schedules to their owners, but for skipImmediately, and labels Backups as their template says", func(ctx context.Context) {
		ns := namespace("facts-schedule")
		labelled := map[string]any{
			"includedNamespaces": []any{ns},
			"metadata":           map[string]any{"labels": map[string]any{templateLabel: "blue"}},
		}
		plain := map[string]any{"includedNamespaces": []any{ns}}
		schedules := map[string]*unstructured.Unstructured{
			"facts-labelled": shared.Schedule("facts-labelled", "* * * * *", labelled),
			"facts-plain":    shared.Schedule("facts-plain", "* * * * *", plain),
			"facts-paused":   shared.Schedule("facts-paused", "* * * * *", plain),
			"facts-wrong":    shared.Schedule("facts-wrong", "61 * * * *", plain),
		}
		Expect(unstructured.SetNestedField(schedules["facts-paused"].Object, true, "spec", "paused")).To(Succeed())
		for _, schedule := range schedules {
			schedule.SetLabels(map[string]string{ownLabel: "schedule"})
			create(schedule)
			DeferCleanup(func(ctx context.Context) { Expect(shared.Delete(ctx, schedule)).To(Succeed()) })
		}

		of := firstBackup("facts-labelled")
		Expect(of.GetLabels()).To(And(HaveKeyWithValue(templateLabel, "blue"), HaveKeyWithValue(scheduleLabel, "facts-labelled"), Not(HaveKey(ownLabel))))
		of = firstBackup("facts-plain")
		Expect(of.GetLabels()).To(And(HaveKeyWithValue(ownLabel, "schedule"), HaveKeyWithValue(scheduleLabel, "facts-plain")))
		Expect(of.GetFinalizers()).To(BeEmpty())

		ran := []string{".spec.skipImmediately", ".status", ".status.lastBackup", ".status.phase"}
		want := map[string][]string{
			"facts-labelled": ran,
			"facts-plain":    ran,
			"facts-paused":   nil,
			"facts-wrong":    {".spec.skipImmediately", ".status", ".status.phase", ".status.validationErrors"},
		}
		for name, schedule := range schedules {
			Expect(shared.Get(ctx, client.ObjectKeyFromObject(schedule), schedule)).To(Succeed())
			Expect(writtenByVelero(schedule)).To(Equal(want[name]), name)
		}
		Expect(velero.Phase(schedules["facts-wrong"])).To(Equal("FailedValidation"))
		Expect(backupsOf("facts-paused")).To(BeEmpty())
	})

	It("completes a backup without the data of a volume, and its status does not tell", func() {
		ns := namespace("facts-volume")
		bindVolume(ns, "data", "facts-volume")
		specs := map[string]map[string]any{
			"facts-volume":       {},
			"facts-volume-none":  {"snapshotVolumes": false},
			"facts-volume-files": {"defaultVolumesToFsBackup": true},
			"facts-volume-moved": {"snapshotMoveData": true},
			"facts-volume-asked": {"snapshotVolumes": true},
		}
		for name, spec := range specs {
			spec["includedNamespaces"] = []any{ns}
			contents := runBackup(name, spec)
			Expect(contents.Has("persistentvolumeclaims", ns, "data")).To(BeTrue(), name)
			Expect(contents.Has("persistentvolumes", "", "facts-volume")).To(BeTrue(), name)

			stored := get(velero.KindBackup, name)
			Expect(statusFields(stored)).To(Equal([]string{"completionTimestamp", "expiration", "formatVersion", "hookStatus",
				"phase", "progress", "startTimestamp", "version"}), name)
			Expect(volumesOf(name)).To(Equal([]volumeInfo{{Namespace: ns, Claim: "data", Skipped: true}}), name)
		}
	})

	It("takes an excluded namespace out of what globs select, and refuses a backup that names it", func(ctx context.Context) {
		ns := namespace("facts-excluded", "velero.io/exclude-from-backup", "true")
		create(configMap(ns, "prices"))
		Expect(runBackup("facts-excluded-glob", map[string]any{"includedNamespaces": []any{"facts-excl*"}})).To(BeEmpty())
		named := shared.Backup("facts-excluded-named", map[string]any{"includedNamespaces": []any{ns}})
		create(named)
		refused, err := shared.AwaitPhase(ctx, velero.KindBackup, named.GetName(), "FailedValidation")
		Expect(err).NotTo(HaveOccurred())
		Expect(statusFields(refused)).NotTo(Or(ContainElement("startTimestamp"), ContainElement("completionTimestamp")))
		Expect(statusFields(refused)).To(ContainElement("expiration"))
		for _, name := range []string{"facts-excluded-glob", "facts-excluded-named"} {
			excluded, _, err := unstructured.NestedStringSlice(get(velero.KindBackup, name).Object, "spec", "excludedNamespaces")
			Expect(err).NotTo(HaveOccurred())
			Expect(excluded).To(ContainElement(ns), name)
		}
	})

	It("deletes what it is asked to delete, and what has expired, from the store as well", func(ctx context.Context) {
		runBackup("facts-kept", map[string]any{"includedNamespaces": []any{"default"}})
		runBackup("facts-deleted", map[string]any{"includedNamespaces": []any{"default"}})
		runBackup("facts-expired", map[string]any{"includedNamespaces": []any{"default"}, "ttl": "1s"})
		Expect(shared.DeleteBackup(ctx, "facts-deleted")).To(Succeed())
		awaitGone("facts-deleted")
		awaitGone("facts-expired")
		_, err := shared.Contents("facts-kept")
		Expect(err).NotTo(HaveOccurred())
	})
})

// get reads an object of the shared Velero.
func get(kind, name string) *unstructured.Unstructured {
	GinkgoHelper()
	object := shared.New(kind, name)
	Expect(shared.Get(context.Background(), client.ObjectKeyFromObject(object), object)).To(Succeed())
	return object
}

// backupsOf lists the backups of a schedule of the shared Velero.
func backupsOf(schedule string) []unstructured.Unstructured {
	GinkgoHelper()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("velero.io/v1")
	list.SetKind("BackupList")
	Expect(shared.List(context.Background(), list, client.InNamespace(shared.Namespace),
		client.MatchingLabels{"velero.io/schedule-name": schedule})).To(Succeed())
	return list.Items
}

// firstBackup waits until a schedule has a completed backup.
func firstBackup(schedule string) *unstructured.Unstructured {
	GinkgoHelper()
	var first *unstructured.Unstructured
	harness.EventuallyWithin(newTB(), velero.Patience, "a backup of "+schedule+" is completed", func() error {
		all := backupsOf(schedule)
		i := slices.IndexFunc(all, func(b unstructured.Unstructured) bool { return velero.Phase(&b) == "Completed" })
		if i < 0 {
			return fmt.Errorf("there are %d, none of them completed", len(all))
		}
		first = &all[i]
		return nil
	})
	return first
}

// awaitGone waits until a backup is gone, and its files with it.
func awaitGone(name string) {
	GinkgoHelper()
	harness.Eventually(newTB(), "backup "+name+" is gone", func() error {
		backup := shared.New(velero.KindBackup, name)
		if err := shared.Get(context.Background(), client.ObjectKeyFromObject(backup), backup); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is %q: %w", velero.Phase(backup), err)
		}
		if _, err := os.Stat(filepath.Dir(shared.BackupFile(name, ""))); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("its folder is there: %w", err)
		}
		return nil
	})
}

// writtenByVelero are the fields of an object that Velero's server owns, sorted.
func writtenByVelero(object *unstructured.Unstructured) []string {
	GinkgoHelper()
	var all []string
	for _, entry := range object.GetManagedFields() {
		if entry.Manager != veleroManager {
			continue
		}
		var fields map[string]any
		Expect(json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields)).To(Succeed())
		all = append(all, paths(fields, "")...)
	}
	slices.Sort(all)
	return all
}

// paths are the paths in the fields of a manager.
func paths(fields map[string]any, above string) []string {
	var all []string
	for key, value := range fields {
		name, isField := strings.CutPrefix(key, "f:")
		below, _ := value.(map[string]any)
		switch {
		case !isField:
			all = append(all, above)
		case len(below) == 0:
			all = append(all, above+"."+name)
		default:
			all = append(all, paths(below, above+"."+name)...)
		}
	}
	return all
}

// statusFields are the names of the fields in a status, but for counts of warnings.
func statusFields(object *unstructured.Unstructured) []string {
	GinkgoHelper()
	status, _, err := unstructured.NestedMap(object.Object, "status")
	Expect(err).NotTo(HaveOccurred())
	var all []string
	for field := range status {
		if field != "warnings" {
			all = append(all, field)
		}
	}
	slices.Sort(all)
	return all
}

// volumeInfo is what Velero says in a file about the volume of a claim.
type volumeInfo struct {
	Namespace string `json:"pvcNamespace"`
	Claim     string `json:"pvcName"`
	Skipped   bool   `json:"skipped"`
}

// volumesOf reads what Velero says about the volumes of a backup.
func volumesOf(backup string) []volumeInfo {
	GinkgoHelper()
	content, err := shared.ReadBackupFile(backup, "-volumeinfo.json.gz")
	Expect(err).NotTo(HaveOccurred())
	var all []volumeInfo
	Expect(json.Unmarshal(content, &all)).To(Succeed())
	return all
}

// bindVolume creates a claim and a volume of it, and waits until they are bound.
func bindVolume(namespace, claim, volume string) {
	GinkgoHelper()
	const class = "by-hand"
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	pv := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: volume},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: size, AccessModes: modes, StorageClassName: class,
			ClaimRef:               &corev1.ObjectReference{Namespace: namespace, Name: claim},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "csi.example.com", VolumeHandle: volume}},
		},
	}
	pvc := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: claim},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: modes, StorageClassName: new(class), VolumeName: volume,
			Resources: corev1.VolumeResourceRequirements{Requests: size},
		},
	}
	create(pv, pvc)
	DeferCleanup(func(ctx context.Context) { Expect(cluster.Delete(ctx, pv)).To(Succeed()) })
	harness.Eventually(newTB(), "the claim is bound", func() error {
		if err := cluster.Get(context.Background(), client.ObjectKeyFromObject(pvc), pvc); err != nil {
			return err
		}
		if pvc.Status.Phase != corev1.ClaimBound {
			return fmt.Errorf("it is %s", pvc.Status.Phase)
		}
		return nil
	})
}
