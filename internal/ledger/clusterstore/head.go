// Package clusterstore keeps what the ledger keeps outside its volume, in the
// cluster: the signing key in a Secret, and the head mark in a ConfigMap.
package clusterstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// HeadName is the name of the ConfigMap that holds the head mark.
const HeadName = "holdfast-ledger-head"

// The keys of the ConfigMap: one for each part, so that an auditor takes the
// checkpoint and the verifier key away with a kubectl command.
const (
	ledgerIDKey    = "ledgerID"
	checkpointKey  = "checkpoint"
	verifierKeyKey = "verifier.key"
	holderKey      = "holder"
	timeKey        = "time"
)

// Head keeps the head mark in a ConfigMap. It is used by one process at a time;
// its methods may be used concurrently.
type Head struct {
	// ConfigMaps is a client of the operator's namespace, without a cache.
	ConfigMaps corev1client.ConfigMapInterface

	mu     sync.Mutex
	loaded *corev1.ConfigMap
}

// Load reads the head mark; nil if there is none.
func (h *Head) Load(ctx context.Context) (*ledger.Head, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	cm, err := h.ConfigMaps.Get(ctx, HeadName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		h.loaded = nil
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the head mark: %w", err)
	}
	h.loaded = cm
	return decodeHead(cm.Data)
}

func decodeHead(data map[string]string) (*ledger.Head, error) {
	head := &ledger.Head{
		LedgerID: data[ledgerIDKey], Checkpoint: data[checkpointKey], VerifierKey: data[verifierKeyKey], Holder: data[holderKey],
	}
	for _, key := range []string{ledgerIDKey, checkpointKey, verifierKeyKey} {
		if data[key] == "" {
			return nil, fmt.Errorf("read the head mark: ConfigMap %s has no key %s", HeadName, key)
		}
	}
	at, err := time.Parse(time.RFC3339Nano, data[timeKey])
	if err != nil {
		return nil, fmt.Errorf("read the head mark: ConfigMap %s, key %s: %w", HeadName, timeKey, err)
	}
	head.Time = ledger.At(at)
	return head, nil
}

func encodeHead(head ledger.Head) map[string]string {
	return map[string]string{
		ledgerIDKey: head.LedgerID, checkpointKey: head.Checkpoint, verifierKeyKey: head.VerifierKey,
		holderKey: head.Holder, timeKey: head.Time.Format(time.RFC3339Nano),
	}
}

// Save replaces the head mark that was loaded. The resourceVersion keeps two
// processes from replacing each other's.
func (h *Head) Save(ctx context.Context, head ledger.Head) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var saved *corev1.ConfigMap
	var err error
	if h.loaded == nil {
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: HeadName}, Data: encodeHead(head)}
		saved, err = h.ConfigMaps.Create(ctx, cm, metav1.CreateOptions{})
	} else {
		cm := h.loaded.DeepCopy()
		cm.Data = encodeHead(head)
		saved, err = h.ConfigMaps.Update(ctx, cm, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("write the head mark: ConfigMap %s: %w", HeadName, err)
	}
	h.loaded = saved
	return nil
}
