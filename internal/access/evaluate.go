package access

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Rules are what RBAC says.
type Rules struct {
	ClusterRoles        []rbacv1.ClusterRole
	ClusterRoleBindings []rbacv1.ClusterRoleBinding
	// Roles and RoleBindings are those of the operator's namespace.
	Roles        []rbacv1.Role
	RoleBindings []rbacv1.RoleBinding
}

// Target is what is acted on.
type Target struct {
	// Namespace is the operator's own, Secret that of the signing key.
	Namespace, Secret string
}

// Evaluate says who can act on the target. The people have no salt yet, and the
// object does not name them.
func Evaluate(rules *Rules, target Target) (*Object, *People) {
	e := evaluation{target: target, holders: map[Capability]map[Holder]struct{}{}}
	roles := map[string][]rbacv1.PolicyRule{}
	for i := range rules.ClusterRoles {
		roles[clusterRole+rules.ClusterRoles[i].Name] = rules.ClusterRoles[i].Rules
	}
	for i := range rules.Roles {
		roles[role+rules.Roles[i].Name] = rules.Roles[i].Rules
	}
	for i := range rules.ClusterRoleBindings {
		b := &rules.ClusterRoleBindings[i]
		e.bound(b.Subjects, "", roles[b.RoleRef.Kind+"/"+b.RoleRef.Name], true)
	}
	for i := range rules.RoleBindings {
		b := &rules.RoleBindings[i]
		e.bound(b.Subjects, b.Namespace, roles[b.RoleRef.Kind+"/"+b.RoleRef.Name], false)
	}
	return e.result()
}

// The prefixes of roles, as role references name their kinds.
const (
	clusterRole = "ClusterRole/"
	role        = "Role/"
)

// person is the kind of a holder who is a user of flesh and blood, or may be one.
const person = "Person"

type evaluation struct {
	target  Target
	holders map[Capability]map[Holder]struct{}
}

// bound takes note of what the subjects of a binding can do by its role.
func (e *evaluation) bound(subjects []rbacv1.Subject, namespace string, rules []rbacv1.PolicyRule, everywhere bool) {
	for _, g := range grants() {
		if !everywhere && !g.namespaced || !slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool { return g.by(&r, e.target) }) {
			continue
		}
		if e.holders[g.capability] == nil {
			e.holders[g.capability] = map[Holder]struct{}{}
		}
		for _, s := range subjects {
			e.holders[g.capability][holderOf(s, namespace)] = struct{}{}
		}
	}
}

// holderOf says who a subject is. A service account may be named as the user that
// it authenticates as.
func holderOf(s rbacv1.Subject, namespace string) Holder {
	switch {
	case s.Kind == rbacv1.ServiceAccountKind:
		return Holder{HolderServiceAccount, cmp.Or(s.Namespace, namespace), s.Name}
	case s.Kind == rbacv1.GroupKind:
		return Holder{HolderGroup, "", s.Name}
	case strings.HasPrefix(s.Name, serviceAccountPrefix):
		ns, name, _ := strings.Cut(strings.TrimPrefix(s.Name, serviceAccountPrefix), ":")
		return Holder{HolderServiceAccount, ns, name}
	case strings.HasPrefix(s.Name, "system:"):
		return Holder{HolderComponent, "", s.Name}
	default:
		return Holder{person, "", s.Name}
	}
}

const serviceAccountPrefix = "system:serviceaccount:"

func (e *evaluation) result() (*Object, *People) {
	object := &Object{Schema: ObjectSchema, Namespace: e.target.Namespace, Secret: e.target.Secret}
	people := &People{Schema: PeopleSchema, Capabilities: map[Capability][]string{}}
	areas := map[Holder][]Area{}
	for _, capability := range capabilities() {
		of := CapabilityHolders{Capability: capability}
		for _, h := range slices.SortedFunc(maps.Keys(e.holders[capability]), compareHolders) {
			if area := areaOf[capability]; area != "" && !slices.Contains(areas[h], area) {
				areas[h] = append(areas[h], area)
			}
			if h.Kind == person {
				of.People++
				people.Capabilities[capability] = append(people.Capabilities[capability], h.Name)
				continue
			}
			of.Holders = append(of.Holders, h)
		}
		of.More = max(0, len(of.Holders)-MaxHolders)
		of.Holders = of.Holders[:len(of.Holders)-of.More]
		object.Capabilities = append(object.Capabilities, of)
	}
	combine(object, people, areas)
	return object, people
}

// combine names who has capabilities in two areas or more.
func combine(object *Object, people *People, areas map[Holder][]Area) {
	for _, h := range slices.SortedFunc(maps.Keys(areas), compareHolders) {
		if len(areas[h]) < 2 {
			continue
		}
		slices.Sort(areas[h])
		switch {
		case h.Kind == person:
			if people.Combined == nil {
				people.Combined = map[string][]Area{}
			}
			people.Combined[h.Name] = areas[h]
			object.CombinedPeople++
		case len(object.Combined) < MaxHolders:
			object.Combined = append(object.Combined, Combination{h, areas[h]})
		}
	}
}

func compareHolders(a, b Holder) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// SamePeople reports whether two say the same but for their salt.
func SamePeople(a, b *People) bool {
	return maps.EqualFunc(a.Capabilities, b.Capabilities, slices.Equal[[]string]) &&
		maps.EqualFunc(a.Combined, b.Combined, slices.Equal[[]Area])
}
