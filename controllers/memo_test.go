package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// TestSkippedStatesShow (E43): a UID that changed, or a generation that advanced
// by more than one, is a state that nobody judged.
func TestSkippedStatesShow(t *testing.T) {
	object := func(uid string, generation int64) *control.Identity {
		return &control.Identity{UID: uid, Generation: generation}
	}
	cases := map[string]struct {
		passes []*control.Identity // nil where the object is absent
		own    *control.Identity   // what this process left after the first pass
		remove bool                // whether it removed the object after the first pass
		want   []bool
	}{
		"seen for the first time":                     {[]*control.Identity{object("1", 9)}, nil, false, []bool{false}},
		"as it was":                                   {[]*control.Identity{object("1", 1), object("1", 1)}, nil, false, []bool{false, false}},
		"one edit":                                    {[]*control.Identity{object("1", 1), object("1", 2)}, nil, false, []bool{false, false}},
		"two edits":                                   {[]*control.Identity{object("1", 1), object("1", 3), object("1", 4)}, nil, false, []bool{false, true, false}},
		"deleted and created again":                   {[]*control.Identity{object("1", 1), object("2", 1)}, nil, false, []bool{false, true}},
		"its absence was seen":                        {[]*control.Identity{object("1", 1), nil, object("2", 1)}, nil, false, []bool{false, false, false}},
		"repaired in between":                         {[]*control.Identity{object("1", 1), object("1", 3)}, object("1", 2), false, []bool{false, false}},
		"created by ourselves":                        {[]*control.Identity{nil, object("1", 2)}, object("1", 1), false, []bool{false, false}},
		"two edits after a repair":                    {[]*control.Identity{object("1", 1), object("1", 4)}, object("1", 2), false, []bool{false, true}},
		"removed by ourselves, and created by others": {[]*control.Identity{object("1", 1), object("2", 1)}, nil, true, []bool{false, false}},
		"removed and applied by ourselves":            {[]*control.Identity{object("1", 1), object("2", 2)}, object("2", 1), true, []bool{false, false}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := &memo{}
			for i, id := range tc.passes {
				snapshot := &control.Snapshot{}
				if id != nil {
					snapshot.NetworkPolicies = []control.NetworkPolicy{{Name: "np", Identity: *id}}
				}
				skips := m.skipped(snapshot)
				if got := len(skips) == 1; got != tc.want[i] {
					t.Errorf("pass %d: skipped is %t, want %t", i, got, tc.want[i])
				}
				if len(skips) == 1 && (skips[0].name != "np" || skips[0].after != *id) {
					t.Errorf("pass %d: got %+v", i, skips[0])
				}
				if i == 0 && tc.remove {
					m.removed("np")
				}
				if i == 0 && tc.own != nil {
					m.saw("np", *tc.own)
				}
			}
		})
	}
}

func TestAnotherNamespaceOfTheNameStartsAfresh(t *testing.T) {
	m := memos{by: map[string]*memo{}}
	first := m.of(control.Namespace{Name: "a", UID: "1"})
	if again := m.of(control.Namespace{Name: "a", UID: "1"}); again != first {
		t.Error("the same namespace has another memo")
	}
	if other := m.of(control.Namespace{Name: "a", UID: "2"}); other == first {
		t.Error("another namespace of the name has the memo of the first")
	}
	m.forget("a")
	if len(m.by) != 0 {
		t.Error("what is forgotten is kept")
	}
}

func TestRepairsThatFailBackOff(t *testing.T) {
	m := &memo{}
	var got []time.Duration
	for i := range 12 {
		again, retry := m.failing(objectOf("np"), "Forbidden")
		if again != (i > 0) {
			t.Errorf("failure %d: the same again is %t", i, again)
		}
		got = append(got, retry)
	}
	ms := time.Millisecond
	want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, lastRetry, lastRetry, lastRetry}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("retries (-want +got):\n%s", diff)
	}
	for range 100 {
		if _, retry := m.failing(objectOf("np"), "Forbidden"); retry != lastRetry {
			t.Fatalf("got %s, want it to stay at the longest", retry)
		}
	}
	if again, retry := m.failing(objectOf("np"), "Invalid"); again || retry != firstRetry {
		t.Errorf("another failure: got %t and %s", again, retry)
	}
	if again, _ := m.failing(objectOf("other"), "Invalid"); again {
		t.Error("another object's failure is the same again")
	}
	m.repaired(changeOf("np"), nil)
	if again, retry := m.failing(objectOf("np"), "Invalid"); again || retry != firstRetry {
		t.Errorf("after a repair: got %t and %s", again, retry)
	}
}

// TestRepairsAreRememberedUntilTheStateIsRecorded: also where the unit could not
// be evaluated in between.
func TestRepairsAreRememberedUntilTheStateIsRecorded(t *testing.T) {
	d := defined(t, policy("p"))
	unitOf := func(name string, outcome control.Outcome) unit {
		return unit{assess.Unit{Def: d.Definition, Control: &d.Controls[0], Subject: production(name).Subject(), State: control.State{Outcome: outcome}}, d}
	}
	deviating, conforming := unitOf("a", control.Deviating), unitOf("b", control.Conforming)
	m := &memo{}
	if m.ours(&deviating) {
		t.Error("what nobody repaired is ours")
	}
	m.repaired(changeOf("np"), []unit{deviating, conforming})
	after := unitOf("a", control.Conforming)
	if !m.ours(&after) {
		t.Error("what was repaired is not ours")
	}
	if m.ours(&after) {
		t.Error("what is recorded is remembered still")
	}
	if m.ours(&conforming) {
		t.Error("what conformed before is ours")
	}
}

func TestBackOffIsRecordedOnce(t *testing.T) {
	m := &memo{}
	for i, until := range []time.Time{noon, noon, noon.Add(time.Minute), noon.Add(time.Minute)} {
		if got, want := m.backedOff(objectOf("np"), until), i%2 == 0; got != want {
			t.Errorf("back-off %d: another one is %t, want %t", i, got, want)
		}
	}
}

func TestJudgedGenerations(t *testing.T) {
	m := &memo{}
	if m.generations != nil {
		t.Error("judged before the first time")
	}
	m.judged(&definitions{}, noon)
	if m.generations == nil {
		t.Error("judged under no policy is not judged")
	}
	d := defined(t, policy("p"))
	m.judged(&definitions{sorted: []*definition{d}}, noon)
	if diff := cmp.Diff(map[string]int64{"p": 1}, m.generations); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNewSubjectAfterARestart: a namespace that a pass looked at before the
// policies were in force is new all the same.
func TestNewSubjectAfterARestart(t *testing.T) {
	restart := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		since time.Time
		held  []string
		want  bool
	}{
		"policy older than the process":                 {restart.Add(-time.Hour), nil, false},
		"policy older, held against another":            {restart.Add(-time.Hour), []string{"q"}, false},
		"policy older, held against it, out of scope":   {restart.Add(-time.Hour), []string{"p"}, true},
		"policy made after the namespace was looked at": {restart.Add(time.Hour), []string{"q"}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := &memo{}
			m.meet(restart)
			m.meet(restart.Add(2 * time.Hour))
			all := &definitions{}
			for _, policy := range tc.held {
				all.sorted = append(all.sorted, &definition{Definition: &assess.Definition{Name: policy}})
			}
			m.judged(all, restart)
			if got := m.knew("p", tc.since); got != tc.want {
				t.Errorf("knew the namespace: %t, want %t", got, tc.want)
			}
		})
	}
}

// changeOf is a change of a NetworkPolicy.
func changeOf(name string) enforce.Change {
	return enforce.Change{Change: control.Change{APIVersion: networkPolicyAPI, Kind: networkPolicyKind, Name: name}}
}

func objectOf(name string) enforce.Object { return enforce.ObjectOf(changeOf(name).Change) }
