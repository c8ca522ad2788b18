package anchor

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// noon is the time on every authority's clock.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var ledgerKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte("k"), ed25519.SeedSize))

// target is a checkpoint of a ledger that nobody looks into.
func target(tb testing.TB, size uint64) Target {
	tb.Helper()
	cp, err := tlog.Sign(tlog.Origin(strings.Repeat("ab", 16), 0), ledgerKey, size, bytes.Repeat([]byte{byte(size)}, 32))
	if err != nil {
		tb.Fatal(err)
	}
	return TargetOf(cp, proverFn(func(_ context.Context, origin string, from, to uint64) ([][]byte, error) {
		if origin != cp.Origin || from == 0 || from >= to || to != size {
			return nil, errors.New("a proof that nobody needs")
		}
		return [][]byte{bytes.Repeat([]byte{byte(from)}, 32)}, nil
	}))
}

type proverFn func(ctx context.Context, origin string, from, to uint64) ([][]byte, error)

func (fn proverFn) Consistency(ctx context.Context, origin string, from, to uint64) ([][]byte, error) {
	return fn(ctx, origin, from, to)
}

// cosigner is a witness's key.
type cosigner struct {
	signer note.Signer
	vkey   string
}

func newCosigner(tb testing.TB, name string) cosigner {
	tb.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := f_note.NewSignerForCosignatureV1(skey)
	if err != nil {
		tb.Fatal(err)
	}
	if vkey, err = f_note.VKeyToCosignatureV1(vkey); err != nil {
		tb.Fatal(err)
	}
	return cosigner{signer, vkey}
}

// line cosigns a note, and returns the signature's line.
func (c cosigner) line(tb testing.TB, signed []byte) string {
	tb.Helper()
	text := signed[:bytes.LastIndex(signed, []byte("\n\n"))+1]
	cosigned, err := note.Sign(&note.Note{Text: string(text)}, c.signer)
	if err != nil {
		tb.Fatal(err)
	}
	return string(cosigned[len(text)+1:])
}

// receipt is the witness's receipt for a target.
func (c cosigner) receipt(tb testing.TB, of Target) ledger.Receipt {
	tb.Helper()
	return ledger.Receipt{Schema: ledger.ReceiptSchema, Type: ledger.AnchorWitness, Name: "witness",
		Checkpoint: string(of.Note) + c.line(tb, of.Note), VerifierKey: c.vkey}
}

// tsa is a time stamping authority with a root of its own, and a certificate
// between the two.
type tsa struct {
	root, between, cert *x509.Certificate
	key                 crypto.Signer
}

// newTSA makes an authority. edit may change its certificate before it is signed.
func newTSA(tb testing.TB, edit func(*x509.Certificate)) tsa {
	tb.Helper()
	rootKey, betweenKey, key := newKey(tb), newKey(tb), newKey(tb)
	ca := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(50, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
	}
	root := certificate(tb, ca(1, "Root"), nil, rootKey.Public(), rootKey)
	between := certificate(tb, ca(3, "Intermediate"), root, betweenKey.Public(), rootKey)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Time stamps"},
		NotBefore: noon.AddDate(0, -1, 0), NotAfter: noon.AddDate(40, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature,
		// Critical, as RFC 3161 wants it: the usage for time stamps.
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true,
			Value: []byte{0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08}}},
	}
	if edit != nil {
		edit(template)
	}
	return tsa{root: root, between: between, cert: certificate(tb, template, between, key.Public(), betweenKey), key: key}
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func certificate(tb testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	tb.Helper()
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return cert
}

func (a tsa) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// answer answers a request. edit may change what is stated before it is signed.
func (a tsa) answer(tb testing.TB, query []byte, edit func(*timestamp.Timestamp)) []byte {
	tb.Helper()
	request, err := timestamp.ParseRequest(query)
	if err != nil {
		tb.Fatal(err)
	}
	stamp := timestamp.Timestamp{
		HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Time: noon, Nonce: request.Nonce,
		Policy: asn1.ObjectIdentifier{1, 2, 3, 4}, AddTSACertificate: request.Certificates, Certificates: []*x509.Certificate{a.between},
	}
	if edit != nil {
		edit(&stamp)
	}
	answer, err := stamp.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
	if err != nil {
		tb.Fatal(err)
	}
	return answer
}

// receipt is the authority's receipt for a target.
func (a tsa) receipt(tb testing.TB, of Target, edit func(*timestamp.Timestamp)) ledger.Receipt {
	tb.Helper()
	query, err := timestamp.CreateRequest(bytes.NewReader(of.Note), &timestamp.RequestOptions{Certificates: true})
	if err != nil {
		tb.Fatal(err)
	}
	stamp, err := timestamp.ParseResponse(a.answer(tb, query, edit))
	if err != nil {
		tb.Fatal(err)
	}
	return ledger.Receipt{Schema: ledger.ReceiptSchema, Type: ledger.AnchorTimestamp, Name: "stamp",
		Checkpoint: string(of.Note), Token: stamp.RawToken}
}
