package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	// maxChain is how many certificates are looked at.
	maxChain = 16
	// maxNames is how many names of a certificate are told, maxName how long each is.
	maxNames = 100
	maxName  = 253
)

// parse says of a certificate chain and a private key, both in PEM, what is public.
func parse(chain, key []byte) *control.PublicHalf {
	certificates, whole := decode(chain)
	if len(certificates) == 0 {
		return &control.PublicHalf{}
	}
	_, err := tls.X509KeyPair(chain, key)
	return &control.PublicHalf{
		Leaf:       Describe(certificates[0]),
		Chain:      whole && linked(certificates),
		KeyMatches: err == nil,
	}
}

// decode returns the certificates of a PEM file as far as they can be read, at most
// maxChain, and whether that is all of them.
func decode(data []byte) (certificates []*x509.Certificate, whole bool) {
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		switch {
		case block == nil:
			return certificates, true
		case block.Type != "CERTIFICATE":
			continue
		case len(certificates) == maxChain:
			return certificates, false
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return certificates, false
		}
		certificates = append(certificates, certificate)
	}
}

// linked is whether each further certificate signed the one before.
func linked(certificates []*x509.Certificate) bool {
	for i, parent := range certificates[1:] {
		if certificates[i].CheckSignatureFrom(parent) != nil {
			return false
		}
	}
	return true
}

// Describe returns what is looked at of a certificate.
func Describe(c *x509.Certificate) *control.X509 {
	digest := sha256.Sum256(c.Raw)
	facts := &control.X509{
		SHA256: hex.EncodeToString(digest[:]), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
		Names: names(c), Key: c.PublicKeyAlgorithm.String(), Bits: bits(c.PublicKey),
		Signature: c.SignatureAlgorithm.String(), SelfSigned: selfSigned(c),
	}
	if c.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm {
		facts.Key = "unknown"
	}
	if c.SignatureAlgorithm == x509.UnknownSignatureAlgorithm {
		facts.Signature = "unknown"
	}
	return facts
}

// names are the DNS names and IP addresses of a certificate.
func names(c *x509.Certificate) []string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	all = slices.DeleteFunc(all, func(name string) bool { return len(name) > maxName })
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), maxNames)]
}

// bits is the size of a public key, 0 where that means nothing.
func bits(key any) int {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen()
	case *ecdsa.PublicKey:
		return k.Curve.Params().BitSize
	case ed25519.PublicKey:
		return 8 * ed25519.PublicKeySize
	}
	return 0
}

// selfSigned is whether a certificate was signed with its own key. Signatures with
// algorithms that are broken are not checked: then the names decide.
func selfSigned(c *x509.Certificate) bool {
	if !bytes.Equal(c.RawIssuer, c.RawSubject) {
		return false
	}
	err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	var insecure x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &insecure)
}
