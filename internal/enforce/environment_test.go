package enforce

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// environment is a real API server with an admin's client. Its namespaces are
// never finalized, so that a terminating one stays.
type environment struct {
	*controlplane.ControlPlane
	admin kubernetes.Interface
}

func newEnvironment(tb testing.TB) environment {
	tb.Helper()
	cp, err := controlplane.Start(tb.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			tb.Error(err)
		}
	})
	admin, err := kubernetes.NewForConfig(cp.RESTConfig())
	if err != nil {
		tb.Fatal(err)
	}
	return environment{ControlPlane: cp, admin: admin}
}

// applier returns an Applier with the given identity and way to the API server.
func (e environment) applier(tb testing.TB, cfg *rest.Config) *Applier {
	tb.Helper()
	// Kinds are looked up as an admin, for the way of cfg may be broken.
	discovery, err := rest.HTTPClientFor(e.RESTConfig())
	if err != nil {
		tb.Fatal(err)
	}
	mapper, err := apiutil.NewDynamicRESTMapper(e.RESTConfig(), discovery)
	if err != nil {
		tb.Fatal(err)
	}
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	applier, err := NewApplier(cfg, client, mapper)
	if err != nil {
		tb.Fatal(err)
	}
	return applier
}

// namespace creates a namespace and returns the change that denies ingress in it.
func (e environment) namespace(tb testing.TB, name string) control.Change {
	tb.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := e.admin.CoreV1().Namespaces().Create(tb.Context(), namespace, metav1.CreateOptions{}); err != nil {
		tb.Fatal(err)
	}
	return denyIngress(name)
}

// create creates the object of a change as somebody else would, and returns its UID.
func (e environment) create(tb testing.TB, change control.Change, spec networkingv1.NetworkPolicySpec) string {
	tb.Helper()
	policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: change.Name}, Spec: spec}
	created, err := e.admin.NetworkingV1().NetworkPolicies(change.Namespace).
		Create(tb.Context(), policy, metav1.CreateOptions{FieldManager: "somebody"})
	if err != nil {
		tb.Fatal(err)
	}
	return string(created.UID)
}

// applied applies a change, and returns the object's UID.
func (e environment) applied(tb testing.TB, change control.Change) string {
	tb.Helper()
	return mustApply(tb, e.applier(tb, e.RESTConfig()), change, "").Object.UID
}

// patch changes the object of a change as somebody else would.
func (e environment) patch(tb testing.TB, change control.Change, patch string) {
	tb.Helper()
	_, err := e.admin.NetworkingV1().NetworkPolicies(change.Namespace).Patch(tb.Context(), change.Name,
		types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "somebody"})
	if err != nil {
		tb.Fatal(err)
	}
}

// terminate deletes a namespace, which then stays terminating.
func (e environment) terminate(tb testing.TB, namespace string) {
	tb.Helper()
	if err := e.admin.CoreV1().Namespaces().Delete(tb.Context(), namespace, metav1.DeleteOptions{}); err != nil {
		tb.Fatal(err)
	}
}

func (e environment) delete(tb testing.TB, change control.Change) {
	tb.Helper()
	err := e.admin.NetworkingV1().NetworkPolicies(change.Namespace).
		Delete(tb.Context(), change.Name, metav1.DeleteOptions{})
	if err != nil {
		tb.Fatal(err)
	}
}

// get returns the object of a change, nil if it is absent.
func (e environment) get(tb testing.TB, change control.Change) *networkingv1.NetworkPolicy {
	tb.Helper()
	policy, err := e.admin.NetworkingV1().NetworkPolicies(change.Namespace).
		Get(tb.Context(), change.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		tb.Fatal(err)
	}
	return policy
}

// grant creates a role and gives it to a user.
func (e environment) grant(tb testing.TB, role *rbacv1.Role, user string) {
	tb.Helper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: role.ObjectMeta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}
	if _, err := e.admin.RbacV1().Roles(role.Namespace).Create(tb.Context(), role, metav1.CreateOptions{}); err != nil {
		tb.Fatal(err)
	}
	if _, err := e.admin.RbacV1().RoleBindings(role.Namespace).Create(tb.Context(), binding, metav1.CreateOptions{}); err != nil {
		tb.Fatal(err)
	}
}

// allowAll is a spec that nobody mistakes for a denial.
func allowAll() networkingv1.NetworkPolicySpec {
	return networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress:     []networkingv1.NetworkPolicyIngressRule{{}},
	}
}

func denyIngress(namespace string) control.Change {
	return control.Change{
		APIVersion: "networking.k8s.io/v1",
		Kind:       "NetworkPolicy",
		Namespace:  namespace,
		Name:       "holdfast-default-deny-ingress",
		Spec: map[string]any{
			"podSelector": map[string]any{},
			"policyTypes": []any{"Ingress"},
			"ingress":     []any{},
			"egress":      []any{},
		},
		Rules: []string{"NP-01"},
	}
}

// mustApply applies a change that is expected to take, and returns the result.
func mustApply(tb testing.TB, applier *Applier, change control.Change, uid string) Result {
	tb.Helper()
	result, err := applier.Apply(tb.Context(), change, uid)
	if err != nil {
		tb.Fatal(err)
	}
	if result.Differs != "" {
		tb.Fatalf("applied, but differs: %s", result.Differs)
	}
	return result
}

// wantFailure fails unless the error is the given failure.
func wantFailure(tb testing.TB, err error, want Failure) Error {
	tb.Helper()
	var failed *Error
	if !errors.As(err, &failed) || failed.Failure != want {
		tb.Fatalf("error %v, want failure %s", err, want)
	}
	return *failed
}

func specJSON(tb testing.TB, policy *networkingv1.NetworkPolicy) string {
	tb.Helper()
	if policy == nil {
		return "absent"
	}
	spec, err := json.Marshal(policy.Spec)
	if err != nil {
		tb.Fatal(err)
	}
	return string(spec)
}

// spec is the spec of a change's object as plain data, nil if it is absent.
func (e environment) spec(tb testing.TB, change control.Change) map[string]any {
	tb.Helper()
	live := e.get(tb, change)
	if live == nil {
		return nil
	}
	var spec map[string]any
	if err := json.Unmarshal([]byte(specJSON(tb, live)), &spec); err != nil {
		tb.Fatal(err)
	}
	return spec
}

// roundTripperFn is a function as an http.RoundTripper.
type roundTripperFn func(*http.Request) (*http.Response, error)

func (f roundTripperFn) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
