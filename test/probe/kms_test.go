package probe_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/kms/pkg/service"
)

// kms is a KMS v2 plugin. What it encrypts with is as good as in the clear.
type kms struct {
	socket string
	aead   cipher.AEAD

	mu    sync.Mutex
	keyID string
}

// startKMS serves a plugin over a unix socket until the test ends.
func startKMS(t *testing.T) *kms {
	t.Helper()
	dir, err := os.MkdirTemp("", "kms") // t.TempDir is too long a path for a socket
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	k := &kms{socket: filepath.Join(dir, "kms.sock"), aead: aead, keyID: "first"}
	server := service.NewGRPCService(k.socket, 5*time.Second, k)
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	t.Cleanup(func() {
		server.Shutdown()
		if err := errors.Join(<-ended, os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return k
}

// rotate has what is encrypted from now on be encrypted with another key.
func (k *kms) rotate(keyID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keyID = keyID
}

func (k *kms) current() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keyID
}

// Status implements service.Service, as do the others.
func (k *kms) Status(context.Context) (*service.StatusResponse, error) {
	return &service.StatusResponse{Version: "v2", Healthz: "ok", KeyID: k.current()}, nil
}

// Encrypt implements service.Service.
func (k *kms) Encrypt(_ context.Context, _ string, data []byte) (*service.EncryptResponse, error) {
	nonce := make([]byte, k.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return &service.EncryptResponse{Ciphertext: k.aead.Seal(nonce, nonce, data, nil), KeyID: k.current()}, nil
}

// Decrypt implements service.Service.
func (k *kms) Decrypt(_ context.Context, _ string, request *service.DecryptRequest) ([]byte, error) {
	size := k.aead.NonceSize()
	if len(request.Ciphertext) < size {
		return nil, errors.New("too short")
	}
	return k.aead.Open(nil, request.Ciphertext[:size], request.Ciphertext[size:], nil)
}
