//go:build velero

package velero_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The resource policies of the specs, by the name of their ConfigMap.
var policies = map[string]string{
	"policy-volumes":    "version: v1\nvolumePolicies:\n- conditions: {storageClass: [by-hand]}\n  action: {type: skip}\n",
	"policy-kinds":      "version: v1\nincludeExcludePolicy: {excludedNamespaceScopedResources: [secrets]}\n",
	"policy-namespaces": "version: v1\nnamespacedFilterPolicies:\n- namespaces: [\"cover-*\"]\n  resourceFilters:\n  - kinds: [configmaps]\n",
}

// policyNames are their names, after none.
func policyNames() []string { return append([]string{""}, slices.Sorted(maps.Keys(policies))...) }

// The parts of filters. The first of each is none.
var (
	included = [][]string{nil, {"*"}, {"cover-shop"}, {"cover-shop", "cover-a"}, {"cover-*"}, {"cover-?"}, {"cover-[a-m]"},
		{"cover-[az-]", "cover-shop"}, {"*-shop"}, {"c*r-s*p"}, {"cover-s?op", "cover-a"}, {"absent", "cover-b"}}
	excluded = [][]string{nil, {"cover-a"}, {"cover-[ab]"}, {"*shop"}, {"cover-?", "absent"}, {"kube-*"}}
	// invalid are patterns of namespaces that Velero refuses, or that are not what
	// they seem to be.
	invalid = []string{"cover-**", "cover-[!a]", "cover-[^a]", "cover-[a", "cover-a]", "cover-[]", "cover-{a,b}", "cover-a|b", "cover-[b-a]",
		"cover-[a-]", "cover-[-a]", "cover-[a-bz]", `cover-\a`, "Cover-a", "cover_a", "cover-", "[*]", "[?]"}
	// Resources by plural, singular, short name, with a group, the beginning of one,
	// and wildcards.
	resources = [][]string{nil, {"*"}, {"secrets"}, {"secret", "cm"}, {"deploy", "po"}, {"deployments.apps", "roles.rbac.authorization.k8s.io"},
		{"*.apps"}, {"config*", "secrets"}, {"widgets.example.com"}, {"wg"}, {"Deployment"}, {"persistentvolumeclaims", "persistentvolumes", "pods"},
		{"ingresses.networking"}, {"absent.example.com"}, {"events", "endpoints"}, {"nodes", "csidrivers.storage.k8s.io"}, {"ns"}}
	wants        = []*bool{nil, new(true), new(false)}
	alternatives = [][]*metav1.LabelSelector{nil, {selectors[1], selectors[2]}, {selectors[3]}, {}}
	selectors    = []*metav1.LabelSelector{
		nil,
		{MatchLabels: map[string]string{"app": "web"}},
		{MatchLabels: map[string]string{"app": "absent"}},
		{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"absent"}}}},
		{},
	}
)

// edges are filters that chance would hardly make.
func edges() []control.BackupFilters {
	all := []control.BackupFilters{
		{},
		{LabelSelector: selectors[4]},
		{OrLabelSelectors: []*metav1.LabelSelector{selectors[1], selectors[2]}},
		{OrLabelSelectors: []*metav1.LabelSelector{selectors[4]}},
		{OrLabelSelectors: []*metav1.LabelSelector{selectors[1]}, LabelSelector: selectors[1]},
		{IncludedNamespaces: []string{"*"}, ExcludedNamespaces: []string{"?"}},
		{IncludedNamespaces: []string{"cover-*"}, ExcludedNamespaces: []string{"?"}},
		{IncludedNamespaces: []string{"*"}, ExcludedNamespaces: []string{"*"}},
		{IncludedNamespaces: []string{"*", "cover-shop"}},
		{IncludedNamespaces: []string{"absent"}},
		{IncludedNamespaces: []string{"absent-*"}},
		{IncludedNamespaces: []string{"cover-out"}},
		{IncludedNamespaces: []string{"cover-shop"}, ExcludedNamespaces: []string{"cover-shop"}},
		{IncludedResources: []string{"secrets"}, ExcludedNamespaceScopedResources: []string{"pods"}},
		{IncludeClusterResources: new(true), IncludedNamespaceScopedResources: []string{"secrets"}},
		{ExcludedNamespaceScopedResources: []string{"*"}},
		{ExcludedClusterScopedResources: []string{"*"}},
		{IncludedClusterScopedResources: []string{"*"}},
		{IncludedClusterScopedResources: []string{"secrets"}},
		{IncludedNamespaceScopedResources: []string{"nodes"}},
		{ExcludedNamespaceScopedResources: []string{"nodes", "persistentvolumes"}},
		{IncludedResources: []string{"*", "secrets"}},
		{ExcludedResources: []string{"{secrets,configmaps}"}},
		{ExcludedResources: []string{"[cs]*"}},
		{ExcludedResources: []string{"Secrets"}},
		{IncludedResources: []string{"secrets", "SERVICES"}},
	}
	for _, pattern := range invalid {
		all = append(all, control.BackupFilters{IncludedNamespaces: []string{pattern}}, control.BackupFilters{ExcludedNamespaces: []string{pattern}})
	}
	for _, name := range policyNames()[1:] {
		all = append(all, control.BackupFilters{ResourcePolicy: name})
	}
	return all
}

// generate makes filters by chance.
func generate(random *rand.Rand) control.BackupFilters {
	f := control.BackupFilters{
		IncludedNamespaces: pick(random, included, 2), ExcludedNamespaces: pick(random, excluded, 2),
		LabelSelector: pick(random, selectors, 1), OrLabelSelectors: pick(random, alternatives, 1),
		ResourcePolicy: pick(random, policyNames(), 1),
	}
	switch random.IntN(4) {
	case 0:
		f.IncludedResources, f.ExcludedResources = pick(random, resources, 2), pick(random, resources, 2)
		f.IncludeClusterResources = pick(random, wants, 2)
	case 1:
		f.IncludedNamespaceScopedResources, f.ExcludedNamespaceScopedResources = pick(random, resources, 2), pick(random, resources, 2)
		f.IncludedClusterScopedResources, f.ExcludedClusterScopedResources = pick(random, resources, 1), pick(random, resources, 1)
	case 2:
		f.ExcludedNamespaceScopedResources = pick(random, resources, 4)
	}
	return f
}

// pick picks one: so many times of four any, else the first, which is none.
func pick[T any](random *rand.Rand, from []T, times int) T {
	if random.IntN(4) >= times {
		return from[0]
	}
	return from[random.IntN(len(from))]
}

// specOf is the spec of a Backup with the filters.
func specOf(f control.BackupFilters) (map[string]any, error) {
	spec, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&f)
	if err == nil && f.ResourcePolicy != "" {
		spec["resourcePolicy"] = map[string]any{"kind": "configmap", "name": f.ResourcePolicy}
	}
	return spec, err
}

// filtersOf are the filters of a Backup, with what Velero has added.
func filtersOf(backup *unstructured.Unstructured) (*control.BackupFilters, error) {
	spec, _, err := unstructured.NestedMap(backup.Object, "spec")
	if err != nil {
		return nil, err
	}
	policy, _, err := unstructured.NestedString(spec, "resourcePolicy", "name")
	if err != nil {
		return nil, err
	}
	delete(spec, "resourcePolicy")
	f := &control.BackupFilters{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(spec, f); err != nil {
		return nil, fmt.Errorf("read the filters of backup %s: %w", backup.GetName(), err)
	}
	f.ResourcePolicy = policy
	return f, nil
}
