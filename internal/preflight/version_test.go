package preflight

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"
)

func TestCheckVersion(t *testing.T) {
	cases := map[string]struct {
		server  string
		wantErr bool
	}{
		"the oldest":                  {"v1.32.0", false},
		"newer":                       {"v1.36.3", false},
		"newer, of a distribution":    {"v1.33.1-eks-595af52", false},
		"newer by build":              {"v1.32.9+k3s1", false},
		"a release to come":           {"v2.0.0", false},
		"too old":                     {"v1.31.13", true},
		"too old, of a distribution":  {"v1.30.5-gke.1014001", true},
		"what cannot be read":         {"unknown", false},
		"a version that says nothing": {"", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := checkVersion(tc.server)
			if (err != nil) != tc.wantErr {
				t.Fatalf("got %v", err)
			}
			if err != nil && (!strings.Contains(err.Error(), tc.server) || !strings.Contains(err.Error(), OldestServer)) {
				t.Errorf("it does not name both versions: %v", err)
			}
		})
	}
}

func TestTheChartNeedsTheSame(t *testing.T) {
	text, err := os.ReadFile("../../charts/holdfast/Chart.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var chart struct{ KubeVersion string }
	if err := yaml.Unmarshal(text, &chart); err != nil {
		t.Fatal(err)
	}
	if want := ">=" + OldestServer + ".0-0"; chart.KubeVersion != want {
		t.Errorf("kubeVersion is %q, want %q", chart.KubeVersion, want)
	}
}

// TestOldestServerTakesTheCRDs compiles the CRDs' rules as API servers do: with
// what the release before them knew already.
func TestOldestServerTakesTheCRDs(t *testing.T) {
	oldest := version.MustParseGeneric(OldestServer)
	ours, err := own()
	if err != nil {
		t.Fatal(err)
	}
	for _, crd := range ours {
		t.Run(crd.Name, func(t *testing.T) {
			if refused := uncompiled(t, crd, oldest.SubtractMinor(1)); len(refused) > 0 {
				t.Errorf("Kubernetes %s refuses: %v", oldest, refused)
			}
		})
	}
	if refused := uncompiled(t, ours[0], oldest.SubtractMinor(2)); len(refused) == 0 {
		t.Errorf("Kubernetes %s takes %s too: OldestServer may be older", oldest.SubtractMinor(1), ours[0].Name)
	}
}

// uncompiled are the rules of a CRD that API servers whose compatibility version
// is v cannot compile.
func uncompiled(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition, v *version.Version) []string {
	t.Helper()
	props, _ := schemaOf(crd, "v1alpha1")
	internal := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, internal, nil); err != nil {
		t.Fatal(err)
	}
	structural, err := schema.NewStructural(internal)
	if err != nil {
		t.Fatal(err)
	}
	var refused []string
	walk(structural, true, func(s *schema.Structural, root bool) {
		results, err := cel.Compile(s, model.SchemaDeclType(s, root), celconfig.PerCallLimit, environment.MustBaseEnvSet(v), cel.NewExpressionsEnvLoader())
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if r.Error != nil {
				refused = append(refused, fmt.Sprintf("%s: %v", s.XValidations[i].Rule, r.Error))
			}
		}
	})
	return refused
}

// walk visits a schema and all that is below it.
func walk(s *schema.Structural, root bool, visit func(s *schema.Structural, root bool)) {
	visit(s, root)
	for name := range s.Properties {
		property := s.Properties[name]
		walk(&property, false, visit)
	}
	if s.Items != nil {
		walk(s.Items, false, visit)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		walk(s.AdditionalProperties.Structural, false, visit)
	}
}
