package probe_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe"
	"github.com/holdfast-dev/holdfast/internal/probe/certificate"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// tlsSecret creates a Secret of type kubernetes.io/tls in the namespace default.
func (c *cluster) tlsSecret(t *testing.T, name string, chain, key []byte) control.CertificateTarget {
	t.Helper()
	c.create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key},
	})
	return control.CertificateTarget{Namespace: "default", Secret: name}
}

func (c *cluster) testCertificates(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	good, other := a.issue(t, newKey(t), nil), a.issue(t, newRSAKey(t, 2048), nil)
	chain, key := inPEM(t, &good)
	otherChain, otherKey := inPEM(t, &other)
	c.tlsSecret(t, "good", chain, key)
	c.tlsSecret(t, "rsa", otherChain, otherKey)
	c.tlsSecret(t, "other-key", chain, otherKey)
	c.tlsSecret(t, "no-chain", append(chain[:0:0], append(chain, otherChain...)...), key)
	c.tlsSecret(t, "no-certificate", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), key)
	c.create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "opaque", Namespace: "default"}, Data: map[string][]byte{"tls.crt": chain}})
	facts := func(certificate *tls.Certificate, key string, bits int) *control.X509 {
		digest := sha256.Sum256(certificate.Leaf.Raw)
		return &control.X509{SHA256: hex.EncodeToString(digest[:]), NotBefore: certificate.Leaf.NotBefore, NotAfter: certificate.Leaf.NotAfter,
			Names: []string{hostName}, Key: key, Bits: bits, Signature: "ECDSA-SHA256"}
	}
	ours := facts(&good, "ECDSA", 256)
	tests := map[string]control.PublicHalf{
		"good":           {Type: "kubernetes.io/tls", Leaf: ours, Chain: true, KeyMatches: true},
		"rsa":            {Type: "kubernetes.io/tls", Leaf: facts(&other, "RSA", 2048), Chain: true, KeyMatches: true},
		"other-key":      {Type: "kubernetes.io/tls", Leaf: ours, Chain: true},
		"no-chain":       {Type: "kubernetes.io/tls", Leaf: ours, KeyMatches: true},
		"no-certificate": {Type: "kubernetes.io/tls"},
		"opaque":         {Type: "Opaque", Leaf: ours, Chain: true},
		"missing":        {Missing: true},
		"../configmaps":  {Missing: true},
	}
	prober, err := certificate.New(c.config)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range tests {
		t.Run(strings.ReplaceAll(name, "/", " "), func(t *testing.T) {
			var got *control.PublicHalf
			eventually(t, "the Secret may be read", func(ctx context.Context) (err error) {
				got, err = prober.Probe(ctx, control.CertificateTarget{Namespace: "default", Secret: name})
				return err
			})
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("forbidden", func(t *testing.T) {
		blind, err := certificate.New(c.user(t, "no-secrets", func(permissions.Rule) bool { return false }))
		if err != nil {
			t.Fatal(err)
		}
		got, err := blind.Probe(t.Context(), control.CertificateTarget{Namespace: "default", Secret: "good"})
		if why := unseen.Of(err); got != nil || why.Reason != control.ReasonForbidden || !strings.Contains(why.Message, "may not read the TLS Secret default/good: set the chart's value") {
			t.Errorf("got %+v, %+v", got, why)
		}
	})
}

// testHosts: what a host serves is seen beside what the Secret holds. A certificate
// that was renewed is served a little later, and one of the controller's own is not
// the Secret's.
func (c *cluster) testHosts(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	ours, fallback := a.issue(t, newKey(t), nil), a.issue(t, newKey(t), nil)
	chain, key := inPEM(t, &ours)
	secret := c.tlsSecret(t, "served", chain, key)
	var served atomic.Int32
	renewed := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if served.Add(1) <= 2 { // the handshakes of the first look: TLS 1.3 and 1.2
			return &fallback, nil
		}
		return &ours, nil
	}
	hosts := map[string]struct {
		config *tls.Config
		secret control.CertificateTarget
		want   *tls.Certificate
	}{
		"the Secret's":             {&tls.Config{Certificates: []tls.Certificate{ours}}, secret, &ours},
		"one of the controller":    {&tls.Config{Certificates: []tls.Certificate{fallback}}, secret, &fallback},
		"the Secret's, after all":  {&tls.Config{GetCertificate: renewed}, secret, &ours},
		"one of a Secret not seen": {&tls.Config{Certificates: []tls.Certificate{ours}}, control.CertificateTarget{Namespace: "default", Secret: "missing"}, &ours},
	}
	recorded := &runs{}
	runner := c.runner(t, recorded, logr.Discard())
	for name, host := range hosts {
		t.Run(name, func(t *testing.T) {
			host.config.MinVersion = tls.VersionTLS12
			target := onLoopback(t, secured(host.config))
			target.Secret = &host.secret
			runner.Want(name, []probe.Wanted{{Policy: "p", Control: "ENC-2", Target: control.Target{Every: time.Hour, Handshake: &target}}})
			var got []control.Observation
			eventually(t, "the host is seen", func(context.Context) error {
				var awaited bool
				if got, awaited = runner.Observations(name); awaited {
					return fmt.Errorf("got %v", got)
				}
				return nil
			})
			if len(got) != 1 || got[0].Served == nil || got[0].PublicHalf == nil {
				t.Fatalf("got %+v", got)
			}
			if digest := sha256.Sum256(host.want.Leaf.Raw); got[0].Served.Leaf.SHA256 != hex.EncodeToString(digest[:]) {
				t.Errorf("served is another: %+v", got[0].Served.Leaf)
			}
			half := got[0].PublicHalf
			if missing := host.secret.Secret == "missing"; half.Missing != missing || !missing && half.Leaf.SHA256 == "" {
				t.Errorf("got %+v", half)
			}
		})
	}
	t.Run("in the clear", func(t *testing.T) {
		target := onLoopback(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) })
		target.Secret = &secret
		runner.Want("plain", []probe.Wanted{{Policy: "p", Control: "ENC-2", Target: control.Target{Every: time.Hour, Handshake: &target}}})
		eventually(t, "the host is seen", func(context.Context) error {
			if got, _ := runner.Observations("plain"); len(got) != 1 || got[0].Served == nil || !got[0].Served.Plain {
				return fmt.Errorf("got %+v", got)
			}
			return nil
		})
	})
}
