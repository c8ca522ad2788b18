// Package handshake connects to a host with TLS, and looks at what it serves.
package handshake

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
	"time"

	// The roots that are used where the system has none, as in an image without them.
	_ "golang.org/x/crypto/x509roots/fallback"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe/certificate"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

const (
	// stepLimit is how long one connection may take.
	stepLimit = 3 * time.Second
	// maxChain is how many certificates beside the leaf are looked at for trust.
	maxChain = 16
)

// Prober connects to hosts. Its zero value is ready to use.
type Prober struct {
	// Roots are who is trusted; nil means the roots of the system.
	Roots *x509.CertPool
	// StepLimit is how long one connection may take: 3 s by default.
	StepLimit time.Duration
}

// version is a version of TLS, and how people write it.
type version struct {
	number uint16
	name   string
}

// versions are those that are tried, the newest first.
func versions() []version {
	return []version{{tls.VersionTLS13, "1.3"}, {tls.VersionTLS12, "1.2"}, {tls.VersionTLS11, "1.1"}, {tls.VersionTLS10, "1.0"}}
}

// Probe returns what a host serves. The error is an *unseen.Error. It makes six
// connections at most, one after the other: one for each version of TLS, one to see
// whether the host is still there, and one in the clear.
func (p *Prober) Probe(ctx context.Context, target control.HandshakeTarget) (*control.Served, error) {
	served, err := p.secured(ctx, target)
	if err != nil {
		return nil, err
	}
	if target.HTTPPort != 0 {
		p.plain(ctx, target, served)
	}
	if ctx.Err() != nil {
		return nil, unseen.Inconclusive("%s: %s.", place(target), unseen.Why(ctx.Err()))
	}
	return served, nil
}

// secured tries each version of TLS.
func (p *Prober) secured(ctx context.Context, target control.HandshakeTarget) (*control.Served, error) {
	served := &control.Served{}
	var newest *tls.ConnectionState
	var refusal error // the least telling one
	for _, v := range versions() {
		state, err := p.handshake(ctx, target, v.number)
		var plain tls.RecordHeaderError
		switch {
		case state != nil:
			newest = cmp.Or(newest, state)
			served.Versions = append([]string{v.name}, served.Versions...)
		case newest == nil && errors.Is(err, syscall.ECONNREFUSED):
			return &control.Served{Refused: true}, nil
		case newest == nil && errors.As(err, &plain):
			return &control.Served{Plain: true}, nil
		case !declined(err):
			return nil, unseen.Inconclusive("%s was asked for TLS %s: %s.", place(target), v.name, unseen.Why(err))
		case refusal == nil || !alerted(err):
			refusal = err
		}
	}
	switch {
	case newest == nil:
		return nil, unseen.Inconclusive("%s listens, and refuses every version of TLS for this host: %s.", place(target), why(refusal))
	case refusal != nil && !alerted(refusal):
		// It closed the connection without a word. Was that a no, or did it end?
		if state, err := p.handshake(ctx, target, newest.Version); state == nil {
			return nil, unseen.Inconclusive("%s accepted TLS, and then no more: %s.", place(target), why(err))
		}
	}
	p.describe(served, newest)
	return served, nil
}

// describe says what was served with the newest version.
func (p *Prober) describe(served *control.Served, state *tls.ConnectionState) {
	served.Cipher = tls.CipherSuiteName(state.CipherSuite)
	if len(state.PeerCertificates) == 0 {
		return
	}
	leaf := state.PeerCertificates[0]
	served.Leaf = certificate.Describe(leaf)
	options := x509.VerifyOptions{Roots: p.Roots, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:min(len(state.PeerCertificates), maxChain)] {
		options.Intermediates.AddCert(c)
	}
	_, err := leaf.Verify(options)
	served.Trusted = err == nil
}

// handshake connects with one version of TLS, and returns nil where it does not come
// to be. Whom it connects to is not verified here: what is served is looked at,
// whatever it is.
func (p *Prober) handshake(ctx context.Context, target control.HandshakeTarget, number uint16) (*tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, p.limit())
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address(target.Address, target.Port))
	if err != nil {
		return nil, err
	}
	defer func() { _ = raw.Close() }()
	var state *tls.ConnectionState
	proven := false
	secured := tls.Client(raw, &tls.Config{
		ServerName: serverName(target.Host), InsecureSkipVerify: true, //nolint:gosec // looked at, not relied on
		MinVersion: number, MaxVersion: number, CipherSuites: ciphers(),
		NextProtos:       []string{"h2", "http/1.1"},
		VerifyConnection: func(s tls.ConnectionState) error { state = &s; return nil },
		// This comes once the server proved to hold the key of its certificate.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			proven = true
			return &tls.Certificate{}, nil
		},
	})
	err = secured.HandshakeContext(ctx)
	if err == nil {
		return state, nil
	}
	// A server that wants a certificate of ours accepts the version, and us not.
	if state != nil && proven && declined(err) {
		return state, nil
	}
	return nil, err
}

// limit is how long one connection may take.
func (p *Prober) limit() time.Duration {
	if p.StepLimit > 0 {
		return p.StepLimit
	}
	return stepLimit
}

// declined is whether the other side ended a handshake: by an alert, or by closing.
func declined(err error) bool {
	return alerted(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// alerted is whether the other side ended a handshake by an alert.
func alerted(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// why says how the other side ended a handshake.
func why(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op.Err.Error() // one of the alerts of TLS
	}
	return unseen.Why(err)
}

// ciphers are all that are known, weak ones too: a host that accepts an old version
// with a weak cipher only accepts it.
func ciphers() []uint16 {
	var ids []uint16
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		ids = append(ids, suite.ID)
	}
	return ids
}

// serverName is what to ask for: an IP address cannot be.
func serverName(host string) string {
	if net.ParseIP(host) != nil {
		return ""
	}
	return host
}

func address(host string, port int32) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// place is an address, as messages name it.
func place(target control.HandshakeTarget) string { return address(target.Address, target.Port) }
