package encryptionintransit

import (
	"github.com/holdfast-dev/holdfast/internal/control"
)

const networkingGroup = "networking.k8s.io"

// judgeIngresses returns the findings on the Ingresses of the namespace.
func judgeIngresses(r *reading) []control.Finding {
	if r.spec.Ingress == nil {
		return nil
	}
	var findings []control.Finding
	for n := range r.in.Snapshot.Ingresses {
		i := &r.in.Snapshot.Ingresses[n]
		on := r.object(networkingGroup, "Ingress", i.Meta)
		for _, rule := range r.ingressRules() {
			findings = append(findings, r.judgeIngress(rule, on, i))
		}
	}
	return findings
}

// ingressRules returns the rules that the control judges of an Ingress.
func (r *reading) ingressRules() []string {
	rules := []string{RuleCoverage}
	if judgesCertificates(r.spec.Ingress) {
		rules = append(rules, RuleCertificates)
	}
	rules = append(rules, RuleRedirect)
	if r.spec.Ingress.Handshake != nil {
		rules = append(rules, RuleHandshake)
	}
	return rules
}

func (r *reading) judgeIngress(rule string, on subject, i *control.Ingress) control.Finding {
	blank := newVerdict(on, rule, control.BasisConfiguration)
	if reason, need := r.in.Snapshot.Unobserved(control.NeedNamespaces, control.NeedIngresses); reason != "" {
		return blank.blind(reason, need)
	}
	if i.Solver {
		return blank.notApplicable(ReasonSolver, "The Ingress answers a challenge of cert-manager's, which is asked in the clear, and goes with it.")
	}
	switch rule {
	case RuleCoverage:
		return r.judgeCoverage(on, i)
	case RuleCertificates:
		return r.judgeCertificates(on, i)
	case RuleRedirect:
		return r.judgeRedirect(on, i)
	default:
		return r.judgeHandshakes(on, i)
	}
}
