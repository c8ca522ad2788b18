package encryptionintransit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// judgeHandshakes returns the finding of rule TR-10.
func (r *reading) judgeHandshakes(on subject, i *control.Ingress) control.Finding {
	v := newVerdict(on, RuleHandshake, control.BasisBehaviour)
	for _, c := range coveragesOf(i) {
		endpoints := r.handshakesOf(i, c)
		if len(endpoints) == 0 {
			v.doubt("no address is known where %s is served", shown(c.host))
		}
		for _, at := range endpoints {
			o := r.handshakes[at]
			if why := r.unseen(o, shown(c.host)); why != nil {
				v.undecided = append(v.undecided, *why)
				continue
			}
			v.turns(r.in.Now, o.ValidUntil)
			r.judgeServed(v, c, o)
		}
	}
	return v.finding(ReasonServed, "Every host was seen to serve TLS as it should.")
}

// judgeServed judges what a host served.
func (r *reading) judgeServed(v *verdict, c coverage, o *control.Observation) {
	s, name := o.Served, shown(c.host)
	switch {
	case s == nil:
		v.doubt("what %s serves was not seen", name)
	case s.Plain:
		v.accuse(ReasonPlainOnTLSPort, "%s is served in the clear on the TLS port", name)
	case s.Refused && (s.HTTP == control.HTTPContent || s.HTTP == control.HTTPRedirectElsewhere):
		v.accuse(ReasonNotServed, "%s is served in the clear, and nothing listens on the TLS port", name)
	case s.Refused:
		v.doubt("nothing listens on the TLS port of %s", name)
	case s.Leaf == nil || len(s.Versions) == 0:
		v.doubt("no connection with TLS to %s came about", name)
	default:
		judgeVersions(v, name, s, minimum(r.spec.Ingress.MinimumTLSVersion))
		r.judgeServedLeaf(v, c, o)
		v.see("%s: %s", name, describeServed(o))
	}
}

func describeServed(o *control.Observation) string {
	s := o.Served
	text := fmt.Sprintf("TLS %s, %s, %s", strings.Join(s.Versions, " and "), s.Cipher, describe(s.Leaf))
	if half := o.PublicHalf; half != nil && half.Leaf != nil && half.Leaf.SHA256 == s.Leaf.SHA256 {
		text += ", that of Secret " + o.Handshake.Secret.Secret
	}
	return text
}

// judgeVersions judges which versions of TLS were accepted, and the cipher.
func judgeVersions(v *verdict, name string, s *control.Served, least v1alpha1.TLSVersion) {
	var old []string
	accepted := false
	for _, version := range s.Versions {
		if version < string(least) { // 1.0 to 1.3, which sort as text
			old = append(old, version)
		} else {
			accepted = true
		}
	}
	switch {
	case len(old) > 0:
		v.accuse(ReasonOldVersion, "%s accepts TLS %s", name, strings.Join(phrase.Sorted(old), " and "))
	case !accepted:
		v.doubt("%s was not seen to accept TLS %s", name, least)
	}
	if broken := brokenCipher(s.Cipher); broken != "" {
		v.accuse(ReasonWeakCipher, "%s agrees on a cipher with %s", name, broken)
	}
}

// brokenCipher returns what is broken in a cipher suite, and "" where nothing is.
func brokenCipher(suite string) string {
	parts := strings.Split(suite, "_")
	for _, broken := range []string{"RC4", "3DES", "DES", "NULL", "EXPORT", "anon"} {
		if slices.Contains(parts, broken) {
			return broken
		}
	}
	return ""
}

// judgeServedLeaf judges the certificate that a host served.
func (r *reading) judgeServedLeaf(v *verdict, c coverage, o *control.Observation) {
	s, name := o.Served, shown(c.host)
	if o.Handshake.Secret != nil && o.PublicHalf != nil {
		switch half := o.PublicHalf; {
		case half.Leaf == nil:
			v.accuse(ReasonOtherCertificate, "%s is served with a certificate that Secret %s does not hold", name, c.secret)
		case half.Leaf.SHA256 != s.Leaf.SHA256:
			v.accuse(ReasonOtherCertificate, "%s is served with another certificate than that in Secret %s", name, c.secret)
		}
	}
	what := "the certificate served for " + name
	r.judgeNames(v, what, s.Leaf, []string{askedFor(c.host)})
	r.judgeDates(v, what, s.Leaf, duration(r.spec.Ingress.ExpiryThreshold, defaultExpiryThreshold))
	judgeStrength(v, what, s.Leaf)
	if trustsSystem(r.spec.Ingress) && !s.Trusted {
		v.accuse(ReasonUntrusted, "%s leads to no root of the system", what)
	}
}
