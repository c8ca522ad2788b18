package main

import (
	_ "embed"
	"fmt"

	"sigs.k8s.io/yaml"
)

// rfc3339 matches the times that Go's decoder accepts, except that it lets
// fields such as the day run out of range.
const rfc3339 = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`

//go:embed labelselector.yaml
var labelSelectorYAML []byte

//go:embed nestedselector.yaml
var nestedSelectorYAML []byte

// tightenTime replaces the format, under which CEL sees a timestamp and not
// the text, by a rule on the text.
func tightenTime(field string, schema map[string]any) {
	delete(schema, "format")
	schema["maxLength"] = int64(35)
	schema["x-kubernetes-validations"] = []any{map[string]any{
		"rule":    "self.matches('" + rfc3339 + "') && !format.datetime().validate(self).hasValue()",
		"message": field + " must be a time with its zone, such as 2026-03-01T06:00:00Z",
	}}
}

func isLabelSelector(schema map[string]any) bool {
	properties, _ := schema["properties"].(map[string]any)
	return properties["matchLabels"] != nil && properties["matchExpressions"] != nil
}

// labelSelector returns the properties that a label selector is to have. One
// within lists is nested.
func labelSelector(nested bool) (map[string]any, error) {
	data := labelSelectorYAML
	if nested {
		data = nestedSelectorYAML
	}
	var properties map[string]any
	if err := yaml.Unmarshal(data, &properties); err != nil {
		return nil, fmt.Errorf("decode the properties of a label selector: %w", err)
	}
	return properties, nil
}
