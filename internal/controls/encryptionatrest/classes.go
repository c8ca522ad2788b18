package encryptionatrest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// judgeClasses returns the finding of rule ER-01 on every class, by name.
func judgeClasses(in control.Input) []control.Finding {
	v := in.Control.EncryptionAtRest.Volumes
	if v == nil || unobserved(in.Snapshot, control.NeedStorageClasses) != nil {
		return nil
	}
	var findings []control.Finding
	for _, c := range classesByName(in.Snapshot) {
		f := judgeClass(in, c)
		f.Subject = control.Subject{Group: "storage.k8s.io", Kind: "StorageClass", Name: c.Name, UID: c.UID}
		f.Born = c.CreatedAt
		findings = append(findings, f)
	}
	return findings
}

// judgeClass returns the verdict on one class, but for its subject.
func judgeClass(in control.Input, c *control.StorageClass) control.Finding {
	v := in.Control.EncryptionAtRest.Volumes
	f := rateClass(v, c).finding(in, RuleClass, "What StorageClass "+c.Name+" makes", "provisioner "+c.Provisioner,
		func(a *v1alpha1.VolumeAttestation) bool { return ofClass(v, a, c) })
	fact(&f, "provisioner", c.Provisioner)
	return f
}

// accepted reports whether what a class makes is encrypted at the minimum level.
func accepted(in control.Input, c *control.StorageClass) bool {
	return judgeClass(in, c).Outcome == control.Conforming
}

func rateClass(v *v1alpha1.VolumeEncryption, c *control.StorageClass) rating {
	k := provisionerOf(v, c.Provisioner)
	r := rating{listed: k.listed(), rests: "its parameters, by " + k.source()}
	if k.listed() {
		r.level = k.judging().level(c.Parameters)
	}
	return r
}

// ofClass reports whether an attestation is about what a class makes.
func ofClass(v *v1alpha1.VolumeEncryption, a *v1alpha1.VolumeAttestation, c *control.StorageClass) bool {
	switch {
	case a.StorageClass != "":
		return a.StorageClass == c.Name
	case a.Provisioner != "":
		return a.Provisioner == c.Provisioner
	case a.StoragePolicy != "":
		return a.StoragePolicy == storagePolicy(provisionerOf(v, c.Provisioner), c)
	default:
		return false
	}
}

// storagePolicy returns the storage policy that a class names, where its
// provisioner has such policies.
func storagePolicy(k known, c *control.StorageClass) string {
	if k.row == nil || k.row.PolicyParameter == "" {
		return ""
	}
	var policy string
	for key, value := range c.Parameters {
		if strings.ToLower(key) != k.row.PolicyParameter {
			continue
		}
		if policy != "" && policy != value {
			// In different cases it is there twice: nobody knows which counts.
			return ""
		}
		policy = value
	}
	return policy
}

func classesByName(s *control.Snapshot) []*control.StorageClass {
	classes := make([]*control.StorageClass, 0, len(s.StorageClasses))
	for i := range s.StorageClasses {
		classes = append(classes, &s.StorageClasses[i])
	}
	slices.SortFunc(classes, func(a, b *control.StorageClass) int { return cmp.Compare(a.Name, b.Name) })
	return classes
}

func classNamed(s *control.Snapshot, name string) *control.StorageClass {
	for i := range s.StorageClasses {
		if s.StorageClasses[i].Name == name {
			return &s.StorageClasses[i]
		}
	}
	return nil
}
