package v1alpha1_test

import (
	"fmt"
	"maps"
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
			name: n.path + " has a maximum length", accept: fitting(n.path, longest(n.path, limit)),
			refuse: edits{n.path: strings.Repeat("a", limit+1)}, field: n.path, cause: "FieldValueTooLong",
		})
	}
	if n.schema.MinLength != nil {
		all = append(all, bound{
			name: n.path + " has a minimum length", accept: fitting(n.path, "a"),
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
	case "correctionWithin", "newSubjectWithin", "maximumKeyAge":
		return "0000h000000m7776000.000000000s"
	case "startingDeadline", "extraBackupEvery":
		return "0000h000000m0086400.000000000s"
	case "rolling":
		return "00000h000m315360000.000000000s"
	case "recoveryPointObjective":
		return "8784h000000m0000000.000000000s"
	case "maximumRetention":
		return "87840h000000m0000000.00000000s"
	case "timeout":
		return "0000h000000m0003600.000000000s"
	case "retention":
		if path == backup+".retention" {
			return "00720h000000m0000000.00000000s"
		}
		return "876000h000m00000000.000000000s"
	case "schedule":
		return strings.Repeat("0", limit-8) + " * * * *"
	case "timeZone":
		return "A/" + strings.Repeat("a", limit-2)
	case "url":
		return "https://a/" + strings.Repeat("a", limit-10)
	case "verifierKey":
		if strings.HasPrefix(path, "spec.anchors") {
			return "a+0123abcd+" + strings.Repeat("a", limit-11)
		}
		return strings.Repeat("a", limit)
	case "interval":
		return "0000h000000m0086400.000000000s"
	case "cidr", "cidrs", "except":
		return "2001:0db8:0000:0000:0000:0000:0000:0001/128"
	case "every":
		return "0000h000000m0604800.000000000s"
	case "expiryThreshold":
		return "8760h000000m0000000.000000000s"
	case "strictAfter":
		return "2160h000000m0000000.000000000s"
	case "address":
		return strings.Repeat("a.", (limit-1)/2) + "a"
	case "validUntil", "until", "operatingFrom", "start", "slot", "startedAt", "completedAt", "at":
		return "2026-03-01T06:00:00.123456789+00:00"
	case "end":
		return "2027-01-01T00:00:00.123456789+00:00"
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
			name: n.path + " has a maximum of items", accept: fitting(n.path, distinct(n, limit)),
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
	list := n.value.([]any)
	items := make([]any, count)
	for i := range items {
		item := runtime.DeepCopyJSONValue(list[len(list)-1])
		name := fmt.Sprintf("n%d", i)
		switch enum := n.schema.Items.Schema.Enum; {
		case len(enum) > 0:
			item = strings.Trim(string(enum[i%len(enum)].Raw), `"`)
		case field(n.path) == "cidrs" || field(n.path) == "except":
			item = fmt.Sprintf("10.%d.0.0/16", i)
		case field(n.path) == "allow":
			item.(map[string]any)["rule"].(map[string]any)["name"] = name
		case n.schema.Items.Schema.Type == "string":
			item = name
		case n.schema.Items.Schema.Type == "integer":
			item = int64(i + 1)
		case len(n.schema.XListMapKeys) == 1:
			item.(map[string]any)[n.schema.XListMapKeys[0]] = name
		}
		items[i] = item
	}
	return items
}

func otherBounds(n node) (all []bound) {
	if len(n.schema.Enum) > 0 {
		values := make([]any, 0, len(n.schema.Enum))
		for _, value := range n.schema.Enum {
			values = append(values, strings.Trim(string(value.Raw), `"`))
		}
		all = append(all, bound{
			name: n.path + " is enumerated", accept: fitting(n.path, values...),
			refuse: edits{n.path: "Bogus"}, field: n.path, cause: metav1.CauseTypeFieldValueNotSupported,
		})
	}
	if n.schema.Minimum != nil {
		limit := int64(*n.schema.Minimum)
		all = append(all, bound{
			name: n.path + " has a minimum", accept: fitting(n.path, limit),
			refuse: edits{n.path: limit - 1}, field: n.path, cause: metav1.CauseTypeFieldValueInvalid,
		})
	}
	if n.schema.Maximum != nil {
		limit := int64(*n.schema.Maximum)
		all = append(all, bound{
			name: n.path + " has a maximum", accept: fitting(n.path, limit),
			refuse: edits{n.path: limit + 1}, field: n.path, cause: metav1.CauseTypeFieldValueInvalid,
		})
	}
	if n.schema.MaxProperties != nil {
		limit := int(*n.schema.MaxProperties)
		all = append(all, bound{
			name: n.path + " has a maximum of keys", accept: fitting(n.path, keys(limit)),
			refuse: edits{n.path: keys(limit + 1)}, field: n.path, cause: "FieldValueTooMany",
		})
	}
	return all
}

// fitting returns one edit of path per value, each with what the value needs
// beside it to be accepted.
func fitting(path string, values ...any) []edits {
	all := each(path, values...)
	for i, value := range values {
		maps.Copy(all[i], beside(path, value))
	}
	return all
}

// beside returns the edits that go with a value of the field at path.
func beside(path string, value any) edits {
	parent := path[:strings.LastIndex(path, ".")+1]
	switch field(path) {
	case "operator":
		if value == "Exists" || value == "DoesNotExist" {
			return edits{parent + "values": nil}
		}
	case "type":
		if strings.Contains(path, ".allow[") {
			return allowance(path, value)
		}
	case "defaultDeny":
		if value == "Egress" {
			return edits{parent + "defaultDeny[1]": "Ingress"}
		}
	case "direction":
		if value == "Egress" && strings.Contains(path, ".acceptedExposure[") {
			return edits{parent + "exposures": nil}
		}
	case "cluster":
		if value == "Excluded" {
			return ofNamespaces(edits{atRest + ".volumes": nil, ofIngress + ".guard": nil})
		}
	case "provider":
		if value == "VolumeSnapshot" {
			return ofNamespaces(nil)
		}
	case "backupControl":
		return edits{"spec.controls[3].id": value}
	case "cidr":
		return edits{parent + "except": nil}
	case "except":
		if text, one := value.(string); one && strings.Contains(text, ":") {
			return edits{parent + "cidr": "::/0"}
		}
	case "port":
		return edits{parent + "endPort": nil}
	case "endPort":
		return edits{parent + "port": int64(1)}
	}
	return nil
}

// allowance makes the allowance whose type is at path the only one.
func allowance(path string, value any) edits {
	list := path[:strings.LastIndex(path, "[")]
	item := map[string]any{"type": value}
	if value == "Rule" {
		peers := []any{map[string]any{"podSelector": map[string]any{}}}
		item["rule"] = map[string]any{"name": "n", "direction": "Ingress", "peers": peers}
	}
	return edits{list: []any{item}}
}

func keys(count int) map[string]any {
	all := map[string]any{}
	for i := range count {
		all[fmt.Sprintf("n%d", i)] = "v"
	}
	return all
}
