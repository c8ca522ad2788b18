package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// logs are the verifier keys of the ledgers that are watched.
type logs []string

// verifier returns who verifies the checkpoints of an origin: the ledger with
// that name, or the one of which it is a later segment, which is a log of its
// own with the same key.
func (l logs) verifier(_ context.Context, origin string) (note.Verifier, bool, error) {
	for _, vkey := range l {
		name, _, _ := strings.Cut(vkey, "+")
		switch {
		case origin == name:
			v, err := note.NewVerifier(vkey)
			return v, err == nil, err
		case strings.HasPrefix(origin, name+"/"):
			v, err := renamed(vkey, origin)
			return v, err == nil, err
		}
	}
	return nil, false, nil
}

// renamed is a verifier with the same key under another name.
func renamed(vkey, name string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("verifier key %q: want name, hash and key", vkey)
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return nil, fmt.Errorf("verifier key %q: not an Ed25519 key", vkey)
	}
	again, err := note.NewEd25519VerifierKey(name, raw[1:])
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(again)
}
