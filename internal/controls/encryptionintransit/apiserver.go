package encryptionintransit

import (
	"github.com/holdfast-dev/holdfast/internal/control"
)

// apiServerName is the name by which API servers are asked for: their
// certificates have it whatever their addresses.
const apiServerName = "kubernetes.default.svc"

// judgeAPIServers returns the finding of rule TR-09.
func judgeAPIServers(r *reading) []control.Finding {
	if r.spec.APIServer == nil {
		return nil
	}
	v := newVerdict(r.scope(), RuleAPIServer, control.BasisBehaviour)
	if reason, need := r.in.Snapshot.Unobserved(control.NeedEndpointSlices); reason != "" {
		return []control.Finding{v.blind(reason, need)}
	}
	servers := r.apiServers()
	if len(servers) == 0 {
		v.doubt("no address of an API server is known")
	}
	for _, at := range servers {
		name := "the API server at " + at.address
		o := r.handshakes[at]
		if why := r.unseen(o, name); why != nil {
			v.undecided = append(v.undecided, *why)
			continue
		}
		v.turns(r.in.Now, o.ValidUntil)
		r.judgeAPIServer(v, name, o.Served)
	}
	return []control.Finding{v.finding(ReasonServed, "API servers refuse versions of TLS below the minimum.")}
}

func (r *reading) judgeAPIServer(v *verdict, name string, s *control.Served) {
	switch {
	case s == nil || s.Refused:
		v.doubt("no connection with TLS to %s came about", name)
	case s.Plain:
		v.accuse(ReasonPlainOnTLSPort, "%s answers in the clear", name)
	case s.Leaf == nil || len(s.Versions) == 0:
		v.doubt("no connection with TLS to %s came about", name)
	default:
		judgeVersions(v, name, s, minimum(r.spec.APIServer.MinimumTLSVersion))
		r.judgeDates(v, "the certificate of "+name, s.Leaf, 0)
		v.see("%s: TLS %s, certificate %s", name, s.Versions, s.Leaf.SHA256)
	}
}
