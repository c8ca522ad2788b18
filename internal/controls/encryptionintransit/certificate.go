package encryptionintransit

import (
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	leastRSA = 2048
	leastEC  = 256
	// mostNames is how many names of a certificate are observed.
	mostNames = 100
	tlsType   = "kubernetes.io/tls"
)

// judgeHalf judges what a TLS Secret says in public.
func (r *reading) judgeHalf(v *verdict, name string, half *control.PublicHalf, hosts []string, threshold time.Duration) {
	switch {
	case half == nil:
		v.doubt("%s was not read", name)
		return
	case half.Missing:
		v.accuse(ReasonSecretMissing, "%s does not exist", name)
		return
	}
	if half.Type != tlsType {
		v.accuse(ReasonWrongType, "%s is of type %q, not %s", name, half.Type, tlsType)
	}
	if half.Leaf == nil {
		v.accuse(ReasonUnreadable, "%s holds no certificate that can be read", name)
		return
	}
	if !half.KeyMatches {
		v.accuse(ReasonKeyMismatch, "the private key in %s is not that of its certificate", name)
	}
	if !half.Chain {
		v.accuse(ReasonBrokenChain, "the chain in %s is broken", name)
	}
	r.judgeDates(v, "the certificate in "+name, half.Leaf, threshold)
	r.judgeNames(v, "the certificate in "+name, half.Leaf, hosts)
	judgeStrength(v, "the certificate in "+name, half.Leaf)
}

// judgeDates judges when a certificate is valid.
func (r *reading) judgeDates(v *verdict, name string, leaf *control.X509, threshold time.Duration) {
	now, due := r.in.Now, leaf.NotAfter.Add(-threshold)
	v.turns(now, leaf.NotBefore, due, leaf.NotAfter)
	switch {
	case leaf.NotAfter.IsZero():
		v.doubt("%s does not say when it expires", name)
	case !now.Before(leaf.NotAfter):
		v.accuse(ReasonExpired, "%s has expired", name)
	case !now.Before(due):
		v.accuse(ReasonExpiring, "%s expires within %s", name, brief(threshold))
	}
	if now.Before(leaf.NotBefore) {
		v.accuse(ReasonNotYetValid, "%s is not valid yet", name)
	}
}

// judgeNames judges whether a certificate names hosts.
func (r *reading) judgeNames(v *verdict, name string, leaf *control.X509, hosts []string) {
	for _, host := range hosts {
		switch {
		case host == "" || coversAny(leaf.Names, host):
		case len(leaf.Names) >= mostNames:
			v.doubt("%s has more names than are looked at, and %s is not among these", name, host)
		default:
			v.accuse(ReasonWrongName, "%s does not name %s", name, host)
		}
	}
}

// judgeStrength judges the key and the signature of a certificate.
func judgeStrength(v *verdict, name string, leaf *control.X509) {
	switch {
	case leaf.Key == "RSA" && leaf.Bits < leastRSA, leaf.Key == "ECDSA" && leaf.Bits < leastEC, leaf.Key == "DSA":
		v.accuse(ReasonWeakKey, "%s has a key of %s with %d bits", name, leaf.Key, leaf.Bits)
	case leaf.Key != "RSA" && leaf.Key != "ECDSA" && leaf.Key != "Ed25519" && !strings.HasPrefix(leaf.Key, "ML-DSA"):
		v.doubt("%s has a key of an algorithm that is not known", name)
	}
	switch weak, known := weakSignature(leaf.Signature); {
	case weak:
		v.accuse(ReasonWeakSignature, "%s is signed with %s", name, leaf.Signature)
	case !known:
		v.doubt("%s is signed with an algorithm that is not known", name)
	}
}

// weakSignature reports whether a signature's algorithm is broken, and whether it
// is known at all.
func weakSignature(algorithm string) (weak, known bool) {
	for _, digest := range []string{"SHA1", "MD5"} {
		if strings.Contains(algorithm, digest) {
			return true, true
		}
	}
	for _, sound := range []string{"SHA256", "SHA384", "SHA512", "Ed25519", "ML-DSA"} {
		if strings.Contains(algorithm, sound) {
			return false, true
		}
	}
	return false, false
}

// brief writes a duration without its zeros, such as 720h.
func brief(d time.Duration) string {
	text := d.String()
	text = strings.TrimSuffix(text, "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	if text == "" {
		return "0s"
	}
	return text
}
