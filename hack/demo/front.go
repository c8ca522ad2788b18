package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// host is what the shop is called.
const host = "shop.example.com"

// front stands in for the controller of Ingresses of class demo: it serves over TLS
// and in the clear, as it is configured.
type front struct {
	https, http net.Listener
	serving     atomic.Pointer[serving]
}

// serving is how a front is configured.
type serving struct {
	tls *tls.Config
	// redirects is whether it answers in the clear with a redirect to https.
	redirects bool
}

// newFront serves on two loopback ports, as controllers do whom nobody gave a
// certificate: with one of their own, and every version of TLS.
func newFront() (*front, error) {
	fallback, err := newCertificate("ingress.local")
	if err != nil {
		return nil, err
	}
	f := &front{}
	f.serve(fallback, tls.VersionTLS10, false)
	if f.http, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("serve the shop: %w", err)
	}
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serve the shop: %w", err), f.http.Close())
	}
	f.https = tls.NewListener(raw, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.serving.Load().tls, nil },
	})
	for _, l := range []net.Listener{f.https, f.http} {
		server := &http.Server{Handler: f, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
		go func() { _ = server.Serve(l) }() // it ends when the listener is closed
	}
	return f, nil
}

// serve has connections that begin from now on get a certificate, at least at a
// version of TLS.
func (f *front) serve(c *certificate, least uint16, redirects bool) {
	f.serving.Store(&serving{&tls.Config{Certificates: []tls.Certificate{c.Certificate}, MinVersion: least}, redirects})
}

// ServeHTTP answers with the shop, or with the way to it.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.TLS == nil && f.serving.Load().redirects {
		http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusPermanentRedirect)
		return
	}
	_, _ = io.WriteString(w, "the shop\n")
}

// ports are those of TLS and of plain HTTP.
func (f *front) ports() (https, http string, err error) {
	if _, https, err = net.SplitHostPort(f.https.Addr().String()); err != nil {
		return "", "", err
	}
	_, http, err = net.SplitHostPort(f.http.Addr().String())
	return https, http, err
}

// accepts is whether a version of TLS is.
func (f *front) accepts(version uint16) bool {
	connection, err := tls.Dial("tcp", f.https.Addr().String(), &tls.Config{
		ServerName: host, InsecureSkipVerify: true, MinVersion: version, MaxVersion: version,
	})
	return err == nil && connection.Close() == nil
}

func (f *front) stop() error { return errors.Join(f.https.Close(), f.http.Close()) }

// certificate is one, as a server takes it, and the PEM of it and of its key.
type certificate struct {
	tls.Certificate
	public, private []byte
}

// newCertificate makes a certificate for a name.
func newCertificate(name string) (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * 24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return &certificate{
		tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}, nil
}
