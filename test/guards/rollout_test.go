package guards_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

func statefulSet(name, class string) string {
	spec := ""
	if class != "-" {
		spec = fmt.Sprintf("storageClassName: '%s', ", class)
	}
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: %[1]s, namespace: %[2]s}, spec: {serviceName: s, replicas: 1,
		selector: {matchLabels: {app: %[1]s}}, template: {metadata: {labels: {app: %[1]s}}, spec: {containers: [{name: c, image: registry.example.com/c}]}},
		volumeClaimTemplates: [{metadata: {name: data}, spec: {%[3]saccessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}}`, name, vaulted, spec)
}

// TestStatefulSets: whoever makes a StatefulSet is warned, and the claims that the
// controller makes for it are refused.
func TestStatefulSets(t *testing.T) {
	u, _ := guarded(t, volumeInput("sets", nil))
	const warning = "a claim template is of a StorageClass that"
	for name, tc := range map[string]struct {
		class string
		warn  bool
	}{
		"a listed class":  {"encrypted", false},
		"another class":   {"plain", true},
		"no class":        {"-", false},
		"the empty class": {"", true},
	} {
		t.Run(name, func(t *testing.T) {
			// The controller knows the policy a moment after the claims' policy works.
			u.eventually("it is warned of as wanted", func() bool {
				if err := u.try(read(t, statefulSet("dry", tc.class))); err != nil {
					t.Fatalf("refused: %v", err)
				}
				return strings.Contains(strings.Join(u.warned, " "), warning) == tc.warn
			})
		})
	}
	u.create(read(t, statefulSet("bad", "plain")))
	u.create(read(t, statefulSet("good", "encrypted")))
	claims := func(set string) bool {
		list, err := u.at(read(t, claim(vaulted, "-"))).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + set})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			u.remove(&list.Items[i])
		}
		return len(list.Items) > 0
	}
	u.eventually("the controller made the claim that is let through", func() bool { return claims("good") })
	u.eventually("the controller tells of the refusal", func() bool {
		events, err := u.at(read(t, "{apiVersion: v1, kind: Event, metadata: {namespace: "+vaulted+"}}")).List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=bad"})
		return err == nil && strings.Contains(fmt.Sprint(events.Items), "StorageClass plain is not encrypted")
	})
	if claims("bad") {
		t.Error("the controller made a claim of a class that is not encrypted")
	}
}

// TestWithoutParameters: with the list of classes gone, a guard that refuses lets
// nothing through, and one that is only tried out refuses nothing.
func TestWithoutParameters(t *testing.T) {
	for rollout, refused := range map[v1alpha1.GuardRollout]bool{v1alpha1.GuardDeny: true, v1alpha1.GuardWarn: false} {
		t.Run(string(rollout), func(t *testing.T) {
			u, in := guarded(t, volumeInput("bare-"+strings.ToLower(string(rollout)), func(v *v1alpha1.VolumeEncryption) { v.Guard.Rollout = rollout }))
			parameters := in.Snapshot.Guards[0]
			u.remove(objectOf(&control.Change{APIVersion: parameters.APIVersion, Kind: parameters.Kind, Name: parameters.Name}))
			u.eventually("the API server knows that they are gone", func() bool {
				err := u.try(read(t, claim(vaulted, "encrypted")))
				return (err != nil) == refused && (refused || u.try(read(t, claim(vaulted, "plain"))) == nil && len(u.warned) == 0)
			})
		})
	}
}

// TestGuardsOutliveRestarts: an API server that starts again refuses from the first
// claim on that it takes at all.
func TestGuardsOutliveRestarts(t *testing.T) {
	u, _ := guarded(t, volumeInput("restart", nil))
	if err := shared.StopAPIServer(0); err != nil {
		t.Fatal(err)
	}
	if err := shared.StartAPIServer(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := u.try(read(t, claim(vaulted, "plain"))); err == nil || !strings.Contains(err.Error(), "holdfast-guard-storage-claims-restart") {
		t.Errorf("the first claim after a restart: %v", err)
	}
}

// TestLargestGuard: what a guard lets through it lets through, however much a control
// states, and however many classes there are: what expressions cost is bounded.
func TestLargestGuard(t *testing.T) {
	in := volumeInput("largest", largest)
	in.Snapshot.StorageClasses = nil
	for i := range 1024 {
		in.Snapshot.StorageClasses = append(in.Snapshot.StorageClasses, control.StorageClass{
			Meta: control.Meta{Name: fmt.Sprintf("%s-%04d", strings.Repeat("c", 248), i)}, Provisioner: "rbd.csi.ceph.com", Parameters: map[string]string{"encrypted": "true"}})
	}
	u, _ := guarded(t, in)
	rules, attestations := in.Control.EncryptionAtRest.Volumes.Provisioners, in.Control.EncryptionAtRest.Volumes.Attestations
	last := class("c", rules[len(rules)-1].Provisioner, "", "")
	parameters := map[string]any{}
	for name, value := range rules[len(rules)-1].Parameters {
		parameters[name] = string(value)
	}
	last.Object["parameters"] = parameters
	handles := attestations[len(attestations)-1].VolumeHandles
	for _, object := range []*unstructured.Unstructured{
		read(t, claim(vaulted, in.Snapshot.StorageClasses[1023].Name)), last,
		read(t, volume("", fmt.Sprintf("csi: {driver: x.example.com, volumeHandle: %s}", handles[len(handles)-1]))),
	} {
		if err := u.try(object); err != nil {
			t.Errorf("%s is refused: %.300v", object.GetKind(), err.Error())
		}
	}
}

// TestWarnings: in rollout Warn nothing is refused, and whoever asks is told; in
// rollout Audit not even that.
func TestWarnings(t *testing.T) {
	for rollout, warn := range map[v1alpha1.GuardRollout]bool{v1alpha1.GuardWarn: true, v1alpha1.GuardAudit: false} {
		t.Run(string(rollout), func(t *testing.T) {
			u, _ := guarded(t, volumeInput("mild-"+strings.ToLower(string(rollout)), func(v *v1alpha1.VolumeEncryption) { v.Guard.Rollout = rollout }))
			for _, object := range []*unstructured.Unstructured{
				read(t, claim(vaulted, "plain")), class("plain", "ebs.csi.aws.com", "", ""), read(t, volume("", "hostPath: {path: /srv}")),
			} {
				if err := u.try(object); err != nil {
					t.Errorf("%s is refused: %v", object.GetKind(), err)
				}
				if got := strings.Contains(strings.Join(u.warned, " "), "holdfast-guard-"); got != warn {
					t.Errorf("%s: warned is %v, want %v: %q", object.GetKind(), got, warn, u.warned)
				}
			}
		})
	}
}
