// Package restoretest is the control type of the same name: backups are restored now
// and then, and found to hold what was in the namespace.
//
// It has one rule, BK-08, whose subjects are the namespaces in scope. What is restored
// is a sentinel that Holdfast put there, and not an application: each message says so.
package restoretest

import (
	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// RuleRestored is that a backup of the namespace was restored, and what was in it
// compared, within twice the interval.
const RuleRestored = "BK-08"

// Control evaluates controls of this type.
type Control struct{}

var (
	_ control.Control    = Control{}
	_ control.Prober     = Control{}
	_ control.SelfTester = Control{}
)

// EvaluatorVersion is bumped whenever the same input gives other findings.
func (Control) EvaluatorVersion() int { return 1 }

// Needs returns what is looked at.
func (Control) Needs(v1alpha1.ControlSpec) []control.Need {
	return []control.Need{control.NeedNamespaces, control.NeedBackups, control.NeedProbes}
}

// Evaluate returns the finding on a namespace. The cluster is no subject.
func (Control) Evaluate(in control.Input) []control.Finding {
	if in.Control.RestoreTest == nil || in.Snapshot == nil || in.Snapshot.Namespace.IsCluster() {
		return nil
	}
	f := judge(in)
	f.Subject, f.Rule = in.Snapshot.Namespace.Subject(), RuleRestored
	return []control.Finding{f}
}

// judge judges the namespace by the newest restore test that the control asks for.
func judge(in control.Input) control.Finding {
	if reason, need := in.Snapshot.Unobserved(control.NeedNamespaces); reason != "" {
		return undecided(reason, "Not judged: "+string(need)+" could not be observed.")
	}
	if f, found := exempt(&in.Snapshot.Namespace); found {
		return f
	}
	target := targetOf(in)
	if target == nil {
		return undecided(control.ReasonInconclusive, "Not judged: "+in.Control.RestoreTest.BackupControl+" is no control of this policy that backs up with Velero.")
	}
	if missing(in.Snapshot) {
		return deviating(ReasonProviderNotInstalled, "Velero, whose backups are to be restored, is not installed.")
	}
	o := observationOf(in.Snapshot, target)
	switch {
	case o == nil:
		return untested(in)
	case o.Restored == nil:
		return unseen(o)
	}
	f := result(o.Restored)
	f.Facts = facts(o)
	if !in.Now.Before(o.ValidUntil) {
		overdue(&f)
		return f
	}
	f.Until = o.ValidUntil
	return f
}

// exempt is the finding on a namespace that is not tested.
func exempt(ns *control.Namespace) (f control.Finding, found bool) {
	switch {
	case ns.Terminating && !ns.HasRunningPods:
		return notApplicable(control.ReasonTerminating, "The namespace is being deleted and runs no pods."), true
	case scratch(ns):
		return notApplicable(ReasonScratch, "The namespace is that of a restore test, and goes with it."), true
	}
	return f, false
}

// untested is the finding on a namespace of which no backup was restored yet.
func untested(in control.Input) control.Finding {
	if reason, _ := in.Snapshot.Unobserved(control.NeedBackups); reason != "" {
		return undecided(reason, "No backup has been restored yet, and backups could not be observed.")
	}
	if reason, _ := in.Snapshot.Unobserved(control.NeedProbes); reason != "" {
		return undecided(reason, "What the last restore test found is not known yet.")
	}
	return undecided(control.ReasonInconclusive, "No backup has been restored yet: the first will be one that was started once Holdfast's sentinel was in the namespace.")
}

// overdue makes of what a test found that it does not count any more. What it found
// wrong stays wrong.
func overdue(f *control.Finding) {
	if f.Outcome == control.Deviating {
		return
	}
	facts := f.Facts
	*f = deviating(ReasonTestOverdue, "The last restore test that found the data is older than twice the interval.")
	f.Facts = facts
}
