package coverage

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestLeavesVolumesOut: by each list that Velero asks when a claim names its volume.
func TestLeavesVolumesOut(t *testing.T) {
	yes, no := true, false
	for name, tc := range map[string]struct {
		filters control.BackupFilters
		want    bool
	}{
		"nothing stated":                    {control.BackupFilters{}, false},
		"excluded, old":                     {control.BackupFilters{ExcludedResources: []string{"pv"}}, true},
		"cluster resources not included":    {control.BackupFilters{IncludeClusterResources: &no}, true},
		"cluster resources included":        {control.BackupFilters{IncludeClusterResources: &yes, IncludedResources: []string{"pods"}}, false},
		"not among those included":          {control.BackupFilters{IncludedResources: []string{"pods"}}, true},
		"among those included":              {control.BackupFilters{IncludedResources: []string{"pods", "persistentvolumes"}}, false},
		"all included":                      {control.BackupFilters{IncludedResources: []string{"*"}}, false},
		"excluded, by scope":                {control.BackupFilters{ExcludedClusterScopedResources: []string{"persistentvolumes"}}, true},
		"all excluded, by scope":            {control.BackupFilters{ExcludedClusterScopedResources: []string{"*"}}, true},
		"others included, by scope":         {control.BackupFilters{IncludedClusterScopedResources: []string{"storageclasses"}}, false},
		"something of namespaces, by scope": {control.BackupFilters{ExcludedNamespaceScopedResources: []string{"pods"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := LeavesVolumesOut(&tc.filters); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}
