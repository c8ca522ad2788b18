package coverage

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// FuzzHolds: whatever filters say, leaving out one resource more never has them hold
// more, what is held fully is selected, and what is left out is named.
func FuzzHolds(f *testing.F) {
	f.Add(`{}`, "secrets")
	f.Add(`{"includedNamespaces":["w*"],"excludedNamespaces":["[a-v]*"]}`, "*.apps")
	f.Add(`{"includedResources":["po","[","{a,b}"],"includeClusterResources":false}`, "[!a]*")
	f.Add(`{"labelSelector":{},"orLabelSelectors":[{}],"resourcePolicy":"p"}`, "")
	f.Add(`{"includedNamespaceScopedResources":["nodes"],"excludedNamespaces":["?"]}`, "deploy.app")
	extents := []Extent{None, Partial, Unknown, Full}
	f.Fuzz(func(t *testing.T, filters, resource string) {
		var held control.BackupFilters
		if json.Unmarshal([]byte(filters), &held) != nil {
			return
		}
		before := Holds(&held, "web")
		if before.Extent == Full && !held.Selects("web") {
			t.Errorf("%s holds fully what it does not select", filters)
		}
		if (before.Reason == WhyResources) != (len(before.Left) > 0) || (before.Extent == Full) != (before.Reason == "") || (before.Why == "") != (before.Reason == "") {
			t.Errorf("%s: %+v", filters, before)
		}
		less := held
		if oldFilters(&held) {
			less.ExcludedResources = append(slices.Clone(held.ExcludedResources), resource)
		} else {
			less.ExcludedNamespaceScopedResources = append(slices.Clone(held.ExcludedNamespaceScopedResources), resource)
		}
		if after := Holds(&less, "web"); slices.Index(extents, after.Extent) > slices.Index(extents, before.Extent) {
			t.Errorf("%s holds %s, and %s without %q", filters, before.Extent, after.Extent, resource)
		}
	})
}
