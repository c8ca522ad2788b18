package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Patterns stand where CEL would cost too much, and must judge as it would.
func TestNestedSelectorPatterns(t *testing.T) {
	properties, err := labelSelector(true)
	if err != nil {
		t.Fatal(err)
	}
	const item = "matchExpressions.items.properties."
	texts := []string{
		"", "a", "A", "0", "-", "a-", "-a", "a_b.c-D", "a b", "a\n", "ä", "a*", "a/b", "/a", "a/", "a/b/c",
		"example.com/app", "app.kubernetes.io/Name_1", "EXAMPLE.com/a", "a..b/c", ".a/b", "a./b", "-a/b", "a-/b", "a_b/c",
		strings.Repeat("a", 63), strings.Repeat("a", 64), "x/" + strings.Repeat("a", 63), "x/" + strings.Repeat("a", 64),
	}
	tests := map[string]struct {
		valid func(string) []string
	}{
		"matchLabels.additionalProperties": {validation.IsValidLabelValue},
		item + "values.items":              {validation.IsValidLabelValue},
		item + "key":                       {validation.IsQualifiedName},
	}
	for path, test := range tests {
		t.Run(path, func(t *testing.T) {
			schema, found, err := unstructured.NestedMap(properties, strings.Split(path, ".")...)
			if err != nil || !found {
				t.Fatalf("no schema of %s: %v", path, err)
			}
			pattern := regexp.MustCompile(schema["pattern"].(string))
			limit := int(schema["maxLength"].(float64))
			for _, text := range texts {
				want := len(test.valid(text)) == 0
				if got := pattern.MatchString(text) && len(text) <= limit; got != want {
					t.Errorf("%q is accepted: %t, want %t", text, got, want)
				}
			}
		})
	}
}

func TestTighten(t *testing.T) {
	moment := func() map[string]any { return map[string]any{"type": "string", "format": "date-time"} }
	selector := func() map[string]any {
		return map[string]any{"type": "object", "properties": map[string]any{"matchLabels": map[string]any{}, "matchExpressions": map[string]any{}}}
	}
	list := func(items map[string]any) map[string]any { return map[string]any{"type": "array", "items": items} }
	object := func(name string, property map[string]any) map[string]any {
		return map[string]any{"type": "object", "properties": map[string]any{name: property}}
	}
	tests := map[string]struct {
		schema map[string]any
		at     []string // what is tightened
		want   map[string]any
	}{
		"a time": {
			schema: object("until", moment()), at: []string{"until"},
			want: map[string]any{"format": nil, "maxLength": int64(35)},
		},
		"a time in a list": {
			schema: object("times", list(moment())), at: []string{"times", "items"},
			want: map[string]any{"format": nil, "maxLength": int64(35)},
		},
		"a selector": {
			schema: object("selector", selector()), at: []string{"selector", "properties", "matchLabels"},
			want: map[string]any{"maxProperties": float64(32)},
		},
		"a selector in a list": {
			schema: object("items", list(object("selector", selector()))),
			at:     []string{"items", "items", "properties", "selector", "properties", "matchLabels"},
			want:   map[string]any{"maxProperties": float64(32)},
		},
		"a selector in a list of a list": {
			schema: object("outer", list(object("inner", list(selector())))),
			at:     []string{"outer", "items", "properties", "inner", "items", "properties", "matchLabels"},
			want:   map[string]any{"maxProperties": float64(8)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := tighten("spec", test.schema, 0); err != nil {
				t.Fatal(err)
			}
			got, found, err := unstructured.NestedFieldNoCopy(test.schema, append([]string{"properties"}, test.at...)...)
			if err != nil || !found {
				t.Fatalf("no schema at %v: %v", test.at, err)
			}
			for field, want := range test.want {
				if diff := cmp.Diff(want, got.(map[string]any)[field]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", field, diff)
				}
			}
		})
	}
}
