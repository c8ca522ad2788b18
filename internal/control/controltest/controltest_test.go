package controltest

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// named is a control type that finds namespaces without a name.
type named struct{}

const rule = "X-01"

func (named) Needs(v1alpha1.ControlSpec) []control.Need { return nil }
func (named) EvaluatorVersion() int                     { return 3 }

func (named) Evaluate(in control.Input) []control.Finding {
	f := control.Finding{Rule: rule, Outcome: control.Conforming, Reason: "Named"}
	if in.Snapshot.Namespace.Name == "" {
		f.Outcome, f.Reason, f.Culprits = control.Deviating, "Nameless", []string{"a", "b"}
	}
	if in.Scope != nil && !in.Now.IsZero() {
		f.Message = in.Control.ID + " at " + in.Now.Format(time.DateOnly)
	}
	return []control.Finding{f}
}

//go:embed testdata/selftest
var files embed.FS

// Fixtures implements control.SelfTester.
func (named) Fixtures() fs.FS {
	below, err := fs.Sub(files, "testdata/selftest")
	if err != nil {
		panic(err)
	}
	return below
}

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// elsewhere makes a folder with two cases, and goes there.
func elsewhere(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for path, content := range map[string]string{
		"testdata/good/policy.yaml":   "metadata: {name: p}\nspec: {mode: Enforce, scope: {cluster: Included}, controls: [{id: A, statement: Names.}, {id: B}]}\n",
		"testdata/good/input_x.yaml":  "namespace: {name: web}\n",
		"testdata/good/input_y.yaml":  "namespace: {name: shop}\n",
		"testdata/bad/policy.yaml":    "metadata: {name: p}\nspec: {mode: Observe, scope: {}, controls: [{id: A}]}\n",
		"testdata/bad/input_web.yaml": "namespace: {uid: u1}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSuite: what is written is what is compared from then on.
func TestSuite(t *testing.T) {
	elsewhere(t)
	for _, update := range []string{"1", ""} {
		t.Setenv(updateVariable, update)
		s := Suite{Control: named{}, Cases: Folders(t, Options{Now: now, Scoped: true})}
		s.TestFindings(t)
		s.TestEvaluatorVersion(t)
		s.TestFixtures(t, []string{rule}, control.Conforming, control.Deviating)
	}
	var golden map[string]map[string][]control.Finding
	path := filepath.Join("testdata", "good", goldenFile)
	fromYAML(t, path, read(t, path), &golden)
	got := map[string]string{}
	for file, ofFile := range golden {
		for id, found := range ofFile {
			got[file+" "+id] = found[0].Message
		}
	}
	want := map[string]string{
		"input_x.yaml A": "A at 2026-03-01", "input_x.yaml B": "B at 2026-03-01",
		"input_y.yaml A": "A at 2026-03-01", "input_y.yaml B": "B at 2026-03-01",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestInputs: a case that a test makes is kept, and judged as it is read back.
func TestInputs(t *testing.T) {
	elsewhere(t)
	t.Setenv(updateVariable, "1")
	in := control.Input{
		Control:  v1alpha1.ControlSpec{ID: "A", Owner: "team", Mode: v1alpha1.ModeObserve},
		Snapshot: &control.Snapshot{Versions: map[control.Need]string{control.NeedPods: "17"}},
	}
	cases := Inputs(t, map[string]control.Input{"made": in})
	var kept control.Fixture
	fromYAML(t, inputFile, read(t, "testdata/made/"+inputFile), &kept)
	want := control.Fixture{Name: "made", Control: v1alpha1.ControlSpec{ID: "A", Mode: v1alpha1.ModeObserve}, Snapshot: &control.Snapshot{}}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	wantFound := []control.Finding{{Rule: rule, Outcome: control.Deviating, Reason: "Nameless", Culprits: []string{"a", "b"}}}
	if diff := cmp.Diff(any(wantFound), cases[0].findings(named{})); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestUnversioned(t *testing.T) {
	was := versions{EvaluatorVersion: 1, Cases: map[string]digests{"a": {Input: "1", Findings: "1"}}}
	cases := map[string]struct {
		version int
		cases   map[string]digests
		want    []string
	}{
		"nothing changed":           {version: 1, cases: map[string]digests{"a": {Input: "1", Findings: "1"}}},
		"a case added":              {version: 1, cases: map[string]digests{"a": {Input: "1", Findings: "1"}, "b": {Input: "2", Findings: "2"}}},
		"a case removed":            {version: 1},
		"another input":             {version: 1, cases: map[string]digests{"a": {Input: "2", Findings: "2"}}},
		"same input, other found":   {version: 1, cases: map[string]digests{"a": {Input: "1", Findings: "2"}}, want: []string{"a"}},
		"other found, new version":  {version: 2, cases: map[string]digests{"a": {Input: "1", Findings: "2"}}},
		"nothing found, no version": {cases: map[string]digests{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			is := versions{EvaluatorVersion: tc.version, Cases: tc.cases}
			if diff := cmp.Diff(tc.want, unversioned(was, is)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	fixtures := []control.Fixture{
		{Want: []control.Verdict{{Rule: "A", Outcome: control.Conforming}, {Rule: "B", Outcome: control.Deviating}}},
		{Want: []control.Verdict{{Rule: "A", Outcome: control.Deviating}}},
	}
	want := []string{"B Conforming", "C Conforming", "C Deviating"}
	got := missing(fixtures, []string{"A", "B", "C"}, []control.Outcome{control.Conforming, control.Deviating})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFindingOf(t *testing.T) {
	in := control.Input{Snapshot: &control.Snapshot{}}
	if got, want := Summary(FindingOf(t, named{}, in, rule)), "Deviating Nameless: a, b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	Set(t, in.Snapshot, `namespace: {name: web}`)
	Add(t, &in.Snapshot.Volumes, `name: pv-1`)
	if got, want := Summary(FindingOf(t, named{}, in, rule)), "Conforming Named"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(in.Snapshot.Volumes) != 1 || in.Snapshot.Volumes[0].Name != "pv-1" {
		t.Errorf("the volumes are %+v", in.Snapshot.Volumes)
	}
}
