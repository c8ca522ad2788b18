package preflight

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func TestLacking(t *testing.T) {
	const base = `
properties:
  mode: {type: string, enum: [Observe, Enforce]}
  scope: {properties: {exclusions: {items: {properties: {reason: {}, reviewBy: {}}}}}}
  labels: {additionalProperties: {properties: {key: {}}}}
  free: {x-kubernetes-preserve-unknown-fields: true, properties: {known: {}}}
`
	cases := map[string]struct {
		other string
		// wantLacks is what base has and the other lacks, wantBeyond the other way round.
		wantLacks, wantBeyond []string
	}{
		"the same":               {other: base},
		"other words and bounds": {other: strings.NewReplacer("{type: string,", "{type: string, description: else, maxLength: 9,").Replace(base)},
		"a field and all below it": {
			other:     strings.Replace(base, "  scope: {properties: {exclusions: {items: {properties: {reason: {}, reviewBy: {}}}}}}\n", "", 1),
			wantLacks: []string{"scope"},
		},
		"a field of a list": {other: strings.Replace(base, "reviewBy", "review", 1),
			wantLacks: []string{"scope.exclusions[].reviewBy"}, wantBeyond: []string{"scope.exclusions[].review"}},
		"a field of a map":                 {other: strings.Replace(base, "{key: {}}", "{}", 1), wantLacks: []string{"labels.*.key"}},
		"a value":                          {other: strings.Replace(base, ", Enforce", "", 1), wantLacks: []string{`the value "Enforce" of mode`}},
		"values that are not enumerated":   {other: strings.Replace(base, ", enum: [Observe, Enforce]", "", 1)},
		"fields of an object that is free": {other: strings.Replace(base, "known", "else", 1)},
		"several": {other: "properties: {mode: {}, free: {}, extra: {}}",
			wantLacks: []string{"free.known", "labels", "scope"}, wantBeyond: []string{"extra"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var ours, theirs apiextensionsv1.JSONSchemaProps
			if err := errors.Join(yaml.Unmarshal([]byte(base), &ours), yaml.Unmarshal([]byte(tc.other), &theirs)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.wantLacks, lacking("", &ours, &theirs)); diff != "" {
				t.Errorf("what the other lacks (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantBeyond, lacking("", &theirs, &ours)); diff != "" {
				t.Errorf("what the other has beyond (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	ours, err := own()
	if err != nil {
		t.Fatal(err)
	}
	crd := ours[0]
	up := apiextensionsv1.CustomResourceDefinitionCondition{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue}
	crd.Status.Conditions = []apiextensionsv1.CustomResourceDefinitionCondition{up}
	cases := map[string]struct {
		edit func(*apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition
		want string
	}{
		"the same": {edit: func(live *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
			return live
		}},
		"absent": {func(*apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition { return nil }, "is not installed"},
		"another version": {func(live *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
			live.Spec.Versions[0].Name = "v1"
			return live
		}, "does not serve v1alpha1"},
		"a version that is not served": {func(live *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
			live.Spec.Versions[0].Served = false
			return live
		}, "does not serve v1alpha1"},
		"older in two things": {func(live *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
			delete(live.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties, "status")
			delete(live.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties, "spec")
			return live
		}, "it lacks spec and 1 more, which"},
		"not established": {func(live *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
			live.Status.Conditions = nil
			return live
		}, "is not established yet"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			newer, err := compare(crd, tc.edit(crd.DeepCopy()))
			if tc.want == "" {
				if err != nil || len(newer) > 0 {
					t.Errorf("got %v, %v", newer, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), crd.Name) {
				t.Errorf("got %v, want %s %s", err, crd.Name, tc.want)
			}
		})
	}
}
