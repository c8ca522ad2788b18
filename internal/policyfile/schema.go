package policyfile

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/config/crd"
)

// Schema checks policies as an API server does that has this version's
// CustomResourceDefinition.
type Schema struct {
	structural *schema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

// NewSchema compiles the schema and its rules, which takes a moment.
func NewSchema() (*Schema, error) {
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(crd.ControlPolicies(), &definition); err != nil {
		return nil, fmt.Errorf("read the CustomResourceDefinition: %w", err)
	}
	served := definition.Spec.Versions[0].Schema
	var props apiextensions.CustomResourceValidation
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(served, &props, nil); err != nil {
		return nil, fmt.Errorf("convert the schema: %w", err)
	}
	structural, err := schema.NewStructural(props.OpenAPIV3Schema)
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	validator, _, err := validation.NewSchemaValidator(props.OpenAPIV3Schema)
	if err != nil {
		return nil, fmt.Errorf("compile the schema: %w", err)
	}
	return &Schema{structural: structural, schema: validator, rules: cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// complete writes the defaults into an object, and checks it. The order is the
// API server's: unknown fields, defaults, schema, rules.
func (s *Schema) complete(ctx context.Context, object map[string]any) error {
	pruned := pruning.PruneWithOptions(object, s.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	if len(pruned) > 0 {
		return fmt.Errorf("unknown field %s: see kubectl explain ctlp.spec --recursive", strings.Join(pruned, ", "))
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(object, s.structural)
	defaulting.Default(object, s.structural)
	found := validation.ValidateCustomResource(nil, object, s.schema)
	found = append(found, listtype.ValidateListSetsAndMaps(nil, s.structural, object)...)
	if len(found) == 0 {
		// What the schema refuses the rules need not cope with.
		found, _ = s.rules.Validate(ctx, nil, s.structural, object, nil, celconfig.RuntimeCELCostBudget)
	}
	return joined(found)
}

// joined is one error of all, each naming its field.
func joined(found field.ErrorList) error {
	var errs []error
	for _, e := range found {
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}
