package synthetic

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// witness cosigns checkpoints as C2SP tlog-cosignature says.
type witness struct{ key ed25519.PrivateKey }

const (
	witnessName   = "witness.example"
	witnessAnchor = "witness-example"
	// cosignatureV1 is the algorithm in a cosigner's key, by its number.
	cosignatureV1 = 0x04
)

func newWitness(key ed25519.PrivateKey) *witness { return &witness{key} }

// typed is the public key after the number of its algorithm.
func (w *witness) typed() []byte {
	public, _ := w.key.Public().(ed25519.PublicKey)
	return append([]byte{cosignatureV1}, public...)
}

func (w *witness) hash() uint32 {
	sum := sha256.Sum256(append([]byte(witnessName+"\n"), w.typed()...))
	return binary.BigEndian.Uint32(sum[:])
}

// verifierKey is the witness's key as the schedule declares it.
func (w *witness) verifierKey() string {
	return fmt.Sprintf("%s+%08x+%s", witnessName, w.hash(), base64.StdEncoding.EncodeToString(w.typed()))
}

// cosign returns a signed note with the witness's signature added.
func (w *witness) cosign(note []byte, at time.Time) []byte {
	text, _, _ := bytes.Cut(note, []byte("\n\n"))
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s\n", at.Unix(), text)
	signed := binary.BigEndian.AppendUint32(nil, w.hash())
	signed = binary.BigEndian.AppendUint64(signed, uint64(at.Unix())) //nolint:gosec // after 1970
	signed = append(signed, ed25519.Sign(w.key, []byte(message))...)
	return fmt.Appendf(bytes.Clone(note), "— %s %s\n", witnessName, base64.StdEncoding.EncodeToString(signed))
}

// anchor has the witness cosign a checkpoint of everything so far, and records
// its receipt.
func (s *simulation) anchor() error {
	if !s.op.observes() {
		return nil
	}
	note, _, err := s.op.w.Checkpoint()
	if err != nil {
		return err
	}
	at := s.now.Add(s.op.dice.between(80*time.Millisecond, 400*time.Millisecond))
	stated := at.Truncate(time.Second)
	receipt, err := ledger.NewObject(ledger.Receipt{Schema: ledger.ReceiptSchema, Type: ledger.AnchorWitness, Name: witnessAnchor,
		Checkpoint: string(s.witness.cosign(note, stated)), VerifierKey: s.witness.verifierKey()})
	if err != nil {
		return err
	}
	lines := strings.SplitN(string(note), "\n", 4)
	var size uint64
	if _, err := fmt.Sscan(lines[1], &size); err != nil {
		return fmt.Errorf("the size of a checkpoint: %w", err)
	}
	time := ledger.At(stated)
	return s.write(ledger.Draft{At: at, Entry: ledger.Entry{
		Kind: ledger.KindAnchored, Schedule: &s.schedule.ref,
		Anchor: &ledger.AnchorBody{Type: ledger.AnchorWitness, Name: witnessAnchor, Origin: lines[0], Size: size,
			RootHash: lines[2], Receipt: receipt.Digest, At: &time},
	}, Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, []ledger.Object{receipt}, nil }})
}
