// Package crd holds the generated CustomResourceDefinitions, for programs that
// check policies without a cluster, or compare a cluster's with their own.
package crd

import _ "embed"

//go:embed bases/holdfast.dev_controlpolicies.yaml
var controlPolicies string

//go:embed bases/holdfast.dev_evidenceschedules.yaml
var evidenceSchedules string

//go:embed bases/holdfast.dev_evidencerecords.yaml
var evidenceRecords string

//go:embed bases/holdfast.dev_encryptedstorageclasses.yaml
var encryptedStorageClasses string

// ControlPolicies returns the CustomResourceDefinition of ControlPolicy, in YAML.
func ControlPolicies() []byte { return []byte(controlPolicies) }

// All returns the CustomResourceDefinitions of all kinds, in YAML, one document each.
func All() [][]byte {
	return [][]byte{[]byte(controlPolicies), []byte(evidenceSchedules), []byte(evidenceRecords), []byte(encryptedStorageClasses)}
}
