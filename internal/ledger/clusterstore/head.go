// Package clusterstore keeps what the ledger keeps outside its volume, in the
// cluster: the signing key in a Secret, and the head mark in a ConfigMap.
package clusterstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
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
	// unanswered are the newest marks that could not be saved: any may be what is
	// stored.
	unanswered []map[string]string
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

// maxUnanswered is how many marks are remembered of which it is not known whether they
// were stored.
const maxUnanswered = 16

// Save replaces the head mark that was loaded. The resourceVersion keeps two
// processes from replacing each other's; one of our own of which no answer came, as
// when the process is told to stop, is in nobody's way.
func (h *Head) Save(ctx context.Context, head ledger.Head) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	data := encodeHead(head)
	err := h.write(ctx, data)
	if (apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)) && h.isOwn(ctx) {
		err = h.write(ctx, data)
	}
	if err != nil {
		h.unanswered = append(h.unanswered[max(0, len(h.unanswered)-maxUnanswered+1):], data)
		return fmt.Errorf("write the head mark: ConfigMap %s: %w", HeadName, err)
	}
	h.unanswered = nil
	return nil
}

// write replaces what was loaded.
func (h *Head) write(ctx context.Context, data map[string]string) error {
	var saved *corev1.ConfigMap
	var err error
	if h.loaded == nil {
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: HeadName}, Data: data}
		saved, err = h.ConfigMaps.Create(ctx, cm, metav1.CreateOptions{})
	} else {
		cm := h.loaded.DeepCopy()
		cm.Data = data
		saved, err = h.ConfigMaps.Update(ctx, cm, metav1.UpdateOptions{})
	}
	if err == nil {
		h.loaded = saved
	}
	return err
}

// isOwn is whether what is stored is a mark that this process sent without being
// answered. It is then what was loaded.
func (h *Head) isOwn(ctx context.Context) bool {
	if len(h.unanswered) == 0 {
		return false
	}
	stored, err := h.ConfigMaps.Get(ctx, HeadName, metav1.GetOptions{})
	if err != nil || !slices.ContainsFunc(h.unanswered, func(sent map[string]string) bool { return maps.Equal(sent, stored.Data) }) {
		return false
	}
	h.loaded = stored
	return true
}
