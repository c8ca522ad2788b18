package harness

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Rights are what the roles of one release give its operator. Taking a right
// from it takes it from no other.
type Rights struct {
	cluster *Cluster
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

// readRights takes note of what the release gives its operator now.
func (o *Operator) readRights(tb testing.TB) {
	tb.Helper()
	if o.Rights == nil {
		o.Rights = &Rights{cluster: o.cluster, revoked: map[Right]bool{}, granted: map[Right]bool{}, withheld: map[Right]bool{}}
	}
	r := o.Rights
	r.installed = nil
	account := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: o.Namespace, Name: o.account}
	ofRelease := client.MatchingLabels{"app.kubernetes.io/instance": o.Release}
	var clusterBindings rbacv1.ClusterRoleBindingList
	if err := o.cluster.List(tb.Context(), &clusterBindings, ofRelease); err != nil {
		tb.Fatalf("list the cluster role bindings of release %s: %v", o.Release, err)
	}
	for _, b := range clusterBindings.Items {
		if slices.Contains(b.Subjects, account) {
			r.installed = append(r.installed, r.read(tb, client.ObjectKey{Name: b.RoleRef.Name}, false))
		}
	}
	var bindings rbacv1.RoleBindingList
	if err := o.cluster.List(tb.Context(), &bindings, ofRelease, client.InNamespace(o.Namespace)); err != nil {
		tb.Fatalf("list the role bindings of release %s: %v", o.Release, err)
	}
	for _, b := range bindings.Items {
		if slices.Contains(b.Subjects, account) {
			r.installed = append(r.installed, r.read(tb, client.ObjectKey{Namespace: b.Namespace, Name: b.RoleRef.Name}, true))
		}
	}
	// Where a role is filled in by the cluster, an installation has added to it.
	r.installed = slices.DeleteFunc(r.installed, func(in role) bool {
		c, ok := in.Object.(*rbacv1.ClusterRole)
		return ok && c.AggregationRule != nil
	})
	r.note()
}

// note takes note of what is granted now, and of what is not.
func (r *Rights) note() {
	now := map[Right]bool{}
	for _, in := range r.installed {
		for _, right := range rightsOf(*in.rules, in.own) {
			now[right], r.granted[right] = true, true
		}
	}
	for right := range features() {
		if !now[right] {
			r.withheld[right] = true
		}
	}
}

func (r *Rights) read(tb testing.TB, key client.ObjectKey, own bool) role {
	tb.Helper()
	read := newRole(own)
	if err := r.cluster.Get(tb.Context(), key, read.Object); err != nil {
		tb.Fatalf("read role %s: %v", key, err)
	}
	return read
}

// edit gives the roles other rules, each made from those that it was installed
// with and those that it has.
func (r *Rights) edit(tb testing.TB, rules func(installed, present []rbacv1.PolicyRule) []rbacv1.PolicyRule) {
	tb.Helper()
	for _, installed := range r.installed {
		present := r.read(tb, client.ObjectKeyFromObject(installed), installed.own)
		*present.rules = rules(*installed.rules, *present.rules)
		if err := r.cluster.Update(tb.Context(), present.Object); err != nil {
			tb.Fatalf("edit role %s: %v", installed.GetName(), err)
		}
	}
}

// Restore gives back everything that was taken.
func (r *Rights) Restore(tb testing.TB) {
	tb.Helper()
	r.edit(tb, func(installed, _ []rbacv1.PolicyRule) []rbacv1.PolicyRule { return slices.Clone(installed) })
}

// Revoke takes verbs on a resource from the operator. Watches that are open stay
// open.
func (r *Rights) Revoke(tb testing.TB, resource string, verbs ...string) {
	tb.Helper()
	found := false
	r.edit(tb, func(_, present []rbacv1.PolicyRule) []rbacv1.PolicyRule {
		kept, taken := split(present, resource, verbs)
		for _, right := range rightsOf(taken, false) {
			found, right.Name = true, ""
			r.revoked[right] = true
		}
		return kept
	})
	if !found {
		tb.Fatalf("revoke %v %s: no role grants that", verbs, resource)
	}
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
