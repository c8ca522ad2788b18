package encryptionintransit

import (
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	certManagerGroup = "cert-manager.io"
	// certificateKind is how snapshot.NotServed names the kind.
	certificateKind = "certificates.cert-manager.io"
)

// judgeIssued returns the findings of rule TR-08: one on the namespace, whether
// cert-manager is installed, and one on each Certificate.
func judgeIssued(r *reading) []control.Finding {
	if r.spec.Certificates == nil {
		return nil
	}
	namespace := newVerdict(r.scope(), RuleIssued, control.BasisConfiguration)
	if reason, need := r.in.Snapshot.Unobserved(control.NeedNamespaces, control.NeedCertificates); reason != "" {
		findings := []control.Finding{namespace.blind(reason, need)}
		for n := range r.in.Snapshot.Certificates {
			findings = append(findings, r.issuedVerdict(n).blind(reason, need))
		}
		return findings
	}
	if slices.Contains(r.in.Snapshot.NotServed, certificateKind) {
		namespace.accuse(ReasonNotInstalled, "cert-manager is not installed")
		return []control.Finding{namespace.finding("", "")}
	}
	findings := []control.Finding{namespace.notApplicable(ReasonInstalled, "cert-manager is installed: its Certificates are judged each by itself.")}
	for n := range r.in.Snapshot.Certificates {
		findings = append(findings, r.judgeCertificate(r.issuedVerdict(n), &r.in.Snapshot.Certificates[n]))
	}
	return findings
}

func (r *reading) issuedVerdict(n int) *verdict {
	return newVerdict(r.object(certManagerGroup, "Certificate", r.in.Snapshot.Certificates[n].Meta), RuleIssued, control.BasisConfiguration)
}

func (r *reading) judgeCertificate(v *verdict, c *control.Certificate) control.Finding {
	now, threshold := r.in.Now, duration(r.spec.Certificates.ExpiryThreshold, defaultIssuedThreshold)
	if c.Ready != "True" {
		v.accuse(ReasonNotReady, "the Certificate is not ready%s", because(c.Reason))
	}
	if c.FailedAttempts > 0 {
		v.accuse(ReasonIssuanceFailed, "attempts to issue the Certificate failed")
		v.see("%d attempts failed", c.FailedAttempts)
	}
	switch {
	case c.NotAfter.IsZero() && c.Ready == "True":
		v.doubt("the Certificate's status does not say when it expires")
	case c.NotAfter.IsZero():
	case !now.Before(c.NotAfter):
		v.accuse(ReasonExpired, "the Certificate has expired")
	case !now.Before(c.NotAfter.Add(-threshold)):
		v.accuse(ReasonExpiring, "the Certificate expires within %s", brief(threshold))
	}
	if !c.RenewalTime.IsZero() && !now.Before(c.RenewalTime) {
		v.accuse(ReasonRenewalOverdue, "the Certificate's renewal is due")
	}
	if !c.NotAfter.IsZero() {
		v.turns(now, c.NotAfter.Add(-threshold), c.NotAfter)
	}
	v.turns(now, c.RenewalTime)
	return v.finding(ReasonIssued, "The Certificate is issued, and renewed in time.")
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}
