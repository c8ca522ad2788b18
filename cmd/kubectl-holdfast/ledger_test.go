package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// start is the time on the clock of the ledger's writer.
var start = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// written is a ledger that was written and closed.
type written struct {
	dir, id, key string
	// held is the file of a checkpoint that covers all of it.
	held string
}

// write writes a ledger as the operator does: through a Recorder, on a real disk.
func write(t *testing.T, drafts ...ledger.Draft) written {
	t.Helper()
	root := t.TempDir()
	w := written{dir: filepath.Join(root, "ledger"), held: filepath.Join(root, "held")}
	attached := make(chan struct{}, 1)
	cluster := ledger.ClusterBody{KubeSystemUID: "uid-1"}
	recorder := ledger.NewRecorder(ledger.RecorderOptions{
		Open: func(ctx context.Context) (*ledger.Log, *ledger.Opened, error) {
			return ledger.Open(ctx, ledger.Options{
				Dir: w.dir, Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte("k"), ed25519.SeedSize)),
				Head: ledger.FileHead{Path: filepath.Join(root, "head")}, Cluster: cluster,
				CheckpointInterval: 100 * time.Millisecond, MinFree: 1, Log: logr.Discard(),
			})
		},
		Cluster: cluster, Operator: ledger.OperatorBody{Process: strings.Repeat("ab", 16), Version: "v0.1.0", StartedAt: ledger.At(start)},
		Now: func() time.Time { return start }, Retry: time.Second,
		OnAttach: func([]string, bool) { attached <- struct{}{} }, Log: logr.Discard(),
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- recorder.Run(ctx) }()
	<-attached
	w.id, w.key = recorder.Health().LedgerID, recorder.Health().VerifierKey
	for _, d := range drafts {
		transitions, _ := recorder.Record(d)
		if !transitions[0].Changed {
			t.Fatalf("draft of %s says nothing new", d.Kind)
		}
	}
	if !recorder.Flushed().Wait(ctx, time.Minute) {
		t.Fatal("the ledger did not become durable")
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	checkpoint, err := os.ReadFile(filepath.Join(w.dir, "ledgers", w.id, "segments/000000/log/checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.held, checkpoint, 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// holdfast runs a command line, and returns what it printed and its status.
func holdfast(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	return piped(t, "", args...)
}

// piped is holdfast with a standard input.
func piped(t *testing.T, stdin string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), time.Now, args, strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), status
}

// day is a working day of a small cluster: a draft every second.
func day() []ledger.Draft {
	policy := &ledger.PolicyRef{Name: "baseline", UID: "policy-uid", Generation: 1, Definition: "d1"}
	edited := &ledger.PolicyRef{Name: "baseline", UID: "policy-uid", Generation: 2, Definition: "d1"}
	shop := &control.Subject{Kind: "Namespace", Name: "shop", UID: "shop-uid"}
	conforming := &control.State{Outcome: control.Conforming, Basis: control.BasisConfiguration}
	absent := &control.State{Outcome: control.Deviating, Basis: control.BasisConfiguration,
		Rules: []control.RuleState{{Rule: "NP-01", Reason: "Absent"}}}
	opened := &control.State{Outcome: control.Deviating, Basis: control.BasisConfiguration,
		Rules: []control.RuleState{{Rule: "NP-01", Reason: "Opened", Culprits: []string{"deny"}}}}
	state := func(to *control.State) ledger.Entry {
		return ledger.Entry{Kind: ledger.KindOutcomeChanged, Policy: policy, Control: "NET-1", Subject: shop, To: to}
	}
	object := func(before, after int64, manager string) *ledger.ObjectBody {
		o := &ledger.ObjectBody{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy", Namespace: "shop", Name: "deny", Manager: manager}
		if before > 0 {
			o.Before = &ledger.ObjectVersion{UID: "np", ResourceVersion: "1", Generation: before}
		}
		if after > 0 {
			o.After = &ledger.ObjectVersion{UID: "np", ResourceVersion: "2", Generation: after}
		}
		return o
	}
	act := func(kind ledger.Kind, o *ledger.ObjectBody) ledger.Entry {
		return ledger.Entry{Kind: kind, Policy: policy, Control: "NET-1", Subject: shop, Object: o}
	}
	at := func(seconds int) ledger.Time { return ledger.At(start.Add(time.Duration(seconds) * time.Second)) }
	until, end := at(3600), at(21)
	fought := act(ledger.KindContested, object(4, 0, "flux"))
	fought.Object.Count, fought.Object.Until = 31, &until
	failed := act(ledger.KindRepairFailed, object(4, 0, "flux"))
	failed.Reason, failed.Message = "Forbidden", "networkpolicies is forbidden"
	repaired := state(conforming)
	entries := []ledger.Entry{
		{Kind: ledger.KindPolicyChanged, Policy: policy, Change: &ledger.ChangeBody{Type: ledger.ChangeCreated, Manager: "kubectl", ChangeRef: "CHG-1"}},
		{Kind: ledger.KindScopeEntered, Policy: policy, Subject: shop, Scope: &ledger.ScopeBody{Cause: "PolicyCreated"}},
		state(absent),
		{Kind: ledger.KindControlIntroduced, Policy: policy, Control: "NET-1", Intro: &ledger.IntroBody{OperatingFrom: at(4), Subjects: 1}},
		{Kind: ledger.KindPolicyChanged, Policy: edited, Change: &ledger.ChangeBody{Type: ledger.ChangeUpdated, Paths: []string{"spec.mode"}, MorePaths: 2, Manager: "red \x1b[31m"}},
		act(ledger.KindRepaired, object(0, 1, "")),
		repaired,
		state(opened),
		act(ledger.KindRepaired, object(2, 3, "kubectl-edit")),
		repaired,
		state(absent),
		failed,
		fought,
		{Kind: ledger.KindUnobservedChange, Subject: shop, Object: object(3, 6, "helm")},
		{Kind: ledger.KindHeartbeat, Alive: &ledger.AliveBody{Progress: map[string]ledger.Time{}, QueueAge: 1_234_567}},
		{Kind: ledger.KindGap, Gap: &ledger.GapBody{Cause: ledger.CauseWatchStalled, Kind: "networkpolicies", From: at(3), To: &end}},
		{Kind: ledger.KindSubjectDeleted, Policy: policy, Subject: shop},
		{Kind: ledger.KindControlWithdrawn, Policy: policy, Control: "NET-1"},
	}
	drafts := make([]ledger.Draft, 0, len(entries))
	for i := range entries {
		now := start.Add(time.Duration(i+1) * time.Second)
		drafts = append(drafts, ledger.Draft{Entry: entries[i], At: now, RepairedByUs: entries[i].To == conforming})
	}
	return drafts
}
