package encryptionintransit

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestE16FixturesAreGoldenCases: what a process judges itself by is what the
// golden cases are, and has good and bad of each rule.
func TestE16FixturesAreGoldenCases(t *testing.T) {
	var names []string
	for _, dir := range goldenFolders(t) {
		name := filepath.Base(dir)
		names = append(names, name)
		golden(t, filepath.Join("selftest", name+".json"), indented(t, fixtureOf(t, name)))
	}
	fixtures, err := control.ReadFixtures(Control{}.Fixtures())
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	outcomes := map[string][]control.Outcome{}
	for i := range fixtures {
		f := &fixtures[i]
		read = append(read, f.Name)
		for _, v := range f.Want {
			outcomes[v.Rule] = append(outcomes[v.Rule], v.Outcome)
		}
		if found := (Control{}).Evaluate(f.Input()); !f.Expects(found) {
			t.Errorf("%s: found %+v, want %+v", f.Name, control.VerdictsOf(found), f.Want)
		}
	}
	if diff := cmp.Diff(names, read); diff != "" {
		t.Errorf("fixtures (-want +got):\n%s", diff)
	}
	for _, rule := range rules() {
		got := outcomes[rule]
		for _, want := range []control.Outcome{control.Conforming, control.Deviating, control.NotEvaluated} {
			if !slices.Contains(got, want) {
				t.Errorf("%s is %v, never %s", rule, got, want)
			}
		}
	}
}

func rules() []string {
	return []string{RuleCoverage, RuleCertificates, RuleRedirect, RuleGateways, RuleMesh, RuleServices, RuleIssued, RuleAPIServer, RuleHandshake, RuleGuard}
}

// fixtureOf makes a fixture of a golden case, which has one control and one input.
func fixtureOf(t *testing.T, name string) control.Fixture {
	t.Helper()
	dir := filepath.Join("testdata", name)
	policy := readPolicy(t, dir)
	spec := policy.Spec.Controls[0]
	f := control.Fixture{
		Name: name, Snapshot: readSnapshot(t, inputFiles(t, dir)[0]), Scope: &policy.Spec.Scope, Now: now,
		Control: v1alpha1.ControlSpec{ID: spec.ID, Mode: policy.Spec.Mode, EncryptionInTransit: spec.EncryptionInTransit},
	}
	f.Want = control.VerdictsOf(Control{}.Evaluate(f.Input()))
	return f
}
