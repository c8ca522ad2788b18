package preflight

import (
	"fmt"
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// lacking lists what one schema takes and another does not: the paths of fields,
// and values of enumerations. Where a whole object is missing its fields are not
// listed too.
func lacking(path string, has, lacks *apiextensionsv1.JSONSchemaProps) []string {
	if has == nil || lacks == nil || lacks.XPreserveUnknownFields != nil && *lacks.XPreserveUnknownFields {
		return nil
	}
	found := lackingValues(path, has, lacks)
	for _, name := range slices.Sorted(maps.Keys(has.Properties)) {
		field := path + "." + name
		if path == "" {
			field = name
		}
		mine, theirs := has.Properties[name], lacks.Properties[name]
		if _, ok := lacks.Properties[name]; !ok {
			found = append(found, field)
			continue
		}
		found = append(found, lacking(field, &mine, &theirs)...)
	}
	if has.Items != nil && lacks.Items != nil {
		found = append(found, lacking(path+"[]", has.Items.Schema, lacks.Items.Schema)...)
	}
	if has.AdditionalProperties != nil && lacks.AdditionalProperties != nil {
		found = append(found, lacking(path+".*", has.AdditionalProperties.Schema, lacks.AdditionalProperties.Schema)...)
	}
	return found
}

// lackingValues lists the values of an enumeration that another one does not have.
func lackingValues(path string, has, lacks *apiextensionsv1.JSONSchemaProps) []string {
	if len(lacks.Enum) == 0 {
		return nil
	}
	var found []string
	for _, value := range has.Enum {
		same := func(v apiextensionsv1.JSON) bool { return string(v.Raw) == string(value.Raw) }
		if !slices.ContainsFunc(lacks.Enum, same) {
			found = append(found, fmt.Sprintf("the value %s of %s", value.Raw, path))
		}
	}
	return found
}

// schemaOf is the schema of v1alpha1, and whether it is served.
func schemaOf(crd *apiextensionsv1.CustomResourceDefinition, version string) (*apiextensionsv1.JSONSchemaProps, bool) {
	for i := range crd.Spec.Versions {
		v := &crd.Spec.Versions[i]
		if v.Name == version && v.Served && v.Schema != nil {
			return v.Schema.OpenAPIV3Schema, true
		}
	}
	return nil, false
}
