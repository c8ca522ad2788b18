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
	if part := t.granting(Observe, group, resource); part != nil {
		return fmt.Sprintf("set the chart's value %s, or %s", part.Setting(), rule)
	}
	return rule
}

// MissingWrite names the value of the chart that lets Holdfast write a resource,
// with what to set it to; it is empty where there is none.
func (t *Table) MissingWrite(group, resource string) string {
	if part := t.granting(Enforce, group, resource); part != nil {
		return part.Setting()
	}
	return ""
}

// granting is the part of a role by which a resource is granted, nil where there
// is none.
func (t *Table) granting(role Role, group, resource string) *Part {
	for i := range t.Rules {
		if r := &t.Rules[i]; r.Role == role && r.Group == group && slices.Contains(r.Resources, resource) {
			return t.Part(role, r.Part)
		}
	}
	return nil
}

// InOneLine is a rule as it stands in a ClusterRole, in one line.
func InOneLine(group, resource string, verbs ...string) string {
	if group == "" {
		group = `""`
	}
	return fmt.Sprintf("{apiGroups: [%s], resources: [%s], verbs: [%s]}", group, resource, strings.Join(verbs, ", "))
}
