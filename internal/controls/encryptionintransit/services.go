package encryptionintransit

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// judgeServices returns the findings of rule TR-07.
func judgeServices(r *reading) []control.Finding {
	if r.spec.Services == nil {
		return nil
	}
	var findings []control.Finding
	for n := range r.in.Snapshot.Services {
		s := &r.in.Snapshot.Services[n]
		on := r.object("", "Service", control.Meta{Name: s.Name, UID: s.UID, CreatedAt: s.CreatedAt})
		findings = append(findings, r.judgeService(newVerdict(on, RuleServices, control.BasisConfiguration), s))
	}
	return findings
}

func (r *reading) judgeService(v *verdict, s *control.Service) control.Finding {
	if reason, need := r.in.Snapshot.Unobserved(control.NeedNamespaces, control.NeedServices, control.NeedServiceSubjects); reason != "" {
		return v.blind(reason, need)
	}
	if s.Type == corev1.ServiceTypeExternalName || len(s.Ports) == 0 {
		return v.notApplicable(ReasonNoPorts, "The Service has no ports, or is another name for a host.")
	}
	meshed := false
	for _, p := range s.Ports {
		meshed = r.judgePort(v, s, p) || meshed
	}
	if meshed {
		return v.finding(ReasonMeshed, "No port is in the clear: a mesh encrypts what Services do not.")
	}
	return v.finding(ReasonEncrypted, "Every port is encrypted.")
}

// judgePort judges one port, and reports whether it rests on a mesh.
func (r *reading) judgePort(v *verdict, s *control.Service, p control.ServicePort) bool {
	name := portName(p)
	is, by := protocolOf(p)
	if is == encrypted {
		v.see("%s: encrypted, as %s says", name, by)
		return false
	}
	if reason := r.plainReason(s, p.Port.Port); reason != "" {
		v.recorded = append(v.recorded, issue{ReasonRecorded, name + ": " + reason})
		return false
	}
	if acceptsMeshed(r.spec.Services) {
		if reason, need := r.in.Snapshot.Unobserved(control.NeedMesh); reason != "" {
			v.undecided = append(v.undecided, issue{reason, fmt.Sprintf("%s could not be observed, which may encrypt %s", need, name)})
			return false
		}
		if r.meshed(s, p) {
			v.see("%s: encrypted by the mesh", name)
			return true
		}
	}
	if is == inTheClear {
		v.accuse(ReasonPlainPort, "%s is in the clear, as %s says", name, by)
	} else {
		v.doubt("nothing tells whether %s is encrypted", name)
	}
	return false
}

func portName(p control.ServicePort) string {
	if p.Protocol == "" || p.Protocol == corev1.ProtocolTCP {
		return fmt.Sprintf("port %d", p.Port.Port)
	}
	return fmt.Sprintf("port %d/%s", p.Port.Port, p.Protocol)
}

// plainReason returns why a port may be in the clear, and "" where nothing says so.
func (r *reading) plainReason(s *control.Service, port int32) string {
	i := slices.IndexFunc(r.spec.Services.PlainPorts, func(p v1alpha1.PlainPort) bool {
		return slices.Contains(p.Ports, port) &&
			(len(p.Namespaces) == 0 || slices.Contains(p.Namespaces, r.in.Snapshot.Namespace.Name)) &&
			(len(p.Services) == 0 || slices.Contains(p.Services, s.Name))
	})
	if i < 0 {
		return ""
	}
	return r.spec.Services.PlainPorts[i].Reason
}

// meshed reports whether every workload behind a port accepts meshed traffic only.
func (r *reading) meshed(s *control.Service, p control.ServicePort) bool {
	if r.in.Snapshot.Mesh == nil || len(s.Selector) == 0 {
		return false
	}
	found := false
	for i := range r.in.Snapshot.Workloads {
		w := &r.in.Snapshot.Workloads[i]
		if !selects(s.Selector, w.Labels) {
			continue
		}
		if found = true; w.Proxy == "" || !r.strictAt(w, p.Target) {
			return false
		}
	}
	return found
}

// strictAt reports whether a workload accepts meshed traffic only, at a port: at
// every port where the target is a name, for its number is not known.
func (r *reading) strictAt(w *control.Workload, target intstr.IntOrString) bool {
	g := meshGuard{reading: r, root: control.IstioRoot}
	if m := r.spec.Mesh; m != nil && ofProvider(w.Proxy, m.Provider) {
		g.root = rootNamespace(m)
	}
	if target.Type == intstr.Int {
		g.only = target.IntVal
	}
	judged := &verdict{}
	g.judge(judged, "", w)
	return len(judged.against) == 0 && len(judged.undecided) == 0
}
