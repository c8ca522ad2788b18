// Package controls lists the control types. Each has a folder here, a union
// member in v1alpha1.ControlSpec, and a line in All; a test fails when one of
// the three is missing.
package controls

import (
	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls/backup"
	"github.com/holdfast-dev/holdfast/internal/controls/encryptionatrest"
	"github.com/holdfast-dev/holdfast/internal/controls/encryptionintransit"
	"github.com/holdfast-dev/holdfast/internal/controls/networkisolation"
	"github.com/holdfast-dev/holdfast/internal/controls/restoretest"
)

// Type is a control type under the name of its union member.
type Type struct {
	// Name is the union member's JSON name in v1alpha1.ControlSpec.
	Name string
	// Control evaluates controls of this type. It may be a control.Remediator too.
	control.Control

	// set reports whether a spec states a control of this type.
	set func(v1alpha1.ControlSpec) bool
}

// All returns every control type, ordered by name.
func All() []Type {
	return []Type{
		{"backup", backup.Control{}, func(s v1alpha1.ControlSpec) bool { return s.Backup != nil }},
		{"encryptionAtRest", encryptionatrest.Control{}, func(s v1alpha1.ControlSpec) bool { return s.EncryptionAtRest != nil }},
		{"encryptionInTransit", encryptionintransit.Control{}, func(s v1alpha1.ControlSpec) bool { return s.EncryptionInTransit != nil }},
		{"networkIsolation", networkisolation.Control{}, func(s v1alpha1.ControlSpec) bool { return s.NetworkIsolation != nil }},
		{"restoreTest", restoretest.Control{}, func(s v1alpha1.ControlSpec) bool { return s.RestoreTest != nil }},
	}
}

// Of returns the type of the control that the spec states. It reports false
// where the spec states none, as a newer API's object may.
func Of(spec v1alpha1.ControlSpec) (Type, bool) {
	for _, t := range All() {
		if t.set(spec) {
			return t, true
		}
	}
	return Type{}, false
}

// JudgesNamespaces reports whether each namespace in scope is a subject of the
// controls of a type, named as in All, whether anything is found there or not. The
// subjects of other types are what their evaluators name.
func JudgesNamespaces(name string) bool { return name == "networkIsolation" }
