package encryptionintransit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// Targets implements control.Prober: handshakes with the hosts of Ingresses, the
// certificates in TLS Secrets, handshakes with API servers, and the guard.
func (Control) Targets(in control.Input) []control.Target {
	if in.Control.EncryptionInTransit == nil || in.Snapshot == nil {
		return nil
	}
	r := read(in)
	if in.Snapshot.Namespace.IsCluster() {
		return append(r.apiServerTargets(), r.guardTargets()...)
	}
	var targets []control.Target
	if r.spec.Ingress != nil {
		for n := range in.Snapshot.Ingresses {
			targets = append(targets, r.ingressTargets(&in.Snapshot.Ingresses[n])...)
		}
	}
	if r.spec.Gateway != nil {
		targets = append(targets, r.gatewayTargets()...)
	}
	return once(targets)
}

// once returns targets without those that are there already, in their order.
func once(targets []control.Target) []control.Target {
	seen := map[string]int{}
	var all []control.Target
	for _, t := range targets {
		key := t.Key()
		at, is := seen[key]
		if !is {
			seen[key] = len(all)
			all = append(all, t)
			continue
		}
		all[at].Every = min(all[at].Every, t.Every)
		all[at].Revision += t.Revision
	}
	return all
}

func (r *reading) ingressTargets(i *control.Ingress) []control.Target {
	if i.Solver {
		return nil
	}
	var targets []control.Target
	for _, c := range coveragesOf(i) {
		targets = append(targets, r.handshakesOf(i, c)...)
	}
	if !judgesCertificates(r.spec.Ingress) {
		return targets
	}
	names, _ := tlsSecrets(i)
	for _, name := range names {
		targets = append(targets, control.Target{
			Every: certificatesEvery(r.spec.Ingress), Certificate: new(r.secretOf(name)),
		})
	}
	return targets
}

// handshakesOf returns the handshakes by which a host is seen: one with each
// address where the Ingress is served, none where handshakes are not stated.
func (r *reading) handshakesOf(i *control.Ingress, c coverage) []control.Target {
	if r.spec.Ingress.Handshake == nil {
		return nil
	}
	var secret *control.CertificateTarget
	if c.secret != "" && judgesCertificates(r.spec.Ingress) {
		secret = new(r.secretOf(c.secret))
	}
	var targets []control.Target
	for _, e := range r.endpointsOf(i) {
		targets = append(targets, control.Target{
			Every: handshakeEvery(r.spec.Ingress), Revision: revision(i),
			Handshake: &control.HandshakeTarget{
				Address: e.Address, Port: e.HTTPSPort, HTTPPort: e.HTTPPort, Host: askedFor(c.host), Secret: secret,
			},
		})
	}
	return targets
}

// endpointsOf returns where an Ingress is served.
func (r *reading) endpointsOf(i *control.Ingress) []v1alpha1.IngressEndpoint {
	withPorts := func(e v1alpha1.IngressEndpoint) v1alpha1.IngressEndpoint {
		if e.HTTPSPort == 0 {
			e.HTTPSPort = httpsPort
		}
		if e.HTTPPort == 0 {
			e.HTTPPort = httpPort
		}
		return e
	}
	for _, e := range r.spec.Ingress.Handshake.Endpoints {
		if e.IngressClassName == i.Class {
			return []v1alpha1.IngressEndpoint{withPorts(e)}
		}
	}
	var all []v1alpha1.IngressEndpoint
	for _, address := range i.Addresses {
		all = append(all, withPorts(v1alpha1.IngressEndpoint{Address: address}))
	}
	return all
}

// revision stands for what an Ingress says: with it, what is served may change.
func revision(i *control.Ingress) string {
	said, err := json.Marshal([]any{i.Class, i.Controller, i.Annotations, i.DefaultBackend, i.Hosts, i.TLS})
	if err != nil { // texts and bools only
		return ""
	}
	sum := sha256.Sum256(said)
	return hex.EncodeToString(sum[:8])
}

// apiServerTargets returns a handshake with each API server.
func (r *reading) apiServerTargets() []control.Target {
	if r.spec.APIServer == nil || r.in.Snapshot.Lifelines == nil {
		return nil
	}
	var targets []control.Target
	for _, e := range r.in.Snapshot.Lifelines.APIServer {
		if _, err := netip.ParseAddr(e.Address); err != nil || (e.Protocol != "" && e.Protocol != corev1.ProtocolTCP) {
			continue
		}
		targets = append(targets, control.Target{
			Every:     duration(r.spec.APIServer.Every, defaultHandshakeEvery),
			Handshake: &control.HandshakeTarget{Address: e.Address, Port: e.Port.Port, Host: apiServerName},
		})
	}
	return once(targets)
}

// gatewayTargets returns the certificates that listeners name.
func (r *reading) gatewayTargets() []control.Target {
	var targets []control.Target
	for n := range r.in.Snapshot.Gateways {
		for _, l := range r.in.Snapshot.Gateways[n].Listeners {
			for _, ref := range l.Certificates {
				if t, is := r.secretRef(ref); is && ref.Granted {
					targets = append(targets, control.Target{Every: certificatesEvery(r.spec.Ingress), Certificate: &t})
				}
			}
		}
	}
	return slices.Clip(targets)
}
