package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// operatorRoles are the files of config/rbac that say what the operator may do.
var operatorRoles = []string{"observe.yaml", "enforce.yaml", "operator.yaml"}

// Rights are what one user may do: copies of the operator's roles, so that
// taking a right from one user takes it from no other.
type Rights struct {
	cluster   *Cluster
	user      string
	namespace string
	objects   []client.Object
}

// Grant gives a user what config/rbac gives the operator's service account, in
// the operator's namespace given.
func (c *Cluster) Grant(tb testing.TB, user, namespace string) *Rights {
	tb.Helper()
	r := &Rights{cluster: c, user: user, namespace: namespace}
	for _, file := range operatorRoles {
		objects, err := readObjects(filepath.Join(c.root, "config", "rbac", file))
		if err != nil {
			tb.Fatalf("read the operator's roles: %v", err)
		}
		for _, o := range objects {
			r.objects = append(r.objects, r.own(tb, o))
		}
	}
	r.Restore(tb)
	return r
}

// own makes an object of config/rbac the user's own.
func (r *Rights) own(tb testing.TB, o client.Object) client.Object {
	tb.Helper()
	suffix := "-" + r.user
	o.SetName(o.GetName() + suffix)
	if o.GetNamespace() != "" {
		o.SetNamespace(r.namespace)
	}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: r.user}}
	switch o := o.(type) {
	case *rbacv1.ClusterRoleBinding:
		o.RoleRef.Name += suffix
		o.Subjects = subjects
	case *rbacv1.RoleBinding:
		o.RoleRef.Name += suffix
		o.Subjects = subjects
	case *rbacv1.ClusterRole, *rbacv1.Role:
	default:
		tb.Fatalf("config/rbac has a %T where roles and bindings are expected", o)
	}
	return o
}

// Restore gives back everything that was taken.
func (r *Rights) Restore(tb testing.TB) {
	tb.Helper()
	for _, o := range r.objects {
		if err := r.put(tb.Context(), o.DeepCopyObject().(client.Object)); err != nil {
			tb.Fatalf("grant %T %s: %v", o, o.GetName(), err)
		}
	}
}

func (r *Rights) put(ctx context.Context, o client.Object) error {
	err := r.cluster.Create(ctx, o)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	return r.cluster.Update(ctx, o)
}

// Revoke takes verbs on a resource of all namespaces from the user. Watches that
// are open stay open.
func (r *Rights) Revoke(tb testing.TB, resource string, verbs ...string) {
	tb.Helper()
	found := false
	for _, o := range r.objects {
		role, ok := o.(*rbacv1.ClusterRole)
		if !ok {
			continue
		}
		less := role.DeepCopy()
		for i := range less.Rules {
			rule := &less.Rules[i]
			if !slices.Contains(rule.Resources, resource) {
				continue
			}
			kept := slices.DeleteFunc(slices.Clone(rule.Verbs), func(v string) bool { return slices.Contains(verbs, v) })
			found = found || len(kept) < len(rule.Verbs)
			rule.Verbs = kept
		}
		less.Rules = slices.DeleteFunc(less.Rules, func(rule rbacv1.PolicyRule) bool { return len(rule.Verbs) == 0 })
		if err := r.put(tb.Context(), less); err != nil {
			tb.Fatalf("revoke %v %s: %v", verbs, resource, err)
		}
	}
	if !found {
		tb.Fatalf("revoke %v %s: no role grants that", verbs, resource)
	}
}

// readObjects reads the RBAC objects of a file.
func readObjects(path string) ([]client.Object, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	decoder := utilyaml.NewYAMLOrJSONDecoder(file, 4096)
	var objects []client.Object
	for {
		u := &unstructured.Unstructured{}
		err := decoder.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		o, err := typed(u)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		objects = append(objects, o)
	}
}

// typed converts an object to its Go type.
func typed(u *unstructured.Unstructured) (client.Object, error) {
	made, err := Scheme().New(u.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	o, ok := made.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s is no object", u.GroupVersionKind())
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, o); err != nil {
		return nil, err
	}
	o.GetObjectKind().SetGroupVersionKind(u.GroupVersionKind())
	return o, nil
}
