package backup

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// skipField is the field of a Schedule's spec that Velero itself writes.
const skipField = "skipImmediately"

// wantedSpec is the spec of the plan that Holdfast applies. What a retention is
// raised to stays: it is never shortened.
func (c *cluster) wantedSpec() map[string]any {
	schedule := c.spec.Schedule
	if zone := c.zone(); zone != utc {
		schedule = "CRON_TZ=" + zone + " " + schedule
	}
	return map[string]any{
		"schedule":                   schedule,
		"paused":                     false,
		"useOwnerReferencesInBackup": false,
		"template":                   c.wantedTemplate(),
	}
}

func (c *cluster) wantedTemplate() map[string]any {
	included := []string{"*"}
	if len(c.v.IncludedNamespaces) > 0 {
		included = c.v.IncludedNamespaces
	}
	template := map[string]any{
		"includedNamespaces": listOf(included),
		"excludedNamespaces": listOf(c.v.ExcludedNamespaces),
		"metadata":           map[string]any{"labels": map[string]any{control.ClusterLabel: c.in.Snapshot.Namespace.UID}},
	}
	if c.v.StorageLocation != "" {
		template["storageLocation"] = c.v.StorageLocation
	}
	if ttl := c.wantedTTL(); ttl != "" {
		template["ttl"] = ttl
	}
	method := cmp.Or(c.v.VolumeMethod, v1alpha1.VolumesBySnapshot)
	template["snapshotVolumes"] = method != v1alpha1.VolumesByFileSystem
	template["defaultVolumesToFsBackup"] = method == v1alpha1.VolumesByFileSystem
	template["snapshotMoveData"] = method == v1alpha1.VolumesByDataMover
	return template
}

// wantedTTL is the stated retention, or what the plan has where that is longer;
// empty is Velero's default.
func (c *cluster) wantedTTL() string {
	has := textOf(c.template(), "ttl")
	if c.spec.Retention == nil {
		return has
	}
	if ttl, err := time.ParseDuration(has); err == nil && ttl >= c.spec.Retention.Duration {
		return has
	}
	return c.spec.Retention.Duration.String()
}

// listOf is a list of texts in order, as JSON has it: empty, and not absent, where
// there is none.
func listOf(texts []string) []any {
	list := make([]any, 0, len(texts))
	for _, text := range phrase.Sorted(texts) {
		list = append(list, text)
	}
	return list
}

// withoutSkip is a spec but for the field that Velero writes into it.
func withoutSkip(spec map[string]any) map[string]any {
	rest := maps.Clone(spec)
	delete(rest, skipField)
	return rest
}

// differences are the paths at which an object is not as wanted, in order. Empty and
// absent are the same. False and absent are not: where nothing is stated, Velero's
// server goes by a default of its own.
func differences(path string, want, got any) []string {
	wanted, isMap := want.(map[string]any)
	found, areBoth := got.(map[string]any)
	switch {
	case control.SaysNothing(want) && control.SaysNothing(got):
		return nil
	case isMap && areBoth:
	case reflect.DeepEqual(want, got):
		return nil
	default:
		return []string{path}
	}
	keys := slices.AppendSeq(slices.Collect(maps.Keys(wanted)), maps.Keys(found))
	var paths []string
	for _, key := range phrase.Sorted(keys) {
		paths = append(paths, differences(path+"."+key, wanted[key], found[key])...)
	}
	return paths
}
