package anchor

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"net/http"

	"github.com/digitorus/timestamp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// authority is an RFC 3161 time stamping authority.
type authority struct {
	name, url string
	client    *http.Client
}

func newTimestamp(name string, spec v1alpha1.TimestampAnchor, client *http.Client) (*authority, error) {
	if spec.URL == "" {
		return nil, fmt.Errorf("anchor %q has no url", name)
	}
	return &authority{name: name, url: spec.URL, client: client}, nil
}

// Name implements Anchor.
func (a *authority) Name() string { return a.name }

// Type implements Anchor.
func (a *authority) Type() string { return ledger.AnchorTimestamp }

// Anchor implements Anchor. Which authority answered shows only when the
// receipt is verified with its roots: a schedule names none.
func (a *authority) Anchor(ctx context.Context, t Target) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	result, err := a.anchor(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("time stamping authority %s: %w", a.url, err)
	}
	return result, nil
}

func (a *authority) anchor(ctx context.Context, t Target) (*Result, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, fmt.Errorf("make a nonce: %w", err)
	}
	answer, err := a.request(ctx, t.Note, nonce)
	if err != nil {
		return nil, err
	}
	stamp, err := recovered(func() (*timestamp.Timestamp, error) {
		if err := checkDER(answer, maxDepth); err != nil {
			return nil, err
		}
		return timestamp.ParseResponse(answer)
	})
	if err != nil {
		return nil, fmt.Errorf("it gave no time stamp: %w", err)
	}
	if stamp.Nonce == nil || stamp.Nonce.Cmp(nonce) != 0 {
		return nil, errors.New("it answered another request: the nonce is not ours")
	}
	receipt := ledger.Receipt{
		Schema: ledger.ReceiptSchema, Type: ledger.AnchorTimestamp, Name: a.name,
		Checkpoint: string(t.Note), Token: stamp.RawToken,
	}
	if err := check(receipt); err != nil {
		return nil, err
	}
	token, err := openToken(receipt)
	if err != nil {
		return nil, err
	}
	return &Result{Receipt: receipt, At: token.Time.UTC()}, nil
}

// request asks for a time stamp of a note, with the authority's certificates.
func (a *authority) request(ctx context.Context, note []byte, nonce *big.Int) ([]byte, error) {
	sum := sha256.Sum256(note)
	query, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Certificates: true, Nonce: nonce}).Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/timestamp-query")
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("it cannot be reached: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := read(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered with status %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return answer, nil
}
