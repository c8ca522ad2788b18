package encryptionintransit

import (
	"cmp"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// issuedPrefix begins the names of the Certificates that Holdfast creates; that of
// the Secret follows.
const issuedPrefix = "holdfast-"

// request is a Certificate that an Ingress lacks.
type request struct {
	secret string
	hosts  []string
	// on is the first Ingress that names the Secret.
	on subject
}

// issue wants a Certificate for each TLS Secret that does not exist, and of which
// nobody else has one made.
func (w *wanting) issue() {
	if w.spec.Ingress == nil || w.spec.Ingress.CertificateTemplate == nil {
		return
	}
	if reason, _ := w.in.Snapshot.Unobserved(control.NeedIngresses, control.NeedCertificates); reason != "" {
		return
	}
	for _, q := range w.requests() {
		w.request(q)
	}
}

// requests returns the Secrets that Ingresses name and that are missing, or whose
// Certificate is Holdfast's already.
func (w *wanting) requests() []request {
	var all []request
	for n := range w.in.Snapshot.Ingresses {
		i := &w.in.Snapshot.Ingresses[n]
		if i.Solver || issuedByAnnotation(i) {
			continue
		}
		names, _ := tlsSecrets(i)
		for _, name := range names {
			if !w.missing(name) && w.ownCertificate(name) == nil {
				continue
			}
			at := slices.IndexFunc(all, func(q request) bool { return q.secret == name })
			if at < 0 {
				at = len(all)
				all = append(all, request{secret: name, on: w.object(networkingGroup, "Ingress", i.Meta)})
			}
			all[at].hosts = phrase.Sorted(append(all[at].hosts, namedBy(i, name)...))
		}
	}
	return all
}

// namedBy returns the hosts for which an Ingress names a Secret: where the entry
// has none, those that no other entry covers.
func namedBy(i *control.Ingress, secret string) []string {
	var hosts []string
	for _, e := range i.TLS {
		if e.Secret == secret {
			hosts = append(hosts, e.Hosts...)
		}
	}
	if len(hosts) > 0 {
		return hosts
	}
	for _, c := range coveragesOf(i) {
		if c.host != "" && c.how == byController && c.secret == secret {
			hosts = append(hosts, c.host)
		}
	}
	return hosts
}

// issuedByAnnotation reports whether cert-manager makes Certificates for the
// Ingress by itself.
func issuedByAnnotation(i *control.Ingress) bool {
	return i.Annotations["cert-manager.io/issuer"] != "" || i.Annotations["cert-manager.io/cluster-issuer"] != "" ||
		i.Annotations["kubernetes.io/tls-acme"] == "true"
}

func (w *wanting) missing(secret string) bool {
	o := w.certificates[w.secretOf(secret)]
	return w.unseen(o, "") == nil && o.PublicHalf != nil && o.PublicHalf.Missing
}

// ownCertificate returns the Certificate that Holdfast made for a Secret.
func (w *wanting) ownCertificate(secret string) *control.Certificate {
	i := slices.IndexFunc(w.in.Snapshot.Certificates, func(c control.Certificate) bool {
		return c.Ours && c.Name == issuedPrefix+secret
	})
	if i < 0 {
		return nil
	}
	return &w.in.Snapshot.Certificates[i]
}

func (w *wanting) request(q request) {
	name := issuedPrefix + q.secret
	if slices.Contains(w.in.Snapshot.NotServed, certificateKind) {
		w.refuse(v1alpha1.ReasonCertificateRefused, "No Certificate is made for Secret %s: cert-manager is not installed.", q.secret)
		return
	}
	for i := range w.in.Snapshot.Certificates {
		c := &w.in.Snapshot.Certificates[i]
		switch {
		case c.Name == name && !c.Ours:
			w.refuse(v1alpha1.ReasonNameCollision, "Certificate %s is left as it is: Holdfast did not create it.", name)
			return
		case c.Secret == q.secret && c.Name != name:
			return // somebody has one made
		}
	}
	switch {
	case len(q.hosts) == 0:
		w.refuse(v1alpha1.ReasonCertificateRefused, "No Certificate is made for Secret %s: spec.tls names no host for it.", q.secret)
		return
	case len(name) > 253:
		w.refuse(v1alpha1.ReasonCertificateRefused, "No Certificate is made for Secret %s: its name is too long.", q.secret)
		return
	}
	w.want(w.certificateOf(name, q))
}

func (w *wanting) certificateOf(name string, q request) control.Change {
	issuer := w.spec.Ingress.CertificateTemplate.IssuerRef
	kind, group := cmp.Or(issuer.Kind, "ClusterIssuer"), cmp.Or(issuer.Group, certManagerGroup)
	have := w.ownCertificate(q.secret)
	names := make([]any, 0, len(q.hosts))
	for _, host := range q.hosts {
		names = append(names, host)
	}
	return control.Change{
		APIVersion: "cert-manager.io/v1", Kind: "Certificate", Namespace: w.in.Snapshot.Namespace.Name, Name: name,
		Spec: map[string]any{
			"secretName": q.secret, "dnsNames": names,
			"issuerRef": map[string]any{"name": issuer.Name, "kind": kind, "group": group},
		},
		Subject: &q.on.Subject, Rules: []string{RuleCertificates}, Effect: control.Restricts,
		InPlace: have != nil && have.Secret == q.secret && slices.Equal(phrase.Sorted(have.DNSNames), q.hosts) &&
			have.Issuer == kind+"."+group+"/"+issuer.Name,
	}
}
