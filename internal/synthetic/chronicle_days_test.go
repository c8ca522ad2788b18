package synthetic

import (
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

const minute, hour = time.Minute, time.Hour

// firstDay: policies are declared, and enforced; things drift, and are repaired.
func (c *chronicle) firstDay() {
	c.t.Helper()
	c.process()
	for _, typ := range controls.All() {
		body := assess.SelfTest(typ)
		c.say(ledger.Entry{Kind: ledger.KindSelfTested, SelfTest: &body})
	}
	c.beat()
	c.at(5 * time.Second)
	c.edit(protection, c.protectionSpec(), ledger.ChangeBody{ChangeRef: "CHG-1"})
	for _, name := range []string{"pay", "shop"} {
		c.denied(name, true)
		c.repaired(protection, "NET-1", name, c.denial(name, false))
	}
	c.at(minute)
	c.canary("key1")
	c.at(2 * minute)
	c.edit(BackupPolicy, chronicleBackups(), ledger.ChangeBody{ChangeRef: "CHG-2"})
	c.plan()
	c.declareSoc2(12*hour, false)
	c.at(2 * hour)
	c.drifts("pay")
	c.at(3 * hour)
	c.ofNobody(2 * minute)
	c.at(4 * hour)
	c.newNamespace()
	c.at(5 * hour)
	c.secondDefault()
	c.backedUp(6*hour, 4*minute, phaseCompleted)
	c.at(8 * hour)
	c.fought("shop")
	c.at(10 * hour)
	c.cutOff()
	c.at(12 * hour)
	c.collect(12*hour, false)
	begun := c.runs(12*hour + 20*time.Second) // it goes on for thirteen hours
	c.at(19 * hour)
	spec := chronicleBackups()
	spec.Controls[0].Backup.Schedule = "0 0,6,12,18 * * *" // the same slots
	c.edit(BackupPolicy, spec, ledger.ChangeBody{ChangeRef: "CHG-3", Paths: []string{"spec.controls[BCK-1].backup.schedule"}})
	c.plan()
	c.at(20*hour + time.Second) // the attestation of tank has expired
	c.pass()
	c.at(24*hour + minute)
	c.collect(24*hour, false)
	c.pass()
	c.at(25 * hour)
	c.ended(begun, c.now, phaseCompleted)
	c.pass()
}

// secondDay: policies are edited, evidence is lost, and the operator crashes.
func (c *chronicle) secondDay() {
	c.t.Helper()
	c.runs(25*hour + 30*time.Second)
	c.at(25*hour + 5*minute)
	c.ended(len(c.all)-1, c.now, phaseCompleted)
	c.pass()
	c.at(26 * hour)
	c.heldEdit()
	c.at(28 * hour)
	c.invalidPolicy()
	c.at(29 * hour)
	c.comeAndGo()
	c.backedUp(30*hour, 3*minute, phasePartiallyFailed)
	c.at(31 * hour)
	c.losses()
	c.at(32 * hour)
	c.rolledBack("pay")
	c.at(34 * hour)
	c.anchors()
	c.backedUp(36*hour, 2*minute, phaseFailed)
	c.at(36*hour + 3*minute)
	c.collect(36*hour, false)
	c.at(41 * hour)
	c.beat()
	c.must(c.w.Close(c.t.Context())) // a crash
}

// thirdDay: the operator is back, an evaluator fails its self-test, backups are restored.
func (c *chronicle) thirdDay() {
	c.t.Helper()
	down := ledger.At(c.now)
	c.at(49 * hour)
	c.process()
	c.say(ledger.Entry{Kind: ledger.KindRecoveredTail, Tail: &ledger.TailBody{Count: 2, CheckpointSize: 100}})
	c.untested("encryptionInTransit")
	to := ledger.At(c.now)
	c.say(ledger.Entry{Kind: ledger.KindGap, Reason: ledger.CauseNotRunning, Gap: &ledger.GapBody{Cause: ledger.CauseNotRunning, From: down, To: &to}})
	c.pass()
	c.at(49*hour + 30*minute)
	c.say(ledger.Entry{Kind: ledger.KindOperatorStopped})
	c.must(c.w.Close(c.t.Context()))
	c.at(49*hour + 31*minute)
	from := ledger.At(c.start.Add(49*hour + 30*minute))
	c.process()
	c.distrusted = ""
	to = ledger.At(c.now)
	c.say(ledger.Entry{Kind: ledger.KindGap, Reason: ledger.CauseNotRunning, Gap: &ledger.GapBody{Cause: ledger.CauseNotRunning, From: from, To: &to}})
	c.pass()
	c.at(49*hour + 32*minute)
	c.collect(48*hour, true)
	c.at(50 * hour)
	c.restores()
	c.at(52 * hour)
	c.canary("key2")
	c.probes()
	c.backedUp(54*hour, 3*minute, phaseCompleted)
	c.at(56 * hour)
	c.withdrawn()
	c.at(60 * hour)
	c.collect(60*hour, false)
	c.backedUp(60*hour+time.Second, 3*minute, phaseCompleted)
	c.at(62 * hour)
	c.declareSoc2(12*hour, true)
	c.at(71 * hour)
	c.pass()
	c.beat()
	c.say(ledger.Entry{Kind: ledger.KindOperatorStopped})
}

// plan has Holdfast apply the plan of backups: the object lies in another namespace than
// what the control is judged on.
func (c *chronicle) plan() {
	c.t.Helper()
	cluster := c.scopes[control.Cluster]
	of, _ := c.definition(BackupPolicy).Control(BackupControl)
	plan := c.velero.schedule
	plan.Name, plan.Ours = control.PlanName(BackupPolicy, BackupControl, of.Spec.Backup), true
	plan.Spec = map[string]any{"schedule": of.Spec.Backup.Schedule, "paused": false, "useOwnerReferencesInBackup": false, "template": map[string]any{
		"includedNamespaces": []any{"*"}, "excludedNamespaces": []any{}, "ttl": "720h0m0s", "snapshotVolumes": true, "defaultVolumesToFsBackup": false,
		"snapshotMoveData": false, "metadata": map[string]any{"labels": map[string]any{control.ClusterLabel: cluster.Namespace.UID}}}}
	body := ledger.ObjectBody{APIVersion: "velero.io/v1", Kind: "Schedule", Namespace: veleroNamespace, Name: plan.Name, After: c.made(plan.UID, 2)}
	if len(cluster.BackupPlans) > 0 {
		body.Before, body.Manager = c.made(plan.UID, 1), "holdfast"
	}
	cluster.BackupPlans = []control.BackupPlan{plan}
	c.repaired(BackupPolicy, BackupControl, control.Cluster, body)
}

// runs has a run of the plan begin, and returns which it is.
func (c *chronicle) runs(at time.Duration) int {
	c.t.Helper()
	c.at(at)
	i := c.begun(c.now, c.scopes[control.Cluster].BackupPlans[0].Name)
	c.pass()
	return i
}

// backedUp is a run of the plan from a slot on.
func (c *chronicle) backedUp(slot, lasts time.Duration, phase string) {
	c.t.Helper()
	i := c.runs(slot + 15*time.Second)
	c.at(slot + 15*time.Second + lasts)
	c.ended(i, c.now, phase)
	c.pass()
}

// ofNobody is a backup that somebody begins by hand: no slot expected it.
func (c *chronicle) ofNobody(lasts time.Duration) {
	c.t.Helper()
	i := c.begun(c.now, "")
	c.now = c.now.Add(lasts)
	c.ended(i, c.now, phaseCompleted)
	c.pass()
}

// drifts has somebody delete what isolates a namespace. That one state was skipped
// shows, too.
func (c *chronicle) drifts(name string) {
	c.t.Helper()
	c.denied(name, false)
	subject, body := c.scopes[name].Namespace.Subject(), c.denial(name, true)
	c.say(ledger.Entry{Kind: ledger.KindUnobservedChange, Subject: &subject, Object: &body})
	c.changed(name)
	c.denied(name, true)
	c.repaired(protection, "NET-1", name, c.denial(name, true))
}

// newNamespace: one comes into being, and the first repair is refused.
func (c *chronicle) newNamespace() {
	c.t.Helper()
	c.namespace("cart", production, c.now)
	c.now = c.now.Add(30 * time.Millisecond)
	c.changed("cart")
	c.act(ledger.KindRepairFailed, protection, "NET-1", "cart", "Forbidden", c.denial("cart", false))
	c.now = c.now.Add(minute)
	c.denied("cart", true)
	c.repaired(protection, "NET-1", "cart", c.denial("cart", false))
}

// secondDefault: a StorageClass is made the default one, beside the stated one. Holdfast
// takes one field of it over.
func (c *chronicle) secondDefault() {
	c.t.Helper()
	cluster := c.scopes[control.Cluster]
	plain := c.class("plain", "ebs.csi.aws.com", map[string]string{"type": "gp3"}, true)
	plain.CreatedAt = c.now
	cluster.StorageClasses = append(cluster.StorageClasses, plain)
	c.now = c.now.Add(50 * time.Millisecond)
	c.changed(control.Cluster)
	cluster.StorageClasses[2].Default = false
	c.repaired(protection, "ENC-1", control.Cluster, ledger.ObjectBody{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass", Name: "plain", Manager: "kubectl",
		Before: c.made(plain.UID, 0), After: c.made(plain.UID, 0),
		Taken: []ledger.TakenField{{Field: "metadata.annotations.storageclass.kubernetes.io/is-default-class", Was: `"true"`}}})
	c.now = c.now.Add(hour)
	cluster.StorageClasses = cluster.StorageClasses[:2]
	gone := control.Subject{Group: "storage.k8s.io", Kind: "StorageClass", Name: plain.Name, UID: plain.UID}
	c.say(ledger.Entry{Kind: ledger.KindSubjectDeleted, Policy: c.definition(protection).Ref(nil), Control: "ENC-1", Subject: &gone})
}

// fought: a repair is undone again and again.
func (c *chronicle) fought(name string) {
	c.t.Helper()
	c.denied(name, false)
	c.changed(name)
	body, until := c.denial(name, true), ledger.At(c.now.Add(10*minute))
	body.Count, body.Until, body.After = 11, &until, nil
	c.act(ledger.KindContested, protection, "NET-1", name, "", body)
	c.now = until.Time
	c.denied(name, true)
	c.repaired(protection, "NET-1", name, c.denial(name, true))
}

// heldEdit: an edit adds so many namespaces that it has to be confirmed, and the next one
// comes with its confirmation.
func (c *chronicle) heldEdit() {
	c.t.Helper()
	spec := c.protectionSpec()
	spec.Controls[0].EncryptionAtRest.Volumes.MinimumLevel = v1alpha1.EncryptionCustomerManaged
	def := c.edit(protection, spec, ledger.ChangeBody{ChangeRef: "CHG-4", Paths: []string{"spec.controls[ENC-1]", "spec.scope"}, MorePaths: 3, Held: 12})
	c.now = c.now.Add(5 * minute)
	c.say(ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: def.Ref(nil), Change: &ledger.ChangeBody{Type: ledger.ChangeConfirmed, Manager: "kubectl-annotate"}})
	c.now = c.now.Add(hour)
	spec = c.protectionSpec()
	spec.Controls[0].EncryptionAtRest.Volumes.Attestations = nil
	c.edit(protection, spec, ledger.ChangeBody{ChangeRef: "CHG-5", Paths: []string{"spec.controls[ENC-1]"}, Confirmed: true})
}

// invalidPolicy: a policy cannot be used for a while, and is deleted in the end.
func (c *chronicle) invalidPolicy() {
	c.t.Helper()
	spec := stagingSpec()
	spec.Scope.NamespaceSelector.MatchLabels = map[string]string{"-": "no label"}
	from := ledger.At(c.now)
	if def := c.edit(staging, spec, ledger.ChangeBody{}); def.Invalid == "" {
		c.t.Fatal("the policy can be used")
	}
	gap := ledger.GapBody{Cause: ledger.CauseInvalidPolicy, Policy: staging, From: from}
	c.gap(gap, 20*minute)
	c.edit(staging, stagingSpec(), ledger.ChangeBody{})
}

// gap says that a gap begins, and after a while that it has ended. It returns the id of
// its beginning.
func (c *chronicle) gap(gap ledger.GapBody, lasts time.Duration) (id string) {
	c.t.Helper()
	id = c.say(ledger.Entry{Kind: ledger.KindGap, Reason: gap.Cause, Gap: &gap})
	c.now = c.now.Add(lasts)
	to := ledger.At(c.now)
	ended := gap
	ended.To, ended.Ends = &to, id
	c.say(ledger.Entry{Kind: ledger.KindGap, Reason: gap.Cause, Gap: &ended})
	return id
}
