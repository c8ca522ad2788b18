package anchor

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// maxTurns is how often a witness may name another size than the one it was
// asked with: others may have had the same log cosigned meanwhile.
const maxTurns = 4

// witness is a C2SP witness: https://c2sp.org/tlog-witness.
type witness struct {
	name, url, vkey string
	verifier        note.Verifier
	client          *http.Client

	mu sync.Mutex
	// origin and size are the newest checkpoint that it cosigned for us: a
	// hint that saves a request.
	origin string
	size   uint64
}

func newWitness(name string, spec v1alpha1.WitnessAnchor, client *http.Client) (*witness, error) {
	v, err := witnessVerifier(spec.VerifierKey)
	if err != nil {
		return nil, fmt.Errorf("anchor %q: %w", name, err)
	}
	url := strings.TrimSuffix(spec.URL, "/") + "/add-checkpoint"
	return &witness{name: name, url: url, vkey: spec.VerifierKey, verifier: v, client: client}, nil
}

// witnessVerifier reads a witness's verifier key.
func witnessVerifier(vkey string) (note.Verifier, error) {
	v, err := f_note.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		return nil, fmt.Errorf("witness key %q: %w", vkey, err)
	}
	if _, err := f_note.VKeyToCosignatureV1(vkey); err == nil {
		return v, nil // a plain Ed25519 key, whose own hash is another one
	}
	_, rest, _ := strings.Cut(vkey, "+")
	if hash, _, _ := strings.Cut(rest, "+"); hash != fmt.Sprintf("%08x", v.KeyHash()) {
		return nil, fmt.Errorf("witness key %q: its hash is not that of its name and key", vkey)
	}
	return v, nil
}

// Name implements Anchor.
func (w *witness) Name() string { return w.name }

// Type implements Anchor.
func (w *witness) Type() string { return ledger.AnchorWitness }

// Anchor implements Anchor.
func (w *witness) Anchor(ctx context.Context, t Target) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	old := w.hint(t)
	for range maxTurns {
		lines, size, err := w.submit(ctx, t, old)
		if err != nil {
			return nil, fmt.Errorf("witness %s: %w", w.verifier.Name(), err)
		}
		if lines != nil {
			return w.accept(t, lines)
		}
		old = size
	}
	return nil, fmt.Errorf("witness %s: it named another size %d times, try again", w.verifier.Name(), maxTurns)
}

// hint is the size to begin with: 0 where nothing is known.
func (w *witness) hint(t Target) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.origin != t.Origin || w.size > t.Size {
		return 0
	}
	return w.size
}

// submit asks for a cosignature. It returns either the lines of signatures, or
// the size of the newest checkpoint that the witness cosigned.
func (w *witness) submit(ctx context.Context, t Target, old uint64) (lines []byte, size uint64, err error) {
	body, err := request(ctx, t, old)
	if err != nil {
		return nil, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, 0, fmt.Errorf("it cannot be reached: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := read(resp.Body)
	if err != nil {
		return nil, 0, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		if len(answer) == 0 {
			return nil, 0, errors.New("it answered without a cosignature")
		}
		return answer, 0, nil
	case http.StatusConflict:
		size, err := otherSize(resp.Header.Get("Content-Type"), answer, t.Size)
		return nil, size, err
	default:
		return nil, 0, refusal(resp.StatusCode, t.Origin)
	}
}

// request is the body of an add-checkpoint request.
func request(ctx context.Context, t Target, old uint64) ([]byte, error) {
	var proof [][]byte
	if old > 0 && old < t.Size {
		var err error
		if proof, err = t.Consistency(ctx, old); err != nil {
			return nil, fmt.Errorf("prove that %d entries continue the first %d: %w", t.Size, old, err)
		}
	}
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", old)
	for _, hash := range proof {
		body.WriteString(base64.StdEncoding.EncodeToString(hash) + "\n")
	}
	body.WriteByte('\n')
	body.Write(t.Note)
	return body.Bytes(), nil
}

// otherSize reads which size the witness has.
func otherSize(contentType string, answer []byte, size uint64) (uint64, error) {
	if contentType != "text/x.tlog.size" {
		return 0, fmt.Errorf("%w: it cosigned another root of the same size", ErrContradicted)
	}
	has, err := strconv.ParseUint(strings.TrimSuffix(string(answer), "\n"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("it answered with %.20q where a size must be", answer)
	}
	if has > size {
		return 0, fmt.Errorf("%w: it cosigned %d entries, there are %d", ErrContradicted, has, size)
	}
	return has, nil
}

// refusal says what a status means and what to do.
func refusal(status int, origin string) error {
	switch status {
	case http.StatusNotFound:
		return fmt.Errorf("it does not know the log %s: have its operator add that log, with the ledger's verifier key (or the url is wrong)", origin)
	case http.StatusForbidden:
		return fmt.Errorf("it knows the log %s with another key: have its operator correct the verifier key", origin)
	case http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: it refused the proof that the ledger continues what it cosigned", ErrContradicted)
	case http.StatusTooManyRequests:
		return errors.New("it asks for fewer requests: anchor less often")
	default:
		return fmt.Errorf("it answered with status %d %s", status, http.StatusText(status))
	}
}

// accept verifies the witness's cosignature, and makes it a receipt. Signatures
// of others are left out.
func (w *witness) accept(t Target, lines []byte) (*Result, error) {
	n, err := note.Open(append(bytes.Clone(t.Note), lines...), note.VerifierList(w.verifier))
	if err != nil {
		return nil, fmt.Errorf("witness %s: it answered without a cosignature by the declared key: %w", w.verifier.Name(), err)
	}
	cosignature := n.Sigs[0]
	receipt := ledger.Receipt{
		Schema: ledger.ReceiptSchema, Type: ledger.AnchorWitness, Name: w.name, VerifierKey: w.vkey,
		Checkpoint: string(t.Note) + signatureLine(cosignature),
	}
	at, err := verifyWitness(receipt, w.verifier)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.origin, w.size = t.Origin, t.Size
	return &Result{Receipt: receipt, At: at}, nil
}

// signatureLine is a signature as a note has it.
func signatureLine(s note.Signature) string { return fmt.Sprintf("— %s %s\n", s.Name, s.Base64) }
