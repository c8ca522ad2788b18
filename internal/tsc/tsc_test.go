package tsc_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/tsc"
)

func TestCatalogueEqualsTheEnumerationInTheAPI(t *testing.T) {
	ids := catalogued()
	if len(ids) != 61 {
		t.Errorf("the catalogue has %d criteria, want 61", len(ids))
	}
	if diff := cmp.Diff(enumerated(t), ids); diff != "" {
		t.Errorf("criteria of the catalogue (-API +catalogue):\n%s", diff)
	}
}

func TestTitle(t *testing.T) {
	titles := map[string]v1alpha1.Criterion{}
	for _, criterion := range tsc.Catalogue() {
		if criterion.Title == "" || criterion.Group == "" {
			t.Errorf("%s has no title or no group", criterion.ID)
		}
		if got := tsc.Title(criterion.ID); got != criterion.Title {
			t.Errorf("Title(%s) = %q, want %q", criterion.ID, got, criterion.Title)
		}
		if other, taken := titles[criterion.Group+criterion.Title]; taken {
			t.Errorf("%s and %s have the same title", criterion.ID, other)
		}
		titles[criterion.Group+criterion.Title] = criterion.ID
	}
	if got := tsc.Title("P1.0"); got != "" {
		t.Errorf("Title(P1.0) = %q, want none: a heading is no criterion", got)
	}
}

func TestDefaults(t *testing.T) {
	ids := catalogued()
	for _, area := range tsc.Areas() {
		defaults := tsc.Defaults(area)
		if len(defaults) == 0 {
			t.Errorf("%s has no default criteria", area)
		}
		for _, id := range defaults {
			if !slices.Contains(ids, id) {
				t.Errorf("%s: %s is not one of the 61", area, id)
			}
		}
	}
	if got := tsc.Defaults("Gardening"); got != nil {
		t.Errorf("Defaults of an unknown area = %v, want none", got)
	}
}

func catalogued() []v1alpha1.Criterion {
	var ids []v1alpha1.Criterion
	for _, criterion := range tsc.Catalogue() {
		ids = append(ids, criterion.ID)
	}
	return ids
}

// enumerated returns the ids that the generated CRD accepts.
func enumerated(t *testing.T) []v1alpha1.Criterion {
	t.Helper()
	data, err := os.ReadFile("../../config/crd/bases/holdfast.dev_controlpolicies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(data, &crd); err != nil {
		t.Fatal(err)
	}
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	control := spec.Properties["controls"].Items.Schema
	var ids []v1alpha1.Criterion
	for _, value := range control.Properties["criteria"].Items.Schema.Enum {
		var id v1alpha1.Criterion
		if err := json.Unmarshal(value.Raw, &id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}
