package v1alpha1_test

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// bound is a rule of the generated schema that is not CEL, with the values
// just inside it and a value just outside.
type bound struct {
	name   string
	accept []edits
	refuse edits
	// The refusal names this field, and is of this type.
	field string
	cause metav1.CauseType
}

// bounds derives the bounds of one field from its schema.
func bounds(n node) []bound {
	all := append(requiredBounds(n), textBounds(n)...)
	return append(append(all, listBounds(n)...), otherBounds(n)...)
}

func requiredBounds(n node) (all []bound) {
	for _, name := range n.schema.Required {
		child := strings.TrimPrefix(n.path+"."+name, ".")
		all = append(all, bound{
			name: child + " is required", refuse: edits{child: nil}, field: child, cause: metav1.CauseTypeFieldValueRequired,
		})
	}
	return all
}

func textBounds(n node) (all []bound) {
	if n.schema.MaxLength != nil {
		limit := int(*n.schema.MaxLength)
		all = append(all, bound{
			name: n.path + " has a maximum length", accept: each(n.path, longest(n.path, limit)),
			refuse: edits{n.path: strings.Repeat("a", limit+1)}, field: n.path, cause: "FieldValueTooLong",
		})
	}
	if n.schema.MinLength != nil {
		all = append(all, bound{
			name: n.path + " has a minimum length", accept: each(n.path, "a"),
			refuse: edits{n.path: ""}, field: n.path, cause: metav1.CauseTypeFieldValueInvalid,
		})
	}
	if n.schema.Pattern != "" {
		all = append(all, bound{
			name: n.path + " has a pattern", refuse: edits{n.path: "!"}, field: n.path, cause: metav1.CauseTypeFieldValueInvalid,
		})
	}
	if n.schema.Format == "date-time" {
		all = append(all, bound{
			name: n.path + " is a time", refuse: edits{n.path: "tomorrow"}, field: n.path, cause: metav1.CauseTypeTypeInvalid,
		})
	}
	return all
}

// longest returns a valid value of the length limit.
func longest(path string, limit int) string {
	switch field(path) {
	case "correctionWithin", "newSubjectWithin":
		return "0000h000000m7776000.000000000s"
	case "until", "operatingFrom":
		return "2026-03-01T06:00:00.123456789+00:00"
	case "reviewBy":
		return "2026-12-31"
	case "key":
		return strings.Repeat("a", 253) + "/" + strings.Repeat("a", 63)
	default:
		return strings.Repeat("a", limit)
	}
}

func listBounds(n node) (all []bound) {
	if n.schema.MaxItems != nil {
		limit := int(*n.schema.MaxItems)
		all = append(all, bound{
			name: n.path + " has a maximum of items", accept: each(n.path, distinct(n, limit)),
			refuse: edits{n.path: distinct(n, limit+1)}, field: n.path, cause: "FieldValueTooMany",
		})
	}
	if n.schema.MinItems != nil {
		all = append(all, bound{
			name: n.path + " has a minimum of items", refuse: edits{n.path: []any{}}, field: n.path, cause: metav1.CauseTypeFieldValueInvalid,
		})
	}
	if kind := n.schema.XListType; kind != nil && *kind != "atomic" {
		first := n.value.([]any)[0]
		all = append(all, bound{
			name: n.path + " has no duplicates", refuse: edits{n.path: []any{first, first}},
			field: n.path + "[1]", cause: metav1.CauseTypeFieldValueDuplicate,
		})
	}
	return all
}

// distinct returns count different items of a list; where an enumeration has
// fewer values it begins again.
func distinct(n node, count int) []any {
	items := make([]any, count)
	for i := range items {
		item := runtime.DeepCopyJSONValue(n.value.([]any)[0])
		switch enum := n.schema.Items.Schema.Enum; {
		case len(enum) > 0:
			item = strings.Trim(string(enum[i%len(enum)].Raw), `"`)
		case n.schema.Items.Schema.Type == "string":
			item = fmt.Sprintf("n%d", i)
		case len(n.schema.XListMapKeys) == 1:
			item.(map[string]any)[n.schema.XListMapKeys[0]] = fmt.Sprintf("n%d", i)
		}
		items[i] = item
	}
	return items
}

func otherBounds(n node) (all []bound) {
	if len(n.schema.Enum) > 0 {
		values := make([]edits, 0, len(n.schema.Enum))
		for _, value := range n.schema.Enum {
			values = append(values, enumerated(n.path, strings.Trim(string(value.Raw), `"`)))
		}
		all = append(all, bound{
			name: n.path + " is enumerated", accept: values,
			refuse: edits{n.path: "Bogus"}, field: n.path, cause: metav1.CauseTypeFieldValueNotSupported,
		})
	}
	if n.schema.Minimum != nil {
		all = append(all, bound{
			name: n.path + " has a minimum", accept: each(n.path, int64(*n.schema.Minimum)),
			refuse: edits{n.path: int64(*n.schema.Minimum) - 1}, field: n.path, cause: metav1.CauseTypeFieldValueInvalid,
		})
	}
	if n.schema.MaxProperties != nil {
		limit := int(*n.schema.MaxProperties)
		all = append(all, bound{
			name: n.path + " has a maximum of keys", accept: each(n.path, keys(limit)),
			refuse: edits{n.path: keys(limit + 1)}, field: n.path, cause: "FieldValueTooMany",
		})
	}
	return all
}

// enumerated sets an enumerated value, with what it needs beside it.
func enumerated(path, value string) edits {
	changes := edits{path: value}
	if strings.HasSuffix(value, "Exists") || value == "DoesNotExist" {
		changes[strings.TrimSuffix(path, "operator")+"values"] = nil
	}
	return changes
}

func keys(count int) map[string]any {
	all := map[string]any{}
	for i := range count {
		all[fmt.Sprintf("n%d", i)] = "v"
	}
	return all
}
