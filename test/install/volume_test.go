package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/test/harness"
)

func withoutVolume(t *testing.T, s *scene) {
	s.erase(t)
	notes := s.install(t, s.Chart(), "--set", "ledger.persistence.enabled=false")
	wantText(t, "helm's output", notes, "WARNING: the ledger has no volume", "NotDurable", "ledger.persistence.enabled=true")
	s.Apply(t, baseline())
	s.awaitCondition(t, policy, "EvidenceRecorded", "False/NotDurable")
	// What the release before applied is still there, and is judged.
	s.awaitCondition(t, policy, "Conforming", "True/AllConforming")
	s.awaitCondition(t, policy, "Ready", "True/")
	s.pod(t)
}

// withoutStorageClass has helm say what is missing, in the stead of a pod that
// waits for ever.
func withoutStorageClass(t *testing.T, s *scene) {
	s.erase(t)
	s.makeNamespace(t)
	args := []string{"--namespace", system, "install", release, s.Chart()}
	if out, err := s.try(s.helm, append(args, "--set", "ledger.persistence.storageClassName=fast")...); err == nil {
		t.Errorf("helm installs with a class that does not exist:\n%s", out)
	} else {
		wantText(t, "helm's error", out, `ledger.persistence.storageClassName: the cluster has no storage class "fast": create it, or name another`)
	}
	const isDefault = "storageclass.kubernetes.io/is-default-class"
	s.kubectl(t, "annotate", "storageclass", harness.StorageClass, isDefault+"-")
	defer s.kubectl(t, "annotate", "storageclass", harness.StorageClass, isDefault+"=true")
	if out, err := s.try(s.helm, args...); err == nil {
		t.Errorf("helm installs without a default class:\n%s", out)
	} else {
		wantText(t, "helm's error", out, "ledger.persistence: the cluster has no default storage class", "ledger.persistence.storageClassName", "ledger.persistence.existingClaim")
	}
}

// onForeignVolume has the operator find a volume that its user may not write.
func onForeignVolume(t *testing.T, s *scene) {
	s.erase(t)
	dir := t.TempDir()
	open(t, dir)
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	s.installOn(t, dir)
	s.unavailable(t, "permission denied")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	s.available(t)
}

// onFailingVolume has the operator find a volume that is read-only, and one that
// runs full meanwhile, and come back from both by itself.
func onFailingVolume(t *testing.T, s *scene) {
	s.erase(t)
	dir := t.TempDir()
	open(t, dir)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, tmpfs); err != nil {
		t.Fatalf("mount a volume: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	remount(t, dir, unix.MS_RDONLY)
	s.installOn(t, dir)
	s.unavailable(t, "the ledger's volume is read-only")
	remount(t, dir, 0)
	s.available(t)

	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	s.Namespace(t, "billing", "tier", "production") // is to be recorded
	s.unavailable(t, "the ledger's volume is full")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.available(t)
}

// tmpfs are the options of a volume that is soon full.
const tmpfs = "size=40m,mode=777"

// open lets the pod's user into a directory of the test.
func open(t *testing.T, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// remount mounts a volume anew, which nobody writes to.
func remount(t *testing.T, dir string, flags uintptr) {
	t.Helper()
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|flags, tmpfs); err != nil {
		t.Fatal(err)
	}
}

// fill writes a file until there is no room.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 1<<16); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("fill the volume: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// installOn installs the chart on a volume that was made by hand, with a policy.
// The release ends before the volume does.
func (s *scene) installOn(t *testing.T, dir string) {
	t.Helper()
	t.Cleanup(func() { s.erase(t) })
	s.makeNamespace(t)
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "by-hand-"},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: size, AccessModes: modes, PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: dir}},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		},
	}
	if err := s.Create(t.Context(), volume); err != nil {
		t.Fatal(err)
	}
	byHand := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "by-hand"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: modes, StorageClassName: new(""), VolumeName: volume.Name, Resources: corev1.VolumeResourceRequirements{Requests: size},
		},
	}
	if err := s.Create(t.Context(), byHand); err != nil {
		t.Fatal(err)
	}
	s.install(t, s.Chart(), "--set", "ledger.persistence.existingClaim=by-hand")
	s.Apply(t, baseline())
}

// unavailable waits until the policy and the log say why nothing is recorded. The
// operator goes on.
func (s *scene) unavailable(t *testing.T, why string) {
	t.Helper()
	harness.Eventually(t, "EvidenceRecorded says "+why, func() error {
		if got := s.condition(t, policy, "EvidenceRecorded"); !strings.HasPrefix(got, "False/LedgerUnavailable") || !strings.Contains(got, why) {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})
	s.awaitLog(t, why)
	s.awaitCondition(t, policy, "Ready", "True/")
	wantText(t, "the rollout", s.kubectl(t, "rollout", "status", "deployment/holdfast", "--watch=false"), "successfully rolled out")
}

// available waits until everything is recorded, by the process that has run all
// the time.
func (s *scene) available(t *testing.T) {
	t.Helper()
	s.awaitCondition(t, policy, "EvidenceRecorded", "True/Recorded")
	s.pod(t)
}
