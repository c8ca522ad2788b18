package encryptionintransit

import (
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// reading is an input, with what was observed by target.
type reading struct {
	in           control.Input
	spec         *v1alpha1.EncryptionInTransit
	handshakes   map[endpoint]*control.Observation
	certificates map[control.CertificateTarget]*control.Observation
	guards       map[string]*control.Observation
}

// endpoint tells handshakes apart.
type endpoint struct {
	address        string
	port, httpPort int32
	host           string
	// namespace and secret are those of the Secret whose certificate is expected.
	namespace, secret string
}

func read(in control.Input) *reading {
	r := &reading{
		in: in, spec: in.Control.EncryptionInTransit,
		handshakes:   make(map[endpoint]*control.Observation, len(in.Snapshot.Observations)),
		certificates: map[control.CertificateTarget]*control.Observation{},
		guards:       map[string]*control.Observation{},
	}
	for i := range in.Snapshot.Observations {
		o := &in.Snapshot.Observations[i]
		switch {
		case o.Handshake != nil:
			r.handshakes[endpointOf(*o.Handshake)] = o
		case o.Certificate != nil:
			r.certificates[*o.Certificate] = o
		case o.Guard != nil:
			r.guards[o.Guard.Policy] = o
		}
	}
	return r
}

func endpointOf(t control.HandshakeTarget) endpoint {
	e := endpoint{address: t.Address, port: t.Port, httpPort: t.HTTPPort, host: t.Host}
	if t.Secret != nil {
		e.namespace, e.secret = t.Secret.Namespace, t.Secret.Secret
	}
	return e
}

// unseen returns why an observation decides nothing, and nil where it does.
func (r *reading) unseen(o *control.Observation, what string) *issue {
	switch {
	case o == nil:
		return &issue{control.ReasonInconclusive, what + " was not probed yet"}
	case !r.in.Now.Before(o.ValidUntil):
		return &issue{control.ReasonInconclusive, "what was seen of " + what + " is too old to count"}
	case o.Reason != "" && o.Message != "": // it says what it is about
		return &issue{o.Reason, sentence(o.Message)}
	case o.Reason != "":
		return &issue{o.Reason, what + " was not seen"}
	}
	return nil
}

// enforcing reports whether the control repairs.
func (r *reading) enforcing() bool { return r.in.Control.Mode == v1alpha1.ModeEnforce }

// scope returns the scope as a subject.
func (r *reading) scope() subject {
	n := r.in.Snapshot.Namespace
	return subject{Subject: n.Subject(), born: n.CreatedAt}
}

// object returns an object of the scope as a subject.
func (r *reading) object(group, kind string, m control.Meta) subject {
	return subject{born: m.CreatedAt, Subject: control.Subject{
		Group: group, Kind: kind, Namespace: r.in.Snapshot.Namespace.Name, Name: m.Name, UID: m.UID,
	}}
}

// subject is a subject, and when it came to be.
type subject struct {
	control.Subject
	born time.Time
}
