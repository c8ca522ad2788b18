package clusterstore

import (
	"context"
	"crypto/ed25519"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// KeyName is the name of the Secret that holds the signing key.
const KeyName = "holdfast-ledger-key"

const keyKey = "key.pem"

// Key keeps the signing key in a Secret.
type Key struct {
	// Secrets is a client of the operator's namespace, without a cache.
	Secrets corev1client.SecretInterface
}

// Key reads the Secret, and creates it where there is none. It never replaces
// one: if another process created it meanwhile, that key is used.
func (k Key) Key(ctx context.Context) (ed25519.PrivateKey, error) {
	secret, err := k.Secrets.Get(ctx, KeyName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		secret, err = k.create(ctx)
	}
	if apierrors.IsAlreadyExists(err) {
		secret, err = k.Secrets.Get(ctx, KeyName, metav1.GetOptions{})
	}
	if err != nil {
		return nil, fmt.Errorf("signing key: Secret %s: %w", KeyName, err)
	}
	key, err := ledger.DecodeKey(secret.Data[keyKey])
	if err != nil {
		return nil, fmt.Errorf("signing key: Secret %s, key %s: %w", KeyName, keyKey, err)
	}
	return key, nil
}

func (k Key) create(ctx context.Context) (*corev1.Secret, error) {
	key, err := ledger.NewKey()
	if err != nil {
		return nil, err
	}
	data, err := ledger.EncodeKey(key)
	if err != nil {
		return nil, err
	}
	return k.Secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: KeyName}, Immutable: new(true), Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{keyKey: data},
	}, metav1.CreateOptions{})
}
