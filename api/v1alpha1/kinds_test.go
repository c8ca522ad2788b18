package v1alpha1_test

import (
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// kind is one kind of the API, with what the tests need of it.
type kind struct {
	// singular is its name in lower case: of its example, and of its CRD with an s.
	singular string
	plural   string
	rules    func() []rule
	// variants are edits of the example under which further fields are set: those
	// that exclude others.
	variants []edits
	// lenient are edits under which more values of single fields are accepted.
	lenient edits
	// status is whether the kind has one.
	status bool
	// decode reads an object that the API server accepted.
	decode func([]byte) error
}

func kinds() []kind {
	return []kind{
		{
			singular: "controlpolicy", plural: "controlpolicies", rules: policyKindRules, status: true, decode: decodePolicy,
			// Some enumerated values are accepted only where nothing is enforced.
			lenient: edits{"spec.mode": "Observe", "spec.controls[0].mode": "Observe"},
		},
		{
			singular: "evidenceschedule", plural: "evidenceschedules", rules: scheduleRules, status: true, decode: decodeSchedule,
			variants: []edits{{"spec.period": map[string]any{"rolling": "8760h"}}},
			lenient:  edits{"spec.retention": "876000h"},
		},
		{singular: "evidencerecord", plural: "evidencerecords", rules: recordRules, decode: decodeInto(&v1alpha1.EvidenceRecord{})},
		{
			singular: "encryptedstorageclasses", plural: "encryptedstorageclasses", rules: encryptedClassesRules,
			decode: decodeInto(&v1alpha1.EncryptedStorageClasses{}),
		},
	}
}

// crd is the file of the kind's CRD.
func (k kind) crd() string { return "../../config/crd/bases/holdfast.dev_" + k.plural + ".yaml" }

// full returns a valid object with every field set but those of the variants.
func (k kind) full(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	decodeFile(t, "testdata/"+k.singular+".yaml", &object.Object)
	return object
}

// bases returns the example, and its variants.
func (k kind) bases(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	all := []*unstructured.Unstructured{k.full(t)}
	for _, v := range k.variants {
		all = append(all, edited(t, k.full(t), v))
	}
	return all
}

func decodeInto(object any) func([]byte) error {
	return func(data []byte) error { return json.Unmarshal(data, object) }
}

func decodePolicy(data []byte) error {
	var policy v1alpha1.ControlPolicy
	if err := json.Unmarshal(data, &policy); err != nil {
		return err
	}
	return parse(selectors(&policy.Spec)...)
}

func decodeSchedule(data []byte) error {
	var schedule v1alpha1.EvidenceSchedule
	if err := json.Unmarshal(data, &schedule); err != nil {
		return err
	}
	return parse(&schedule.Spec.PolicySelector)
}

// parse says whether label selectors can be used.
func parse(selectors ...*metav1.LabelSelector) error {
	for _, selector := range selectors {
		if _, err := metav1.LabelSelectorAsSelector(selector); err != nil {
			return err
		}
	}
	return nil
}
