package ledger

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// KeyStore keeps the ledger's signing key.
type KeyStore interface {
	// Key returns the key, and makes one where there is none. It never replaces one.
	Key(context.Context) (ed25519.PrivateKey, error)
}

const pemType = "PRIVATE KEY"

// NewKey makes a signing key.
func NewKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// EncodeKey returns a key as PKCS #8 in PEM.
func EncodeKey(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the signing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}

// DecodeKey reads what EncodeKey wrote. Its errors do not contain the key.
func DecodeKey(data []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != pemType {
		return nil, errors.New("signing key: not a PRIVATE KEY in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("signing key: not PKCS #8")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("signing key: not an Ed25519 key")
	}
	return key, nil
}

// FileKey keeps the key in a file that only its owner may read, for a local run.
type FileKey struct{ Path string }

// Key reads the file, and makes it where it does not exist.
func (f FileKey) Key(context.Context) (ed25519.PrivateKey, error) {
	data, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return f.create()
	}
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return DecodeKey(data)
}

// create writes a new key to a temporary file and links it into place: a crash
// leaves no half key, and a key that appeared meanwhile is not replaced.
func (f FileKey) create() (ed25519.PrivateKey, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	data, err := EncodeKey(key)
	if err != nil {
		return nil, err
	}
	if err := volume.MkdirAll(filepath.Dir(f.Path)); err != nil {
		return nil, err
	}
	temp, err := os.CreateTemp(filepath.Dir(f.Path), filepath.Base(f.Path)+".*"+volume.TempSuffix)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Link(temp.Name(), f.Path)
	}
	if err := errors.Join(err, os.Remove(temp.Name())); err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return key, volume.SyncDir(filepath.Dir(f.Path))
}
