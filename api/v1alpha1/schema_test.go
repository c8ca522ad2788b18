package v1alpha1_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// node is one field of the generated schema, at its path in an example.
type node struct {
	base   *unstructured.Unstructured // the example
	path   string
	schema apiextensionsv1.JSONSchemaProps
	value  any
	list   []any // that the node is the first item of
}

// schemaNodes returns every field of a kind's generated schema but the metadata.
// It fails where all examples leave a field out.
func schemaNodes(t *testing.T, k kind) []node {
	t.Helper()
	var crd apiextensionsv1.CustomResourceDefinition
	decodeFile(t, k.crd(), &crd)
	var nodes []node
	at := map[string]int{}
	for _, base := range k.bases(t) {
		for _, n := range walk(node{base: base, schema: *crd.Spec.Versions[0].Schema.OpenAPIV3Schema, value: base.Object}) {
			switch i, found := at[n.path]; {
			case !found:
				at[n.path] = len(nodes)
				nodes = append(nodes, n)
			case nodes[i].value == nil:
				nodes[i] = n
			}
		}
	}
	for _, n := range nodes {
		if n.value == nil {
			t.Fatalf("no example of testdata/%s.yaml sets %s", k.singular, n.path)
		}
	}
	return nodes
}

// walk returns a field and all below it. One that the example leaves out has no value.
func walk(n node) []node {
	if n.value == nil {
		return []node{n}
	}
	nodes := []node{n}
	for name, schema := range n.schema.Properties {
		if n.path == "" && name != "spec" && name != "status" {
			continue
		}
		nodes = append(nodes, walk(n.property(name, schema))...)
	}
	if n.schema.Items != nil {
		list := n.value.([]any)
		nodes = append(nodes, walk(node{base: n.base, path: n.path + "[0]", schema: *n.schema.Items.Schema, value: list[0], list: list})...)
	}
	if n.schema.AdditionalProperties != nil {
		for key, value := range n.value.(map[string]any) {
			nodes = append(nodes, walk(node{base: n.base, path: n.path + "[" + key + "]", schema: *n.schema.AdditionalProperties.Schema, value: value})...)
		}
	}
	slices.SortFunc(nodes, func(a, b node) int { return strings.Compare(a.path, b.path) })
	return nodes
}

// property returns a property of an object. Of an item of a list it is that of
// the first item which has it: what excludes each other stands in different items.
func (n node) property(name string, schema apiextensionsv1.JSONSchemaProps) node {
	for i, item := range n.list {
		if value, found := item.(map[string]any)[name]; found {
			return node{base: n.base, path: fmt.Sprintf("%s[%d].%s", strings.TrimSuffix(n.path, "[0]"), i, name), schema: schema, value: value}
		}
	}
	return node{base: n.base, path: strings.TrimPrefix(n.path+"."+name, "."), schema: schema, value: n.value.(map[string]any)[name]}
}

func decodeFile(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("decode %s: %v", path, err)
	}
}

func TestEveryFieldIsBoundedAndExplained(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.singular, func(t *testing.T) { testBoundedAndExplained(t, k) })
	}
}

func testBoundedAndExplained(t *testing.T, k kind) {
	for _, n := range schemaNodes(t, k) {
		if n.path == "" || strings.HasPrefix(n.path, "status.conditions[") {
			continue // the conditions' fields are apimachinery's
		}
		item := strings.HasSuffix(n.path, "]")
		if !item && !strings.HasPrefix(n.schema.Description, field(n.path)) {
			t.Errorf("the description of %s does not begin with its name: %q", n.path, n.schema.Description)
		}
		if n.schema.Type == "string" && n.schema.MaxLength == nil && n.schema.Enum == nil && n.schema.Format == "" {
			t.Errorf("%s is a string without a bound", n.path)
		}
		if n.schema.Type == "array" && (n.schema.MaxItems == nil || n.schema.XListType == nil) {
			t.Errorf("%s is a list without a bound or without a list type", n.path)
		}
		if n.schema.AdditionalProperties != nil && n.schema.MaxProperties == nil {
			t.Errorf("%s is a map without a bound", n.path)
		}
	}
}

// Only a case makes the API server judge a rule, so every rule of the generated
// schema must have cases, and every case its rule.
func TestEveryRuleHasCases(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.singular, func(t *testing.T) { testRulesHaveCases(t, k) })
	}
}

func testRulesHaveCases(t *testing.T, k kind) {
	cases := map[string]rule{}
	for _, r := range k.rules() {
		cases[generic(r.field)+": "+r.message] = r
	}
	for _, n := range schemaNodes(t, k) {
		for _, validation := range n.schema.XValidations {
			at := strings.TrimPrefix(generic(n.path+validation.FieldPath), ".")
			r, found := cases[at+": "+validation.Message]
			if !found || len(r.accept) == 0 || len(r.refuse) == 0 {
				t.Errorf("rules() has no accepted or no refused case for %q of %s", validation.Message, at)
			}
			delete(cases, at+": "+validation.Message)
		}
	}
	for name := range cases {
		t.Errorf("rules() has a case for a rule that is not in the schema: %s", name)
	}
}
