package encryptionintransit

import (
	"cmp"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const gatewayGroup = "gateway.networking.k8s.io"

// Protocols of listeners.
const (
	protocolHTTP  = "HTTP"
	protocolHTTPS = "HTTPS"
	protocolTLS   = "TLS"
	// protocolHBONE is that of waypoints and gateways of Istio's ambient mode: HTTP
	// CONNECT within mutual TLS.
	protocolHBONE = "HBONE"
)

// judgeGateways returns the findings of rule TR-04.
func judgeGateways(r *reading) []control.Finding {
	if r.spec.Gateway == nil {
		return nil
	}
	var findings []control.Finding
	for n := range r.in.Snapshot.Gateways {
		g := &r.in.Snapshot.Gateways[n]
		v := newVerdict(r.object(gatewayGroup, g.Kind, g.Meta), RuleGateways, control.BasisConfiguration)
		if reason, need := r.in.Snapshot.Unobserved(control.NeedNamespaces, control.NeedGateways); reason != "" {
			findings = append(findings, v.blind(reason, need))
			continue
		}
		for _, l := range g.Listeners {
			r.judgeListener(v, g, l)
		}
		if recordsOnly(r.spec.Gateway.PlainHTTP) {
			v.recordOnly(ReasonPlainRoute)
		}
		findings = append(findings, v.finding(ReasonEncrypted, "Every listener encrypts, or redirects to one that does."))
	}
	return findings
}

// recordOnly records what speaks against the subject for a reason.
func (v *verdict) recordOnly(reason string) {
	for _, i := range v.against {
		if i.reason == reason {
			v.recorded = append(v.recorded, i)
		}
	}
	v.against = slices.DeleteFunc(v.against, func(i issue) bool { return i.reason == reason })
}

func (r *reading) judgeListener(v *verdict, g *control.Gateway, l control.GatewayListener) {
	name := "listener " + l.Name
	switch {
	case l.Protocol == protocolHTTP:
		for _, route := range r.routesOf(g, l) {
			if !route.Redirects {
				v.accuse(ReasonPlainRoute, "%s serves %s in the clear", name, route.title())
			}
		}
	case l.Protocol == protocolHBONE, l.Protocol == protocolTLS && l.Mode == "Passthrough":
		v.see("%s: %s passes encrypted traffic on", name, l.Protocol)
	case l.Protocol == protocolHTTPS, l.Protocol == protocolTLS:
		r.judgeListenerCertificates(v, name, l)
	case len(r.routesOf(g, l)) > 0:
		v.doubt("%s is of protocol %s, which does not tell whether what is sent is encrypted", name, l.Protocol)
	}
}

// judgeListenerCertificates judges a listener that terminates TLS. Each of its
// certificates has to be sound, and one has to name its host.
func (r *reading) judgeListenerCertificates(v *verdict, name string, l control.GatewayListener) {
	if len(l.Certificates) == 0 {
		if l.Mode == "" {
			v.accuse(ReasonNoCertificate, "%s has no TLS configuration", name)
		} else { // the API server takes this only with options, which are a provider's
			v.doubt("%s leaves its certificate to the provider", name)
		}
		return
	}
	threshold := duration(r.spec.Gateway.ExpiryThreshold, defaultExpiryThreshold)
	named, known := false, true
	for _, ref := range l.Certificates {
		t, is := r.secretRef(ref)
		switch {
		case !is:
			v.doubt("%s takes its certificate from %s, whose content is not known", name, ref.ObjectRef)
			known = false
			continue
		case !ref.Granted:
			v.accuse(ReasonNotGranted, "no ReferenceGrant lets %s use %s", name, r.secretName(t))
			continue
		}
		r.judgeSecret(v, t, nil, threshold)
		if o := r.certificates[t]; r.unseen(o, "") == nil && o.PublicHalf != nil && o.PublicHalf.Leaf != nil {
			leaf := o.PublicHalf.Leaf
			named = named || l.Hostname == "" || coversAny(leaf.Names, l.Hostname) || len(leaf.Names) >= mostNames
		} else {
			known = false
		}
	}
	if known && !named && l.Hostname != "" {
		v.accuse(ReasonWrongName, "no certificate of %s names %s", name, l.Hostname)
	}
}

// secretRef returns a reference as a TLS Secret, and false where it is another kind.
func (r *reading) secretRef(ref control.CertificateRef) (control.CertificateTarget, bool) {
	return control.CertificateTarget{
		Namespace: cmp.Or(ref.Namespace, r.in.Snapshot.Namespace.Name), Secret: ref.Name,
	}, ref.Group == "" && cmp.Or(ref.Kind, "Secret") == "Secret"
}

// attached is a route.
type attached struct{ *control.GatewayRoute }

// title returns how the route is written.
func (a attached) title() string {
	return strings.TrimSpace(control.ObjectRef{Kind: a.Kind, Namespace: a.Namespace, Name: a.Name}.String())
}

// routesOf returns the routes that lead through a listener.
func (r *reading) routesOf(g *control.Gateway, l control.GatewayListener) []attached {
	var routes []attached
	for n := range r.in.Snapshot.GatewayRoutes {
		route := &r.in.Snapshot.GatewayRoutes[n]
		if attaches(route, g, l) {
			routes = append(routes, attached{route})
		}
	}
	return routes
}

func attaches(route *control.GatewayRoute, g *control.Gateway, l control.GatewayListener) bool {
	if route.Namespace != "" && route.Namespace != g.Namespace && (l.From == "" || l.From == "Same") || l.From == "None" {
		return false
	}
	named := slices.ContainsFunc(route.Parents, func(p control.RouteParent) bool {
		return p.Kind == g.Kind && p.Name == g.Name && (p.Section == "" || p.Section == l.Name) && (p.Port == 0 || p.Port == l.Port)
	})
	return named && (len(route.Hostnames) == 0 || l.Hostname == "" || slices.ContainsFunc(route.Hostnames, func(host string) bool {
		return mayOverlap(host, l.Hostname)
	}))
}
