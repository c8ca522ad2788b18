package encryptionintransit

import (
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// StrictName is the name of the PeerAuthentication that Holdfast applies.
const StrictName = "holdfast-strict"

// strict wants a PeerAuthentication STRICT for the namespace: where every pod has
// been meshed long enough, nobody calls who has no proxy, and nobody else says
// something for the whole namespace. What is there of ours is kept as it is to be.
func (w *wanting) strict() {
	s := w.in.Snapshot
	if !w.meshedByIstio() {
		return
	}
	have := w.authentication(StrictName)
	switch {
	case have != nil && !have.Ours:
		w.refuse(v1alpha1.ReasonNameCollision, "PeerAuthentication %s is left as it is: Holdfast did not create it.", StrictName)
		return
	case have == nil && !w.lax():
		return
	}
	if why, pending := w.wouldCutOff(have != nil); why != "" {
		reason := v1alpha1.ReasonStrictRefused
		if pending {
			reason = v1alpha1.ReasonPending
		}
		w.refuse(reason, "PeerAuthentication STRICT is not applied in namespace %s: %s.", s.Namespace.Name, why)
		return
	}
	w.want(control.Change{
		APIVersion: "security.istio.io/v1", Kind: "PeerAuthentication", Namespace: s.Namespace.Name, Name: StrictName,
		Spec:  map[string]any{"mtls": map[string]any{"mode": modeStrict}},
		Rules: []string{RuleMesh}, Effect: control.Restricts,
		InPlace: have != nil && have.Mode == modeStrict && len(have.Selector) == 0 && len(have.PortModes) == 0,
	})
}

// meshedByIstio reports whether Istio is demanded, and there to be told something.
func (w *wanting) meshedByIstio() bool {
	if w.spec.Mesh == nil || w.spec.Mesh.Provider != meshIstio {
		return false
	}
	if reason, _ := w.in.Snapshot.Unobserved(control.NeedMesh, control.NeedAdmissionBackends, control.NeedEndpointSlices); reason != "" {
		return false
	}
	s := w.in.Snapshot
	return s.Mesh != nil && slices.Contains(s.Mesh.Served, meshIstio) && len(s.Workloads) > 0
}

// authentication returns the namespace's PeerAuthentication of a name.
func (w *wanting) authentication(name string) *control.PeerAuthentication {
	for i := range w.in.Snapshot.Mesh.Authentications {
		if p := &w.in.Snapshot.Mesh.Authentications[i]; p.Name == name && p.Namespace == "" {
			return p
		}
	}
	return nil
}

// lax reports whether a policy of the namespace would make a workload strict that
// is not.
func (w *wanting) lax() bool {
	g := meshGuard{reading: w.reading, root: rootNamespace(w.spec.Mesh)}
	for i := range w.in.Snapshot.Workloads {
		if is := g.resolve(&w.in.Snapshot.Workloads[i], false); is.mode != modeStrict && is.inherits || g.beyond() && is.inherits {
			return true
		}
	}
	return false
}

// wouldCutOff returns why STRICT is not applied, and whether that passes by
// itself. What was in place is put back at once, unless it does harm.
func (w *wanting) wouldCutOff(restored bool) (why string, pending bool) {
	s := w.in.Snapshot
	for i := range s.Workloads {
		if wl := &s.Workloads[i]; !ofProvider(wl.Proxy, meshIstio) {
			return workloadName(wl) + " has no proxy of Istio", false
		}
	}
	for i := range s.Mesh.Authentications {
		if p := &s.Mesh.Authentications[i]; p.Namespace == "" && len(p.Selector) == 0 && p.Name != StrictName {
			return fmt.Sprintf("PeerAuthentication %s, which Holdfast did not create, is on the whole namespace", p.Name), false
		}
	}
	if len(s.AdmissionBackends) > 0 {
		return fmt.Sprintf("the API server calls Service %s, and has no proxy", s.AdmissionBackends[0].Service), false
	}
	if l := s.Lifelines; l != nil && l.DNS != nil && l.DNS.Namespace == s.Namespace.Name {
		return "the cluster's DNS is there, which pods without a proxy ask", false
	}
	window := duration(w.spec.Mesh.StrictAfter, defaultStrictAfter)
	if since := s.Mesh.MeshedSince; !restored && (since.IsZero() || w.in.Now.Sub(since) < window) {
		return fmt.Sprintf("its pods have not all been seen meshed for %s yet", brief(window)), true
	}
	return "", false
}
