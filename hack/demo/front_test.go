package main

import (
	"crypto/tls"
	"net/http"
	"testing"
)

// TestFront: what it is configured to serve counts from the next connection on.
func TestFront(t *testing.T) {
	f, err := newFront()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Error(err)
		}
	})
	serves := func(when string, wantOld bool, wantName string, wantCode int) {
		t.Helper()
		if f.accepts(tls.VersionTLS10) != wantOld || !f.accepts(tls.VersionTLS13) {
			t.Errorf("%s: it accepts TLS 1.0: %t, want %t, and 1.3: %t", when, f.accepts(tls.VersionTLS10), wantOld, f.accepts(tls.VersionTLS13))
		}
		connection, err := tls.Dial("tcp", f.https.Addr().String(), &tls.Config{ServerName: host, InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := connection.ConnectionState().PeerCertificates[0].VerifyHostname(wantName); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		if err := connection.Close(); err != nil {
			t.Error(err)
		}
		response, err := http.DefaultTransport.RoundTrip(mustRequest(t, "http://"+f.http.Addr().String()+"/"))
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != wantCode {
			t.Errorf("%s: plain HTTP answers %d, want %d", when, response.StatusCode, wantCode)
		}
	}
	serves("at first", true, "ingress.local", http.StatusOK)
	c, err := newCertificate(host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(c.public, c.private); err != nil {
		t.Errorf("kubectl would make no Secret of it: %v", err)
	}
	f.serve(c, tls.VersionTLS12, true)
	serves("configured", false, host, http.StatusPermanentRedirect)
}

func mustRequest(t *testing.T, url string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return request
}
