package harness

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// fieldManager is the field manager of what the tests write.
const fieldManager = "harness"

// ClusterOptions say what to start. The zero value is one API server with an
// audit log, and a plain build of the operator.
type ClusterOptions struct {
	// ControlPlane are the control plane's options. The audit log is always on.
	ControlPlane controlplane.Options
	// Binary is the operator; empty means a plain build.
	Binary string
	// PodNetwork has the API server reach pods, as it does to call webhooks.
	PodNetwork bool
	// NoCRDs leaves the CRDs to the test, which installs a chart.
	NoCRDs bool
}

// Cluster is a control plane with the CRDs installed, unless they are left out,
// and an admin's client of it, which reads past all caches.
type Cluster struct {
	*controlplane.ControlPlane
	client.Client
	// Binary is the operator.
	Binary string
	// PodNetwork is nil unless asked for.
	PodNetwork *PodNetwork

	root string
	// helm is the path of its binary, once it is built.
	helm      string
	builtHelm sync.Once
	// installed are the operators of all releases.
	installed []*Operator
}

// StartCluster starts a control plane that ends with the test.
func StartCluster(tb testing.TB, opts ClusterOptions) *Cluster {
	tb.Helper()
	if opts.Binary == "" {
		opts.Binary = Build(tb, BuildOptions{})
	}
	if opts.ControlPlane.AuditLog == nil {
		opts.ControlPlane.AuditLog = &controlplane.AuditLog{}
	}
	var network *PodNetwork
	if opts.PodNetwork {
		var args []string
		network, args = newPodNetwork(tb)
		opts.ControlPlane.APIServerArgs = append(slices.Clone(opts.ControlPlane.APIServerArgs), args...)
	}
	cp, err := controlplane.Start(tb.Context(), opts.ControlPlane)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			tb.Error(err)
		}
	})
	c := &Cluster{ControlPlane: cp, Binary: opts.Binary, PodNetwork: network, root: Root(tb)}
	if !opts.NoCRDs {
		c.installCRDs(tb)
	}
	if c.Client, err = client.New(cp.RESTConfig(), client.Options{Scheme: Scheme(), FieldOwner: fieldManager}); err != nil {
		tb.Fatal(err)
	}
	if network != nil {
		network.serve(c.Client)
	}
	return c
}

// Scheme knows the kinds that the tests handle.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// Namespace creates a namespace with labels, given as key, value, ….
func (c *Cluster) Namespace(tb testing.TB, name string, labels ...string) *corev1.Namespace {
	tb.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: pairs(labels)}}
	if err := c.Create(tb.Context(), ns); err != nil {
		tb.Fatalf("create namespace %s: %v", name, err)
	}
	return ns
}

// Label sets labels of a namespace, given as key, value, ….
func (c *Cluster) Label(tb testing.TB, namespace string, labels ...string) {
	tb.Helper()
	ns := &corev1.Namespace{}
	if err := c.Get(tb.Context(), client.ObjectKey{Name: namespace}, ns); err != nil {
		tb.Fatalf("label namespace %s: %v", namespace, err)
	}
	before := ns.DeepCopy()
	if ns.Labels == nil {
		ns.Labels = map[string]string{}
	}
	for key, value := range pairs(labels) {
		ns.Labels[key] = value
	}
	if err := c.Patch(tb.Context(), ns, client.MergeFrom(before)); err != nil {
		tb.Fatalf("label namespace %s: %v", namespace, err)
	}
}

// DeleteNamespace deletes a namespace, and does not wait for its end.
func (c *Cluster) DeleteNamespace(tb testing.TB, name string) {
	tb.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := c.Delete(tb.Context(), ns); err != nil && !apierrors.IsNotFound(err) {
		tb.Fatalf("delete namespace %s: %v", name, err)
	}
}

// Apply creates a policy, or replaces its spec, and returns it as stored.
func (c *Cluster) Apply(tb testing.TB, b *PolicyBuilder) *v1alpha1.ControlPolicy {
	tb.Helper()
	stored, err := c.TryApply(tb.Context(), b)
	if err != nil {
		tb.Fatalf("apply policy %s: %v", b.policy.Name, err)
	}
	return stored
}

// TryApply is Apply where a refusal is expected.
func (c *Cluster) TryApply(ctx context.Context, b *PolicyBuilder) (*v1alpha1.ControlPolicy, error) {
	want := b.Build()
	stored := &v1alpha1.ControlPolicy{}
	err := c.Get(ctx, client.ObjectKey{Name: want.Name}, stored)
	if apierrors.IsNotFound(err) {
		return want, c.Create(ctx, want)
	}
	if err != nil {
		return nil, err
	}
	before := stored.DeepCopy()
	stored.Spec = want.Spec
	return stored, c.Patch(ctx, stored, client.MergeFrom(before))
}

// GetPolicy reads a policy.
func (c *Cluster) GetPolicy(tb testing.TB, name string) *v1alpha1.ControlPolicy {
	tb.Helper()
	policy := &v1alpha1.ControlPolicy{}
	if err := c.Get(tb.Context(), client.ObjectKey{Name: name}, policy); err != nil {
		tb.Fatalf("read policy %s: %v", name, err)
	}
	return policy
}

// DeletePolicy deletes a policy; one that does not exist is no error.
func (c *Cluster) DeletePolicy(tb testing.TB, name string) {
	tb.Helper()
	policy := &v1alpha1.ControlPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := c.Delete(tb.Context(), policy); err != nil && !apierrors.IsNotFound(err) {
		tb.Fatalf("delete policy %s: %v", name, err)
	}
}

// Deny is the name of the NetworkPolicy that denies ingress.
const Deny = "holdfast-default-deny-ingress"

// NetworkPolicy reads a NetworkPolicy; it is nil where there is none.
func (c *Cluster) NetworkPolicy(tb testing.TB, namespace, name string) *networkingv1.NetworkPolicy {
	tb.Helper()
	np := &networkingv1.NetworkPolicy{}
	err := c.Get(tb.Context(), client.ObjectKey{Namespace: namespace, Name: name}, np)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		tb.Fatalf("read NetworkPolicy %s/%s: %v", namespace, name, err)
	}
	return np
}

// DeleteNetworkPolicy deletes a NetworkPolicy, which must exist.
func (c *Cluster) DeleteNetworkPolicy(tb testing.TB, namespace, name string) {
	tb.Helper()
	np := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := c.Delete(tb.Context(), np); err != nil {
		tb.Fatalf("delete NetworkPolicy %s/%s: %v", namespace, name, err)
	}
}

// EditNetworkPolicy changes a NetworkPolicy, which must exist.
func (c *Cluster) EditNetworkPolicy(tb testing.TB, namespace, name string, edit func(*networkingv1.NetworkPolicy)) {
	tb.Helper()
	np := c.NetworkPolicy(tb, namespace, name)
	if np == nil {
		tb.Fatalf("edit NetworkPolicy %s/%s: there is none", namespace, name)
	}
	before := np.DeepCopy()
	edit(np)
	if err := c.Patch(tb.Context(), np, client.MergeFrom(before)); err != nil {
		tb.Fatalf("edit NetworkPolicy %s/%s: %v", namespace, name, err)
	}
}

// AwaitDenied waits until namespaces have the NetworkPolicy that denies ingress,
// as Holdfast applies it.
func (c *Cluster) AwaitDenied(tb testing.TB, namespaces ...string) {
	tb.Helper()
	for _, namespace := range namespaces {
		Eventually(tb, "namespace "+namespace+" denies ingress", func() error {
			return DeniesIngress(c.NetworkPolicy(tb, namespace, Deny))
		})
	}
}

// DeniesIngress returns nil if a NetworkPolicy denies all ingress to all pods.
func DeniesIngress(np *networkingv1.NetworkPolicy) error {
	switch {
	case np == nil:
		return fmt.Errorf("there is no %s", Deny)
	case len(np.Spec.PodSelector.MatchLabels)+len(np.Spec.PodSelector.MatchExpressions) > 0:
		return fmt.Errorf("its podSelector is %v", np.Spec.PodSelector)
	case len(np.Spec.PolicyTypes) != 1 || np.Spec.PolicyTypes[0] != networkingv1.PolicyTypeIngress:
		return fmt.Errorf("its policyTypes are %v", np.Spec.PolicyTypes)
	case len(np.Spec.Ingress)+len(np.Spec.Egress) > 0:
		return fmt.Errorf("it has %d ingress and %d egress rules", len(np.Spec.Ingress), len(np.Spec.Egress))
	}
	return nil
}

// pairs makes a map of key, value, ….
func pairs(list []string) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		m[list[i]] = list[i+1]
	}
	return m
}
