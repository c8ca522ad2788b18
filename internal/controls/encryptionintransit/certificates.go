package encryptionintransit

import (
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// secretOf returns a Secret of the namespace as a target.
func (r *reading) secretOf(name string) control.CertificateTarget {
	return control.CertificateTarget{Namespace: r.in.Snapshot.Namespace.Name, Secret: name}
}

// tlsSecrets returns the Secrets that spec.tls names, with the hosts that their
// certificates have to name, sorted by Secret.
func tlsSecrets(i *control.Ingress) (names []string, hosts map[string][]string) {
	hosts = map[string][]string{}
	for _, e := range i.TLS {
		if e.Secret == "" {
			continue
		}
		names = append(names, e.Secret)
		hosts[e.Secret] = phrase.Sorted(append(hosts[e.Secret], e.Hosts...))
	}
	return phrase.Sorted(names), hosts
}

// judgeCertificates returns the finding of rule TR-02. It is of the live Secrets:
// what they say is declared, and read for each verdict anew.
func (r *reading) judgeCertificates(on subject, i *control.Ingress) control.Finding {
	v := newVerdict(on, RuleCertificates, control.BasisConfiguration)
	names, hosts := tlsSecrets(i)
	if len(names) == 0 {
		return v.notApplicable(ReasonNoSecret, "The Ingress names no TLS Secret.")
	}
	threshold := duration(r.spec.Ingress.ExpiryThreshold, defaultExpiryThreshold)
	for _, name := range names {
		r.judgeSecret(v, r.secretOf(name), hosts[name], threshold)
	}
	return v.finding(ReasonValid, "The certificates in the TLS Secrets are sound, and name the hosts.")
}

// judgeSecret judges a Secret by what was observed of it.
func (r *reading) judgeSecret(v *verdict, t control.CertificateTarget, hosts []string, threshold time.Duration) {
	name := r.secretName(t)
	o := r.certificates[t]
	if why := r.unseen(o, name); why != nil {
		v.undecided = append(v.undecided, *why)
		return
	}
	v.turns(r.in.Now, o.ValidUntil)
	if half := o.PublicHalf; half != nil && half.Leaf != nil {
		v.see("%s: %s", name, describe(half.Leaf))
	}
	r.judgeHalf(v, name, o.PublicHalf, hosts, threshold)
}

// secretName returns how a Secret is written: with its namespace where that is
// another one.
func (r *reading) secretName(t control.CertificateTarget) string {
	if t.Namespace == r.in.Snapshot.Namespace.Name {
		return "Secret " + t.Secret
	}
	return "Secret " + t.Namespace + "/" + t.Secret
}

// describe says which certificate it is.
func describe(leaf *control.X509) string {
	return fmt.Sprintf("certificate %s, %s %d, %s, until %s", leaf.SHA256, leaf.Key, leaf.Bits, leaf.Signature,
		leaf.NotAfter.UTC().Format("2006-01-02"))
}
