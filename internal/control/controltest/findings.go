package controltest

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// FindingOf returns the first finding of a rule, of which there is at least one.
func FindingOf(t *testing.T, c control.Control, in control.Input, rule string) control.Finding {
	t.Helper()
	findings := c.Evaluate(in)
	i := slices.IndexFunc(findings, func(f control.Finding) bool { return f.Rule == rule })
	if i < 0 {
		t.Fatalf("no finding of %s", rule)
	}
	return findings[i]
}

// Summary is what a finding says in short: outcome, reason, and culprits after a
// colon, such as "Deviating Absent: deny-ingress".
func Summary(f control.Finding) string {
	text := string(f.Outcome) + " " + f.Reason
	if len(f.Culprits) > 0 {
		text += ": " + strings.Join(f.Culprits, ", ")
	}
	return text
}

// Set sets fields of an object, which are written as the inner part of a YAML flow
// mapping, such as "name: web, replicas: 2". Fields that it does not have fail.
func Set(tb testing.TB, object any, fields string) {
	tb.Helper()
	if err := yaml.UnmarshalStrict([]byte("{"+fields+"}"), object); err != nil {
		tb.Fatalf("%s: %v", fields, err)
	}
}

// Add adds an object with such fields to a list.
func Add[T any](tb testing.TB, list *[]T, fields string) {
	tb.Helper()
	var object T
	Set(tb, &object, fields)
	*list = append(*list, object)
}
