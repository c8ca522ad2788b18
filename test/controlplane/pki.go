package controlplane

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

const (
	certificateValidity = 365 * 24 * time.Hour
	// clockSlack dates certificates back, for clocks that step while a test runs.
	clockSlack = time.Hour
)

// authority is the certificate authority of one control plane, for its servers
// and its clients alike.
type authority struct {
	cert    *x509.Certificate
	certPEM []byte
	key     crypto.Signer
}

// keyPair is a certificate and its private key, both as PEM.
type keyPair struct {
	cert, key []byte
}

// openAuthority returns the authority whose files are in dir, and makes it there
// the first time.
func openAuthority(dir string) (*authority, error) {
	key, err := openKey(filepath.Join(dir, "ca.key"))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "ca.crt")
	if certs, err := certutil.CertsFromFile(path); err == nil {
		return newAuthority(certs[0], key), nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the certificate authority: %w", err)
	}
	cert, err := certutil.NewSelfSignedCACert(certutil.Config{CommonName: "embedded control plane"}, key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	ca := newAuthority(cert, key)
	if err := os.WriteFile(path, ca.certPEM, 0o600); err != nil {
		return nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	return ca, nil
}

func newAuthority(cert *x509.Certificate, key crypto.Signer) *authority {
	return &authority{cert: cert, certPEM: encodeCertificate(cert.Raw), key: key}
}

// openKey returns the private key in the file, and makes it there the first time.
func openKey(path string) (crypto.Signer, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make a private key: %w", err)
		}
		encoded, err := keyutil.MarshalPrivateKeyToPEM(key)
		if err != nil {
			return nil, fmt.Errorf("make a private key: %w", err)
		}
		if err := os.WriteFile(path, encoded, 0o600); err != nil {
			return nil, fmt.Errorf("make a private key: %w", err)
		}
		return key, nil
	}
	key, err := keyutil.PrivateKeyFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a private key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("read a private key: %s holds a %T, which cannot sign", path, key)
	}
	return signer, nil
}

// issueServer returns a certificate for a server on the loopback interface,
// whatever its port, and inside the cluster's own network.
func (a *authority) issueServer() (keyPair, error) {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: apiServerBinary},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.ParseIP(loopback)},
	})
}

// issueClient returns a certificate by which the API server knows a user and the
// user's groups.
func (a *authority) issueClient(user string, groups ...string) (keyPair, error) {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

func (a *authority) issue(template *x509.Certificate) (keyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keyPair{}, fmt.Errorf("issue a certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return keyPair{}, fmt.Errorf("issue a certificate: %w", err)
	}
	now := time.Now()
	template.SerialNumber = serial
	template.NotBefore = now.Add(-clockSlack)
	template.NotAfter = now.Add(certificateValidity)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return keyPair{}, fmt.Errorf("issue a certificate: %w", err)
	}
	encoded, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return keyPair{}, fmt.Errorf("issue a certificate: %w", err)
	}
	return keyPair{cert: encodeCertificate(der), key: encoded}, nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certutil.CertificateBlockType, Bytes: der})
}
