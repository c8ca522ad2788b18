package encryptionintransit

import (
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Modes of PeerAuthentications and DestinationRules.
const (
	modeStrict     = "STRICT"
	modePermissive = "PERMISSIVE"
	modeDisable    = "DISABLE"
	modeUnset      = "UNSET"
	modeSimple     = "SIMPLE"
)

// judgeIstio judges a workload with a proxy of Istio's. What one reading of a
// policy of the root namespace with a selector says, and another does not, is not
// decided: Istio's own documentation contradicts itself about those.
func (g meshGuard) judgeIstio(v *verdict, name string, w *control.Workload) {
	as, alternative := g.resolve(w, false), g.resolve(w, true)
	for _, port := range slices.Sorted(maps.Keys(as.ports)) {
		if mode := as.ports[port]; mode != modeStrict && !slices.Contains(g.plain, port) && (g.only == 0 || g.only == port) {
			v.accuse(ReasonNotStrict, "%s is %s at port %d (%s)", name, mode, port, as.portsBy)
		}
	}
	if _, own := as.ports[g.only]; own {
		return
	}
	switch {
	case g.beyond() && as.inherits:
		v.doubt("policies of namespace %s are not observed, and %s inherits from them", g.root, name)
	case as.mode == modeStrict && alternative.mode == modeStrict:
	case as.mode != modeStrict && alternative.mode != modeStrict:
		v.accuse(ReasonNotStrict, "%s is %s (%s)", name, as.mode, as.by)
	default:
		v.doubt("whether %s selects workloads of other namespaces is not certain, and %s hangs on it", alternative.by, name)
	}
}

// beyond reports whether the policies of the root namespace are not observed.
func (g meshGuard) beyond() bool {
	return g.root != control.IstioRoot && g.root != g.in.Snapshot.Namespace.Name
}

// resolved is what Istio makes of all PeerAuthentications for a workload.
type resolved struct {
	mode string
	// by names the policy that decides.
	by string
	// inherits is true where no policy of the namespace states a mode.
	inherits bool
	// ports are the modes of ports that have one of their own.
	ports   map[int32]string
	portsBy string
}

// resolve returns what holds for a workload: a policy that selects it before one
// of the namespace, and that before one of the root namespace; the oldest of
// several. UNSET inherits, and PERMISSIVE holds where nothing is said. With
// rootSelects, policies of the root namespace with a selector select workloads of
// every namespace.
func (g meshGuard) resolve(w *control.Workload, rootSelects bool) resolved {
	mesh, namespace, workload := g.policiesFor(w, rootSelects)
	is := resolved{mode: modePermissive, by: "no PeerAuthentication", inherits: true}
	for _, p := range []*control.PeerAuthentication{mesh, namespace, workload} {
		if p != nil && stated(p.Mode) {
			is.mode, is.by, is.inherits = p.Mode, title(p), p == mesh
		}
	}
	if workload == nil || len(workload.PortModes) == 0 {
		return is
	}
	is.ports, is.portsBy = map[int32]string{}, title(workload)
	for port, mode := range workload.PortModes {
		if is.ports[port] = mode; !stated(mode) {
			is.ports[port] = is.mode
		}
	}
	return is
}

func stated(mode string) bool { return mode != "" && mode != modeUnset }

// policiesFor returns the policies that are for a workload: of the mesh, of its
// namespace, and of itself.
func (g meshGuard) policiesFor(w *control.Workload, rootSelects bool) (mesh, namespace, workload *control.PeerAuthentication) {
	for i := range g.in.Snapshot.Mesh.Authentications {
		p := &g.in.Snapshot.Mesh.Authentications[i]
		if w.Proxy == meshAmbient && p.Mode == modeDisable {
			continue // not supported there, and skipped
		}
		root := g.ofRoot(p)
		switch {
		case p.Namespace != "" && !root: // of a namespace that is not the mesh's root
		case len(p.Selector) == 0 && root:
			mesh = elder(mesh, p)
		case len(p.Selector) == 0:
			namespace = elder(namespace, p)
		case (!root || rootSelects) && selects(p.Selector, w.Labels):
			workload = elder(workload, p)
		}
	}
	return mesh, namespace, workload
}

func (g meshGuard) ofRoot(p *control.PeerAuthentication) bool {
	if p.Namespace == "" {
		return g.in.Snapshot.Namespace.Name == g.root
	}
	return p.Namespace == g.root
}

// elder returns the one that was made first: of equal age, that of the first name.
func elder(a, b *control.PeerAuthentication) *control.PeerAuthentication {
	if a == nil || b.CreatedAt.Before(a.CreatedAt) {
		return b
	}
	return a
}

func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if got, found := labels[key]; !found || got != value {
			return false
		}
	}
	return true
}

func title(p *control.PeerAuthentication) string {
	return control.ObjectRef{Kind: "PeerAuthentication", Namespace: p.Namespace, Name: p.Name}.String()
}

// judgeDestinations judges the DestinationRules of the namespace: they may have
// its workloads send without the mesh's encryption.
func judgeDestinations(v *verdict, rules []control.DestinationRule) {
	for _, rule := range rules {
		if !ofMesh(rule.Host) {
			continue
		}
		for _, path := range slices.Sorted(maps.Keys(rule.Modes)) {
			if mode := rule.Modes[path]; mode == modeDisable || mode == modeSimple {
				v.accuse(ReasonPlainDestination, "DestinationRule %s has traffic to %s sent with %s (%s)", rule.Name, rule.Host, mode, path)
			}
		}
	}
}

// ofMesh reports whether a host of a DestinationRule is, or may be, a Service of
// the cluster. Istio completes a name without dots to one.
func ofMesh(host string) bool {
	if suffix, wildcard := strings.CutPrefix(host, "*"); wildcard {
		return strings.HasSuffix("service.namespace.svc.cluster.local", suffix) || strings.Contains(suffix, ".svc")
	}
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".svc") || strings.Contains(host, ".svc.")
}
