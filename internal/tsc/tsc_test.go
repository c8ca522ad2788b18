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
	"github.com/holdfast-dev/holdfast/internal/controls"
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

func TestSupported(t *testing.T) {
	cases := map[string]struct {
		control v1alpha1.ControlSpec
		want    []v1alpha1.Criterion
	}{
		"stated": {
			control: v1alpha1.ControlSpec{Criteria: []v1alpha1.Criterion{"CC6.7"}, NetworkIsolation: &v1alpha1.NetworkIsolation{}},
			want:    []v1alpha1.Criterion{"CC6.7"},
		},
		"backup": {
			control: v1alpha1.ControlSpec{Backup: &v1alpha1.Backup{}},
			want:    []v1alpha1.Criterion{"A1.2", "CC7.5", "CC9.1", "C1.1"},
		},
		"encryptionAtRest": {
			control: v1alpha1.ControlSpec{EncryptionAtRest: &v1alpha1.EncryptionAtRest{}},
			want:    []v1alpha1.Criterion{"CC6.1", "C1.1"},
		},
		"encryptionInTransit": {
			control: v1alpha1.ControlSpec{EncryptionInTransit: &v1alpha1.EncryptionInTransit{}},
			want:    []v1alpha1.Criterion{"CC6.7", "CC6.1", "CC6.6"},
		},
		"networkIsolation": {
			control: v1alpha1.ControlSpec{NetworkIsolation: &v1alpha1.NetworkIsolation{}},
			want:    []v1alpha1.Criterion{"CC6.1", "CC6.6"},
		},
		"restoreTest": {
			control: v1alpha1.ControlSpec{RestoreTest: &v1alpha1.RestoreTest{}},
			want:    []v1alpha1.Criterion{"A1.3", "CC7.5"},
		},
		"of no known type": {},
	}
	ids := catalogued()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := tsc.Supported(tc.control)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, id := range got {
				if !slices.Contains(ids, id) {
					t.Errorf("%s is not one of the 61", id)
				}
			}
		})
	}
	for _, typ := range controls.All() {
		if _, tested := cases[typ.Name]; !tested {
			t.Errorf("controls of type %s are not tested", typ.Name)
		}
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
