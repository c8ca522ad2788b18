package encryptionatrest

import (
	"cmp"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// judgeVolumes returns the finding of rule ER-03 on every volume of the namespace,
// by name, in whatever phase: it is the claim's.
func judgeVolumes(in control.Input) []control.Finding {
	v := in.Control.EncryptionAtRest.Volumes
	if v == nil {
		return nil
	}
	unseen := unobserved(in.Snapshot, control.NeedVolumes, control.NeedStorageClasses)
	volumes := slices.Clone(in.Snapshot.Volumes)
	slices.SortFunc(volumes, func(a, b control.Volume) int { return cmp.Compare(a.Name, b.Name) })
	findings := make([]control.Finding, 0, len(volumes))
	for i := range volumes {
		var f control.Finding
		if unseen != nil {
			f = *unseen
			f.Rule = RuleVolume
		} else {
			f = judgeVolume(in, v, &volumes[i])
		}
		f.Subject = control.Subject{Kind: "PersistentVolume", Namespace: in.Snapshot.Namespace.Name, Name: volumes[i].Name, UID: volumes[i].UID}
		f.Born = volumes[i].CreatedAt
		findings = append(findings, f)
	}
	return findings
}

func judgeVolume(in control.Input, v *v1alpha1.VolumeEncryption, pv *control.Volume) control.Finding {
	culprit := "driver " + pv.Source
	if dynamic(pv) && pv.ClassName != "" {
		culprit = "StorageClass " + pv.ClassName
	}
	f := rateVolume(v, pv).finding(in, RuleVolume, "PersistentVolume "+pv.Name, culprit,
		func(a *v1alpha1.VolumeAttestation) bool { return ofVolume(v, a, pv) })
	fact(&f, "claim", pv.Claim)
	fact(&f, "driver", pv.Source)
	return f
}

// rateVolume looks at what the volume says itself, then at its class, and then at
// what is so for every volume of its driver.
func rateVolume(v *v1alpha1.VolumeEncryption, pv *control.Volume) rating {
	driver := sourceOf(v, pv.Source)
	r := rating{listed: driver.listed()}
	if r.listed {
		if name, level, said := driver.judging().attributed(pv.Attributes); said {
			r.level, r.final, r.rests = level, true, "the volume's attribute "+name
			return r
		}
	}
	why := classDoubt(v, pv)
	if why == "" {
		r = rateClass(v, pv.Class)
		r.rests = "StorageClass " + pv.ClassName + ", which the volume was made by: " + r.rests
		return r
	}
	r.rests = driver.source()
	if r.listed {
		r.level = driver.judging().least()
		// Where some of the driver's volumes are encrypted and others not, it is the
		// class that would tell.
		if len(driver.judging().Levels) > 0 {
			r.unproven = why
		}
	}
	return r
}

// classDoubt says why a volume's class, as it is now, does not tell how the volume
// was made. A class cannot be changed, but deleted and made anew.
func classDoubt(v *v1alpha1.VolumeEncryption, pv *control.Volume) string {
	switch {
	case !dynamic(pv):
		return "it was made by hand, and not by a class"
	case pv.ClassName == "":
		return "it names no class"
	case pv.Class == nil:
		return "its class is not there any more"
	case seconds(pv.CreatedAt).Before(seconds(pv.Class.CreatedAt)):
		return "it is older than the class that has the name of its class now"
	case !sameDriver(v, pv):
		return "the class that has the name of its class now is of another provisioner"
	default:
		return ""
	}
}

// dynamic reports whether a provisioner made the volume.
func dynamic(pv *control.Volume) bool { return pv.Provisioner != "" }

// sameDriver reports whether the class is of the provisioner that made the volume,
// and the volume of a driver that this provisioner has.
func sameDriver(v *v1alpha1.VolumeEncryption, pv *control.Volume) bool {
	class, made, driver := provisionerOf(v, pv.Class.Provisioner), provisionerOf(v, pv.Provisioner), sourceOf(v, pv.Source)
	if pv.Class.Provisioner != pv.Provisioner && (class.row == nil || class.row != made.row) {
		return false
	}
	return class.rule != nil || class.row == driver.row
}

// ofVolume reports whether an attestation is about a volume. One about a class, or
// about what it names, is not about volumes older than the class.
func ofVolume(v *v1alpha1.VolumeEncryption, a *v1alpha1.VolumeAttestation, pv *control.Volume) bool {
	switch {
	case a.Provisioner != "":
		return a.Provisioner == pv.Source || a.Provisioner == pv.Provisioner
	case len(a.VolumeHandles) > 0:
		return pv.Handle != "" && ofHandle(a, pv.Handle)
	case !dynamic(pv):
		return false
	case a.StorageClass != "":
		return a.StorageClass == pv.ClassName && (pv.Class == nil || classDoubt(v, pv) == "")
	case a.StoragePolicy != "":
		return classDoubt(v, pv) == "" && ofClass(v, a, pv.Class)
	default:
		return false
	}
}
