// Package encryptionatrest is the control type of the same name: volumes, and what
// the API server stores, are encrypted at rest.
//
// The rules, their subjects, and the file that judges each:
//
//	ER-01  StorageClass      what it makes is encrypted          classes.go
//	ER-02  Cluster           the default class is encrypted      defaultclass.go
//	ER-03  PersistentVolume  it is encrypted                     volumes.go
//	ER-04  Cluster           the admission guard works           guarded.go
//	ER-05  Cluster           API servers have a config           apiserver.go
//	ER-06  Cluster           a canary was stored encrypted       canary.go
//	ER-07  Cluster           nothing is left in the clear        residue.go
//	ER-08  Cluster           provider and age of the key         keys.go
//
// Which level a provisioner's classes have is in provisioners.yaml. ER-06 to ER-08
// rest on what probes saw; nothing else shows what an API server does.
package encryptionatrest

import (
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// The rules.
const (
	// RuleClass: what a StorageClass makes is encrypted at the minimum level.
	RuleClass = "ER-01"
	// RuleDefaultClass: exactly one class is the default, and encrypted.
	RuleDefaultClass = "ER-02"
	// RuleVolume: a PersistentVolume is encrypted at the minimum level.
	RuleVolume = "ER-03"
	// RuleGuard: the admission guard is there as stated, and refuses what it is to refuse.
	RuleGuard = "ER-04"
	// RuleConfig: API servers whose flags can be seen have an encryption config.
	RuleConfig = "ER-05"
	// RuleStored: what was just written through each API server was stored encrypted.
	RuleStored = "ER-06"
	// RuleResidue: nothing was read in the clear since an API server started.
	RuleResidue = "ER-07"
	// RuleKey: the provider is one of those allowed, and the key not too old.
	RuleKey = "ER-08"
)

// Control evaluates controls of this type.
type Control struct{}

var (
	_ control.Control    = Control{}
	_ control.Remediator = Control{}
	_ control.Prober     = Control{}
	_ control.SelfTester = Control{}
)

// EvaluatorVersion is bumped whenever the same input gives other findings.
func (Control) EvaluatorVersion() int { return 1 }

// Needs returns what is looked at for those parts that the control states.
func (Control) Needs(spec v1alpha1.ControlSpec) []control.Need {
	needs := []control.Need{control.NeedNamespaces}
	stated := spec.EncryptionAtRest
	if stated == nil {
		return needs
	}
	if stated.Volumes != nil {
		needs = append(needs, control.NeedStorageClasses, control.NeedVolumes)
	}
	// Where the control repairs, also to see a guard that is not stated any more.
	if stated.Volumes != nil && stated.Volumes.Guard != nil || spec.Mode == v1alpha1.ModeEnforce {
		needs = append(needs, control.NeedGuards)
	}
	if stated.APIServer != nil {
		needs = append(needs, control.NeedEndpointSlices, control.NeedAPIServerPods)
	}
	if stated.APIServer != nil || stated.Volumes != nil && probed(stated.Volumes.Guard) {
		needs = append(needs, control.NeedProbes)
	}
	return needs
}

// Evaluate returns the findings on the volumes of a namespace; or on the cluster
// and its StorageClasses.
func (Control) Evaluate(in control.Input) []control.Finding {
	stated := in.Control.EncryptionAtRest
	if stated == nil || in.Snapshot == nil {
		return nil
	}
	if !in.Snapshot.Namespace.IsCluster() {
		return judgeVolumes(in)
	}
	findings := slices.Concat(judgeDefaultClass(in), judgeGuard(in), judgeAPIServers(in))
	for i := range findings {
		findings[i].Subject = in.Snapshot.Namespace.Subject()
	}
	return append(findings, judgeClasses(in)...)
}

// judgeAPIServers returns the findings of the rules ER-05 to ER-08.
func judgeAPIServers(in control.Input) []control.Finding {
	spec := in.Control.EncryptionAtRest.APIServer
	if spec == nil {
		return nil
	}
	p := observeServers(in, spec)
	return []control.Finding{judgeConfig(in), p.judgeStored(), p.judgeResidue(), p.judgeKeys()}
}
