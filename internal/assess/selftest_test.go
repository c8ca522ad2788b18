package assess

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// tester is a control type with fixtures.
type tester struct {
	typ
	fixtures fs.FS
}

func (c tester) Fixtures() fs.FS { return c.fixtures }

// fixtures are n fixtures in which a namespace named as the fixture has to deviate.
func fixtures(t *testing.T, n int) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for i := range n {
		name := fmt.Sprintf("case-%02d", i)
		data, err := json.Marshal(control.Fixture{Name: name, Snapshot: &control.Snapshot{Namespace: production(name)},
			Want: []control.Verdict{{Rule: "R-1", Outcome: control.Deviating, Reason: "Absent"}}})
		if err != nil {
			t.Fatal(err)
		}
		files[name+".json"] = &fstest.MapFile{Data: data}
	}
	return files
}

func found(outcome control.Outcome) func(control.Input) []control.Finding {
	return func(control.Input) []control.Finding {
		return []control.Finding{{Rule: "R-1", Outcome: outcome, Reason: "Absent"}}
	}
}

// TestE16SelfTest: an evaluator that finds anything else, panics, or has nothing
// to be tested by, fails.
func TestE16SelfTest(t *testing.T) {
	names := func(n int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprintf("case-%02d", i))
		}
		return names
	}
	panics := func(control.Input) []control.Finding { panic("boom") }
	cases := map[string]struct {
		kind control.Control
		want ledger.SelfTestBody
	}{
		"as it has to be":     {tester{typ{found(control.Deviating)}, fixtures(t, 2)}, ledger.SelfTestBody{Fixtures: 2}},
		"everything conforms": {tester{typ{found(control.Conforming)}, fixtures(t, 2)}, ledger.SelfTestBody{Fixtures: 2, Failed: names(2)}},
		"it panics":           {tester{typ{panics}, fixtures(t, 1)}, ledger.SelfTestBody{Fixtures: 1, Failed: names(1)}},
		"many fail":           {tester{typ{found(control.Conforming)}, fixtures(t, 20)}, ledger.SelfTestBody{Fixtures: 20, Failed: names(16), MoreFailed: 4}},
		"no fixture":          {tester{typ{found(control.Deviating)}, fstest.MapFS{}}, ledger.SelfTestBody{Failed: []string{noFixtures}}},
		"an unreadable one": {tester{typ{found(control.Deviating)}, fstest.MapFS{"a.json": {Data: []byte(`{"title": ""}`)}}},
			ledger.SelfTestBody{Failed: []string{noFixtures}}},
		"one without a snapshot": {tester{typ{found(control.Deviating)}, fstest.MapFS{"a.json": {Data: []byte(`{"name": "a"}`)}}},
			ledger.SelfTestBody{Failed: []string{noFixtures}}},
		"a type without fixtures": {typ{found(control.Deviating)}, ledger.SelfTestBody{Failed: []string{noFixtures}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := SelfTest(controls.Type{Name: "some", Control: tc.kind})
			if (got.Digest == "") != (got.Fixtures == 0) {
				t.Errorf("%d fixtures have the digest %q", got.Fixtures, got.Digest)
			}
			got.Digest = ""
			tc.want.Type, tc.want.EvaluatorVersion = "some", 7
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("self-test (-want +got):\n%s", diff)
			}
		})
	}
}

// TestE16FixturesHaveTheirTime: evaluators whose verdicts depend on it are tested at
// the time that a fixture states.
func TestE16FixturesHaveTheirTime(t *testing.T) {
	for name, tc := range map[string]struct{ stated, want time.Time }{
		"stated":     {noon.Add(48 * time.Hour), noon.Add(48 * time.Hour)},
		"not stated": {time.Time{}, production("a").CreatedAt},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := json.Marshal(control.Fixture{Name: "a", Now: tc.stated, Scope: &v1alpha1.Scope{}, Snapshot: &control.Snapshot{Namespace: production("a")}})
			if err != nil {
				t.Fatal(err)
			}
			evaluate := func(in control.Input) []control.Finding {
				if !in.Now.Equal(tc.want) || in.Scope == nil {
					t.Errorf("evaluated at %s with scope %v, want at %s", in.Now, in.Scope, tc.want)
				}
				return nil
			}
			SelfTest(controls.Type{Name: "some", Control: tester{typ{evaluate}, fstest.MapFS{"a.json": {Data: data}}}})
		})
	}
}

// TestE16EveryTypeIsTested: every control type has fixtures, some known good and
// some known bad, and judges them as it has to.
func TestE16EveryTypeIsTested(t *testing.T) {
	for _, typ := range controls.All() {
		if body := SelfTest(typ); len(body.Failed) > 0 || body.Fixtures == 0 {
			t.Errorf("got %+v", body)
		}
		read, err := fixturesOf(typ)
		if err != nil {
			t.Fatal(err)
		}
		good, bad := 0, 0
		for _, f := range read {
			worst := control.Conforming
			for _, v := range f.Want {
				if v.Outcome != control.Conforming && v.Outcome != control.NotApplicable {
					worst = v.Outcome
				}
			}
			if worst == control.Conforming {
				good++
			}
			if worst == control.Deviating {
				bad++
			}
		}
		if good == 0 || bad == 0 {
			t.Errorf("%s has %d known good fixtures, and %d known bad ones", typ.Name, good, bad)
		}
	}
}

func TestE16Distrust(t *testing.T) {
	u := judgedBy(t, found(control.Conforming))[0]
	u.Distrust()
	want := control.State{Outcome: control.NotEvaluated, Basis: control.BasisConfiguration,
		Rules: []control.RuleState{{Reason: control.ReasonSelfTestFailed}}}
	if diff := cmp.Diff(want, u.State); diff != "" || !u.Distrusted || len(u.Failing()) > 0 {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}
