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
	said := revision(i)
	for _, c := range coveragesOf(i) {
		for _, e := range r.handshakesOf(i, c) {
			targets = append(targets, control.Target{Every: handshakeEvery(r.spec.Ingress), Revision: said, Handshake: e.target()})
		}
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
func (r *reading) handshakesOf(i *control.Ingress, c coverage) []endpoint {
	if r.spec.Ingress.Handshake == nil {
		return nil
	}
	var all []endpoint
	for _, e := range r.endpointsOf(i) {
		at := endpoint{address: e.Address, port: e.HTTPSPort, httpPort: e.HTTPPort, host: askedFor(c.host)}
		if c.secret != "" && judgesCertificates(r.spec.Ingress) {
			at.namespace, at.secret = r.in.Snapshot.Namespace.Name, c.secret
		}
		all = append(all, at)
	}
	return all
}

// target returns what is to be probed at an endpoint.
func (e endpoint) target() *control.HandshakeTarget {
	t := &control.HandshakeTarget{Address: e.address, Port: e.port, HTTPPort: e.httpPort, Host: e.host}
	if e.secret != "" {
		t.Secret = &control.CertificateTarget{Namespace: e.namespace, Secret: e.secret}
	}
	return t
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
	var targets []control.Target
	for _, e := range r.apiServers() {
		targets = append(targets, control.Target{Every: duration(r.spec.APIServer.Every, defaultHandshakeEvery), Handshake: e.target()})
	}
	return targets
}

// apiServers returns where API servers are, each once.
func (r *reading) apiServers() []endpoint {
	if r.spec.APIServer == nil || r.in.Snapshot.Lifelines == nil {
		return nil
	}
	var all []endpoint
	for _, e := range r.in.Snapshot.Lifelines.APIServer {
		if _, err := netip.ParseAddr(e.Address); err != nil || (e.Protocol != "" && e.Protocol != corev1.ProtocolTCP) {
			continue
		}
		at := endpoint{address: e.Address, port: e.Port.Port, host: apiServerName}
		if !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
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
