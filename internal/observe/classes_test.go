package observe

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// service puts a Service that selects by labels.
func (w world) service(namespace, name string, selector ...string) {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	s.Spec.Selector = pairs(selector)
	serviceTable{}.put(w.store, convertService(s))
}

func (w world) clusterPolicy(t *testing.T, name string, subject subjectSpec) {
	t.Helper()
	p, err := convertClusterPolicy("c", &wire[clusterPolicySpec]{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: clusterPolicySpec{Subject: subject},
	})
	if err != nil {
		t.Fatal(err)
	}
	clusterPolicyTable{"c"}.put(w.store, p)
}

// TestClasses: pods are told apart by the labels that selectors over them mention,
// and a namespace is due exactly when a class begins or ceases to be.
func TestClasses(t *testing.T) {
	w := newWorld()
	w.namespace("shop", "tier", "web")
	w.namespace("other")
	w.due()
	steps := []struct {
		name    string
		act     func()
		wantDue []string
		want    []string // as labels:count
	}{
		{name: "first pod", act: func() { w.pod("shop", "a", "app", "web", "v", "1") }, wantDue: []string{"shop"}, want: []string{"map[]:1"}},
		{name: "second pod", act: func() { w.pod("shop", "b", "app", "db", "v", "2") }, want: []string{"map[]:2"}},
		{
			name: "a Service mentions app", act: func() { w.service("shop", "s", "app", "web") },
			wantDue: []string{"shop"}, want: []string{"map[app:db]:1", "map[app:web]:1"},
		},
		{
			name: "a policy mentions app too", act: func() {
				w.policy("shop", "p", 1, networkingv1.NetworkPolicyPeer{PodSelector: lacking("app")})
			},
			wantDue: []string{"shop"}, want: []string{"map[app:db]:1", "map[app:web]:1"},
		},
		{
			name: "peers of other namespaces do not count", act: func() {
				w.policy("shop", "q", 1, networkingv1.NetworkPolicyPeer{NamespaceSelector: lacking("x"), PodSelector: lacking("v")})
			},
			wantDue: []string{"shop"}, want: []string{"map[app:db]:1", "map[app:web]:1"},
		},
		{name: "another of a class", act: func() { w.pod("shop", "c", "app", "db") }, want: []string{"map[app:db]:2", "map[app:web]:1"}},
		{name: "from class to class", act: func() { w.pod("shop", "c", "app", "web") }, want: []string{"map[app:db]:1", "map[app:web]:2"}},
		{
			name: "the last of its class", act: func() { w.noPod("shop", "b") },
			wantDue: []string{"shop"}, want: []string{"map[app:web]:2"},
		},
		{
			name: "a class of its own", act: func() { w.pod("shop", "b", "app", "db") },
			wantDue: []string{"shop"}, want: []string{"map[app:db]:1", "map[app:web]:2"},
		},
		{
			name: "the last of its class, relabelled", act: func() { w.pod("shop", "b", "app", "web") },
			wantDue: []string{"shop"}, want: []string{"map[app:web]:3"},
		},
		{name: "one of several", act: func() { w.noPod("shop", "b") }, want: []string{"map[app:web]:2"}},
		{
			name: "a cluster policy mentions v", act: func() {
				w.clusterPolicy(t, "p", subjectSpec{Pods: &control.ClusterPods{NamespaceSelector: *matching("tier", "web"), PodSelector: *lacking("v")}})
			},
			wantDue: []string{"shop"}, want: []string{"map[app:web v:1]:1", "map[app:web]:1"},
		},
		{
			name: "and is about others now", act: func() {
				w.clusterPolicy(t, "p", subjectSpec{Pods: &control.ClusterPods{NamespaceSelector: *matching("tier", "db"), PodSelector: *lacking("v")}})
			},
			wantDue: []string{"shop"}, want: []string{"map[app:web]:2"},
		},
		{
			name: "until the namespace is one of them", act: func() { w.namespace("shop", "tier", "db") },
			wantDue: []string{"shop"}, want: []string{"map[app:web v:1]:1", "map[app:web]:1"},
		},
		{
			name: "no Service any more, but a policy", act: func() { w.removeService("shop", "s") },
			wantDue: []string{"shop"}, want: []string{"map[app:web v:1]:1", "map[app:web]:1"},
		},
		{
			name: "no policy any more", act: func() { w.noPolicy("shop", "p") },
			wantDue: []string{"shop"}, want: []string{"map[v:1]:1", "map[]:1"},
		},
		{name: "a pod that was never seen is gone", act: func() { w.noPod("shop", "z") }, want: []string{"map[v:1]:1", "map[]:1"}},
		{name: "and so is one of nowhere", act: func() { w.noPod("nowhere", "z") }, want: []string{"map[v:1]:1", "map[]:1"}},
	}
	for _, step := range steps {
		step.act()
		if diff := cmp.Diff(step.wantDue, w.due()); diff != "" {
			t.Errorf("%s: due (-want +got):\n%s", step.name, diff)
		}
		var got []string
		for _, c := range w.readiness(w.living("shop")) {
			got = append(got, fmt.Sprintf("%v:%d", c.Labels, c.Count))
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s: classes (-want +got):\n%s", step.name, diff)
		}
	}
}

// TestReadiness: that a pod becomes ready is no change of its class.
func TestReadiness(t *testing.T) {
	w := newWorld()
	w.namespace("shop")
	put := func(name string, ready corev1.ConditionStatus) {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled}, {Type: corev1.PodReady, Status: ready}}
		w.touching(podTable{}.put(w.store, convertPod(p)))
	}
	put("a", corev1.ConditionFalse)
	put("b", corev1.ConditionTrue)
	w.due()
	for _, step := range []struct {
		ready corev1.ConditionStatus
		want  int
	}{{corev1.ConditionTrue, 2}, {corev1.ConditionTrue, 2}, {corev1.ConditionUnknown, 1}} {
		put("a", step.ready)
		if due := w.due(); len(due) > 0 {
			t.Errorf("%s: %v are due", step.ready, due)
		}
		if diff := cmp.Diff([]control.PodClass{{Count: 2, Ready: step.want}}, w.readiness(w.living("shop"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.ready, diff)
		}
	}
}

// BenchmarkSnapshot is a snapshot of a namespace with two classes of pods, two
// Services and three policies.
func BenchmarkSnapshot(b *testing.B) {
	w := newWorld()
	w.namespace("kube-system")
	w.namespace("shop")
	for i := range 5 {
		w.pod("shop", fmt.Sprint(i), "app", []string{"web", "db"}[i%2], "pod-template-hash", "h")
	}
	w.service("shop", "web", "app", "web")
	w.service("shop", "db", "app", "db")
	dns := networkingv1.NetworkPolicyPeer{
		NamespaceSelector: matching(corev1.LabelMetadataName, "kube-system"), PodSelector: matching("k8s-app", "kube-dns"),
	}
	w.policy("shop", "dns", 1, dns)
	w.policy("shop", "own", 1, networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}})
	w.policy("shop", "web", 1, networkingv1.NetworkPolicyPeer{PodSelector: matching("app", "web")})
	w.due()
	o, err := New(Options{Config: &rest.Config{}, FieldManager: "holdfast"})
	if err != nil {
		b.Fatal(err)
	}
	o.store = w.store
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Snapshot("shop"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPodChurn is a pod that comes and goes in a cluster where 200 selectors
// of pods are in use.
func BenchmarkPodChurn(b *testing.B) {
	w := newWorld()
	w.namespace("shop")
	w.pod("shop", "stays", "app", "web")
	for i := range 200 {
		w.policy("shop", fmt.Sprint(i), 1, networkingv1.NetworkPolicyPeer{
			NamespaceSelector: &metav1.LabelSelector{}, PodSelector: matching("team", fmt.Sprint(i)),
		})
	}
	w.due()
	for i := 0; b.Loop(); i++ {
		w.pod("shop", "a", "app", "web", "pod-template-hash", fmt.Sprint(i))
		w.noPod("shop", "a")
		if due := w.due(); len(due) > 0 {
			b.Fatalf("due: %v", due)
		}
	}
}
