package clusterstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

func TestClusterStore(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	client, err := kubernetes.NewForConfig(cp.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("head mark", func(t *testing.T) { testHead(t, client) })
	t.Run("head mark without an answer", func(t *testing.T) { testUnansweredHead(t, client) })
	t.Run("signing key", func(t *testing.T) { testKey(t, client) })
	t.Run("records", func(t *testing.T) { testRecords(t, cp) })
}

func testRecords(t *testing.T, cp *controlplane.ControlPlane) {
	ctx := t.Context()
	client, err := dynamic.NewForConfig(cp.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	records := Records{Client: client}
	if got, err := records.Newest(ctx); got != nil || err != nil {
		t.Fatalf("before the kind is installed: got %v, %v", got, err)
	}
	if err := controlplane.InstallCRDs(ctx, cp.RESTConfig(), "../../../config/crd/bases"); err != nil {
		t.Fatal(err)
	}
	if got, err := records.Newest(ctx); got != nil || err != nil {
		t.Fatalf("before the first: got %v, %v", got, err)
	}
	data, err := os.ReadFile("../../../api/v1alpha1/testdata/evidencerecord.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// More than a page: the newest one is neither the first nor the last.
	for i := range recordPage + 10 {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(data, &object.Object); err != nil {
			t.Fatal(err)
		}
		object.SetName(fmt.Sprintf("record-%03d", i))
		completed, note := fmt.Sprintf("2026-03-01T06:%02d:00Z", i%60), fmt.Sprintf("note %d", i)
		if i == recordPage+2 {
			completed = "2026-03-01T07:00:00Z"
		}
		for path, value := range map[string]string{"completedAt": completed, "checkpoint.note": note} {
			if err := unstructured.SetNestedField(object.Object, value, append([]string{"spec"}, strings.Split(path, ".")...)...); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := client.Resource(v1alpha1.GroupVersion.WithResource("evidencerecords")).Create(ctx, object, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := records.Newest(ctx)
	if err != nil || got == nil {
		t.Fatalf("got %v, %v", got, err)
	}
	want := ledger.Head{LedgerID: "0123456789abcdef0123456789abcdef", Checkpoint: fmt.Sprintf("note %d", recordPage+2), VerifierKey: got.VerifierKey,
		Time: ledger.At(time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC))}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("what the newest record keeps (-want +got):\n%s", diff)
	}
}

func testHead(t *testing.T, client kubernetes.Interface) {
	ctx := t.Context()
	ours, theirs := &Head{ConfigMaps: client.CoreV1().ConfigMaps("default")}, &Head{ConfigMaps: client.CoreV1().ConfigMaps("default")}
	for _, h := range []*Head{ours, theirs} {
		if got, err := h.Load(ctx); got != nil || err != nil {
			t.Fatalf("before the first: got %v, %v", got, err)
		}
	}
	want := ledger.Head{
		LedgerID: "id", Checkpoint: "origin\n1\nroot\n\n— origin sig\n", VerifierKey: "vkey", Holder: "pod",
		Time: ledger.At(time.Unix(1_700_000_000, 123_456_000)),
	}
	if err := ours.Save(ctx, want); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Save(ctx, want); !apierrors.IsAlreadyExists(err) {
		t.Errorf("a second first one: got %v, want AlreadyExists", err)
	}
	got, err := theirs.Load(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("head mark (-want +got):\n%s", diff)
	}
	want.Checkpoint = "another"
	for range 2 {
		if err := ours.Save(ctx, want); err != nil {
			t.Fatal(err)
		}
	}
	if err := theirs.Save(ctx, want); !apierrors.IsConflict(err) {
		t.Errorf("over one that was not seen: got %v, want a conflict", err)
	}
	damaged, err := client.CoreV1().ConfigMaps("default").Get(ctx, HeadName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	delete(damaged.Data, checkpointKey)
	if _, err := client.CoreV1().ConfigMaps("default").Update(ctx, damaged, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, err := theirs.Load(ctx); got != nil || err == nil {
		t.Errorf("without its checkpoint: got %v, %v, want an error", got, err)
	}
	if err := client.CoreV1().ConfigMaps("default").Delete(ctx, HeadName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := ours.Save(ctx, want); !apierrors.IsNotFound(err) {
		t.Errorf("over one that is gone: got %v, want NotFound", err)
	}
}

// testUnansweredHead: a mark that was stored although no answer came, at first and
// later, does not keep its own process from writing the next one, but any other.
func testUnansweredHead(t *testing.T, client kubernetes.Interface) {
	ctx := t.Context()
	configMaps := client.CoreV1().ConfigMaps("default")
	ours := &Head{ConfigMaps: configMaps}
	mark := func(n int) ledger.Head {
		return ledger.Head{LedgerID: "id", Checkpoint: fmt.Sprintf("note %d", n), VerifierKey: "vkey", Holder: "pod", Time: ledger.At(time.Unix(1_700_000_000, 0))}
	}
	for n := range 2 {
		ours.ConfigMaps = lossy{configMaps}
		for lost := range 2 { // only the first takes effect
			if err := ours.Save(ctx, mark(10*n+lost)); err == nil {
				t.Fatal("saved without an answer")
			}
		}
		theirs := &Head{ConfigMaps: configMaps, loaded: ours.loaded}
		if err := theirs.Save(ctx, mark(100)); err == nil {
			t.Error("another process saved over a mark that it had not seen")
		}
		ours.ConfigMaps = configMaps
		want := mark(10*n + 5)
		if err := ours.Save(ctx, want); err != nil {
			t.Fatal(err)
		}
		got, err := (&Head{ConfigMaps: configMaps}).Load(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("head mark (-want +got):\n%s", diff)
		}
	}
	if err := configMaps.Delete(ctx, HeadName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// lossy loses the answers to what is written.
type lossy struct {
	corev1client.ConfigMapInterface
}

func (l lossy) Create(ctx context.Context, cm *corev1.ConfigMap, options metav1.CreateOptions) (*corev1.ConfigMap, error) {
	_, err := l.ConfigMapInterface.Create(ctx, cm, options)
	return nil, errors.Join(err, context.Canceled)
}

func (l lossy) Update(ctx context.Context, cm *corev1.ConfigMap, options metav1.UpdateOptions) (*corev1.ConfigMap, error) {
	_, err := l.ConfigMapInterface.Update(ctx, cm, options)
	return nil, errors.Join(err, context.Canceled)
}

func testKey(t *testing.T, client kubernetes.Interface) {
	ctx := t.Context()
	secrets := client.CoreV1().Secrets("default")
	first, err := Key{Secrets: secrets}.Key(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Key{Secrets: secrets}.Key(ctx)
	if err != nil || !first.Equal(second) {
		t.Errorf("the key changed: %v", err)
	}
	if _, err := (Key{Secrets: secrets}).create(ctx); !apierrors.IsAlreadyExists(err) {
		t.Errorf("over a key that somebody else made: got %v, want AlreadyExists", err)
	}
	if err := secrets.Delete(ctx, KeyName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	damaged := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: KeyName}, Data: map[string][]byte{keyKey: []byte("damaged")}}
	if _, err := secrets.Create(ctx, damaged, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := (Key{Secrets: secrets}).Key(ctx); err == nil {
		t.Error("a damaged key was accepted, or replaced")
	}
}
