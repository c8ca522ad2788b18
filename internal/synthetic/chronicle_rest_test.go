package synthetic

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// comeAndGo: a namespace leaves the scope, and another one is deleted while its episode
// is open.
func (c *chronicle) comeAndGo() {
	c.t.Helper()
	c.denied("cart", false)
	c.changed("cart")
	c.now = c.now.Add(minute)
	c.scopes["cart"].Namespace.Terminating = true
	c.changed("cart")
	gone := c.scopes["cart"].Namespace.Subject()
	delete(c.scopes, "cart")
	c.now = c.now.Add(time.Second)
	for _, name := range []string{protection, BackupPolicy} {
		c.say(ledger.Entry{Kind: ledger.KindSubjectDeleted, Policy: c.definition(name).Ref(nil), Subject: &gone,
			SourceTimes: []ledger.SourceTime{{Field: "metadata.deletionTimestamp", Value: ledger.At(c.now.Truncate(time.Second)), Resolution: int64(time.Second)}}})
	}
	c.now = c.now.Add(minute)
	labels := c.object(map[string]string{tierLabel: "development"})
	trial := c.scopes["trial"].Namespace.Subject()
	c.scopes["trial"].Namespace.Labels = map[string]string{tierLabel: "development"}
	c.say(ledger.Entry{Kind: ledger.KindScopeLeft, Policy: c.definition(staging).Ref(nil), Subject: &trial,
		Scope: &ledger.ScopeBody{Cause: "LabelsChanged", Disposition: "NotSelected", Labels: labels.Digest}})
	last := c.definition(staging)
	c.say(ledger.Entry{Kind: ledger.KindControlWithdrawn, Policy: last.Ref(nil), Control: "NET-1"})
	c.say(ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: last.Ref(nil), Change: &ledger.ChangeBody{Type: ledger.ChangeDeleted, From: last.SpecObject.Digest}})
	c.defs = slices.DeleteFunc(c.defs, func(d *assess.Definition) bool { return d == last })
}

// cutOff: the API server does not answer for a while, and a watch begins again.
func (c *chronicle) cutOff() {
	c.t.Helper()
	gap := ledger.GapBody{Cause: ledger.CauseUnreachable, Kind: "ingresses.networking.k8s.io", From: ledger.At(c.now)}
	c.now = c.now.Add(2 * minute)
	c.gap(gap, 3*minute)
	to := ledger.At(c.now)
	c.now = c.now.Add(minute)
	again := ledger.At(c.now)
	c.say(ledger.Entry{Kind: ledger.KindGap, Reason: ledger.CauseWatchRestarted,
		Gap: &ledger.GapBody{Cause: ledger.CauseWatchRestarted, Kind: gap.Kind, From: to, To: &again}})
	c.epoch++
	c.pass()
}

// losses: entries could not be kept, among them the one by which an Ingress came.
func (c *chronicle) losses() {
	c.t.Helper()
	c.say(ledger.Entry{Kind: ledger.KindEvidenceLost, Lost: &ledger.LostBody{Count: 3, Units: 2, From: ledger.At(c.now.Add(-minute)), To: ledger.At(c.now)}})
	api := c.ingress("api", false)
	c.scopes["shop"].Ingresses = append([]control.Ingress{api}, c.scopes["shop"].Ingresses...)
	drafts, _ := c.judged(c.definition(protection), c.scopes["shop"])
	drafts = slices.DeleteFunc(drafts, func(d ledger.Draft) bool { return d.Kind != ledger.KindOutcomeChanged })
	c.must(c.write(drafts...))
}

// rolledBack: what was applied did harm, and was removed.
func (c *chronicle) rolledBack(name string) {
	c.t.Helper()
	c.denied(name, false)
	body := c.denial(name, true)
	body.After = nil
	c.act(ledger.KindRolledBack, protection, "NET-1", name, ledger.RolledBackPodsNotReady, body)
	c.changed(name)
	c.now = c.now.Add(hour)
	c.denied(name, true)
	c.repaired(protection, "NET-1", name, c.denial(name, false))
}

// anchors: a witness acknowledges a checkpoint, and the next time it does not.
func (c *chronicle) anchors() {
	c.t.Helper()
	note, _, err := c.w.Checkpoint()
	c.must(err)
	w := newWitness(newDice(4, "witness").key())
	receipt := c.object(ledger.Receipt{Schema: ledger.ReceiptSchema, Type: ledger.AnchorWitness, Name: witnessAnchor,
		Checkpoint: string(w.cosign(note, c.now)), VerifierKey: w.verifierKey()})
	lines, at := strings.SplitN(string(note), "\n", 4), ledger.At(c.now)
	anchor := ledger.AnchorBody{Type: ledger.AnchorWitness, Name: witnessAnchor, Origin: lines[0], RootHash: lines[2], Receipt: receipt.Digest, At: &at}
	_, err = fmt.Sscan(lines[1], &anchor.Size)
	c.must(err)
	c.say(ledger.Entry{Kind: ledger.KindAnchored, Schedule: &c.soc2, Anchor: &anchor}, receipt)
	c.now = c.now.Add(hour)
	anchor.Receipt, anchor.At = "", nil
	c.say(ledger.Entry{Kind: ledger.KindAnchorFailed, Schedule: &c.soc2, Anchor: &anchor, Reason: "Unreachable", Message: "no answer came within 10 s"})
}

// untested: an evaluator does not find what it has to find.
func (c *chronicle) untested(typ string) {
	c.t.Helper()
	c.distrusted = typ
	body := ledger.SelfTestBody{Type: typ, EvaluatorVersion: 2, Fixtures: 21, Digest: ledger.Digest([]byte(typ)), MoreFailed: 2}
	for i := range 16 {
		body.Failed = append(body.Failed, fmt.Sprintf("fixture-%02d", i))
	}
	c.say(ledger.Entry{Kind: ledger.KindSelfTested, SelfTest: &body})
}

// canary is written through the API server, and stored by a key.
func (c *chronicle) canary(key string) {
	c.t.Helper()
	seen := ledger.At(c.now)
	target := control.Target{Canary: &control.CanaryTarget{Endpoint: "172.18.0.2:6443", Resource: "secrets"}}
	c.now = c.now.Add(2 * time.Second)
	o := control.Observation{Target: target, At: c.now, ValidUntil: c.now.Add(24 * hour),
		Stored: &control.Stored{Prefixes: map[string]int{"k8s:enc:aesgcm:v1:": 1}, Keys: map[string]int{key: 1}, FirstSeen: seen.Time}}
	cluster := c.scopes[control.Cluster]
	cluster.Lifelines, cluster.Observations = lifelines(), []control.Observation{o}
	c.must(c.probed(cluster.Namespace.Subject(), ledger.ProbeBody{Of: control.ProbeCanary, BeganAt: seen, ValidUntil: ledger.At(o.ValidUntil),
		For: []ledger.ProbedFor{{Policy: protection, Control: "ENC-1"}}, Keys: []ledger.SeenKey{{ID: "secrets/aesgcm/" + key, FirstSeen: seen}}}, o))
	c.changed(control.Cluster)
}

// probes are those of the other kinds, one of them for more controls than an entry names.
func (c *chronicle) probes() {
	c.t.Helper()
	shop := c.scopes["shop"].Namespace.Subject()
	secret := &control.CertificateTarget{Namespace: "shop", Secret: "web"}
	for _, o := range []control.Observation{
		{Target: control.Target{Handshake: &control.HandshakeTarget{Address: "192.0.2.7", Port: 443, Host: "web.example.com", Secret: secret}},
			Served: &control.Served{Versions: []string{"1.2", "1.3"}, Cipher: "TLS_AES_128_GCM_SHA256", Trusted: true, HTTP: control.HTTPRedirect, HTTPStatus: 308}},
		{Target: control.Target{Certificate: secret}, PublicHalf: &control.PublicHalf{Type: "kubernetes.io/tls", Chain: true, KeyMatches: true}},
		{Target: control.Target{Guard: &control.GuardTarget{Policy: "holdfast-guard-volumes", Object: map[string]any{"kind": "StorageClass"}}},
			Refused: &control.Refused{Denied: []string{"holdfast-guard-volumes"}}},
		{Target: control.Target{Repository: &control.RepositoryTarget{VeleroNamespace: veleroNamespace}}, Reason: control.ReasonForbidden,
			Message: "The right to get the Secret is missing."},
	} {
		body := ledger.ProbeBody{Of: o.Kind(), BeganAt: ledger.At(c.now), ValidUntil: ledger.At(c.now.Add(hour))}
		for i := range 16 {
			body.For = append(body.For, ledger.ProbedFor{Policy: fmt.Sprintf("team-%02d", i), Control: "ENC-2"})
		}
		body.MoreFor = 4
		c.now = c.now.Add(time.Second)
		c.must(c.probed(shop, body, o))
	}
}

// restores: the backups of both namespaces are restored; one comes back otherwise.
func (c *chronicle) restores() {
	c.t.Helper()
	for i, name := range []string{"pay", "shop"} {
		c.look(name)
		snapshot, def := c.scopes[name], c.definition(BackupPolicy)
		of, _ := def.Control(RestoreControl)
		targets := of.Targets(def, snapshot, c.now)
		if len(targets) == 0 || targets[0].Restore.Candidate == nil {
			c.t.Fatalf("namespace %s has no backup to restore", name)
		}
		from, began := targets[0].Restore.Candidate, ledger.At(c.now)
		c.now = c.now.Add(25 * time.Second)
		o := control.Observation{Target: targets[0], At: c.now, ValidUntil: c.now.Add(2 * restoreEvery), Restored: &control.Restored{
			Test: fmt.Sprintf("test-%04d", i), Backup: from.Name, BackupUID: from.UID, BackupAt: from.StartedAt, Phase: phaseCompleted,
			Items:   []control.RestoredItem{{Kind: "ConfigMap", Bytes: sentinelBytes, SHA256: ledger.Digest([]byte(name)), Differs: i == 1}},
			Seconds: 25, DataAge: int64(c.now.Sub(from.StartedAt) / time.Second)}}
		snapshot.Observations = []control.Observation{o}
		c.must(c.probed(snapshot.Namespace.Subject(), ledger.ProbeBody{Of: control.ProbeRestore, BeganAt: began, ValidUntil: ledger.At(o.ValidUntil),
			For: []ledger.ProbedFor{{Policy: BackupPolicy, Control: RestoreControl}}}, o))
		c.changed(name)
	}
}

// withdrawn: a control is stated no more, while an episode of it is open.
func (c *chronicle) withdrawn() {
	c.t.Helper()
	spec := c.protectionSpec()
	spec.Controls[0].EncryptionAtRest.Volumes.Attestations = nil
	spec.Controls = []v1alpha1.ControlSpec{spec.Controls[0], spec.Controls[2]}
	c.say(ledger.Entry{Kind: ledger.KindControlWithdrawn, Policy: c.definition(protection).Ref(nil), Control: "ENC-2"})
	c.edit(protection, spec, ledger.ChangeBody{ChangeRef: "CHG-9", Paths: []string{"spec.controls[ENC-2]"}})
}
