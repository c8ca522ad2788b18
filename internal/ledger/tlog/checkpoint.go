// Package tlog keeps one Merkle tree of the ledger in a directory, in the
// format of C2SP tlog-tiles, with signed checkpoints. It owns Tessera, and
// guards it: Tessera starts an empty tree where its state file is missing, and
// signs whatever that file says.
package tlog

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
)

const originPrefix = "holdfast.dev/ledger/"

// Origin is the checkpoint origin, and the name of the signing key, of a
// segment of a ledger. Each segment is a tree of its own: it needs an origin of
// its own, or its checkpoints would look like a fork of the first segment's.
func Origin(ledgerID string, segment uint64) string {
	if segment == 0 {
		return originPrefix + ledgerID
	}
	return originPrefix + ledgerID + "/" + strconv.FormatUint(segment, 10)
}

// ParseOrigin is the inverse of Origin.
func ParseOrigin(origin string) (ledgerID string, segment uint64, err error) {
	rest, ok := strings.CutPrefix(origin, originPrefix)
	if !ok {
		return "", 0, fmt.Errorf("origin %q does not begin with %q", origin, originPrefix)
	}
	ledgerID, number, cut := strings.Cut(rest, "/")
	if cut {
		if segment, err = strconv.ParseUint(number, 10, 64); err != nil {
			return "", 0, fmt.Errorf("origin %q: %w", origin, err)
		}
	}
	if Origin(ledgerID, segment) != origin {
		return "", 0, fmt.Errorf("origin %q is not in its shortest form", origin)
	}
	return ledgerID, segment, nil
}

// VerifierKey is the note verifier key of an origin.
func VerifierKey(origin string, key ed25519.PublicKey) (string, error) {
	return note.NewEd25519VerifierKey(origin, key)
}

// PublicKey returns the public key inside a verifier key, whatever its name.
func PublicKey(vkey string) (ed25519.PublicKey, error) {
	if _, err := note.NewVerifier(vkey); err != nil {
		return nil, fmt.Errorf("verifier key: %w", err)
	}
	parts := strings.SplitN(vkey, "+", 3) // name, hash, key: only the key may hold a plus
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return nil, errors.New("verifier key: not an Ed25519 key")
	}
	return ed25519.PublicKey(raw[1:]), nil
}

// Checkpoint is the signed size and root of a tree.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   []byte
	// Note is the signed note.
	Note []byte
}

// Sign returns the checkpoint of a tree. The same tree and key give the same bytes.
func Sign(origin string, key ed25519.PrivateKey, size uint64, root []byte) (*Checkpoint, error) {
	s, err := newSigner(origin, key)
	if err != nil {
		return nil, err
	}
	text := log.Checkpoint{Origin: origin, Size: size, Hash: root}.Marshal()
	signed, err := note.Sign(&note.Note{Text: string(text)}, s)
	if err != nil {
		return nil, fmt.Errorf("sign a checkpoint: %w", err)
	}
	return &Checkpoint{Origin: origin, Size: size, Root: root, Note: signed}, nil
}

// OpenCheckpoint verifies a checkpoint of an origin. It accepts one form only:
// one signature, and every byte as Sign writes it.
func OpenCheckpoint(raw []byte, origin string, key ed25519.PublicKey) (*Checkpoint, error) {
	vkey, err := VerifierKey(origin, key)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	cp, rest, n, err := log.ParseCheckpoint(raw, origin, v)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if len(rest) > 0 || len(n.Sigs) != 1 || len(n.UnverifiedSigs) > 0 {
		return nil, errors.New("checkpoint: more than three lines and one signature")
	}
	if err := strictBase64(n.Sigs[0].Base64); err != nil {
		return nil, err
	}
	want := fmt.Sprintf("%s\n— %s %s\n", n.Text, n.Sigs[0].Name, n.Sigs[0].Base64)
	text := log.Checkpoint{Origin: origin, Size: cp.Size, Hash: cp.Hash}.Marshal()
	if !bytes.Equal(raw, []byte(want)) || n.Text != string(text) {
		return nil, errors.New("checkpoint: not in the form that it is written in")
	}
	return &Checkpoint{Origin: origin, Size: cp.Size, Root: cp.Hash, Note: raw}, nil
}

// ParseOriginOf returns the origin that a checkpoint names, unverified.
func ParseOriginOf(raw []byte) (string, error) {
	var cp log.Checkpoint
	if _, err := cp.Unmarshal(raw); err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	return cp.Origin, nil
}

// strictBase64 refuses an encoding whose unused bits are set: a changed byte
// would go unnoticed there.
func strictBase64(s string) error {
	if _, err := base64.StdEncoding.Strict().DecodeString(s); err != nil {
		return fmt.Errorf("checkpoint: signature: %w", err)
	}
	return nil
}

// signer signs notes with an Ed25519 key.
type signer struct {
	name string
	hash uint32
	key  ed25519.PrivateKey
}

func newSigner(name string, key ed25519.PrivateKey) (note.Signer, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok || len(key) != ed25519.PrivateKeySize {
		return nil, errors.New("not an Ed25519 key")
	}
	vkey, err := VerifierKey(name, public)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	return &signer{name: name, hash: v.KeyHash(), key: key}, nil
}

func (s *signer) Name() string                    { return s.name }
func (s *signer) KeyHash() uint32                 { return s.hash }
func (s *signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// Unverified returns the size and the root that a checkpoint names, unverified.
func Unverified(raw []byte) (size uint64, root []byte, err error) {
	var cp log.Checkpoint
	if _, err := cp.Unmarshal(raw); err != nil {
		return 0, nil, fmt.Errorf("checkpoint: %w", err)
	}
	return cp.Size, cp.Hash, nil
}

// SizeOf returns the size that a checkpoint names, unverified.
func SizeOf(raw []byte) (uint64, error) {
	var cp log.Checkpoint
	if _, err := cp.Unmarshal(raw); err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	return cp.Size, nil
}
