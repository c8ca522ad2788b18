// Package backup is the control type of the same name: namespaces are backed up on a
// schedule, and the newest usable backup of each is recent enough.
//
// The rules, their subjects, and the file that judges each:
//
//	BK-01  Cluster    the plan is there, as declared, and runs   plan.go
//	BK-02  Cluster    its runs come on time, and complete        runs.go
//	BK-03  Namespace  the recovery point is recent enough        recovery.go
//	BK-04  Namespace  the data of volumes is backed up           volumes.go
//	BK-05  Cluster    the storage location can be written to     location.go
//	BK-06  Cluster    what is stored is encrypted                encryption.go
//	BK-07  Cluster    backups are kept for as long as stated     retention.go
//
// What makes the backups is a provider: velero.go, volumesnapshot.go. Which backups
// of Velero hold a namespace is in coverage.go and resources.go.
package backup

import (
	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// The rules.
const (
	// RulePlan: the plan is there, enabled, not paused, and as declared.
	RulePlan = "BK-01"
	// RuleRuns: its runs come on time, and complete.
	RuleRuns = "BK-02"
	// RuleRecoveryPoint: the newest usable backup of a namespace is no older than
	// the objective.
	RuleRecoveryPoint = "BK-03"
	// RuleVolumes: the data of each bound claim is in it.
	RuleVolumes = "BK-04"
	// RuleLocation: the storage location of the plan is available.
	RuleLocation = "BK-05"
	// RuleEncrypted: what is stored is encrypted, on the way there and at rest.
	RuleEncrypted = "BK-06"
	// RuleRetention: backups are kept within the stated bounds.
	RuleRetention = "BK-07"
)

// ReasonScratch surfaces on the namespace that a restore test restores into.
const ReasonScratch = "ScratchNamespace"

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

// Needs returns what is looked at of the control's provider.
func (Control) Needs(spec v1alpha1.ControlSpec) []control.Need {
	needs := []control.Need{control.NeedNamespaces}
	if spec.Backup == nil {
		return needs
	}
	return append(needs, providerOf(spec.Backup).needs(spec.Backup)...)
}

// Evaluate returns the findings on a namespace; or on the cluster, where the
// provider has plans.
func (Control) Evaluate(in control.Input) []control.Finding {
	if in.Control.Backup == nil || in.Snapshot == nil {
		return nil
	}
	p := providerOf(in.Control.Backup)
	var findings []control.Finding
	if planner, plans := p.(planner); in.Snapshot.Namespace.IsCluster() {
		if plans {
			findings = planner.judge(in)
		}
	} else {
		findings = judgeNamespace(in, p)
	}
	for i := range findings {
		findings[i].Subject = in.Snapshot.Namespace.Subject()
	}
	return findings
}

// judgeNamespace returns the findings on a namespace. That of a restore test is gone
// before it could be backed up.
func judgeNamespace(in control.Input, p provider) []control.Finding {
	if !in.Snapshot.Namespace.IsScratch() {
		return []control.Finding{judgeRecoveryPoint(in, p), judgeVolumes(in, p)}
	}
	recovery := notApplicable(ReasonScratch, "The namespace is that of a restore test, and goes with it.")
	volumes := recovery
	recovery.Rule, volumes.Rule = RuleRecoveryPoint, RuleVolumes
	return []control.Finding{recovery, volumes}
}

// Wants returns what a provider with plans wants in the cluster.
func (Control) Wants(in control.Input) ([]control.Change, error) {
	if in.Control.Backup == nil || in.Snapshot == nil || !in.Snapshot.Namespace.IsCluster() {
		return nil, nil
	}
	if planner, plans := providerOf(in.Control.Backup).(planner); plans {
		return planner.wants(in)
	}
	return nil, nil
}

// Targets returns what a provider with plans wants probed in the cluster.
func (Control) Targets(in control.Input) []control.Target {
	if in.Control.Backup == nil || in.Snapshot == nil || !in.Snapshot.Namespace.IsCluster() {
		return nil
	}
	if planner, plans := providerOf(in.Control.Backup).(planner); plans {
		return planner.targets(in)
	}
	return nil
}
