package probe_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe/handshake"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// limit is the time limit of one connection in the suite: far longer than one takes on
// a busy machine, for hosts that misbehave use it up.
const limit = 10 * time.Second

// shake probes a host.
func shake(t *testing.T, a *authority, target control.HandshakeTarget) (*control.Served, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return (&handshake.Prober{Roots: a.pool(), StepLimit: limit}).Probe(ctx, target)
}

func TestCertificatesThatAreServed(t *testing.T) {
	a := newAuthority(t)
	strange := newAuthority(t)
	tests := map[string]struct {
		certificate tls.Certificate
		want        control.X509 // but for what every certificate differs in
		wantTrusted bool
	}{
		"one as it should be": {a.issue(t, newKey(t), nil),
			control.X509{Names: []string{hostName}, Key: "ECDSA", Bits: 256, Signature: "ECDSA-SHA256"}, true},
		"expired": {a.issue(t, newKey(t), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }),
			control.X509{Names: []string{hostName}, Key: "ECDSA", Bits: 256, Signature: "ECDSA-SHA256"}, false},
		"of another name": {a.issue(t, newKey(t), func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses = []string{"z.example.com", "a.example.com"}, []net.IP{net.ParseIP("192.0.2.1")}
		}), control.X509{Names: []string{"192.0.2.1", "a.example.com", "z.example.com"}, Key: "ECDSA", Bits: 256, Signature: "ECDSA-SHA256"}, true},
		"RSA with 1024 bits": {a.issue(t, newRSAKey(t, 1024), nil),
			control.X509{Names: []string{hostName}, Key: "RSA", Bits: 1024, Signature: "ECDSA-SHA256"}, true},
		"signed with SHA-1": {a.issue(t, newKey(t), func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }),
			control.X509{Names: []string{hostName}, Key: "ECDSA", Bits: 256, Signature: "ECDSA-SHA1"}, false},
		"of an authority that nobody trusts": {strange.issue(t, newKey(t), nil),
			control.X509{Names: []string{hostName}, Key: "ECDSA", Bits: 256, Signature: "ECDSA-SHA256"}, false},
		"of no authority": {selfSigned(t),
			control.X509{Names: []string{hostName}, Key: "ECDSA", Bits: 256, Signature: "ECDSA-SHA256", SelfSigned: true}, false},
		"of very many names": {a.issue(t, newKey(t), func(c *x509.Certificate) {
			for i := range 500 {
				c.DNSNames = append(c.DNSNames, fmt.Sprintf("n%03d.example.com", i))
			}
		}), control.X509{Names: manyNames(), Key: "ECDSA", Bits: 256, Signature: "ECDSA-SHA256"}, true},
		"with a very long chain": {longChain(a.issue(t, newKey(t), nil), 100),
			control.X509{Names: []string{hostName}, Key: "ECDSA", Bits: 256, Signature: "ECDSA-SHA256"}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			target := onLoopback(t, secured(&tls.Config{Certificates: []tls.Certificate{test.certificate}, MinVersion: tls.VersionTLS12}))
			got, err := shake(t, a, target)
			if err != nil {
				t.Fatal(err)
			}
			leaf := test.certificate.Leaf
			digest := sha256.Sum256(leaf.Raw)
			test.want.SHA256, test.want.NotBefore, test.want.NotAfter = hex.EncodeToString(digest[:]), leaf.NotBefore, leaf.NotAfter
			want := &control.Served{Versions: []string{"1.2", "1.3"}, Cipher: got.Cipher, Leaf: &test.want, Trusted: test.wantTrusted}
			if diff := cmp.Diff(want, got); diff != "" || !strings.HasPrefix(got.Cipher, "TLS_") {
				t.Errorf("cipher %s\n%s", got.Cipher, diff)
			}
		})
	}
}

// manyNames are the first hundred of the certificate with very many names.
func manyNames() []string {
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("n%03d.example.com", i))
	}
	return names
}

// longChain appends to a certificate's chain its last one so many times.
func longChain(c tls.Certificate, times int) tls.Certificate {
	c.Certificate = append(c.Certificate, slices.Repeat(c.Certificate[len(c.Certificate)-1:], times)...)
	return c
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := newAuthority(t).issue(t, key, nil).Leaf
	template.RawSubject, template.RawIssuer = nil, nil
	leaf := sign(t, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

func TestVersionsThatAreAccepted(t *testing.T) {
	a := newAuthority(t)
	certificate := a.issue(t, newRSAKey(t, 2048), nil)
	tests := map[string]struct {
		config *tls.Config
		want   []string
	}{
		"1.0 only":               {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, []string{"1.0"}},
		"1.0 to 1.3":             {&tls.Config{MinVersion: tls.VersionTLS10}, []string{"1.0", "1.1", "1.2", "1.3"}},
		"1.3 only":               {&tls.Config{MinVersion: tls.VersionTLS13}, []string{"1.3"}},
		"1.2 with a weak cipher": {&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}, []string{"1.2"}},
		"1.2 and 1.3, of clients that have a certificate": {&tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}, []string{"1.2", "1.3"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.config.Certificates = []tls.Certificate{certificate}
			got, err := shake(t, a, onLoopback(t, secured(test.config)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.Versions); diff != "" || got.Leaf == nil || !got.Trusted {
				t.Errorf("got %+v\n%s", got, diff)
			}
		})
	}
}

// TestHostsThatMisbehave: none of them holds up a probe beyond its limit, or is taken
// for what it is not.
func TestHostsThatMisbehave(t *testing.T) {
	a := newAuthority(t)
	good := secured(&tls.Config{Certificates: []tls.Certificate{a.issue(t, newKey(t), nil)}, MinVersion: tls.VersionTLS12})
	tests := map[string]struct {
		serve       func(net.Conn)
		want        *control.Served
		wantMessage string // at the end
	}{
		"plain HTTP on the port of TLS": {serve: func(c net.Conn) {
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
		}, want: &control.Served{Plain: true}},
		"it greets in the clear": {serve: func(c net.Conn) {
			_, _ = c.Write([]byte("220 mail.example.com ESMTP\r\n"))
		}, want: &control.Served{Plain: true}},
		"it hangs": {serve: func(c net.Conn) { hold(c) }, wantMessage: " was asked for TLS 1.3: it did not answer in time."},
		"it drips": {serve: func(c net.Conn) {
			for _, b := range slices.Concat([]byte{22, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc}, make([]byte, 1<<14)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}, wantMessage: " was asked for TLS 1.3: it did not answer in time."},
		"it closes at once":     {serve: func(net.Conn) {}, wantMessage: " refuses every version of TLS for this host: the connection was closed."},
		"it closes without end": {serve: func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, wantMessage: " refuses every version of TLS for this host: the connection was closed."},
		"it knows no such host": {serve: secured(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}),
			wantMessage: " refuses every version of TLS for this host: tls: unrecognized name."},
		"it answers with what is no TLS": {serve: func(c net.Conn) {
			_, _ = c.Write(slices.Concat([]byte{22, 3, 3, 0, 4, 2, 0, 0, 0}, make([]byte, 64)))
			hold(c)
		}, wantMessage: " was asked for TLS 1.3: the connection failed."},
		"it hangs on old versions": {serve: func(c net.Conn) {
			server := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{a.issue(t, newKey(t), nil)}, MinVersion: tls.VersionTLS10,
				GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
					if slices.Max(hello.SupportedVersions) < tls.VersionTLS12 {
						hold(c)
					}
					return nil, nil
				}})
			_ = server.Handshake()
		}, wantMessage: " was asked for TLS 1.1: it did not answer in time."},
		"it goes away meanwhile": {serve: until(3, good), wantMessage: " accepted TLS, and then no more: the connection was closed."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := shake(t, a, onLoopback(t, test.serve))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if test.wantMessage == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			why := unseen.Of(err)
			if why.Reason != control.ReasonInconclusive || !strings.HasSuffix(why.Message, test.wantMessage) {
				t.Errorf("got %+v, want %q", why, test.wantMessage)
			}
		})
	}
}

// hold reads from a connection, and says nothing, until the client gives up.
func hold(c net.Conn) {
	buffer := make([]byte, 1024)
	for {
		if _, err := c.Read(buffer); err != nil {
			return
		}
	}
}

// until serves so many connections, and closes those that follow.
func until(count int, serve func(net.Conn)) func(net.Conn) {
	left := make(chan struct{}, count)
	for range count {
		left <- struct{}{}
	}
	return func(c net.Conn) {
		select {
		case <-left:
			serve(c)
		default:
		}
	}
}

func TestNobodyListens(t *testing.T) {
	a := newAuthority(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := int32(listener.Addr().(*net.TCPAddr).Port)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := shake(t, a, control.HandshakeTarget{Address: "127.0.0.1", Port: port, HTTPPort: port, Host: hostName})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&control.Served{Refused: true, HTTP: control.HTTPRefused}, got); diff != "" {
		t.Error(diff)
	}
	_, err = shake(t, a, control.HandshakeTarget{Address: "nobody.invalid", Port: 443, Host: hostName})
	if why := unseen.Of(err); why.Message != "nobody.invalid:443 was asked for TLS 1.3: its name does not resolve." {
		t.Errorf("got %+v", why)
	}
}

// TestWhomIsAsked: the name is asked for by SNI, at addresses of every kind.
func TestWhomIsAsked(t *testing.T) {
	a := newAuthority(t)
	ours, fallback := a.issue(t, newKey(t), nil), a.issue(t, newKey(t), func(c *x509.Certificate) { c.DNSNames = []string{"default.example.com"} })
	byName := secured(&tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName == hostName {
			return &ours, nil
		}
		return &fallback, nil
	}})
	v6, portV6 := listen(t, "tcp6", "[::1]:0", byName)
	v4, port := listen(t, "tcp4", "127.0.0.1:0", byName)
	tests := map[string]struct {
		target control.HandshakeTarget
		want   *tls.Certificate
	}{
		"IPv4":              {control.HandshakeTarget{Address: v4, Port: port, Host: hostName}, &ours},
		"IPv6":              {control.HandshakeTarget{Address: v6, Port: portV6, Host: hostName}, &ours},
		"a DNS name":        {control.HandshakeTarget{Address: "localhost", Port: port, Host: hostName}, &ours},
		"another host":      {control.HandshakeTarget{Address: v4, Port: port, Host: "other.example.com"}, &fallback},
		"no host":           {control.HandshakeTarget{Address: v4, Port: port}, &fallback},
		"a host by address": {control.HandshakeTarget{Address: v4, Port: port, Host: "192.0.2.1"}, &fallback},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := shake(t, a, test.target)
			if err != nil {
				t.Fatal(err)
			}
			if digest := sha256.Sum256(test.want.Leaf.Raw); got.Leaf.SHA256 != hex.EncodeToString(digest[:]) {
				t.Errorf("served for %v", got.Leaf.Names)
			}
		})
	}
}

func TestPlainHTTP(t *testing.T) {
	a := newAuthority(t)
	target := onLoopback(t, secured(&tls.Config{Certificates: []tls.Certificate{a.issue(t, newKey(t), nil)}, MinVersion: tls.VersionTLS12}))
	leads := func(code int, to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", strings.ReplaceAll(to, "{host}", r.Host))
			w.WriteHeader(code)
		}
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		want    control.Served
	}{
		"to https of the host":         {leads(301, "https://{host}/"), control.Served{HTTP: control.HTTPRedirect, HTTPStatus: 301}},
		"to https of the host, 308":    {leads(308, "https://SHOP.example.com:443/a?token=secret"), control.Served{HTTP: control.HTTPRedirect, HTTPStatus: 308}},
		"to https of another host":     {leads(302, "https://user:pass@login.example.com/a?token=secret"), control.Served{HTTP: control.HTTPRedirectElsewhere, HTTPStatus: 302, HTTPTo: "https://login.example.com"}},
		"to http":                      {leads(302, "http://{host}/login"), control.Served{HTTP: control.HTTPRedirectElsewhere, HTTPStatus: 302, HTTPTo: "http://" + hostName}},
		"to a path":                    {leads(307, "/login"), control.Served{HTTP: control.HTTPRedirectElsewhere, HTTPStatus: 307, HTTPTo: "http://" + hostName}},
		"to where no scheme is told":   {leads(307, "//{host}/login"), control.Served{HTTP: control.HTTPRedirectElsewhere, HTTPStatus: 307, HTTPTo: "http://" + hostName}},
		"to what is no address":        {leads(302, "https://%zz/"), control.Served{HTTP: control.HTTPContent, HTTPStatus: 302}},
		"to nowhere":                   {leads(302, ""), control.Served{HTTP: control.HTTPContent, HTTPStatus: 302}},
		"content":                      {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, control.Served{HTTP: control.HTTPContent, HTTPStatus: 200}},
		"nothing of the kind":          {http.NotFound, control.Served{HTTP: control.HTTPContent, HTTPStatus: 404}},
		"content without end":          {endless, control.Served{HTTP: control.HTTPContent, HTTPStatus: 200}},
		"a header without end":         {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, control.Served{HTTP: control.HTTPUnanswered}},
		"no answer":                    {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, control.Served{HTTP: control.HTTPUnanswered}},
		"a connection that is dropped": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, control.Served{HTTP: control.HTTPUnanswered}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := target
			target.HTTPPort = plainHTTP(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Host != hostName || r.URL.Path != "/" || r.Method != http.MethodGet {
					t.Errorf("asked for %s %s of %s", r.Method, r.URL, r.Host)
				}
				test.handler(w, r)
			})
			got, err := shake(t, a, target)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, control.Served{HTTP: got.HTTP, HTTPStatus: got.HTTPStatus, HTTPTo: got.HTTPTo}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// endless serves content until the client goes.
func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write(make([]byte, 1<<16)); err != nil {
			return
		}
	}
}
