package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// golden returns an encoded v1 entry, by its kind.
func golden(tb testing.TB, name Kind) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "v1", string(name)+".json"))
	if err != nil {
		tb.Fatalf("every kind has a golden entry: %v", err)
	}
	return bytes.TrimSuffix(data, []byte("\n"))
}

// variants are the golden entries beside the one of each kind.
var variants = []Kind{"OutcomeChanged-ended", "PolicyChanged-held", "PolicyChanged-confirmed", "Collected-failed", "SubjectAdded-object", "Repaired-taken"}

// TestEntriesOfV1AreReadForEver (E44): never change a file in testdata/v1.
func TestEntriesOfV1AreReadForEver(t *testing.T) {
	for _, name := range append(Kinds(), variants...) {
		t.Run(string(name), func(t *testing.T) {
			want := golden(t, name)
			e, err := Decode(want)
			if err != nil {
				t.Fatal(err)
			}
			if kind, _, _ := strings.Cut(string(name), "-"); string(e.Kind) != kind || e.Schema != Schema {
				t.Errorf("got a %s entry of schema %s", e.Kind, e.Schema)
			}
			got, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("decoded and encoded again (-want +got):\n%s", diff)
			}
		})
	}
}

// TestE13EntriesCarryWhatTheDesignNames (E13): DESIGN.md, section 6. What an entry
// does not carry itself stands in the OperatorStarted entry that run names.
func TestE13EntriesCarryWhatTheDesignNames(t *testing.T) {
	always := []string{"schema", "critical", "id", "kind", "seq", "run", "observedAt", "monoMicros", "appendedAt"}
	policy := []string{"policy.name", "policy.uid", "policy.generation", "policy.definition"}
	subject := []string{"subject.kind", "subject.name", "subject.uid"}
	schedule := []string{"schedule.name", "schedule.uid", "schedule.generation", "schedule.definition"}
	object := []string{"object.apiVersion", "object.kind", "object.namespace", "object.name", "object.before.uid", "object.before.resourceVersion", "object.manager"}
	all := func(lists ...[]string) []string {
		joined := append([]string{}, always...)
		for _, l := range lists {
			joined = append(joined, l...)
		}
		return joined
	}
	want := map[Kind][]string{
		KindLedgerOpened: all([]string{"ledger.ledgerID", "ledger.reason", "ledger.segment", "ledger.predecessor.ledgerID", "ledger.predecessor.checkpoint",
			"ledger.predecessor.lost", "ledger.cluster.kubeSystemUID", "ledger.cluster.caDigest", "ledger.cluster.serverVersion", "ledger.verifierKey"}),
		KindOperatorStarted: all([]string{"operator.version", "operator.revision", "operator.image", "operator.podUID", "operator.arguments",
			"operator.permissions", "operator.process", "operator.startedAt"}),
		KindOperatorStopped:   all(),
		KindPermissionChanged: all([]string{"reason", "message"}),
		KindHeartbeat:         all([]string{"alive.progress", "alive.queueAge", "alive.clockOffset"}),
		KindPolicyChanged:     all(policy, []string{"change.type", "change.from", "change.to", "change.paths", "change.manager", "change.changeRef"}),
		KindControlIntroduced: all(policy, []string{"control", "introduction.operatingFrom", "introduction.subjects"}),
		KindControlWithdrawn:  all(policy, []string{"control"}),
		KindScopeEntered:      all(policy, subject, []string{"scope.cause", "scope.labels", "sourceTimes.0.field", "sourceTimes.0.value", "sourceTimes.0.resolution"}),
		KindScopeLeft:         all(policy, subject, []string{"scope.cause", "scope.disposition", "scope.labels"}),
		KindSubjectAdded:      all(policy, subject, []string{"scope.cause", "scope.labels", "sourceTimes.0.field"}),
		KindSubjectDeleted:    all(policy, subject, []string{"sourceTimes.0.field"}),
		KindOutcomeChanged: all(policy, subject, []string{"control", "evaluatorVersion", "versions", "prev", "from.outcome", "to.outcome", "to.basis",
			"to.rules.0.rule", "to.rules.0.reason", "to.rules.0.culprits", "episode", "origin", "message", "inputs.0.role", "inputs.0.digest", "actorRef"}),
		KindUnobservedChange: all(subject, object, []string{"object.after.uid", "versions"}),
		KindRepaired:         all(policy, subject, object, []string{"control", "episode", "object.after.uid", "object.after.resourceVersion", "object.after.generation"}),
		KindRepairFailed:     all(policy, subject, object, []string{"control", "episode", "reason", "message"}),
		KindContested:        all(policy, subject, object, []string{"control", "object.count", "object.until"}),
		KindRolledBack:       all(policy, subject, object, []string{"control", "episode", "reason", "message"}),
		KindGap:              all([]string{"reason", "gap.cause", "gap.kind", "gap.from", "gap.to", "gap.ends"}),
		KindEvidenceLost:     all([]string{"lost.count", "lost.from", "lost.to", "lost.units"}),
		KindRecoveredTail:    all([]string{"tail.count", "tail.checkpointSize"}),
		KindScheduleChanged: all(schedule, []string{"change.type", "change.from", "change.to", "change.paths", "change.manager", "change.changeRef",
			"change.nextSlot", "retention.floorSeconds", "retention.legalHold"}),
		KindCollected: all(schedule, []string{"collection.slot", "collection.next", "collection.started", "collection.ended", "collection.state",
			"collection.manifest", "collection.compared", "collection.superseded", "collection.discrepancies"}),
		KindDiscrepancy: all(schedule, policy, subject, []string{"control", "evaluatorVersion", "versions", "from.outcome", "to.outcome",
			"inputs.0.digest", "discrepancy.slot", "discrepancy.reads"}),
		KindOccurrence: all(schedule, []string{"reason", "occurrence.of", "occurrence.state", "occurrence.first", "occurrence.last",
			"occurrence.count", "occurrence.next"}),
		KindAccessObserved: all([]string{"access.access", "access.previous"}),
		KindSelfTested:     all([]string{"selfTest.type", "selfTest.evaluatorVersion", "selfTest.fixtures", "selfTest.digest", "selfTest.failed", "selfTest.moreFailed"}),
		KindProbed: all(subject, []string{"probe.of", "probe.beganAt", "probe.targets", "probe.unseen", "probe.observations", "probe.validUntil",
			"probe.for.0.policy", "probe.for.0.control", "probe.moreFor", "probe.keys.0.id", "probe.keys.0.firstSeen"}),
		KindAnchored: all(schedule, []string{"anchor.type", "anchor.name", "anchor.origin", "anchor.size", "anchor.rootHash",
			"anchor.receipt", "anchor.at"}),
		KindAnchorFailed: all(schedule, []string{"reason", "message", "anchor.type", "anchor.name", "anchor.origin", "anchor.size", "anchor.rootHash"}),
		KindPruned: all([]string{"pruned.segment", "pruned.first", "pruned.last", "pruned.lastAppended", "pruned.floorSeconds",
			"pruned.checkpoint", "pruned.state"}),
		KindObjectErased: all([]string{"reason", "message", "erased.digest"}),
	}
	for _, kind := range Kinds() {
		var entry map[string]any
		if err := json.Unmarshal(golden(t, kind), &entry); err != nil {
			t.Fatal(err)
		}
		if len(want[kind]) == 0 {
			t.Errorf("%s: this test does not say what it carries", kind)
		}
		for _, path := range want[kind] {
			if lookup(entry, strings.Split(path, ".")) == nil {
				t.Errorf("%s entry without %s", kind, path)
			}
		}
	}
}

// lookup returns what stands at a path of a JSON value, nil if nothing does.
func lookup(v any, path []string) any {
	if len(path) == 0 {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		return lookup(v[path[0]], path[1:])
	case []any:
		if path[0] == "0" && len(v) > 0 {
			return lookup(v[0], path[1:])
		}
	}
	return nil
}

// TestEveryFieldOfAnEntryIsInAGoldenEntry finds a new field that no golden
// entry shows, and a field that was renamed.
func TestEveryFieldOfAnEntryIsInAGoldenEntry(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range append(Kinds(), variants...) {
		var entry map[string]json.RawMessage
		if err := json.Unmarshal(golden(t, name), &entry); err != nil {
			t.Fatal(err)
		}
		for key := range entry {
			seen[key] = true
		}
	}
	for f := range reflect.TypeFor[Entry]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !seen[name] {
			t.Errorf("no golden entry has %q", name)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := string(golden(t, KindGap))
	edit := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("the golden entry has no %s", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	cases := map[string]struct {
		data, want string
	}{
		"nothing":                  {"", "not JSON"},
		"no object":                {`[]`, "cannot unmarshal"},
		"white space":              {edit(`{`, `{ `), "not canonical"},
		"keys out of order":        {`{"seq":1,"kind":"Gap"}`, "not canonical"},
		"a key twice":              {edit(`"kind":"Gap"`, `"kind":"Gap","kind":"Gap"`), ""},
		"a trailing newline":       {good + "\n", "not canonical"},
		"a fraction in an integer": {edit(`"seq":1218`, `"seq":1218.5`), "cannot unmarshal"},
		"a negative number":        {edit(`"seq":1218`, `"seq":-1218`), "cannot unmarshal"},
		"a time with three digits": {edit(`06:00:18.123456Z`, `06:00:18.123Z`), "want the form"},
		"a time in another zone":   {edit(`06:00:18.123456Z`, `06:00:18.123456+01:00`), "want the form"},
		"no id":                    {edit(`"id":"`+idOf(t, good)+`"`, `"id":""`), "without kind or id"},
		"no body":                  {`{"appendedAt":"2026-03-01T06:00:19.000000Z","critical":true,"id":"a","kind":"Gap","monoMicros":1,"observedAt":"2026-03-01T06:00:18.000000Z","run":1,"schema":"holdfast.dev/entry/v1","seq":2}`, "Gap entry without gap"},
		"not marked critical":      {edit(`"critical":true`, `"critical":false`), "critical is false, want true"},
		"too large":                {edit(`"reason":"NotRunning"`, `"reason":"`+strings.Repeat("x", MaxEntrySize)+`"`), "at most 4096"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e, err := Decode([]byte(tc.data))
			if err == nil {
				t.Fatalf("got %+v, want an error", e)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q, want it to say %q", err, tc.want)
			}
		})
	}
}

func idOf(t *testing.T, data string) string {
	t.Helper()
	var e struct{ ID string }
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		t.Fatal(err)
	}
	return e.ID
}

func TestUnknownKinds(t *testing.T) {
	entry := func(schema, kind string, critical bool) []byte {
		data, err := canonical(map[string]any{
			"schema": schema, "kind": kind, "critical": critical, "id": "a", "seq": 7, "run": 1, "monoMicros": 0,
			"observedAt": "2026-03-01T06:00:18.000000Z", "appendedAt": "2026-03-01T06:00:18.000000Z",
		})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	cases := map[string]struct {
		data []byte
		want error
	}{
		"a kind of tomorrow":                       {entry(Schema, "Exported", false), nil},
		"a critical kind of tomorrow":              {entry(Schema, "Exported", true), ErrUnknownCritical},
		"an entry of a later schema":               {entry("holdfast.dev/entry/v2", "Gap", false), nil},
		"a critical entry of a later schema":       {entry("holdfast.dev/entry/v2", "Gap", true), ErrUnknownCritical},
		"a critical kind of tomorrow and schema 2": {entry("holdfast.dev/entry/v2", "Exported", true), ErrUnknownCritical},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e, err := Decode(tc.data)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if e.Seq != 7 {
				t.Errorf("got %+v, want the entry as it is", e)
			}
		})
	}
}

func TestTimesAreMicrosecondsInUTC(t *testing.T) {
	at := At(time.Date(2026, 3, 1, 7, 0, 0, 123_456_999, time.FixedZone("", 3600)))
	data, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(data), `"2026-03-01T06:00:00.123456Z"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var again Time
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if !again.Equal(at.Time) || again.Location() != time.UTC {
		t.Errorf("got %v, want %v", again, at)
	}
}

// TestIDsAreStable: an id that changes with the code makes a replay write
// everything twice.
func TestIDsAreStable(t *testing.T) {
	ledgerID := strings.Repeat("0123456789abcdef", 2)
	subject := control.Subject{Kind: "Namespace", Name: "payments", UID: "u-1"}
	conforming := control.State{Outcome: control.Conforming, Basis: control.BasisConfiguration}
	deviating := control.State{Outcome: control.Deviating, Basis: control.BasisConfiguration,
		Rules: []control.RuleState{{Rule: "NP-01", Reason: "Absent", Culprits: []string{"a", "b"}}}}
	first := StateID(ledgerID, "p", "NET-1", subject, "", conforming)
	second := StateID(ledgerID, "p", "NET-1", subject, first, deviating)
	got := []string{first, second, EpisodeID(second), ActID("process", 1), ActID("process", 2)}
	want := []string{
		"8ffc3a38dc30ce52b92f7b56a186840ef0e85eee391be56c84a4c66dff9bcc2b",
		"f8a6b39815e46562aac39a2a0fc47583bd914a5e72e01ee05f4c46c6e343149e",
		"f4de7571b972f72b9656005b882fd866",
		"5e0ac61c1aa2e9f2ffcb9688033146f88691bb3e4c7acca4419d20a4ae7cd366",
		"b264e288def4add3784c067a495631a511ffb7e1312ebb76a7a2086a44ff2bd1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

func TestStateIDDependsOnEverything(t *testing.T) {
	subject := control.Subject{Kind: "Namespace", Name: "a", UID: "1"}
	state := control.State{Outcome: control.Deviating, Rules: []control.RuleState{{Rule: "NP-01", Reason: "Absent"}}}
	other, reasons, culprits := subject, state, state
	other.UID = "2"
	reasons.Rules = []control.RuleState{{Rule: "NP-01", Reason: "Opened"}}
	culprits.Rules = []control.RuleState{{Rule: "NP-01", Reason: "Absent", Culprits: []string{"x"}}}
	ids := map[string]string{}
	for name, id := range map[string]string{
		"base":     StateID("l", "p", "c", subject, "", state),
		"ledger":   StateID("m", "p", "c", subject, "", state),
		"policy":   StateID("l", "q", "c", subject, "", state),
		"control":  StateID("l", "p", "d", subject, "", state),
		"subject":  StateID("l", "p", "c", other, "", state),
		"previous": StateID("l", "p", "c", subject, "x", state),
		"reason":   StateID("l", "p", "c", subject, "", reasons),
		"culprits": StateID("l", "p", "c", subject, "", culprits),
		"shifted":  StateID("l", "pc", "", subject, "", state),
	} {
		if twin, twice := ids[id]; twice {
			t.Errorf("%s and %s have the same id", name, twin)
		}
		ids[id] = name
	}
}

func FuzzDecode(f *testing.F) {
	for _, kind := range Kinds() {
		f.Add(golden(f, kind))
	}
	f.Add([]byte(`{"kind":null,"subject":null,"seq":1e400}`))
	f.Add([]byte("\"\\ud800\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Decode(data)
		if err != nil {
			return
		}
		if err := NewKnown().Apply(e); err == nil && e.Seq != 0 {
			t.Errorf("entry %d was taken for the first", e.Seq)
		}
	})
}
