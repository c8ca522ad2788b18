package encryptionintransit

import (
	"github.com/holdfast-dev/holdfast/internal/control"
)

// judgeLinkerd judges a workload with a proxy of Linkerd's. What counts is the
// annotation of the pods: the injector copies that of the namespace to them, so
// pods without one were made before it, and run with the mesh's default.
func (g meshGuard) judgeLinkerd(v *verdict, name string, w *control.Workload) {
	switch policy := w.InboundPolicy; policy {
	case "all-authenticated", "cluster-authenticated", "deny":
	case "":
		if stated := g.in.Snapshot.Mesh.InboundPolicy; stated != "" {
			v.doubt("pods of %s are older than the namespace's inbound policy %s", name, stated)
			return
		}
		v.doubt("no annotation states the inbound policy of %s, and the mesh's default is not observed", name)
	default:
		v.accuse(ReasonNotStrict, "%s has the inbound policy %s", name, policy)
	}
}
