package observe

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
)

// BenchmarkMemory measures what is kept of each kind in a large cluster, per
// object: five pods and two policies in each of 10,000 namespaces. It goes by
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
		{name: "pods", source: podSource(), each: 5},
	}
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			for b.Loop() {
				st := newStore(defaultDNS())
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
		return transfer(b, &networkingv1.NetworkPolicy{ObjectMeta: meta, Spec: spec}, &networkingv1.NetworkPolicy{})
	case *corev1.Pod:
		meta.Name = fmt.Sprintf("shop-7d9c5b8f6d-%s", meta.UID[:5])
		return transfer(b, &corev1.Pod{ObjectMeta: meta}, &corev1.Pod{})
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
