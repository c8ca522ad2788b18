// Package encryptionintransit is the control type of the same name: traffic is
// encrypted, into the cluster and within it.
//
// The rules, their subjects, and the file that judges each:
//
//	TR-01  Ingress      every host is covered by TLS                coverage.go
//	TR-02  Ingress      the certificates in its Secrets are sound   certificates.go
//	TR-03  Ingress      plain HTTP redirects, or is not served      redirect.go
//	TR-04  Gateway      listeners encrypt, or redirect              gateways.go
//	TR-05  Namespace    every workload takes meshed traffic only    mesh.go
//	TR-07  Service      no port is in the clear                     services.go
//	TR-08  Certificate  cert-manager keeps it renewed               issued.go
//	TR-09  Cluster      API servers refuse old versions of TLS      apiserver.go
//	TR-10  Ingress      hosts serve what they should, observed      handshake.go
//	TR-11  Cluster      the guard of Ingresses works                guard.go
//
// TR-09, TR-10 and TR-11 rest on what probes observed; annotations only predict
// what TR-03 says, and an observation decides. Nothing that is not known becomes
// Conforming.
package encryptionintransit

import (
	"cmp"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// The rules.
const (
	// RuleCoverage: every host of an Ingress is covered by TLS.
	RuleCoverage = "TR-01"
	// RuleCertificates: the certificates in the Secrets of an Ingress are sound.
	RuleCertificates = "TR-02"
	// RuleRedirect: plain HTTP redirects to https, or is not served.
	RuleRedirect = "TR-03"
	// RuleGateways: the listeners of a Gateway encrypt, or redirect.
	RuleGateways = "TR-04"
	// RuleMesh: every workload accepts the mesh's authenticated traffic only.
	RuleMesh = "TR-05"
	// RuleServices: no port of a Service is in the clear.
	RuleServices = "TR-07"
	// RuleIssued: cert-manager keeps a Certificate issued and renewed.
	RuleIssued = "TR-08"
	// RuleAPIServer: API servers refuse old versions of TLS.
	RuleAPIServer = "TR-09"
	// RuleHandshake: hosts serve the right certificate, and refuse old versions of TLS.
	RuleHandshake = "TR-10"
	// RuleGuard: the guard refuses Ingresses without TLS.
	RuleGuard = "TR-11"
)

// evaluatorVersion is bumped whenever the same input gives other findings.
const evaluatorVersion = 1

// Control is the control type.
type Control struct{}

var (
	_ control.Control    = Control{}
	_ control.Prober     = Control{}
	_ control.Remediator = Control{}
	_ control.SelfTester = Control{}
)

// EvaluatorVersion implements control.Control.
func (Control) EvaluatorVersion() int { return evaluatorVersion }

// Needs implements control.Control.
func (Control) Needs(spec v1alpha1.ControlSpec) []control.Need {
	s := spec.EncryptionInTransit
	if s == nil {
		return nil
	}
	needs := []control.Need{control.NeedNamespaces, control.NeedPods}
	if spec.Mode == v1alpha1.ModeEnforce { // also to see a guard that is not stated any more
		needs = append(needs, control.NeedGuards)
	}
	if s.Ingress != nil {
		needs = append(needs, control.NeedIngresses, control.NeedProbes)
		if s.Ingress.CertificateTemplate != nil {
			needs = append(needs, control.NeedCertificates)
		}
	}
	if s.Gateway != nil {
		needs = append(needs, control.NeedGateways, control.NeedProbes)
	}
	if s.Mesh != nil {
		// The last two say what STRICT would cut off.
		needs = append(needs, control.NeedMesh, control.NeedAdmissionBackends, control.NeedEndpointSlices)
	}
	if s.Services != nil {
		needs = append(needs, control.NeedServices, control.NeedServiceSubjects)
		if acceptsMeshed(s.Services) {
			needs = append(needs, control.NeedMesh)
		}
	}
	if s.Certificates != nil {
		needs = append(needs, control.NeedCertificates)
	}
	if s.APIServer != nil {
		needs = append(needs, control.NeedEndpointSlices, control.NeedProbes)
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}

// Evaluate implements control.Control.
func (Control) Evaluate(in control.Input) []control.Finding {
	if in.Control.EncryptionInTransit == nil || in.Snapshot == nil {
		return nil
	}
	r := read(in)
	judges := []func(*reading) []control.Finding{judgeIngresses, judgeGateways, judgeMesh, judgeServices, judgeIssued}
	if in.Snapshot.Namespace.IsCluster() {
		judges = []func(*reading) []control.Finding{judgeAPIServers, judgeGuard}
	}
	var findings []control.Finding
	for _, judge := range judges {
		findings = append(findings, judge(r)...)
	}
	findings = r.terminated(findings)
	slices.SortStableFunc(findings, func(a, b control.Finding) int {
		return cmp.Or(cmp.Compare(a.Subject.Kind, b.Subject.Kind), cmp.Compare(a.Subject.Group, b.Subject.Group),
			cmp.Compare(a.Subject.Name, b.Subject.Name), cmp.Compare(a.Rule, b.Rule))
	})
	return findings
}

// terminated returns the findings on a namespace that is being deleted and runs
// no pods as what they are then: without a meaning.
func (r *reading) terminated(findings []control.Finding) []control.Finding {
	s := r.in.Snapshot
	if !s.Namespace.Terminating || s.Namespace.HasRunningPods {
		return findings
	}
	if _, blind := s.Unavailable[control.NeedPods]; blind {
		return findings
	}
	for i := range findings {
		f := &findings[i]
		*f = control.Finding{
			Subject: f.Subject, Rule: f.Rule, Basis: f.Basis, Born: f.Born,
			Outcome: control.NotApplicable, Reason: control.ReasonTerminating,
			Message: "The namespace is being deleted and runs no pods.",
		}
	}
	return findings
}
