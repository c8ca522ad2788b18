package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// clock is an hour of a day.
func clock(hour int) ledger.Time {
	return ledger.At(time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC))
}

func TestStatement(t *testing.T) {
	object := &ledger.ObjectBody{Kind: "NetworkPolicy", Name: "allow", Before: &ledger.ObjectVersion{Generation: 2}, Manager: "holdfast"}
	policy := &ledger.PolicyRef{Name: "baseline", Generation: 3}
	cases := map[string]struct {
		entry ledger.Entry
		want  string
	}{
		"a removal": {ledger.Entry{Kind: ledger.KindRepaired, Object: object}, "NetworkPolicy allow removed, changed by holdfast"},
		"a rollback": {ledger.Entry{Kind: ledger.KindRolledBack, Object: object, Reason: "PodsNotReady", Message: "pods were ready before"},
			"NetworkPolicy allow removed, changed by holdfast, PodsNotReady, pods were ready before"},
		"what was not removed": {ledger.Entry{Kind: ledger.KindRepairFailed, Object: object, Reason: "Forbidden"},
			"NetworkPolicy allow at generation 2, changed by holdfast, Forbidden"},
		"fields that were taken over": {ledger.Entry{Kind: ledger.KindRepaired, Object: &ledger.ObjectBody{Kind: "StorageClass", Name: "standard",
			Before: &ledger.ObjectVersion{}, After: &ledger.ObjectVersion{}, Manager: "helm", Taken: []ledger.TakenField{{Field: "metadata.annotations.a", Was: `"true"`}, {Field: "metadata.annotations.b"}}}},
			`StorageClass standard changed, took over metadata.annotations.a, which was "true", took over metadata.annotations.b, which was not set, changed by helm`},
		"an edit that is held": {ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: policy, Change: &ledger.ChangeBody{Type: ledger.ChangeUpdated, Held: 400}},
			"Updated, generation 3, held, for it adds 400 namespaces"},
		"its confirmation": {ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: policy, Change: &ledger.ChangeBody{Type: ledger.ChangeConfirmed, ChangeRef: "CHG-9"}},
			"Confirmed, generation 3, CHG-9"},
		"probes": {ledger.Entry{Kind: ledger.KindProbed, Probe: &ledger.ProbeBody{Of: control.ProbeCanary, Targets: 2, Unseen: 1,
			Keys: []ledger.SeenKey{{ID: "secrets/aesgcm/v1/key1"}, {ID: "secrets/aesgcm/v1/key2"}}}},
			"Canary: 2 probed, 1 unseen, key secrets/aesgcm/v1/key1, key secrets/aesgcm/v1/key2"},
		"a backup": {ledger.Entry{Kind: ledger.KindOccurrence, Occurrence: &ledger.OccurrenceBody{Of: ledger.OccurrenceOfBackup, State: ledger.OccurrenceLate,
			First: clock(6), Last: clock(6), Count: 1, Run: &ledger.RunBody{Name: "nightly-20260301062500", Phase: "Completed"}}},
			"Backup Late, slot 2026-03-01T06:00:00.000Z, nightly-20260301062500 Completed"},
		"an extra backup": {ledger.Entry{Kind: ledger.KindOccurrence, Message: "no space left", Occurrence: &ledger.OccurrenceBody{Of: ledger.OccurrenceOfBackup,
			State: ledger.OccurrenceFailed, First: clock(7), Last: clock(7), Extra: true, Run: &ledger.RunBody{Name: "by-hand", Phase: "Failed"}}},
			"Backup Failed, extra run begun 2026-03-01T07:00:00.000Z, by-hand Failed, no space left"},
		"backups that were missed": {ledger.Entry{Kind: ledger.KindOccurrence, Reason: ledger.OccurrenceNoRun, Occurrence: &ledger.OccurrenceBody{
			Of: ledger.OccurrenceOfBackup, State: ledger.OccurrenceMissed, First: clock(6), Last: clock(18), Count: 3}},
			"Backup Missed, 3 slots from 2026-03-01T06:00:00.000Z to 2026-03-01T18:00:00.000Z, NoRun"},
		"a verdict on behaviour": {ledger.Entry{Kind: ledger.KindOutcomeChanged, From: &control.State{Outcome: control.Deviating, Basis: control.BasisBehaviour},
			To: &control.State{Outcome: control.Conforming, Basis: control.BasisBehaviour}, Ending: ledger.EndingCorrected}, "Deviating → Conforming (Behaviour), Corrected"},
		"a verdict on configuration": {ledger.Entry{Kind: ledger.KindOutcomeChanged, Origin: ledger.OriginNewSubject,
			To: &control.State{Outcome: control.Deviating, Basis: control.BasisConfiguration, Rules: []control.RuleState{{Rule: "TR-01", Reason: "NoTLS"}}}},
			"new → Deviating, NewSubject, TR-01 NoTLS"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.entry.Schema = ledger.Schema
			if diff := cmp.Diff(c.want, statement(&c.entry, 0)); diff != "" {
				t.Errorf("statement (-want +got):\n%s", diff)
			}
		})
	}
}
