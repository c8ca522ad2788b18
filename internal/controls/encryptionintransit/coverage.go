package encryptionintransit

import (
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// cover is by what a host is covered.
type cover int

const (
	notCovered cover = iota
	// bySecret: spec.tls names the host, and a Secret.
	bySecret
	// byController: spec.tls leaves it to the controller which certificate is served.
	byController
	// byCloud: the provider's load balancer has a certificate of its own.
	byCloud
)

// coverage is how TLS covers a host of an Ingress.
type coverage struct {
	host string
	how  cover
	// secret is that whose certificate is to be served, "" where none is named.
	secret string
}

// coverageOf reads spec.tls as controllers do: the host itself before a wildcard,
// an entry with a Secret before one without; an entry without hosts stands for
// what the controller makes of it.
func coverageOf(i *control.Ingress, host string) coverage {
	c := coverage{host: host}
	best, found := 0, 0
	for _, e := range i.TLS {
		switch at := closeness(e, host); {
		case at > best:
			best, found, c.secret = at, 1, e.Secret
		case at == best && at > 0 && e.Secret != c.secret:
			found++
		}
	}
	switch {
	case best >= byName && c.secret != "":
		c.how = bySecret
	case best > 0:
		c.how = byController
		if found > 1 {
			c.secret = "" // the controller chooses
		}
	case cloudCertificate(i):
		c.how = byCloud
	case passesThrough(i):
		c.how = byController
	}
	return c
}

// byName is the least closeness of an entry that names the host.
const byName = 4

// closeness ranks an entry of spec.tls for a host: 0 where it has nothing to do
// with it, odd where it names a Secret.
func closeness(e control.IngressTLS, host string) int {
	var at int
	switch {
	case slices.Contains(e.Hosts, host):
		at = byName + 2
	case coversAny(e.Hosts, host):
		at = byName
	case len(e.Hosts) == 0:
		at = 2
	default:
		return 0
	}
	if e.Secret != "" {
		at++
	}
	return at
}

func coveragesOf(i *control.Ingress) []coverage {
	var all []coverage
	for _, host := range servedHosts(i) {
		all = append(all, coverageOf(i, host))
	}
	return all
}

// judgeCoverage returns the finding of rule TR-01.
func (r *reading) judgeCoverage(on subject, i *control.Ingress) control.Finding {
	v := newVerdict(on, RuleCoverage, control.BasisConfiguration)
	for _, c := range coveragesOf(i) {
		switch c.how {
		case notCovered:
			v.accuse(ReasonNotCovered, "%s is not covered by spec.tls", shown(c.host))
		case byCloud:
			v.see("%s: a certificate of the load balancer's", shown(c.host))
		case byController:
			r.decideCoverage(v, i, c)
		case bySecret:
		}
	}
	return v.finding(ReasonCovered, "Every host is covered by TLS.")
}

// decideCoverage judges a host of which spec.tls does not say what certificate is
// served: by the names of the one in the Secret, or by what was observed.
func (r *reading) decideCoverage(v *verdict, i *control.Ingress, c coverage) {
	if c.secret != "" && c.host != "" && judgesCertificates(r.spec.Ingress) {
		o := r.certificates[r.secretOf(c.secret)]
		if r.unseen(o, "") == nil && o.PublicHalf != nil && o.PublicHalf.Leaf != nil && coversAny(o.PublicHalf.Leaf.Names, c.host) {
			v.turns(r.in.Now, o.ValidUntil)
			return
		}
	}
	endpoints := r.handshakesOf(i, c)
	if len(endpoints) == 0 {
		v.doubt("spec.tls leaves the certificate of %s to the controller, and no handshake shows it", shown(c.host))
		return
	}
	for _, at := range endpoints {
		o := r.handshakes[at]
		if why := r.unseen(o, shown(c.host)); why != nil {
			v.undecided = append(v.undecided, *why)
			continue
		}
		v.basis = control.BasisBehaviour
		v.turns(r.in.Now, o.ValidUntil)
		r.decideByHandshake(v, c, o.Served)
	}
}

func (r *reading) decideByHandshake(v *verdict, c coverage, s *control.Served) {
	switch {
	case s == nil || s.Refused || (s.Leaf == nil && !s.Plain):
		v.doubt("no certificate was served for %s", shown(c.host))
	case s.Plain:
		v.accuse(ReasonNotCovered, "%s is served in the clear on the TLS port", shown(c.host))
	case c.host != "" && !coversAny(s.Leaf.Names, askedFor(c.host)):
		v.accuse(ReasonDefaultCertificate, "%s is served with a certificate of other names", shown(c.host))
	}
}
