package observe_test

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/observe"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// policyVersion and policyKind are what the API calls the kind that most tests write.
const (
	policyVersion = "networking.k8s.io/v1"
	policyKind    = "NetworkPolicy"
)

const (
	fieldManager = "holdfast"
	pollInterval = 5 * time.Millisecond
	pollTimeout  = time.Minute
)

// cluster is a real API server, and an admin's client of it. There is no
// controller manager: namespaces go on terminating until the test ends that.
type cluster struct {
	*controlplane.ControlPlane
	kubernetes.Interface
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	cp, err := controlplane.Start(t.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &cluster{ControlPlane: cp, Interface: newClient(t, cp.RESTConfig())}
}

func newClient(t *testing.T, config *rest.Config) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// told is what an observer told its owner.
type told struct {
	*observe.Observer
	mu       sync.Mutex
	triggers []observe.Trigger
	gaps     []observe.GapEvent
}

// start runs an observer until the test ends. Options may lack everything that
// the test does not care about.
func start(t *testing.T, options observe.Options) *told {
	t.Helper()
	told := &told{}
	options.FieldManager = fieldManager
	options.OnScope = func(trigger observe.Trigger) {
		told.mu.Lock()
		defer told.mu.Unlock()
		told.triggers = append(told.triggers, trigger)
	}
	options.OnGap = func(gap observe.GapEvent) {
		told.mu.Lock()
		defer told.mu.Unlock()
		told.gaps = append(told.gaps, gap)
	}
	observer, err := observe.New(options)
	if err != nil {
		t.Fatal(err)
	}
	told.Observer = observer
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- observer.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return told
}

// started is start, and returns when every kind is synced or was seen to fail.
func started(t *testing.T, options observe.Options) *told {
	t.Helper()
	told := start(t, options)
	if err := told.WaitForSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-told.Complete():
	case <-time.After(pollTimeout):
		t.Fatal("not all kinds are synced")
	}
	return told
}

// triggered returns how often a namespace was announced.
func (o *told) triggered(namespace string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	count := 0
	for _, trigger := range o.triggers {
		if trigger.Namespace == namespace {
			count++
		}
	}
	return count
}

// gapsOf returns what was told of the gaps of a kind.
func (o *told) gapsOf(need control.Need) []observe.GapEvent {
	o.mu.Lock()
	defer o.mu.Unlock()
	var gaps []observe.GapEvent
	for _, gap := range o.gaps {
		if gap.Need == need {
			gaps = append(gaps, gap)
		}
	}
	return gaps
}

// snapshot waits until a namespace can be read.
func (o *told) snapshot(t *testing.T, namespace string) *control.Snapshot {
	t.Helper()
	var snapshot *control.Snapshot
	eventually(t, "snapshot of "+namespace, func() bool {
		var err error
		snapshot, err = o.Snapshot(namespace)
		return err == nil
	})
	return snapshot
}

// createFence creates a namespace for fences. It has a pod, so that further ones
// announce nothing.
func (c *cluster) createFence(t *testing.T, namespace string) {
	t.Helper()
	c.createNamespace(t, namespace)
	c.createPod(t, namespace, "first")
}

// fence returns when whatever happened before was observed, and announced: a
// change of each kind in a namespace of its own arrives after it.
func (c *cluster) fence(t *testing.T, o *told, namespace string) {
	t.Helper()
	pod := c.createPod(t, namespace, "fence-"+rand.String(8))
	reached := map[control.Need]string{
		control.NeedPods:            pod.ResourceVersion,
		control.NeedNetworkPolicies: c.createPolicy(t, namespace, pod.Name).ResourceVersion,
		control.NeedNamespaces:      c.label(t, namespace, "fence", pod.Name),
	}
	if _, demanded := o.Progress()[control.NeedMesh]; demanded {
		eventually(t, "workloads up to the fence", func() bool { return o.Reached(map[string]string{"workloads": pod.ResourceVersion}) })
	}
	for need, version := range reached {
		eventually(t, string(need)+" up to the fence", func() bool { return atLeast(t, o.Progress()[need].Version, version) })
	}
}

func atLeast(t *testing.T, version, floor string) bool {
	t.Helper()
	v, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	f, err := strconv.ParseUint(floor, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v >= f
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if err := polled(t, condition); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// polled waits for a condition. The error says that it was not met in time.
func polled(t *testing.T, condition func() bool) error {
	t.Helper()
	return wait.PollUntilContextTimeout(t.Context(), pollInterval, pollTimeout, true,
		func(context.Context) (bool, error) { return condition(), nil })
}

func (c *cluster) createNamespace(t *testing.T, name string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := c.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// terminate sets a namespace's deletion timestamp, and no more than that.
func (c *cluster) terminate(t *testing.T, name string) {
	t.Helper()
	if err := c.CoreV1().Namespaces().Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// finalize lets a terminating namespace go.
func (c *cluster) finalize(t *testing.T, name string) {
	t.Helper()
	namespace, err := c.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	namespace.Spec.Finalizers = nil
	if _, err := c.CoreV1().Namespaces().Finalize(t.Context(), namespace, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// label labels a namespace, and returns its resourceVersion.
func (c *cluster) label(t *testing.T, namespace, key, value string) string {
	t.Helper()
	return c.patchNamespace(t, namespace, map[string]any{"labels": map[string]string{key: value}})
}

func (c *cluster) patchNamespace(t *testing.T, name string, metadata map[string]any) string {
	t.Helper()
	patched, err := c.CoreV1().Namespaces().Patch(t.Context(), name, types.MergePatchType,
		document(t, map[string]any{"metadata": metadata}), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return patched.ResourceVersion
}

// denyIngress is a policy that selects all pods and allows nothing in.
func denyIngress(namespace, name string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
	}
}

func (c *cluster) createPolicy(t *testing.T, namespace, name string) *networkingv1.NetworkPolicy {
	t.Helper()
	policy, err := c.NetworkingV1().NetworkPolicies(namespace).
		Create(t.Context(), denyIngress(namespace, name), metav1.CreateOptions{FieldManager: "kubectl-create"})
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func (c *cluster) deletePolicy(t *testing.T, namespace, name string) {
	t.Helper()
	if err := c.NetworkingV1().NetworkPolicies(namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) patchPolicy(t *testing.T, namespace, name string, patch map[string]any) {
	t.Helper()
	_, err := c.NetworkingV1().NetworkPolicies(namespace).Patch(t.Context(), name, types.MergePatchType,
		document(t, patch), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		t.Fatal(err)
	}
}

// apply is what Holdfast does: a forced server-side apply with explicit empties.
func (c *cluster) apply(t *testing.T, namespace, name string) *networkingv1.NetworkPolicy {
	t.Helper()
	wanted := document(t, map[string]any{
		"apiVersion": policyVersion,
		"kind":       policyKind,
		"metadata":   map[string]any{"name": name, "namespace": namespace},
		"spec": map[string]any{
			"podSelector": map[string]any{}, "policyTypes": []string{"Ingress"}, "ingress": []any{}, "egress": []any{},
		},
	})
	policy, err := c.NetworkingV1().NetworkPolicies(namespace).Patch(t.Context(), name, types.ApplyPatchType, wanted,
		metav1.PatchOptions{FieldManager: fieldManager, Force: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func (c *cluster) createPod(t *testing.T, namespace, name string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: new(false),
			Containers:                   []corev1.Container{{Name: "main", Image: "example.com/main"}},
		},
	}
	created, err := c.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func (c *cluster) setPhase(t *testing.T, namespace, name string, phase corev1.PodPhase) {
	t.Helper()
	_, err := c.CoreV1().Pods(namespace).Patch(t.Context(), name, types.MergePatchType,
		document(t, map[string]any{"status": map[string]any{"phase": phase}}), metav1.PatchOptions{}, "status")
	if err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) deletePod(t *testing.T, namespace, name string) {
	t.Helper()
	err := c.CoreV1().Pods(namespace).Delete(t.Context(), name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
	if err != nil {
		t.Fatal(err)
	}
}

func document(t *testing.T, v any) []byte {
	t.Helper()
	content, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// names returns the names of policies, in their order.
func names(policies []control.NetworkPolicy) []string {
	return slices.Collect(func(yield func(string) bool) {
		for _, policy := range policies {
			if !yield(policy.Name) {
				return
			}
		}
	})
}
