package networkisolation

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// selfTested are the golden cases that every process judges. Together they have
// each rule Conforming, and each Deviating, that can be.
var selfTested = []string{"absent", "allow-all", "conforming", "every-rule", "host-network", "inventory-forbidden", "terminating",
	"tiers-overridden", "uncovered", "unreadable"}

// TestE16FixturesAreGoldenCases: what a process judges itself by is what the
// golden cases are, and has good and bad of each rule.
func TestE16FixturesAreGoldenCases(t *testing.T) {
	outcomes := map[string][]control.Outcome{}
	for _, name := range selfTested {
		path := filepath.Join("selftest", name+".json")
		want, err := json.MarshalIndent(fixtureOf(t, name), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, '\n')
		if os.Getenv(updateVariable) != "" {
			write(t, path, want)
		}
		if diff := cmp.Diff(string(want), string(read(t, path))); diff != "" {
			t.Errorf("%s is not what the golden case is (-golden +fixture), run with %s=1:\n%s", path, updateVariable, diff)
		}
	}
	read, err := control.ReadFixtures(Control{}.Fixtures())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range read {
		names = append(names, f.Name)
		for _, v := range f.Want {
			outcomes[v.Rule] = append(outcomes[v.Rule], v.Outcome)
		}
		if found := (Control{}).Evaluate(control.Input{Control: f.Control, Snapshot: f.Snapshot}); !f.Expects(found) {
			t.Errorf("%s: found %+v, want %+v", f.Name, control.VerdictsOf(found), f.Want)
		}
	}
	if diff := cmp.Diff(selfTested, names); diff != "" {
		t.Errorf("fixtures (-want +got):\n%s", diff)
	}
	for _, rule := range []string{RuleDenyIngress, RuleDenyEgress, RuleOpenRules, RuleCoverage, RuleExposure, RuleInventory, RuleTiers} {
		if got := outcomes[rule]; !slices.Contains(got, control.Conforming) || !slices.Contains(got, control.Deviating) {
			t.Errorf("%s is %v, want both Conforming and Deviating", rule, got)
		}
	}
}

// fixtureOf makes a fixture of a golden case.
func fixtureOf(t *testing.T, name string) control.Fixture {
	t.Helper()
	dir := filepath.Join("testdata", name)
	var policy v1alpha1.ControlPolicy
	if err := yaml.UnmarshalStrict(read(t, filepath.Join(dir, policyFile)), &policy); err != nil {
		t.Fatal(err)
	}
	spec := policy.Spec.Controls[0]
	f := control.Fixture{Name: name, Snapshot: readSnapshot(t, inputFiles(t, dir)[0]), Control: v1alpha1.ControlSpec{
		ID: spec.ID, Mode: policy.Spec.Mode, NetworkIsolation: spec.NetworkIsolation}}
	for _, byControl := range evaluateFolder(t, dir) {
		f.Want = control.VerdictsOf(byControl[spec.ID])
	}
	return f
}
