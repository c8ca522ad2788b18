package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/access"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// period is the record of a story, from its beginning to its end.
func period(t *testing.T, s *scribe) *report.Record {
	t.Helper()
	return folded(t, s, report.Query{From: moment(0), To: moment(s.now.Sub(epoch))})
}

// only is the one control of a record.
func only(t *testing.T, r *report.Record) *report.Control {
	t.Helper()
	if len(r.Controls) != 1 {
		t.Fatalf("%d controls, want one", len(r.Controls))
	}
	return &r.Controls[0]
}

// TestE1PopulationRederives: the population of a control at any time follows from
// the entries; at each collection it is the one that the manifest digests.
func TestE1PopulationRederives(t *testing.T) {
	s := storyNewAndDeleted(t)
	s.schedule(4 * hour)
	s.at(4 * hour).collect(collection{slot: 4 * hour, next: 5 * hour})
	s.at(5 * hour).beat()
	for at, want := range map[time.Duration][]string{
		30 * minute: {"pay", "shop"}, hour + minute: {"blue", "green", "pay", "shop"}, 4 * hour: {"green", "pay", "shop"},
	} {
		c := only(t, folded(t, s, report.Query{AsOf: moment(at)}))
		got, ids := []string{}, []string{}
		for _, subject := range c.Subjects {
			got, ids = append(got, subject.Name), append(ids, ledger.UnitID(subject.Subject))
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", at, diff)
		}
		if at == 4*hour && c.Census.AtEnd.Population != ledger.PopulationDigest(ids) {
			t.Errorf("the manifest's population is not the one that the entries give")
		}
	}
}

// TestE7SharesAreFloored: a single microsecond that nobody observed is enough for
// coverage not to be complete; where nothing was due there is no share.
func TestE7SharesAreFloored(t *testing.T) {
	s := settled(t)
	s.at(hour).gap(ledger.GapBody{Cause: ledger.CauseWatchRestarted, Kind: "pods", From: *moment(hour - time.Microsecond), To: moment(hour)})
	s.at(30 * 24 * hour).beat()
	c := only(t, period(t, s))
	if got := *c.CoverageSince.PerMyriad; got != 9999 || c.CoverageSince.Due-c.CoverageSince.Evaluated != 2 {
		t.Errorf("coverage %+v is %d, want 9999 and two microseconds missing", c.CoverageSince, got)
	}
	c = only(t, folded(t, s, report.Query{From: moment(2 * hour), To: moment(3 * hour)}))
	if got := *c.CoverageSince.PerMyriad; got != 10_000 {
		t.Errorf("coverage without a gap is %d, want 10000", got)
	}
	s = newScribe(t)
	s.begin(ledger.OpenFirstInstall)
	s.policy("p", isolation(v1alpha1.ModeObserve, nil, "NET-1"))
	s.at(hour).beat()
	c = only(t, period(t, s))
	if c.CoverageSince.PerMyriad != nil || c.CoverageSince.Due != 0 {
		t.Errorf("coverage of nothing is %+v, want none", c.CoverageSince)
	}
}

// TestE8ExclusionsAreListed: with reason, approver as stated and date, and overdue
// once the date has passed.
func TestE8ExclusionsAreListed(t *testing.T) {
	got := only(t, period(t, storyFought(t))).Exclusions
	in := report.Interval{From: *moment(minute), To: *moment(90 * hour)}
	want := []report.Exclusion{
		{Interval: in, Namespaces: []string{"kube-system"}, Builtin: true},
		{Interval: in, Namespaces: []string{"legacy"}, Reason: "RISK-1", ApprovedBy: "ciso", ReviewBy: "2026-03-02", Overdue: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exclusions (-want +got):\n%s", diff)
	}
}

// TestE30CriteriaDefault: a control that states no criteria supports those of its
// type, in the matrix too.
func TestE30CriteriaDefault(t *testing.T) {
	cases := map[string]struct{ stated, want []string }{
		"stated": {stated: []string{"CC6.7", "CC6.1"}, want: []string{"CC6.1", "CC6.7"}},
		"none":   {want: []string{"CC6.1", "CC6.6"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := isolation(v1alpha1.ModeObserve, nil, "NET-1")
			spec.Controls[0].Criteria = nil
			for _, id := range tc.stated {
				spec.Controls[0].Criteria = append(spec.Controls[0].Criteria, v1alpha1.Criterion(id))
			}
			s := newScribe(t)
			s.begin(ledger.OpenFirstInstall)
			s.policy("p", spec)
			s.at(hour).beat()
			r := period(t, s)
			if diff := cmp.Diff(tc.want, only(t, r).Criteria); diff != "" {
				t.Errorf("criteria (-want +got):\n%s", diff)
			}
			var rows []string
			for _, row := range r.Matrix {
				rows = append(rows, row.ID)
			}
			if diff := cmp.Diff(tc.want, rows); diff != "" {
				t.Errorf("matrix (-want +got):\n%s", diff)
			}
		})
	}
}

// TestE9FourPopulations: items, occurrences, changes and episodes are counted
// each by its own unit.
func TestE9FourPopulations(t *testing.T) {
	r := period(t, storyStopped(t))
	c := only(t, r)
	if c.Census.Days != 2 || r.Slots[0].Expected != 5 || len(r.Changes) != 3 || c.Counts.Episodes != 2 {
		t.Errorf("%d items, %d occurrences, %d changes, %d episodes; want 2, 5, 3, 2", c.Census.Days, r.Slots[0].Expected, len(r.Changes), c.Counts.Episodes)
	}
	if days := only(t, period(t, storyFought(t))).Census.Days; days != 8 {
		t.Errorf("two subjects over four UTC days are %d items, want 8", days)
	}
}

// TestE10NoOccurrence: a control without subjects is no control that held.
func TestE10NoOccurrence(t *testing.T) {
	s := newScribe(t)
	s.begin(ledger.OpenFirstInstall)
	s.policy("p", isolation(v1alpha1.ModeObserve, nil, "NET-1"))
	s.introduce("p", "NET-1")
	s.at(hour).beat()
	c := only(t, period(t, s))
	if c.CoverageSince.PerMyriad != nil || c.Time != (report.Time{}) || c.Census.End != 0 || len(c.Subjects) != 0 {
		t.Errorf("of no subjects: %+v, %+v, %+v", c.CoverageSince, c.Time, c.Census)
	}
}

// TestE12FrozenWatch: the time in which a watch delivered nothing is not covered,
// although hearts beat meanwhile and it was found only later.
func TestE12FrozenWatch(t *testing.T) {
	c := only(t, period(t, storyFrozen(t)))
	if got := time.Duration(c.Time.Gap) * time.Microsecond; got != 2*7*minute {
		t.Errorf("not covered: %s, want seven minutes of two subjects", got)
	}
	if got := c.Episodes[0].Started.NotBefore; !got.Equal(epoch.Add(59 * minute)) {
		t.Errorf("it may have begun at %s at the earliest, want the last sign of life", got)
	}
}

// TestE14ChangesAreListed: with what changed, who says to have done it, and the
// reference.
func TestE14ChangesAreListed(t *testing.T) {
	var got []string
	for _, c := range period(t, storyLoosened(t)).Changes {
		got = append(got, fmt.Sprintf("%s %s %v %s %s %t", c.What, c.Type, c.Paths, c.Actor, c.ChangeRef, c.To != ""))
	}
	want := []string{
		"ControlPolicy p Created [] kubectl  true", "Control p/NET-1 Introduced []   true",
		"ControlPolicy p Updated [spec.tolerance.correctionWithin] kubectl CHG-1 true", "Control p/NET-1 Introduced []   true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// TestE15ResultsSplitAtDefinitions: and at versions of the evaluator, and only
// there; what began before a tolerance was loosened is held against the old one.
func TestE15ResultsSplitAtDefinitions(t *testing.T) {
	c := only(t, period(t, storyLoosened(t)))
	type split struct {
		From      time.Duration
		Within    int64
		Evaluator int
		Episodes  int
	}
	var got []split
	for _, d := range c.Definitions {
		got = append(got, split{d.From.Sub(epoch), *d.CorrectionWithin, d.EvaluatorVersion, d.Counts.Episodes})
	}
	want := []split{{minute, int64(5 * minute), 1, 2}, {2*hour + minute, int64(20 * minute), 1, 1}, {30 * hour, int64(20 * minute), 2, 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definitions (-want +got):\n%s", diff)
	}
	if first := c.Episodes[0]; first.Class != report.ClassDeviation || first.Recurring {
		t.Errorf("ten minutes under a tolerance of five are %s (recurring: %t)", first.Class, first.Recurring)
	}
	sum := report.Time{}
	for _, d := range c.Definitions {
		sum.Due += d.Time.Due
		sum.Conforming += d.Time.Conforming
		sum.Deviating += d.Time.Deviating
	}
	if sum != c.Time {
		t.Errorf("the definitions' times sum up to %+v, want %+v", sum, c.Time)
	}
}

// TestE17RunsAreListed: each process, and what differs from the one before.
func TestE17RunsAreListed(t *testing.T) {
	s := settled(t)
	s.at(hour).write(ledger.Entry{Kind: ledger.KindOperatorStopped})
	s.at(hour + minute).write(ledger.Entry{Kind: ledger.KindOperatorStarted, Operator: &ledger.OperatorBody{Process: "other", Version: "v2", Image: "holdfast@sha256:1", StartedAt: *moment(hour + minute)}})
	s.at(2 * hour).beat()
	runs := period(t, s).Tool.Runs
	if len(runs) != 2 || runs[0].Stopped == nil || runs[1].Stopped != nil {
		t.Fatalf("runs: %+v", runs)
	}
	if diff := cmp.Diff([]string{"version", "image"}, runs[1].Changed); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
}

// TestE32AControlSaysWhatItRestsOn: on the bases of the states that were stated.
func TestE32AControlSaysWhatItRestsOn(t *testing.T) {
	if diff := cmp.Diff([]string{"Configuration"}, only(t, period(t, storyStopped(t))).Bases); diff != "" {
		t.Errorf("bases (-want +got):\n%s", diff)
	}
}

// TestE18RepairErasesNothing: what was repaired within milliseconds is an episode,
// with who changed what, and stays one however loose the tolerance is.
func TestE18RepairErasesNothing(t *testing.T) {
	e := only(t, period(t, storyStopped(t))).Episodes[0]
	if e.Ending != "Repaired" || e.Length.Min != int64(9*time.Millisecond) || e.Actor != "kubectl-edit" || e.Repairs != 1 ||
		e.Action != "changed networking.k8s.io/v1 NetworkPolicy" || e.Class != report.ClassWithinTolerance {
		t.Errorf("episode: %+v", e)
	}
}

// TestE28InsideAGapNothingIsEvaluated: as of an instant within a gap every subject
// is NotEvaluated; just before it, it is what it was.
func TestE28InsideAGapNothingIsEvaluated(t *testing.T) {
	s := storyStopped(t)
	for at, want := range map[time.Duration]control.Outcome{
		94 * minute: control.Conforming, 2 * hour: control.NotEvaluated, 4*hour + 31*minute: control.Conforming,
	} {
		r := folded(t, s, report.Query{AsOf: moment(at)})
		c := only(t, r)
		for _, subject := range c.Subjects {
			if subject.Final == nil || subject.Final.Outcome != want {
				t.Errorf("as of %s %s is %+v, want %s", at, subject.Name, subject.Final, want)
			}
		}
		if len(c.Subjects) != 2 || c.Time != (report.Time{}) || c.Counts.Episodes != 0 || len(r.Changes) != 0 {
			t.Errorf("as of %s there are %d subjects, and counts over time: %+v", at, len(c.Subjects), c.Time)
		}
		if inside := want == control.NotEvaluated; (len(r.Gaps) > 0) != inside {
			t.Errorf("as of %s: gaps %+v", at, r.Gaps)
		}
	}
}

// TestE28InstantAndPeriodAgree: as of its last microsecond a period's subjects
// are what they are at its end, at many instants of every story.
func TestE28InstantAndPeriodAgree(t *testing.T) {
	for name, story := range stories() {
		s := story(t)
		for at := minute; at < s.now.Sub(epoch); at += s.now.Sub(epoch) / 37 {
			if name == "pruned" && at < hour {
				continue // nothing is there of it
			}
			instant := folded(t, s, report.Query{AsOf: moment(at)})
			through := folded(t, s, report.Query{From: moment(0), To: moment(at + time.Microsecond)})
			for i := range instant.Controls {
				want := map[string]control.Outcome{}
				for _, subject := range through.Controls[i].Subjects {
					if subject.Final != nil {
						want[subject.Name] = subject.Final.Outcome
					}
				}
				got := map[string]control.Outcome{}
				for _, subject := range instant.Controls[i].Subjects {
					got[subject.Name] = subject.Final.Outcome
				}
				if through.Status == report.Complete && !cmp.Equal(want, got) {
					t.Errorf("%s at %s (-period +instant):\n%s", name, at, cmp.Diff(want, got))
				}
			}
		}
	}
}

// TestE29SameInputSameBytes: whatever the time zone, the number of processors, and
// the order in which maps happen to be walked.
func TestE29SameInputSameBytes(t *testing.T) {
	zone, processors := time.Local, runtime.GOMAXPROCS(0)
	t.Cleanup(func() {
		time.Local = zone
		runtime.GOMAXPROCS(processors)
	})
	for name, story := range stories() {
		var first []byte
		for i, local := range []*time.Location{time.UTC, time.FixedZone("east", 14*3600), time.FixedZone("west", -11*3600)} {
			time.Local = local
			runtime.GOMAXPROCS(i%2 + 1)
			s := story(t)
			for _, q := range []report.Query{{From: moment(0), To: moment(s.now.Sub(epoch))}} {
				data, err := json.Marshal(folded(t, s, q))
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = data
				}
				if !bytes.Equal(first, data) {
					t.Errorf("%s: in zone %s the record is another:\n%s", name, local, cmp.Diff(string(first), string(data)))
				}
			}
		}
	}
}

// TestE31Markers: the same cause on several days, an episode that lasts, and a
// namespace that has most of them.
func TestE31Markers(t *testing.T) {
	s := settled(t)
	for i := range 10 {
		s.drift(time.Duration(i+1)*8*hour, "shop", "flux")
	}
	s.drift(100*hour, "pay", "helm")
	s.at(101 * hour).state(net("pay", control.Deviating, "NP-01"))
	s.at(101*hour + 8*24*hour).beat()
	var got []string
	for _, m := range period(t, s).Markers {
		got = append(got, m.Kind+": "+m.Message)
	}
	want := []string{
		"Recurrence: The same cause on 4 days, 10 episodes: changed networking.k8s.io/v1 NetworkPolicy by flux, failing NP-01.",
		"Persistence: Namespace pay deviated for at least 192h0m0s (Open).",
		"Concentration: 10 of 12 episodes are in namespace shop.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("markers (-want +got):\n%s", diff)
	}
}

// TestE35NoOpinion: no record says more than was observed.
func TestE35NoOpinion(t *testing.T) {
	for name, story := range stories() {
		data, err := json.Marshal(period(t, story(t)))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"compliant", "passed", "certified", "effective"} {
			if strings.Contains(strings.ToLower(string(data)), word) {
				t.Errorf("%s: the record says %q", name, word)
			}
		}
	}
}

// TestE38BreakIsAGap: the next ledger is named with what is lost, and the time in
// between is not covered; the subjects are the same ones.
func TestE38BreakIsAGap(t *testing.T) {
	r := period(t, storyRestored(t))
	c := only(t, r)
	if len(r.Custody.Ledgers) != 2 || r.Custody.Ledgers[1].Predecessor != r.Custody.Ledgers[0].LedgerID || r.Custody.Ledgers[1].Lost == "" {
		t.Errorf("chain: %+v", r.Custody.Ledgers)
	}
	if len(r.Gaps) != 1 || r.Gaps[0].Cause != "LedgerBreak" || !r.Gaps[0].From.Equal(epoch.Add(hour+minute)) {
		t.Errorf("gaps: %+v", r.Gaps)
	}
	if !slices.ContainsFunc(r.Banners, func(b string) bool { return strings.Contains(b, "VolumeRegressed") }) {
		t.Errorf("banners: %q", r.Banners)
	}
	if c.Census.Entered != 2 || c.Census.End != 2 || len(c.Baseline) != 0 || c.Episodes[0].Ending != "LedgerBreak" || c.Episodes[1].Origin != "AfterGap" {
		t.Errorf("census %+v, %d baseline episodes, episodes %+v", c.Census, len(c.Baseline), c.Episodes)
	}
}

// TestE29ACompleteRecordStays: what comes after a period changes nothing in its
// record, be it another ledger, but for a gap that began within it.
func TestE29ACompleteRecordStays(t *testing.T) {
	s := storyRestored(t)
	encoded := func() string {
		data, err := json.Marshal(folded(t, s, report.Query{From: moment(0), To: moment(2 * hour)}))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	before := encoded()
	s.at(3 * hour).state(net("pay", control.Deviating, "NP-01"))
	s.leave("p", namespace("shop"), true)
	s.at(4 * hour).begin(ledger.OpenKeyLost)
	s.at(5 * hour).beat()
	if diff := cmp.Diff(before, encoded()); diff != "" {
		t.Errorf("the record changed (-before +after):\n%s", diff)
	}
	s.gap(ledger.GapBody{Cause: ledger.CauseWatchStalled, Kind: "pods", From: *moment(119 * minute), To: moment(5 * hour)})
	if before == encoded() {
		t.Error("a gap that was found later does not show")
	}
}

// TestE4InvalidPolicyIsAGap: while a policy cannot be used nothing of it is
// evaluated; other policies are.
func TestE4InvalidPolicyIsAGap(t *testing.T) {
	s := settled(t)
	s.policy("q", isolation(v1alpha1.ModeObserve, nil, "NET-2"))
	s.enter("q", namespace("pay"), false)
	s.state(statement{policy: "q", control: "NET-2", subject: namespace("pay"), to: control.Conforming})
	s.introduce("q", "NET-2")
	ref := *s.specs["p"]
	ref.Generation++
	s.at(hour).write(ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: &ref,
		Change: &ledger.ChangeBody{Type: ledger.ChangeUpdated, To: ref.Definition, Invalid: "the selector cannot be used"}})
	id := s.gap(ledger.GapBody{Cause: ledger.CauseInvalidPolicy, Policy: "p", From: *moment(hour)})
	s.at(2 * hour).gap(ledger.GapBody{Cause: ledger.CauseInvalidPolicy, Policy: "p", From: *moment(hour), To: moment(2 * hour), Ends: id})
	s.at(3 * hour).beat()
	r := period(t, s)
	want := map[string]int64{"p": (2 * hour).Microseconds(), "q": 0}
	for _, c := range r.Controls {
		if c.Time.Gap != want[c.Policy] || len(c.Definitions) != 1 {
			t.Errorf("%s: %d µs not observed, %d definitions; want %d, and one", c.Policy, c.Time.Gap, len(c.Definitions), want[c.Policy])
		}
	}
}

// TestE43SkippedStatesAreListed: a generation that advanced by more than one.
func TestE43SkippedStatesAreListed(t *testing.T) {
	got := period(t, storyFought(t).at(91*hour).also(func(s *scribe) { s.beat() })).Tool.Unobserved
	want := []report.Unobserved{{At: *moment(90 * hour), Subject: "Namespace pay", Object: "networking.k8s.io/v1 NetworkPolicy pay/deny",
		Skipped: "generations 4 to 5"}}
	for i := range got {
		got[i].Seq = 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unobserved (-want +got):\n%s", diff)
	}
}

// TestE44UnknownKinds: those that may be passed over are counted, and told first;
// one that must be understood stops the record.
func TestE44UnknownKinds(t *testing.T) {
	s := settled(t)
	unknown := `{"appendedAt":"2026-03-01T07:00:00.000000Z","critical":%t,"futureThing":{"kind":"X","list":[1,{"a":"]}"}]},"id":"x","kind":"Foreseen","monoMicros":1,"observedAt":"2026-03-01T07:00:00.000000Z","run":1,"schema":"holdfast.dev/entry/v%d","seq":9}`
	add := func(critical bool, version int) {
		s.entries[s.id()] = append(s.entries[s.id()], fmt.Appendf(nil, unknown, critical, version))
	}
	add(false, 1)
	add(false, 2)
	s.at(2 * hour).beat()
	r := period(t, s)
	if r.Entries.Unknown["Foreseen"] != 2 || !slices.ContainsFunc(r.Banners, func(b string) bool { return strings.HasPrefix(b, "2 entries are of kinds") }) {
		t.Errorf("unknown: %v, banners: %q", r.Entries.Unknown, r.Banners)
	}
	add(true, 2)
	_, err := report.Fold(t.Context(), s, report.Query{From: moment(0), To: moment(hour)})
	if err == nil || !strings.Contains(err.Error(), "(Foreseen) cannot be folded: this version does not know it") || strings.Contains(err.Error(), "\n") {
		t.Errorf("an unknown critical kind gives %v", err)
	}
}

// TestE46AccessIsListed: who can do what to Holdfast, and who can do two of it.
func TestE46AccessIsListed(t *testing.T) {
	s := settled(t)
	admins := access.Holder{Kind: access.HolderGroup, Name: "admins"}
	digest := s.object(access.Object{Schema: access.ObjectSchema, CombinedPeople: 2,
		Combined: []access.Combination{{Holder: admins, Areas: []access.Area{access.AreaPolicy, access.AreaEvidence}}},
		Capabilities: []access.CapabilityHolders{{Capability: access.WritePolicies, More: 3, People: 1,
			Holders: []access.Holder{admins, {Kind: access.HolderServiceAccount, Namespace: "flux", Name: "sync"}}}}})
	s.at(hour).write(ledger.Entry{Kind: ledger.KindAccessObserved, Access: &ledger.AccessBody{Access: digest}})
	s.at(3 * hour).beat()
	want := []report.Access{{At: *moment(hour), Digest: digest, Combined: []string{"Group admins: policy and evidence", "2 people"},
		Holders: []report.Holder{{Capability: "WritePolicies",
			Subjects: []string{"Group admins", "ServiceAccount flux/sync", "3 more", "1 person"}}}}}
	for _, from := range []time.Duration{0, 2 * hour} { // it holds until it changes
		tool := folded(t, s, report.Query{From: moment(from), To: moment(3 * hour)}).Tool
		got := tool.Access
		got[0].Seq = 0
		if diff := cmp.Diff(want, got); diff != "" || len(tool.AccessLimits) == 0 {
			t.Errorf("access from %s (-want +got):\n%s", from, diff)
		}
	}
}
