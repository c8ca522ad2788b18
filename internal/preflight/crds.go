package preflight

import (
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/config/crd"
)

// remedyCRDs is how the CRDs of this release are installed.
const remedyCRDs = "install those of this release, with helm upgrade (crds.install) or kubectl apply --server-side -k config/crd"

// own are the CRDs of this release.
func own() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	var definitions []*apiextensionsv1.CustomResourceDefinition
	for _, document := range crd.All() {
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(document, definition); err != nil {
			return nil, fmt.Errorf("read the built-in CRDs: %w", err)
		}
		definitions = append(definitions, definition)
	}
	return definitions, nil
}

// compare reports a live CRD with which this release cannot work; nil is one that
// is absent. It returns what the live one has beyond ours, which does no harm.
func compare(ours, live *apiextensionsv1.CustomResourceDefinition) (newer []string, err error) {
	name := ours.Name
	if live == nil {
		return nil, &Problem{What: fmt.Sprintf("the CustomResourceDefinition %s is not installed", name), Remedy: remedyCRDs}
	}
	version := v1alpha1.GroupVersion.Version
	schema, served := schemaOf(live, version)
	if !served {
		return nil, &Problem{What: fmt.Sprintf("the CustomResourceDefinition %s does not serve %s", name, version), Remedy: remedyCRDs}
	}
	known, _ := schemaOf(ours, version)
	if lacks := lacking("", known, schema); len(lacks) > 0 {
		return nil, &Problem{What: fmt.Sprintf("the CustomResourceDefinition %s is of an older release: it lacks %s, which the API server would drop without a word",
			name, first(lacks)), Remedy: remedyCRDs}
	}
	if !established(live) {
		return nil, &Problem{What: fmt.Sprintf("the CustomResourceDefinition %s is not established yet", name),
			Remedy: "if that lasts, see its conditions with kubectl describe crd " + name}
	}
	return lacking("", schema, known), nil
}

// first names the first of a list, and how many more there are.
func first(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	return fmt.Sprintf("%s and %d more", list[0], len(list)-1)
}

func established(definition *apiextensionsv1.CustomResourceDefinition) bool {
	for _, c := range definition.Status.Conditions {
		if c.Type == apiextensionsv1.Established {
			return c.Status == apiextensionsv1.ConditionTrue
		}
	}
	return false
}
