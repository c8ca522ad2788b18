// Package crd holds the generated CustomResourceDefinitions, for programs that
// check policies without a cluster.
package crd

import _ "embed"

//go:embed bases/holdfast.dev_controlpolicies.yaml
var controlPolicies string

// ControlPolicies returns the CustomResourceDefinition of ControlPolicy, in YAML.
func ControlPolicies() []byte { return []byte(controlPolicies) }
