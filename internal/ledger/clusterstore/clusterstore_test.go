package clusterstore

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

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
	t.Run("signing key", func(t *testing.T) { testKey(t, client) })
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
