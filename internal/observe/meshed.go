package observe

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unique"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// kindWorkloads is the id of pods as a mesh sees them.
const kindWorkloads = "workloads"

// The proxies of meshes, and what says that pods have one.
const (
	istioProxy   = "istio-proxy"
	linkerdProxy = "linkerd-proxy"
	// redirection is the annotation by which Istio's node agent says that it
	// takes the traffic of a pod without a sidecar.
	redirection        = "ambient.istio.io/redirection"
	redirectionEnabled = "enabled"

	proxyIstio   = "Istio"
	proxyAmbient = "IstioAmbient"
	proxyLinkerd = "Linkerd"
)

// podKind is the kind of a workload of pods that have no controller, and so no
// name that lasts.
const podKind = "Pod"

// workload is one text for all pods that a mesh treats alike. Labels and ports
// are written as in shapes.
type workload struct {
	kind, name, labels, annotations, proxy, inbound, ports string
	hostNetwork                                            bool
}

// workloadItem is a pod that is neither Succeeded nor Failed, as a mesh sees it.
type workloadItem struct {
	namespace, name string
	workload        unique.Handle[workload]
}

// workloads are those of a namespace, with how many pods they have, and of which
// a pod is one.
type workloads struct {
	pods   map[string]unique.Handle[workload]
	counts map[unique.Handle[workload]]int
	// meshedSince is since when none was seen without a proxy.
	meshedSince time.Time
}

// watch takes note of whether each of the workloads has a proxy.
func (w *workloads) watch(st *store) {
	for of := range w.counts {
		if of.Value().proxy == "" {
			w.meshedSince = time.Time{}
			return
		}
	}
	if w.meshedSince.IsZero() && st.now != nil {
		w.meshedSince = st.now()
	}
}

func workloadKind() optional {
	return optional{
		id: kindWorkloads, resource: "pods", kind: podKind, everywhere: "v1",
		needs: []control.Need{control.NeedMesh}, keep: keepWorkload,
	}
}

// keepWorkload keeps pods a second time while that is asked for: what a mesh
// looks at would make the shapes of pods many more.
func keepWorkload(s *source, _ schema.GroupVersionKind) {
	s.example = &corev1.Pod{}
	s.connect = connectTo(corev1client.NewForConfig, func(c *corev1client.CoreV1Client, namespace string) client {
		return selecting(clientOf(c.Pods(namespace)), func(o *metav1.ListOptions) { o.FieldSelector = runningPods() })
	})
	s.convert = converting(convertWorkload)
	s.table = workloadTable{}
}

// convertWorkload keeps what a mesh looks at of a pod.
func convertWorkload(p *corev1.Pod) workloadItem {
	w := workload{
		labels:      labelText(labelsText(p.Labels)).template(),
		annotations: annotationsText(kept(p.Annotations, control.PodAnnotations())),
		inbound:     p.Annotations[linkerdInbound],
		hostNetwork: p.Spec.HostNetwork,
	}
	w.kind, w.name = controllerOf(p)
	var ports []int32
	for _, c := range lasting(p) {
		switch c.Name {
		case istioProxy:
			w.proxy = proxyIstio
		case linkerdProxy:
			w.proxy = proxyLinkerd
		default:
			for _, port := range c.Ports {
				ports = append(ports, port.ContainerPort)
			}
		}
	}
	if w.proxy == "" && p.Annotations[redirection] == redirectionEnabled {
		w.proxy = proxyAmbient
	}
	slices.Sort(ports)
	for i, port := range slices.Compact(ports) {
		if i > 0 {
			w.ports += entries
		}
		w.ports += strconv.Itoa(int(port))
	}
	return workloadItem{namespace: intern(p.Namespace), name: strings.Clone(p.Name), workload: unique.Make(w)}
}

// annotationsText returns annotations in one text. None of their values has two
// lines.
func annotationsText(set map[string]string) string {
	lines := make([]string, 0, len(set))
	for _, name := range slices.Sorted(maps.Keys(set)) {
		lines = append(lines, name+assignment+set[name])
	}
	return strings.Join(lines, "\n")
}

// annotationsOf reads that text, nil where there are none.
func annotationsOf(text string) map[string]string {
	var set map[string]string
	for line := range strings.Lines(text) {
		if set == nil {
			set = map[string]string{}
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), assignment)
		set[name] = value
	}
	return set
}

// controllerOf returns the kind and name of a pod's controller: a Deployment in
// the stead of its ReplicaSet. A node is none.
func controllerOf(p *corev1.Pod) (kind, name string) {
	owner := metav1.GetControllerOf(p)
	if owner == nil || owner.Kind == "Node" {
		return podKind, ""
	}
	hash := p.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	if deployment, of := strings.CutSuffix(owner.Name, "-"+hash); owner.Kind == "ReplicaSet" && hash != "" && of {
		return "Deployment", deployment
	}
	return owner.Kind, owner.Name
}

// workloadTable keeps workloadItem items. What matters is whether a workload
// begins or ceases to be.
type workloadTable struct{}

func (workloadTable) put(st *store, item any) change {
	p := item.(workloadItem)
	c := change{key: object{kind: kindWorkloads, namespace: p.namespace, name: p.name}, present: true}
	w := st.objects.workloads[p.namespace]
	if w == nil {
		w = &workloads{pods: map[string]unique.Handle[workload]{}, counts: map[unique.Handle[workload]]int{}}
		st.objects.workloads[p.namespace] = w
	}
	old, found := w.pods[p.name]
	if found && old == p.workload {
		return c
	}
	w.pods[p.name] = p.workload
	w.counts[p.workload]++
	c.matters = w.counts[p.workload] == 1
	if found {
		c.matters = w.leave(old) || c.matters
	}
	if c.matters {
		w.watch(st)
	}
	return c
}

// leave no longer counts a pod, and reports whether its workload is gone.
func (w *workloads) leave(of unique.Handle[workload]) bool {
	w.counts[of]--
	if w.counts[of] > 0 {
		return false
	}
	delete(w.counts, of)
	return true
}

func (workloadTable) remove(st *store, item any) change {
	p := item.(workloadItem)
	c := change{key: object{kind: kindWorkloads, namespace: p.namespace, name: p.name}}
	w := st.objects.workloads[p.namespace]
	if w == nil {
		return c
	}
	old, found := w.pods[p.name]
	if !found {
		return c
	}
	delete(w.pods, p.name)
	c.matters = w.leave(old)
	switch {
	case len(w.pods) == 0:
		delete(st.objects.workloads, p.namespace)
	case c.matters:
		w.watch(st)
	}
	return c
}

func (t workloadTable) replace(st *store, items []any) {
	before := st.objects.workloads
	st.objects.workloads = make(map[string]*workloads, len(before))
	for _, item := range items {
		t.put(st, item)
	}
	for namespace, w := range before {
		if now := st.objects.workloads[namespace]; now == nil || !sameKeys(w.counts, now.counts) {
			st.touch(namespace, false)
		}
	}
	for namespace := range st.objects.workloads {
		if before[namespace] == nil {
			st.touch(namespace, false)
		}
	}
}

func sameKeys[K comparable, V any](a, b map[K]V) bool {
	for key := range a {
		if _, found := b[key]; !found {
			return false
		}
	}
	return len(a) == len(b)
}

// interrupted takes note that pods were not seen for a while.
func (workloadTable) interrupted(st *store) {
	for _, w := range st.objects.workloads {
		w.meshedSince = time.Time{}
		w.watch(st)
	}
}

// clear implements local.
func (workloadTable) clear(st *store, namespace string) { delete(st.objects.workloads, namespace) }

// workloadsOf returns the workloads of a namespace, by kind and name.
func (st *store) workloadsOf(namespace string) []control.Workload {
	kept := st.objects.workloads[namespace]
	if kept == nil || !st.demanded.meets(control.NeedMesh) {
		return nil
	}
	ordered := slices.SortedFunc(maps.Keys(kept.counts), func(a, b unique.Handle[workload]) int { return compareWorkloads(a.Value(), b.Value()) })
	all := make([]control.Workload, 0, len(ordered))
	for _, handle := range ordered {
		w := handle.Value()
		converted := control.Workload{
			Kind: w.kind, Name: w.name, Labels: labelText(w.labels).set(), Proxy: w.proxy, InboundPolicy: w.inbound,
			Annotations: annotationsOf(w.annotations), HostNetwork: w.hostNetwork,
		}
		for port := range labelText(w.ports).entries() {
			number, _ := strconv.ParseInt(port, 10, 32) // nothing else is written there
			converted.Ports = append(converted.Ports, int32(number))
		}
		all = append(all, converted)
	}
	return all
}

func compareWorkloads(a, b workload) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name), cmp.Compare(a.labels, b.labels),
		cmp.Compare(a.annotations, b.annotations), cmp.Compare(a.proxy, b.proxy), cmp.Compare(a.inbound, b.inbound), cmp.Compare(a.ports, b.ports),
		cmp.Compare(strconv.FormatBool(a.hostNetwork), strconv.FormatBool(b.hostNetwork)))
}
