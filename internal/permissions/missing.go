package permissions

import (
	"fmt"
	"slices"
	"strings"
)

// MissingRead says what to do so that Holdfast may list and watch a resource: the
// rule to grant, and the value of the chart that grants it, where there is one. It
// is a clause, as long as the names in it and no longer.
func (t *Table) MissingRead(group, resource string) string {
	rule := fmt.Sprintf("grant %s by a ClusterRole with the label %s: \"true\"",
		InOneLine(group, resource, list, watch), AggregateTo(Observe))
	if parts := t.granting(Observe, group, resource); len(parts) > 0 {
		return fmt.Sprintf("set the chart's value %s, or %s", parts[0].Setting(), rule)
	}
	return rule
}

// MissingWrite names the value of the chart that lets Holdfast write a resource,
// with what to set it to; where one of several does, all of them. It is empty where
// there is none.
func (t *Table) MissingWrite(group, resource string) string {
	var settings []string
	for _, part := range t.granting(Enforce, group, resource) {
		settings = append(settings, part.Setting())
	}
	return strings.Join(settings, " or ")
}

// MissingProbe says what to do so that Holdfast may probe what it needs a right in
// its own namespace for: a clause.
func (t *Table) MissingProbe() string {
	return "set the chart's value " + t.Grant(Probe).Setting()
}

// MissingRestoreTests says what to do so that Holdfast may test restores: a clause.
func (t *Table) MissingRestoreTests() string {
	return fmt.Sprintf("set the chart's values %s and %s", t.Grant(Probe).Setting(), t.Part(Probe, restoreTests).Setting())
}

// MissingRepositoryPassword says what to do so that Holdfast may see whether the
// password of Velero's repositories is the one that everybody knows: a clause.
func (t *Table) MissingRepositoryPassword() string {
	return "set the chart's value " + t.Grant(VeleroRepository).Setting()
}

// MissingMetrics says what to do so that Holdfast may read the API server's metrics:
// the value of the chart, and the rule to grant: a clause.
func (t *Table) MissingMetrics() string {
	return fmt.Sprintf("%s, or grant {nonResourceURLs: [/metrics], verbs: [get]} by a ClusterRole with the label %s: \"true\"",
		t.MissingProbe(), AggregateTo(Observe))
}

// MissingProber says what to do so that the prober may try to create a resource: a
// clause.
func (t *Table) MissingProber(group, resource string) string {
	settings := []string{t.Grant(Prober).Setting()}
	for _, part := range t.granting(Prober, group, resource) {
		settings = append(settings, part.Setting())
	}
	return "set the chart's values " + strings.Join(settings, " and ")
}

// MissingTLSSecret says what to do so that Holdfast may read the TLS Secrets of a
// namespace: a clause.
func (t *Table) MissingTLSSecret(namespace string) string {
	grant := t.Grant(TLSSecrets)
	return fmt.Sprintf("set the chart's value %s, with %s among %s where that is not empty: whoever may read TLS Secrets can read every Secret there",
		grant.Setting(), namespace, grant.Namespaces)
}

// granting are the parts of a role by which a resource is granted.
func (t *Table) granting(role Role, group, resource string) []*Part {
	var parts []*Part
	for i := range t.Rules {
		r := &t.Rules[i]
		if r.Role != role || r.Group != group || !slices.Contains(r.Resources, resource) {
			continue
		}
		if part := t.Part(role, r.Part); part != nil {
			parts = append(parts, part)
		}
	}
	return parts
}

// InOneLine is a rule as it stands in a ClusterRole, in one line.
func InOneLine(group, resource string, verbs ...string) string {
	if group == "" {
		group = `""`
	}
	return fmt.Sprintf("{apiGroups: [%s], resources: [%s], verbs: [%s]}", group, resource, strings.Join(verbs, ", "))
}
