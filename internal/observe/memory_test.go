package observe

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/uuid"
)

// BenchmarkMemory measures what is kept of each kind in a large cluster, per
// object: five pods of one Deployment, two Services, two volumes, an Ingress and
// two policies, one of which allows DNS, in each of 10,000 namespaces. It goes by
// what the API server sends, decoded, since a part that is kept may keep the
// whole alive.
func BenchmarkMemory(b *testing.B) {
	const namespaces = 10_000
	kinds := []struct {
		name   string
		source source
		each   int
	}{
		{name: "namespaces", source: namespaceSource(), each: 1},
		{name: "policies", source: policySource("holdfast"), each: 2},
		{name: "services", source: serviceSource(), each: 2},
		{name: "pods", source: podSource(), each: 5},
		{name: "workloads", source: sourceNamed(kindWorkloads), each: 5},
		{name: "ingresses", source: sourceNamed(kindIngresses), each: 1},
		{name: "volumes", source: sourceNamed(kindVolumes), each: 2},
	}
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			for b.Loop() {
				st := newStore(defaultDNS())
				if kind.name != "namespaces" {
					// What is kept of the namespace itself is counted with it.
					for namespace := range namespaces {
						namespaceTable{}.put(st, itemOfNamespace(decoded(b, &corev1.Namespace{}, namespace, 0).(*corev1.Namespace)))
					}
				}
				before := heap()
				for namespace := range namespaces {
					for index := range kind.each {
						item, err := kind.source.convert(decoded(b, kind.source.example, namespace, index))
						if err != nil {
							b.Fatal(err)
						}
						kind.source.table.put(st, item)
					}
				}
				b.ReportMetric(float64(heap()-before)/float64(namespaces*kind.each), "B/object")
				runtime.KeepAlive(st)
			}
		})
	}
}

// BenchmarkInitialPods is how long the initial list of 50,000 pods keeps everybody
// else waiting.
func BenchmarkInitialPods(b *testing.B) {
	var items []any
	for namespace := range 10_000 {
		for index := range 5 {
			items = append(items, convertPod(decoded(b, &corev1.Pod{}, namespace, index).(*corev1.Pod)))
		}
	}
	for b.Loop() {
		podTable{}.replace(newStore(defaultDNS()), items)
	}
}

// BenchmarkVolume is what the change of one volume of 10,000 in one namespace
// costs, and what the snapshot that follows does.
func BenchmarkVolume(b *testing.B) {
	st := newStore(defaultDNS())
	namespaceTable{}.put(st, itemOfNamespace(decoded(b, &corev1.Namespace{}, 0, 0).(*corev1.Namespace)))
	source := sourceNamed(kindVolumes)
	var changed any
	for index := range 10_000 {
		item, err := source.convert(decoded(b, source.example, 0, index))
		if err != nil {
			b.Fatal(err)
		}
		source.table.put(st, item)
		changed = item
	}
	b.Run("change", func(b *testing.B) {
		for b.Loop() {
			source.table.put(st, changed)
		}
	})
	b.Run("snapshot", func(b *testing.B) {
		for b.Loop() {
			st.snapshot(st.living("tenant-00000"))
		}
	})
}

// sourceNamed returns the source of a kind, by id.
func sourceNamed(id string) source {
	sources := always("holdfast", defaultDNS())
	for _, o := range optionals() {
		sources = append(sources, o.source("v1", "holdfast"))
	}
	return sources[slices.IndexFunc(sources, func(s source) bool { return s.id == id })]
}

// heap returns the bytes in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// decoded returns an object of the type of example, as it comes from the wire.
func decoded(b *testing.B, example any, namespace, index int) any {
	b.Helper()
	meta := metav1.ObjectMeta{
		Namespace: fmt.Sprintf("tenant-%05d", namespace),
		UID:       uuid.NewUUID(), ResourceVersion: fmt.Sprint(1_000_000 + namespace*10 + index), Generation: 1,
		CreationTimestamp: metav1.Now(),
		Labels:            map[string]string{"app.kubernetes.io/name": "shop", "holdfast.dev/tier": "production"},
		ManagedFields: []metav1.ManagedFieldsEntry{{
			Manager: "holdfast", Operation: metav1.ManagedFieldsOperationApply, Time: new(metav1.NewTime(time.Now())),
			FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:egress":{},"f:ingress":{},"f:podSelector":{},"f:policyTypes":{}}}`),
		}},
	}
	switch example.(type) {
	case *corev1.Namespace:
		meta.Name, meta.Namespace = meta.Namespace, ""
		return transfer(b, &corev1.Namespace{ObjectMeta: meta}, &corev1.Namespace{})
	case *networkingv1.NetworkPolicy:
		direction := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}[index]
		meta.Name = "holdfast-default-deny-" + string(direction)
		spec := networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{direction}}
		if direction == networkingv1.PolicyTypeEgress {
			spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "kube-system"}},
				PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
			}}}}
		}
		return transfer(b, &networkingv1.NetworkPolicy{ObjectMeta: meta, Spec: spec}, &networkingv1.NetworkPolicy{})
	case *corev1.Pod:
		// The pods of one Deployment in each namespace: alike there, and nowhere else.
		hash := fmt.Sprintf("7d9c%06d", namespace)
		meta.Name = fmt.Sprintf("shop-%s-%s", hash, meta.UID[:5])
		meta.Labels = map[string]string{"app.kubernetes.io/name": "shop", "pod-template-hash": hash}
		spec := corev1.PodSpec{Containers: []corev1.Container{{
			Name: "main", Image: "example.com/main", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
		}}}
		status := corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
		return transfer(b, &corev1.Pod{ObjectMeta: meta, Spec: spec, Status: status}, &corev1.Pod{})
	case *corev1.Service:
		meta.Name = fmt.Sprintf("shop-%d", index)
		spec := corev1.ServiceSpec{
			Selector: map[string]string{"app.kubernetes.io/name": "shop"}, ClusterIPs: []string{"10.0.0.1"},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("http")}},
		}
		return transfer(b, &corev1.Service{ObjectMeta: meta, Spec: spec}, &corev1.Service{})
	case *networkingv1.Ingress:
		meta.Name = "shop"
		host := fmt.Sprintf("shop-%d.example.com", namespace)
		spec := networkingv1.IngressSpec{
			IngressClassName: new("nginx"), TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: "shop-tls"}},
			Rules: []networkingv1.IngressRule{{Host: host}},
		}
		return transfer(b, &networkingv1.Ingress{ObjectMeta: meta, Spec: spec}, &networkingv1.Ingress{})
	case *corev1.PersistentVolume:
		claim := &corev1.ObjectReference{Namespace: meta.Namespace, Name: fmt.Sprintf("data-%d", index)}
		meta.Name, meta.Namespace = "pvc-"+string(meta.UID), ""
		meta.Annotations = map[string]string{provisionedBy: "ebs.csi.aws.com"}
		spec := corev1.PersistentVolumeSpec{StorageClassName: "gold", ClaimRef: claim, PersistentVolumeSource: corev1.PersistentVolumeSource{
			CSI: &corev1.CSIPersistentVolumeSource{
				Driver: "ebs.csi.aws.com", VolumeHandle: "vol-" + string(meta.UID[:17]), VolumeAttributes: map[string]string{"fsType": "ext4"},
			},
		}}
		return transfer(b, &corev1.PersistentVolume{ObjectMeta: meta, Spec: spec}, &corev1.PersistentVolume{})
	default:
		b.Fatalf("no objects of type %T", example)
		return nil
	}
}

// message is an object that goes over the wire.
type message interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// transfer encodes one object and decodes it into another, which it returns.
func transfer(b *testing.B, from, to message) any {
	b.Helper()
	wire, err := from.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	if err := to.Unmarshal(wire); err != nil {
		b.Fatal(err)
	}
	return to
}
