package encryptionintransit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The meshes.
const (
	meshIstio   = "Istio"
	meshAmbient = "IstioAmbient"
	meshLinkerd = "Linkerd"
)

// judgeMesh returns the finding of rule TR-05, which is on the namespace.
func judgeMesh(r *reading) []control.Finding {
	if r.spec.Mesh == nil {
		return nil
	}
	v := newVerdict(r.scope(), RuleMesh, control.BasisConfiguration)
	if reason, need := r.in.Snapshot.Unobserved(control.NeedNamespaces, control.NeedMesh); reason != "" {
		return []control.Finding{v.blind(reason, need)}
	}
	s := r.in.Snapshot
	provider := r.spec.Mesh.Provider
	switch {
	case s.Mesh == nil || !slices.Contains(s.Mesh.Served, provider):
		v.accuse(ReasonNotInstalled, "%s is not installed", provider)
	case len(s.Workloads) == 0:
		return []control.Finding{v.notApplicable(ReasonNoWorkloads, "No pods run in the namespace.")}
	}
	if len(v.against) == 0 {
		for i := range s.Workloads {
			r.judgeWorkload(v, &s.Workloads[i])
		}
		if provider == meshIstio {
			judgeDestinations(v, s.Mesh.Destinations)
		}
	}
	return []control.Finding{v.finding(ReasonStrict, "Every workload accepts authenticated traffic of the mesh only.")}
}

// judgeWorkload judges one workload by the mesh that is demanded.
func (r *reading) judgeWorkload(v *verdict, w *control.Workload) {
	name := workloadName(w)
	if !ofProvider(w.Proxy, r.spec.Mesh.Provider) {
		v.accuse(ReasonNotMeshed, "%s has no proxy of %s", name, r.spec.Mesh.Provider)
		return
	}
	guard := meshGuard{reading: r, root: rootNamespace(r.spec.Mesh), plain: r.spec.Mesh.PlainPorts}
	guard.judge(v, name, w)
}

func ofProvider(proxy, provider string) bool {
	return proxy == provider || proxy == meshAmbient && provider == meshIstio
}

// workloadName returns how a workload is written: a pod without a controller has
// no name, for it is one of many.
func workloadName(w *control.Workload) string {
	if w.Name == "" {
		return w.Kind + "s without a controller"
	}
	return w.Kind + " " + w.Name
}

// meshGuard is what is asked of workloads that have a proxy: that they accept
// nothing plain, but for ports that may be so.
type meshGuard struct {
	*reading
	root string
	// plain are ports that may accept plain traffic; only is the one port that is
	// judged, 0 for all.
	plain []int32
	only  int32
}

func (g meshGuard) judge(v *verdict, name string, w *control.Workload) {
	for _, ports := range bypassed(w) {
		if ports.touch(g.only) && !ports.within(g.plain) {
			v.accuse(ReasonBypassed, "%s has traffic to %s go past its proxy", name, ports.text)
		}
	}
	if w.Proxy == meshLinkerd {
		g.judgeLinkerd(v, name, w)
		return
	}
	g.judgeIstio(v, name, w)
}

// portRange are ports as an annotation states them.
type portRange struct {
	text        string
	first, last int64
}

// everyPort is what cannot be read as ports: it may be any.
const everyPort = 1 << 16

func readPorts(text string) portRange {
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		last = first
	}
	from, errFrom := strconv.ParseInt(strings.TrimSpace(first), 10, 32)
	to, errTo := strconv.ParseInt(strings.TrimSpace(last), 10, 32)
	if errFrom != nil || errTo != nil {
		return portRange{text: text, last: everyPort}
	}
	return portRange{text: "port " + text, first: from, last: to}
}

// touch reports whether a port is among them; 0 stands for any.
func (p portRange) touch(port int32) bool {
	return port == 0 || int64(port) >= p.first && int64(port) <= p.last
}

// within reports whether all of them are listed.
func (p portRange) within(list []int32) bool {
	if p.last-p.first >= int64(len(list)) {
		return false
	}
	for port := p.first; port <= p.last; port++ {
		if !slices.Contains(list, int32(port)) {
			return false
		}
	}
	return true
}

// The annotations by which inbound traffic goes past the proxy; see
// control.PodAnnotations.
const (
	linkerdSkip  = "config.linkerd.io/skip-inbound-ports"
	istioExclude = "traffic.sidecar.istio.io/excludeInboundPorts"
	istioInclude = "traffic.sidecar.istio.io/includeInboundPorts"
)

// bypassed returns the ports at which inbound traffic goes past the proxy of a
// workload, as annotations of its pods say.
func bypassed(w *control.Workload) []portRange {
	skipped := istioExclude
	if w.Proxy == meshLinkerd {
		skipped = linkerdSkip
	}
	var all []portRange
	for text := range strings.SplitSeq(w.Annotations[skipped], ",") {
		if text = strings.TrimSpace(text); text != "" {
			all = append(all, readPorts(text))
		}
	}
	only, stated := w.Annotations[istioInclude]
	if stated && w.Proxy == meshIstio && strings.TrimSpace(only) != "*" {
		all = append(all, portRange{text: fmt.Sprintf("every port but %q", strings.TrimSpace(only)), last: everyPort})
	}
	return all
}
