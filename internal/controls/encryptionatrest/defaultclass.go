package encryptionatrest

import (
	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// defaultClassAnnotation marks the default class.
const defaultClassAnnotation = "storageclass.kubernetes.io/is-default-class"

// Reasons of findings on the default class.
const (
	// ReasonOneDefault surfaces when exactly one class is the default, and encrypted.
	ReasonOneDefault = "OneDefault"
	// ReasonNoClasses surfaces when there is no class at all, and none is stated.
	ReasonNoClasses = "NoClasses"
	// ReasonClassAbsent surfaces when a class that the control states is not there.
	ReasonClassAbsent = "ClassAbsent"
	// ReasonNoDefault surfaces when no class is the default.
	ReasonNoDefault = "NoDefault"
	// ReasonOtherDefault surfaces when a class is the default that the control does not state.
	ReasonOtherDefault = "OtherDefault"
	// ReasonSeveralDefaults surfaces when more than one class is the default.
	ReasonSeveralDefaults = "SeveralDefaults"
	// ReasonDefaultUnencrypted surfaces when the default class is below the minimum.
	ReasonDefaultUnencrypted = "DefaultUnencrypted"
)

// judgeDefaultClass returns the finding of rule ER-02, which is on the cluster.
func judgeDefaultClass(in control.Input) []control.Finding {
	v := in.Control.EncryptionAtRest.Volumes
	if v == nil {
		return nil
	}
	if unseen := unobserved(in.Snapshot, control.NeedStorageClasses); unseen != nil {
		unseen.Rule = RuleDefaultClass
		return []control.Finding{*unseen}
	}
	f := judgeDefaults(in, v)
	fact(&f, "default", namesOf(defaultClasses(in.Snapshot))...)
	return []control.Finding{f}
}

func judgeDefaults(in control.Input, v *v1alpha1.VolumeEncryption) control.Finding {
	missing := missingClasses(in.Snapshot, v)
	defaults := defaultClasses(in.Snapshot)
	others := otherDefaults(in.Snapshot, v)
	switch {
	case len(missing) > 0:
		return deviating(RuleDefaultClass, ReasonClassAbsent, "Not there as the control states: {names}.", "classes", missing...)
	case len(in.Snapshot.StorageClasses) == 0:
		return notApplicable(RuleDefaultClass, ReasonNoClasses, "There is no StorageClass.")
	case len(others) > 0:
		return deviating(RuleDefaultClass, ReasonOtherDefault, "Only StorageClass "+v.DefaultClass+" is to be the default, and others are marked so: {names}.", "classes", others...)
	case len(defaults) == 0:
		return deviating(RuleDefaultClass, ReasonNoDefault, "No StorageClass is the default.", "classes", statedDefault(v)...)
	case len(defaults) > 1:
		return deviating(RuleDefaultClass, ReasonSeveralDefaults, "More than one StorageClass is the default: {names}.", "classes", namesOf(defaults)...)
	}
	judged := judgeClass(in, defaults[0])
	if judged.Outcome != control.Conforming {
		f := deviating(RuleDefaultClass, ReasonDefaultUnencrypted, "The default class is not shown to be encrypted: {names}.", "classes", namesOf(defaults)...)
		if judged.Reason == ReasonAttestationExpired {
			f.Reason, f.Basis = ReasonAttestationExpired, control.BasisAttestation
		}
		return f
	}
	f := conforming(RuleDefaultClass, ReasonOneDefault, "The default class is "+defaults[0].Name+", and encrypted.")
	f.Basis, f.Until = judged.Basis, judged.Until
	return f
}

// statedDefault is the class that is to be the default, where the control states it.
func statedDefault(v *v1alpha1.VolumeEncryption) []string {
	if v.DefaultClass == "" {
		return nil
	}
	return []string{"StorageClass " + v.DefaultClass}
}

// missingClasses are those that the control states and that are not there.
func missingClasses(s *control.Snapshot, v *v1alpha1.VolumeEncryption) []string {
	var missing []string
	if v.DefaultClass != "" && classNamed(s, v.DefaultClass) == nil {
		missing = append(missing, "StorageClass "+v.DefaultClass)
	}
	if v.ClassTemplate != nil && v.ClassTemplate.Name != v.DefaultClass && classNamed(s, v.ClassTemplate.Name) == nil {
		missing = append(missing, "StorageClass "+v.ClassTemplate.Name)
	}
	return missing
}

func defaultClasses(s *control.Snapshot) []*control.StorageClass {
	var defaults []*control.StorageClass
	for _, c := range classesByName(s) {
		if c.Default {
			defaults = append(defaults, c)
		}
	}
	return defaults
}

// otherDefaults are the classes that are the default beside the one stated.
func otherDefaults(s *control.Snapshot, v *v1alpha1.VolumeEncryption) []string {
	var others []string
	for _, c := range defaultClasses(s) {
		if v.DefaultClass != "" && c.Name != v.DefaultClass {
			others = append(others, "StorageClass "+c.Name)
		}
	}
	return others
}

func namesOf(classes []*control.StorageClass) []string {
	names := make([]string, 0, len(classes))
	for _, c := range classes {
		names = append(names, "StorageClass "+c.Name)
	}
	return names
}
