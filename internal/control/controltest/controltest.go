// Package controltest is what the tests of control types have in common.
//
// A control type keeps golden cases, one in each folder of its testdata: an input
// of its evaluator, and the findings in findings.golden.yaml. Three tests go with
// them, of a Suite:
//
//	func suite(t *testing.T) controltest.Suite {
//		return controltest.Suite{Control: Control{}, Cases: controltest.Folders(t, controltest.Options{Now: now, Scoped: true})}
//	}
//
//	func TestGolden(t *testing.T)           { suite(t).TestFindings(t) }
//	func TestEvaluatorVersion(t *testing.T) { suite(t).TestEvaluatorVersion(t) }
//	func TestE16FixturesAreGoldenCases(t *testing.T) {
//		suite(t).TestFixtures(t, []string{RuleOne, RuleTwo}, control.Conforming, control.Deviating)
//	}
//
// With UPDATE_GOLDEN=1 in the environment they write what they would compare.
package controltest

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	goldenFile = "findings.golden.yaml"
	// versionFile says for which evaluator version the golden findings hold.
	versionFile = "testdata/evaluator_version.yaml"
)

// Suite is the golden cases of a control type.
type Suite struct {
	// Control is the control type. It is a control.SelfTester too.
	Control control.Control
	// Cases are the golden cases: of Folders, or of Inputs.
	Cases []Case
	// SelfTested are the names of the cases that every process judges itself by:
	// all of them where it is nil.
	SelfTested []string
}

// TestFindings compares what is found in each case with its golden file.
func (s Suite) TestFindings(t *testing.T) {
	t.Helper()
	for _, c := range s.Cases {
		t.Run(c.Name, func(t *testing.T) {
			compare(t, filepath.Join("testdata", c.Name, goldenFile), toYAML(t, c.findings(s.Control)))
		})
	}
	if kept := len(glob(t, filepath.Join("testdata", "*", goldenFile))); kept != len(s.Cases) {
		t.Errorf("testdata has golden findings of %d cases, and there are %d", kept, len(s.Cases))
	}
}

// versions is the content of versionFile.
type versions struct {
	EvaluatorVersion int `json:"evaluatorVersion"`
	// Cases are the golden cases by name.
	Cases map[string]digests `json:"cases"`
}

// digests are the SHA-256 digests of a golden case.
type digests struct {
	Input    string `json:"input"`
	Findings string `json:"findings"`
}

// TestEvaluatorVersion fails when the same input gives other findings than it did
// when the evaluator got its version. The ledger relies on it: entries name the
// version that judged.
func (s Suite) TestEvaluatorVersion(t *testing.T) {
	t.Helper()
	is := versions{EvaluatorVersion: s.Control.EvaluatorVersion(), Cases: map[string]digests{}}
	for _, c := range s.Cases {
		is.Cases[c.Name] = digests{Input: digest(c.input), Findings: digest(toYAML(t, c.findings(s.Control)))}
	}
	var was versions
	if content := readIfAny(t, versionFile); content != nil {
		fromYAML(t, versionFile, content, &was)
	}
	if changed := unversioned(was, is); len(changed) > 0 {
		t.Fatalf("the same input gives other findings in %s: bump EvaluatorVersion", strings.Join(changed, ", "))
	}
	compare(t, versionFile, toYAML(t, is))
}

// unversioned returns the cases whose findings changed though neither their input
// nor the version did, by name.
func unversioned(was, is versions) []string {
	var changed []string
	for name, before := range was.Cases {
		now, found := is.Cases[name]
		if found && now.Input == before.Input && now.Findings != before.Findings && is.EvaluatorVersion == was.EvaluatorVersion {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return changed
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// TestFixtures compares the fixtures of the control type, in its folder selftest,
// with the golden cases that they are. Together they have each of the rules with
// each of the outcomes.
func (s Suite) TestFixtures(t *testing.T, rules []string, outcomes ...control.Outcome) {
	t.Helper()
	var want []string
	for _, c := range s.Cases {
		if s.SelfTested == nil || slices.Contains(s.SelfTested, c.Name) {
			want = append(want, c.Name)
			f := c.fixture
			f.Want = control.VerdictsOf(s.Control.Evaluate(f.Input()))
			compare(t, filepath.Join("selftest", c.Name+".json"), toJSON(t, f))
		}
	}
	if updating() {
		return // what was just written is not part of the process yet
	}
	fixtures, err := control.ReadFixtures(s.Control.(control.SelfTester).Fixtures())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range fixtures {
		f := &fixtures[i]
		got = append(got, f.Name)
		if found := s.Control.Evaluate(f.Input()); !f.Expects(found) {
			t.Errorf("%s: found %+v, want %+v", f.Name, control.VerdictsOf(found), f.Want)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fixtures (-want +got):\n%s", diff)
	}
	for _, absent := range missing(fixtures, rules, outcomes) {
		t.Errorf("no fixture has %s", absent)
	}
}

// missing returns the rules, each with an outcome that no fixture has of it.
func missing(fixtures []control.Fixture, rules []string, outcomes []control.Outcome) []string {
	had := map[string]bool{}
	for i := range fixtures {
		for _, v := range fixtures[i].Want {
			had[v.Rule+" "+string(v.Outcome)] = true
		}
	}
	var absent []string
	for _, rule := range rules {
		for _, outcome := range outcomes {
			if verdict := rule + " " + string(outcome); !had[verdict] {
				absent = append(absent, verdict)
			}
		}
	}
	return absent
}
