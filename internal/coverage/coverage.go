// Package coverage says what a backup of Velero holds of a namespace, and whether it
// counts: from the Backup object alone, by Velero's own rules. What those are was
// read in its source, and is held against its archives by test/velero.
//
// It is pure: it imports no client and no clock.
package coverage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// Extent is how much of a namespace a backup holds.
type Extent string

// The extents.
const (
	// Full: every object that a restore needs.
	Full Extent = "Full"
	// Partial: some are left out.
	Partial Extent = "Partial"
	// Unknown: what is observed of the backup does not tell.
	Unknown Extent = "Unknown"
	// None: nothing, or nothing that could be restored.
	None Extent = "None"
)

// Why a backup does not hold all of a namespace, or is not usable.
const (
	WhyAnotherCluster  = "AnotherCluster"
	WhyUnlabelled      = "ClusterUnlabelled"
	WhyPhase           = "NotCompleted"
	WhyPartiallyFailed = "PartiallyFailed"
	WhyDeleting        = "BeingDeleted"
	WhyExpired         = "Expired"
	WhyOlder           = "OlderThanNamespace"
	WhyRefused         = "FiltersRefused"
	WhyUnseen          = "FiltersUnseen"
	WhyNotSelected     = "NamespaceLeftOut"
	WhySelector        = "LabelSelector"
	WhyResources       = "ResourcesLeftOut"
	WhyResourcePolicy  = "ResourcePolicy"
)

// The phases of a velero.io Backup that are told apart.
const (
	phaseCompleted       = "Completed"
	phasePartiallyFailed = "PartiallyFailed"
	phaseDeleting        = "Deleting"
)

// maxWhy bounds how much a reason names, in bytes.
const maxWhy = 256

// Coverage is what a backup holds of a namespace.
type Coverage struct {
	Extent Extent
	// Reason is one of the constants, empty where the extent is Full.
	Reason string
	// Why says in a few words what the reason is about, to follow a backup's name,
	// such as "leaves out secrets".
	Why string
	// Left are the resources that are left out, as resource.group, sorted: at least
	// those that every API server has.
	Left []string
}

// Rules say which backups count.
type Rules struct {
	// Now is the time of the judgement.
	Now time.Time
	// PartiallyFailed says whether a backup counts that partially failed.
	PartiallyFailed v1alpha1.PartiallyFailed
}

// Covers says how much of a namespace could be restored from a backup. A backup that
// is not one of this cluster, is not complete, or is expired or about to go, holds
// nothing that counts.
func Covers(b *control.Backup, ns control.Namespace, r Rules) Coverage {
	if c := Usable(b, r); c.Extent != Full {
		return c
	}
	if b.StartedAt.Before(ns.CreatedAt) {
		return none(WhyOlder, "started before the namespace was created")
	}
	return Holds(b.Filters, ns.Name)
}

// Usable says whether a backup counts at all, whatever is in it.
func Usable(b *control.Backup, r Rules) Coverage {
	switch {
	case b.Cluster == control.BackupOfAnother:
		return none(WhyAnotherCluster, "is of another cluster")
	case b.Cluster != control.BackupOfThisCluster:
		return none(WhyUnlabelled, "does not say by a label of which cluster it is")
	case b.Deleting || b.Phase == phaseDeleting:
		return none(WhyDeleting, "is being deleted")
	case b.Phase == phasePartiallyFailed && r.PartiallyFailed != v1alpha1.PartiallyFailedCounted:
		return none(WhyPartiallyFailed, "failed partially")
	case b.Phase != phaseCompleted && b.Phase != phasePartiallyFailed, b.StartedAt.IsZero():
		return none(WhyPhase, "is "+phaseOf(b))
	case !b.ExpiresAt.IsZero() && !r.Now.Before(b.ExpiresAt):
		return none(WhyExpired, "has expired")
	}
	return Coverage{Extent: Full}
}

// phaseOf is the phase of a backup: one without is new.
func phaseOf(b *control.Backup) string {
	if b.Phase == "" {
		return "New"
	}
	return b.Phase
}

func none(reason, why string) Coverage { return Coverage{Extent: None, Reason: reason, Why: why} }

// Holds says how much of a namespace the filters of a backup, or of the template of
// a plan, select. Velero resolves the names of resources by discovery; here those
// are known that every API server has, and whatever else is left out by name counts
// as left out.
func Holds(f *control.BackupFilters, namespace string) Coverage {
	if f == nil {
		return Coverage{Extent: Unknown, Reason: WhyUnseen, Why: "does not say what it holds"}
	}
	if why := refused(f); why != "" {
		return none(WhyRefused, why)
	}
	if !f.Selects(namespace) || listsNothing(f) {
		return none(WhyNotSelected, "leaves the namespace out")
	}
	if left := leftOut(f); len(left) > 0 {
		return Coverage{Extent: Partial, Reason: WhyResources, Why: "leaves out " + phrase.Bounded(left, maxWhy), Left: left}
	}
	// Also an empty selector: Velero hands it to the API server as "<none>", which
	// the API server refuses.
	if f.LabelSelector != nil || len(f.OrLabelSelectors) > 0 {
		return Coverage{Extent: Partial, Reason: WhySelector, Why: "holds only what its label selector matches"}
	}
	if f.ResourcePolicy != "" {
		return Coverage{Extent: Unknown, Reason: WhyResourcePolicy,
			Why: fmt.Sprintf("leaves out whatever the resource policy in ConfigMap %s says", f.ResourcePolicy)}
	}
	return Coverage{Extent: Full}
}

// listsNothing reports whether Velero finds nothing at all: where all namespaces are
// included it asks itself whether one called "*" is, before it looks at any.
func listsNothing(f *control.BackupFilters) bool {
	everything := len(f.IncludedNamespaces) == 0 || slices.Contains(f.IncludedNamespaces, "*")
	return everything && !f.Selects("*")
}

// refused says why Velero refuses the filters, and fails the backup's validation.
func refused(f *control.BackupFilters) string {
	if pattern, bad := f.RefusedNamespace(); bad {
		return fmt.Sprintf("states %q, which Velero does not take for a namespace", pattern)
	}
	switch {
	case oldFilters(f) && scopedFilters(f):
		return "mixes the old filters of resources with those by scope"
	case f.LabelSelector != nil && len(f.OrLabelSelectors) > 0:
		return "states both labelSelector and orLabelSelectors"
	case contradict(f.IncludedNamespaces, f.ExcludedNamespaces), slices.Contains(f.ExcludedNamespaces, "*"):
		return "contradicts itself in the namespaces that it states"
	case contradict(f.IncludedResources, f.ExcludedResources), slices.Contains(f.ExcludedResources, "*"),
		contradict(f.IncludedNamespaceScopedResources, f.ExcludedNamespaceScopedResources),
		contradict(f.IncludedClusterScopedResources, f.ExcludedClusterScopedResources),
		besidesAll(f.IncludedNamespaceScopedResources, f.ExcludedNamespaceScopedResources),
		besidesAll(f.IncludedClusterScopedResources, f.ExcludedClusterScopedResources):
		return "contradicts itself in the resources that it states"
	}
	return ""
}

// contradict reports whether Velero refuses the two lists beside each other.
func contradict(included, excluded []string) bool {
	return len(included) > 1 && slices.Contains(included, "*") ||
		slices.ContainsFunc(excluded, func(item string) bool { return slices.Contains(included, item) })
}

// besidesAll reports whether lists by scope state anything besides that all is left
// out, which Velero refuses. What it leaves out by itself it adds after it has looked.
func besidesAll(included, excluded []string) bool {
	ours := func(item string) bool { return item != "*" && !strings.HasSuffix(item, ".snapshot.storage.k8s.io") }
	return slices.Contains(excluded, "*") && (len(included) > 0 || slices.ContainsFunc(excluded, ours))
}

// oldFilters and scopedFilters report which of the two ways to filter resources is
// used. Velero itself adds what it never collects to the one that is, which is the
// one by scope where neither was.
func oldFilters(f *control.BackupFilters) bool {
	return f.IncludeClusterResources != nil || len(f.IncludedResources) > 0 || len(f.ExcludedResources) > 0
}

func scopedFilters(f *control.BackupFilters) bool {
	return len(f.IncludedClusterScopedResources) > 0 || len(f.ExcludedClusterScopedResources) > 0 ||
		len(f.IncludedNamespaceScopedResources) > 0 || len(f.ExcludedNamespaceScopedResources) > 0
}

// leftOut are the resources of a namespace that the filters leave out and that a
// restore needs.
func leftOut(f *control.BackupFilters) []string {
	included, excluded := f.IncludedResources, f.ExcludedResources
	if !oldFilters(f) {
		included, excluded = f.IncludedNamespaceScopedResources, f.ExcludedNamespaceScopedResources
	}
	in, out := patternsOf(included), slices.DeleteFunc(patternsOf(excluded), dispensable)
	if !oldFilters(f) { // Velero drops what has no namespace, also where nothing is left.
		in = slices.DeleteFunc(in, clusterScoped)
	}
	all := len(in) == 0 || slices.Contains(in, "*")
	if all && len(out) == 0 {
		return nil
	}
	var left []string
	for i := range namespacedResources {
		r := &namespacedResources[i]
		if name := r.name(); r.needed && (out.match(name) || !all && !in.match(name)) {
			left = append(left, name)
		}
	}
	if !all && len(left) == 0 {
		left = append(left, "custom resources")
	}
	for _, item := range out {
		if resourcesByName[item] == nil {
			left = append(left, item)
		}
	}
	return phrase.Sorted(left)
}

// LeavesVolumesOut reports whether the filters leave out PersistentVolumes: then
// claims are restored that wait for volumes which do not exist.
func LeavesVolumesOut(f *control.BackupFilters) bool {
	const name = "persistentvolumes"
	if !oldFilters(f) {
		return patternsOf(f.ExcludedClusterScopedResources).match(name)
	}
	if patternsOf(f.ExcludedResources).match(name) {
		return true
	}
	if f.IncludeClusterResources != nil {
		return !*f.IncludeClusterResources
	}
	in := patternsOf(f.IncludedResources)
	return len(in) > 0 && !in.match(name)
}

// dispensable reports whether an item of a list, once resolved, is a resource that no
// namespace lacks. What a wildcard may match is not known, and neither are custom
// resources.
func dispensable(item string) bool {
	r := resourcesByName[item]
	return r != nil && !r.needed || strings.HasSuffix(item, ".velero.io")
}

// clusterScoped reports whether an item of a list, once resolved, is a resource that
// is known to have no namespace.
func clusterScoped(item string) bool {
	return slices.ContainsFunc(clusterResources, func(r resource) bool { return r.name() == item })
}
