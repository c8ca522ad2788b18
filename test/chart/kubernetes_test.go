package chart_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
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

// TestOldestKubernetes shows that the chart asks for the oldest Kubernetes whose
// API server takes the rules of the CRDs, and for no newer one. An API server
// takes new rules only if the version before its own would understand them.
func TestOldestKubernetes(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(chart, "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	stated := regexp.MustCompile(`(?m)^kubeVersion: ">=1\.(\d+)\.0-0"`).FindSubmatch(content)
	if stated == nil {
		t.Fatal("Chart.yaml states no oldest version, as >=1.N.0-0")
	}
	oldest, err := strconv.ParseUint(string(stated[1]), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	understood := environment.MustBaseEnvSet(version.MajorMinor(1, uint(oldest)-1))
	before := environment.MustBaseEnvSet(version.MajorMinor(1, uint(oldest)-2))
	refused := 0
	for _, s := range kinds(t) {
		for _, problem := range misunderstood(s, true, understood) {
			t.Errorf("Kubernetes 1.%d: %s", oldest, problem)
		}
		refused += len(misunderstood(s, true, before))
	}
	if refused == 0 {
		t.Errorf("Kubernetes 1.%d takes all rules too", oldest-1)
	}
}

// kinds are the schemas of the kinds.
func kinds(t *testing.T) []*schema.Structural {
	t.Helper()
	files, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no CRDs: %v", err)
	}
	var all []*schema.Structural
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(content, crd); err != nil {
			t.Fatal(err)
		}
		for _, v := range crd.Spec.Versions {
			props := &apiextensions.JSONSchemaProps{}
			if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, props, nil); err != nil {
				t.Fatal(err)
			}
			s, err := schema.NewStructural(props)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
	}
	return all
}

// misunderstood are the rules of a schema that do not compile.
func misunderstood(s *schema.Structural, isRoot bool, understood *environment.EnvSet) []string {
	var problems []string
	if len(s.XValidations) > 0 {
		results, err := cel.Compile(s, model.SchemaDeclType(s, isRoot), celconfig.PerCallLimit, understood, cel.NewExpressionsEnvLoader())
		if err != nil {
			problems = append(problems, err.Error())
		}
		for i, r := range results {
			if r.Error != nil {
				problems = append(problems, fmt.Sprintf("%s: %v", s.XValidations[i].Rule, r.Error))
			}
		}
	}
	for _, property := range s.Properties {
		problems = append(problems, misunderstood(&property, false, understood)...)
	}
	if s.Items != nil {
		problems = append(problems, misunderstood(s.Items, false, understood)...)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		problems = append(problems, misunderstood(s.AdditionalProperties.Structural, false, understood)...)
	}
	return problems
}
