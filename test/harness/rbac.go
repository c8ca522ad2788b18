package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// Rights are what the roles of one release give its operator, or its prober. Taking
// a right from it takes it from no other.
type Rights struct {
	cluster *Cluster
	// user is who the API server knows the account by, namespace the operator's own,
	// and prober whether it is the prober.
	user, namespace string
	prober          bool
	// installed are the roles as the release installed them.
	installed []role
	// revoked are those that were once taken, of whatever name and namespace.
	revoked map[Right]bool
	// granted are those that the release gave, and withheld those that its values
	// kept from the operator: each at some time.
	granted, withheld map[Right]bool
}

// role is a ClusterRole, or a Role in the operator's own namespace.
type role struct {
	client.Object
	rules *[]rbacv1.PolicyRule
	own   bool
}

func newRole(own bool) role {
	if own {
		r := &rbacv1.Role{}
		return role{r, &r.Rules, true}
	}
	r := &rbacv1.ClusterRole{}
	return role{r, &r.Rules, false}
}

// readRights takes note of what the release gives its operator, and its prober,
// now.
func (o *Operator) readRights(tb testing.TB) {
	tb.Helper()
	if o.Rights == nil {
		o.Rights = o.newRights(o.account)
		o.Prober = o.newRights(permissions.ProberName)
		o.Prober.prober = true
	}
	for account, r := range map[string]*Rights{o.account: o.Rights, permissions.ProberName: o.Prober} {
		r.installed = o.roles(tb, account)
		r.note()
	}
}

func (o *Operator) newRights(account string) *Rights {
	return &Rights{cluster: o.cluster, user: serviceaccount.MakeUsername(o.Namespace, account), namespace: o.Namespace,
		revoked: map[Right]bool{}, granted: map[Right]bool{}, withheld: map[Right]bool{}}
}

// roles are those that the release binds to an account. A ClusterRole that is bound
// in some namespaces only is taken for one that is bound everywhere.
func (o *Operator) roles(tb testing.TB, account string) []role {
	tb.Helper()
	subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: o.Namespace, Name: account}
	ofRelease := client.MatchingLabels{"app.kubernetes.io/instance": o.Release}
	var everywhere rbacv1.ClusterRoleBindingList
	if err := o.cluster.List(tb.Context(), &everywhere, ofRelease); err != nil {
		tb.Fatalf("list the cluster role bindings of release %s: %v", o.Release, err)
	}
	var bindings rbacv1.RoleBindingList
	if err := o.cluster.List(tb.Context(), &bindings, ofRelease); err != nil {
		tb.Fatalf("list the role bindings of release %s: %v", o.Release, err)
	}
	bound := map[client.ObjectKey]bool{} // the namespace of a ClusterRole is empty
	for _, b := range everywhere.Items {
		if slices.Contains(b.Subjects, subject) {
			bound[client.ObjectKey{Name: b.RoleRef.Name}] = true
		}
	}
	for _, b := range bindings.Items {
		switch {
		case !slices.Contains(b.Subjects, subject):
		case b.RoleRef.Kind == "ClusterRole":
			bound[client.ObjectKey{Name: b.RoleRef.Name}] = true
		default:
			bound[client.ObjectKey{Namespace: b.Namespace, Name: b.RoleRef.Name}] = true
		}
	}
	var all []role
	for key := range bound {
		in := o.cluster.readRole(tb, key, key.Namespace != "")
		// Where a role is filled in by the cluster, an installation has added to it.
		if c, ok := in.Object.(*rbacv1.ClusterRole); !ok || c.AggregationRule == nil {
			all = append(all, in)
		}
	}
	return all
}

// note takes note of what is granted now, and of what is not.
func (r *Rights) note() {
	now := map[Right]bool{}
	for _, in := range r.installed {
		for _, right := range r.of(*in.rules, in.own) {
			now[right], r.granted[right] = true, true
		}
	}
	for right := range features() {
		if right.Prober == r.prober && !now[right] {
			r.withheld[right] = true
		}
	}
}

// of are the rights that rules give the account.
func (r *Rights) of(rules []rbacv1.PolicyRule, own bool) []Right {
	rights := rightsOf(rules, own)
	for i := range rights {
		rights[i].Prober = r.prober
	}
	return rights
}

func (c *Cluster) readRole(tb testing.TB, key client.ObjectKey, own bool) role {
	tb.Helper()
	read := newRole(own)
	if err := c.Get(tb.Context(), key, read.Object); err != nil {
		tb.Fatalf("read role %s: %v", key, err)
	}
	return read
}

// edit gives the roles other rules, each made from those that it was installed
// with and those that it has.
func (r *Rights) edit(tb testing.TB, rules func(installed role, present []rbacv1.PolicyRule) []rbacv1.PolicyRule) {
	tb.Helper()
	for _, installed := range r.installed {
		present := r.cluster.readRole(tb, client.ObjectKeyFromObject(installed), installed.own)
		*present.rules = rules(installed, *present.rules)
		if err := r.cluster.Update(tb.Context(), present.Object); err != nil {
			tb.Fatalf("edit role %s: %v", installed.GetName(), err)
		}
	}
}

// Restore gives back everything that was taken.
func (r *Rights) Restore(tb testing.TB) {
	tb.Helper()
	r.edit(tb, func(installed role, _ []rbacv1.PolicyRule) []rbacv1.PolicyRule { return slices.Clone(*installed.rules) })
}

// Revoke takes verbs on a resource from the operator, and returns once the API
// server refuses it them. Watches that are open stay open.
func (r *Rights) Revoke(tb testing.TB, resource string, verbs ...string) {
	tb.Helper()
	var gone []Right
	r.edit(tb, func(installed role, present []rbacv1.PolicyRule) []rbacv1.PolicyRule {
		kept, taken := split(present, resource, verbs)
		gone = append(gone, r.of(taken, installed.own)...)
		return kept
	})
	if len(gone) == 0 {
		tb.Fatalf("revoke %v %s: no role grants that", verbs, resource)
	}
	for _, right := range gone {
		// The API server goes by its own copy of the roles.
		Eventually(tb, "the API server refuses "+right.String(), func() error { return r.refused(tb.Context(), right) })
		right.Name, right.Own = "", false
		r.revoked[right] = true
	}
}

// refused returns nil if the API server would not let the account use a right.
func (r *Rights) refused(ctx context.Context, right Right) error {
	resource, sub, _ := strings.Cut(right.Resource, "/")
	asked := &authorizationv1.ResourceAttributes{Verb: right.Verb, Group: right.Group, Resource: resource, Subresource: sub, Name: right.Name}
	if right.Own {
		asked.Namespace = r.namespace
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: r.user, ResourceAttributes: asked}}
	if err := r.cluster.Create(ctx, review); err != nil {
		return err
	}
	if review.Status.Allowed {
		return fmt.Errorf("it is allowed: %s", review.Status.Reason)
	}
	return nil
}

// lacked is whether the operator was without a right at some time, on purpose.
func (r *Rights) lacked(right Right) bool {
	_, withheld := allowing(r.withheld, right)
	right.Name, right.Own = "", false
	return withheld || r.revoked[right]
}

// split returns the rules that are left without verbs on a resource, and those
// that go. What a rule says of other resources stays as it is.
func split(rules []rbacv1.PolicyRule, resource string, verbs []string) (kept, taken []rbacv1.PolicyRule) {
	for _, rule := range rules {
		if !slices.Contains(rule.Resources, resource) {
			kept = append(kept, rule)
			continue
		}
		others, less, gone := rule.DeepCopy(), rule.DeepCopy(), rule.DeepCopy()
		others.Resources = slices.DeleteFunc(others.Resources, func(other string) bool { return other == resource })
		less.Resources, gone.Resources = []string{resource}, []string{resource}
		less.Verbs = slices.DeleteFunc(less.Verbs, func(verb string) bool { return slices.Contains(verbs, verb) })
		gone.Verbs = slices.DeleteFunc(gone.Verbs, func(verb string) bool { return !slices.Contains(verbs, verb) })
		for _, part := range []*rbacv1.PolicyRule{others, less} {
			if len(part.Resources) > 0 && len(part.Verbs) > 0 {
				kept = append(kept, *part)
			}
		}
		if len(gone.Verbs) > 0 {
			taken = append(taken, *gone)
		}
	}
	return kept, taken
}
