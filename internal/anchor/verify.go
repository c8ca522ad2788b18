package anchor

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
	"github.com/transparency-dev/formats/log"
	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// Trust is whose receipts are believed. It comes from elsewhere than the ledger.
type Trust struct {
	// WitnessKeys are verifier keys of witnesses.
	WitnessKeys []string
	// TimestampRoots are the roots of time stamping authorities.
	TimestampRoots *x509.CertPool
}

// Verify verifies that somebody who is trusted acknowledged the receipt's
// checkpoint, and returns when, by their clock. What the checkpoint itself is
// worth is for whoever opens it: see LogNote.
func Verify(receipt ledger.Receipt, trust Trust) (at time.Time, err error) {
	if err := check(receipt); err != nil {
		return time.Time{}, err
	}
	switch receipt.Type {
	case ledger.AnchorWitness:
		return trust.witness(receipt)
	case ledger.AnchorTimestamp:
		return trust.timestamp(receipt)
	default:
		return time.Time{}, fmt.Errorf("receipt of the unknown type %q: a newer version of Holdfast may have written it", receipt.Type)
	}
}

// witness tries every trusted key: the one in the receipt is only a hint.
func (t Trust) witness(receipt ledger.Receipt) (time.Time, error) {
	if len(t.WitnessKeys) == 0 {
		return time.Time{}, fmt.Errorf("receipt of the witness %q: no trusted witness key was given", receipt.Name)
	}
	verifiers := make([]note.Verifier, 0, len(t.WitnessKeys))
	for _, vkey := range t.WitnessKeys {
		v, err := witnessVerifier(vkey)
		if err != nil {
			return time.Time{}, err
		}
		verifiers = append(verifiers, v)
	}
	return verifyWitness(receipt, verifiers...)
}

// verifyWitness verifies that one of the verifiers' owners cosigned the
// receipt's checkpoint.
func verifyWitness(receipt ledger.Receipt, verifiers ...note.Verifier) (time.Time, error) {
	if _, err := LogNote(receipt); err != nil {
		return time.Time{}, err
	}
	n, err := note.Open([]byte(receipt.Checkpoint), note.VerifierList(verifiers...))
	if err != nil {
		return time.Time{}, fmt.Errorf("receipt of the witness %q: no cosignature by a trusted key: %w", receipt.Name, err)
	}
	at, err := f_note.CoSigV1Timestamp(n.Sigs[0])
	if err != nil || at.Unix() <= 0 {
		return time.Time{}, fmt.Errorf("receipt of the witness %q: its cosignature states no time", receipt.Name)
	}
	return at.UTC(), nil
}

// timestamp verifies the token up to a trusted root, at the time it states.
func (t Trust) timestamp(receipt ledger.Receipt) (time.Time, error) {
	if t.TimestampRoots == nil {
		return time.Time{}, fmt.Errorf("time stamp %q: no trusted root certificate was given", receipt.Name)
	}
	token, err := openToken(receipt)
	if err != nil {
		return time.Time{}, err
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range token.Certificates {
		intermediates.AddCert(certificate)
	}
	err = token.p7.VerifyWithOpts(x509.VerifyOptions{
		Roots: t.TimestampRoots, Intermediates: intermediates, CurrentTime: token.Time,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("time stamp %q: not by a trusted authority: %w", receipt.Name, err)
	}
	return token.Time.UTC(), nil
}

// token is a time stamp token whose signature is by the certificate that it
// carries. Whose certificate that is was not looked at.
type token struct {
	*timestamp.Timestamp
	p7 *pkcs7.PKCS7
}

// openToken reads the receipt's token. It is of the receipt's checkpoint.
func openToken(receipt ledger.Receipt) (*token, error) {
	t, err := recovered(func() (*token, error) { return parseToken(receipt.Token) })
	if err != nil {
		return nil, fmt.Errorf("time stamp %q: %w", receipt.Name, err)
	}
	sum := sha256.Sum256([]byte(receipt.Checkpoint))
	if t.HashAlgorithm != crypto.SHA256 || !bytes.Equal(t.HashedMessage, sum[:]) {
		return nil, fmt.Errorf("time stamp %q: it is not of this checkpoint", receipt.Name)
	}
	return t, nil
}

// parseToken reads a token, and verifies its signature with its own certificate.
func parseToken(der []byte) (*token, error) {
	if err := checkDER(der, maxDepth); err != nil {
		return nil, err
	}
	stamp, err := timestamp.Parse(der)
	if err != nil {
		return nil, fmt.Errorf("the token cannot be read: %w", err)
	}
	if len(stamp.Certificates) == 0 {
		return nil, errors.New("the token has no certificate")
	}
	p7, err := pkcs7.Parse(der)
	if err != nil {
		return nil, fmt.Errorf("the token cannot be read: %w", err)
	}
	signer := p7.GetOnlySigner()
	if signer == nil {
		return nil, errors.New("the token has not exactly one signer")
	}
	if err := stamps(p7, signer); err != nil {
		return nil, err
	}
	return &token{stamp, p7}, nil
}

// stamps checks that what was signed is a time stamp, by a certificate for that
// and nothing else (RFC 3161, section 2.3): any other signature of the same key
// would do otherwise.
func stamps(p7 *pkcs7.PKCS7, signer *x509.Certificate) error {
	var content asn1.ObjectIdentifier
	if err := p7.UnmarshalSignedAttribute(pkcs7.OIDAttributeContentType, &content); err != nil {
		return fmt.Errorf("the token does not say what it signs: %w", err)
	}
	if want := (asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}); !content.Equal(want) {
		return fmt.Errorf("the token signs %s, not a time stamp", content)
	}
	only := slices.Equal(signer.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}) && len(signer.UnknownExtKeyUsage) == 0
	critical := slices.ContainsFunc(signer.Extensions, func(e pkix.Extension) bool {
		return e.Critical && e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37})
	})
	if !only || !critical {
		return errors.New("the token's certificate is not for time stamps only")
	}
	return nil
}

// recovered makes a panic of fn an error.
func recovered[T any](fn func() (T, error)) (result T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("malformed: %.100v", p)
		}
	}()
	return fn()
}

// LogNote returns the receipt's checkpoint as the ledger signed it, without
// cosignatures: it can be used as a held checkpoint. Its signature is not
// verified.
func LogNote(receipt ledger.Receipt) ([]byte, error) {
	end := strings.LastIndex(receipt.Checkpoint, "\n\n") + 1 // of the text: what follows are signatures
	text := receipt.Checkpoint[:end]
	var cp log.Checkpoint
	if _, err := cp.Unmarshal([]byte(text)); err != nil || string(cp.Marshal()) != text {
		return nil, fmt.Errorf("receipt %q: its checkpoint is not a signed note of three lines", receipt.Name)
	}
	if _, _, err := tlog.ParseOrigin(cp.Origin); err != nil {
		return nil, fmt.Errorf("receipt %q: %w", receipt.Name, err)
	}
	for line := range strings.Lines(receipt.Checkpoint[end+1:]) {
		if strings.HasPrefix(line, "— "+cp.Origin+" ") {
			return []byte(text + "\n" + line), nil
		}
	}
	return nil, fmt.Errorf("receipt %q: its checkpoint is not signed by the ledger %s", receipt.Name, cp.Origin)
}
