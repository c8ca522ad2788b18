package certificate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// pair is a certificate with its key.
type pair struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// issue issues a certificate, signed by another pair's key or by its own.
func issue(tb testing.TB, key crypto.Signer, by *pair, change func(*x509.Certificate)) *pair {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a certificate"}, DNSNames: []string{"a.example.com"},
		NotBefore: time.Unix(1.7e9, 0), NotAfter: time.Unix(1.9e9, 0), IsCA: true, BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return &pair{certificate, key}
}

// chain is a certificate chain in PEM.
func chain(pairs ...*pair) []byte {
	var text []byte
	for _, p := range pairs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Raw})...)
	}
	return text
}

// keyOf is a pair's key in PEM.
func keyOf(tb testing.TB, p *pair) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func newKey(tb testing.TB, curve elliptic.Curve) crypto.Signer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func TestParse(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, newKey(t, elliptic.P384()), nil, func(c *x509.Certificate) { c.Subject.CommonName = "a root" })
	middle := issue(t, newKey(t, elliptic.P256()), root, func(c *x509.Certificate) { c.Subject.CommonName = "between" })
	leaf := issue(t, rsaKey, middle, nil)
	sha1 := issue(t, rsaKey, nil, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA })
	sha1Leaf := issue(t, newKey(t, elliptic.P224()), sha1, func(c *x509.Certificate) { c.SignatureAlgorithm, c.Subject.CommonName = x509.SHA1WithRSA, "a leaf" })
	odd := issue(t, edKey, nil, func(c *x509.Certificate) {
		c.DNSNames = []string{"b.example.com", "a.example.com", "b.example.com", strings.Repeat("x", 300)}
	})
	garbage := []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

	named := []string{"a.example.com"}
	tests := map[string]struct {
		chain, key []byte
		want       control.PublicHalf
	}{
		"a whole chain":                {chain(leaf, middle, root), keyOf(t, leaf), control.PublicHalf{Leaf: &control.X509{Names: named, Key: "RSA", Bits: 1024, Signature: "ECDSA-SHA256"}, Chain: true, KeyMatches: true}},
		"a leaf alone":                 {chain(leaf), keyOf(t, leaf), control.PublicHalf{Leaf: &control.X509{Names: named, Key: "RSA", Bits: 1024, Signature: "ECDSA-SHA256"}, Chain: true, KeyMatches: true}},
		"one is missing":               {chain(leaf, root), keyOf(t, leaf), control.PublicHalf{Leaf: &control.X509{Names: named, Key: "RSA", Bits: 1024, Signature: "ECDSA-SHA256"}, KeyMatches: true}},
		"the key of another":           {chain(middle, root), keyOf(t, leaf), control.PublicHalf{Leaf: &control.X509{Names: named, Key: "ECDSA", Bits: 256, Signature: "ECDSA-SHA384"}, Chain: true}},
		"no key":                       {chain(root), nil, control.PublicHalf{Leaf: &control.X509{Names: named, Key: "ECDSA", Bits: 384, Signature: "ECDSA-SHA384", SelfSigned: true}, Chain: true}},
		"a chain signed with SHA-1":    {chain(sha1Leaf, sha1), keyOf(t, sha1Leaf), control.PublicHalf{Leaf: &control.X509{Names: named, Key: "ECDSA", Bits: 224, Signature: "SHA1-RSA"}, KeyMatches: true}},
		"its own signature with SHA-1": {chain(sha1), keyOf(t, sha1), control.PublicHalf{Leaf: &control.X509{Names: named, Key: "RSA", Bits: 1024, Signature: "SHA1-RSA", SelfSigned: true}, Chain: true, KeyMatches: true}},
		"Ed25519, and odd names": {chain(odd), keyOf(t, odd), control.PublicHalf{Leaf: &control.X509{Names: []string{"a.example.com", "b.example.com"}, Key: "Ed25519", Bits: 256, Signature: "Ed25519", SelfSigned: true},
			Chain: true, KeyMatches: true}},
		"a key within the chain":    {append(keyOf(t, root), chain(root)...), keyOf(t, root), control.PublicHalf{Leaf: &control.X509{Names: named, Key: "ECDSA", Bits: 384, Signature: "ECDSA-SHA384", SelfSigned: true}, Chain: true, KeyMatches: true}},
		"garbage after the leaf":    {append(chain(root), garbage...), keyOf(t, root), control.PublicHalf{Leaf: &control.X509{Names: named, Key: "ECDSA", Bits: 384, Signature: "ECDSA-SHA384", SelfSigned: true}, KeyMatches: true}},
		"garbage":                   {garbage, keyOf(t, leaf), control.PublicHalf{}},
		"nothing":                   {},
		"more than are looked at":   {bytes.Repeat(chain(root), maxChain+1), keyOf(t, root), control.PublicHalf{Leaf: &control.X509{Names: named, Key: "ECDSA", Bits: 384, Signature: "ECDSA-SHA384", SelfSigned: true}, KeyMatches: true}},
		"as many as are looked at":  {bytes.Repeat(chain(root), maxChain), keyOf(t, root), control.PublicHalf{Leaf: &control.X509{Names: named, Key: "ECDSA", Bits: 384, Signature: "ECDSA-SHA384", SelfSigned: true}, Chain: true, KeyMatches: true}},
		"a key in the stead of one": {keyOf(t, leaf), chain(leaf), control.PublicHalf{}},
	}
	ignored := cmpopts.IgnoreFields(control.X509{}, "SHA256", "NotBefore", "NotAfter")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := parse(test.chain, test.key)
			if diff := cmp.Diff(&test.want, got, ignored); diff != "" {
				t.Error(diff)
			}
			if got.Leaf != nil && (len(got.Leaf.SHA256) != 64 || !got.Leaf.NotAfter.Equal(time.Unix(1.9e9, 0)) || !got.Leaf.NotBefore.Equal(time.Unix(1.7e9, 0))) {
				t.Errorf("got %+v", got.Leaf)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	p := issue(f, newKey(f, elliptic.P256()), nil, nil)
	f.Add(chain(p, p), keyOf(f, p))
	f.Add(append(keyOf(f, p), chain(p)...), chain(p))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), []byte("-----BEGIN RSA PRIVATE KEY-----\n\n-----END RSA PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, chain, key []byte) {
		got := parse(chain, key)
		if got.Leaf == nil {
			if got.Chain || got.KeyMatches {
				t.Errorf("without a leaf: %+v", got)
			}
			return
		}
		if len(got.Leaf.SHA256) != 64 || len(got.Leaf.Names) > maxNames || got.Leaf.Key == "" || got.Leaf.Signature == "" {
			t.Errorf("got %+v", got.Leaf)
		}
	})
}

// FuzzDescribe has certificates be read that no PEM is around.
func FuzzDescribe(f *testing.F) {
	f.Add(issue(f, newKey(f, elliptic.P256()), nil, nil).certificate.Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		if got := Describe(c); len(got.SHA256) != 64 || len(got.Names) > maxNames || got.Bits < 0 {
			t.Errorf("got %+v", got)
		}
	})
}
