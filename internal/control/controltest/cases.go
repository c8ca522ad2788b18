package controltest

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	policyFile = "policy.yaml"
	inputFile  = "input.yaml"
)

// Case is a golden case.
type Case struct {
	// Name is that of its folder in testdata.
	Name string

	// input is what is judged, as files hold it.
	input []byte
	// fixture is what is judged, without what has to be found in it.
	fixture control.Fixture
	// findings are in the form in which the golden file has them.
	findings func(control.Control) any
}

// Options say how Folders reads the inputs of a control type.
type Options struct {
	// Now is the time of every case, zero where the type looks at no time.
	Now time.Time
	// Scoped is true where the type looks at the policy's scope.
	Scoped bool
	// Snapshot reads an input file. Nil reads a snapshot as it is kept.
	Snapshot func(t *testing.T, path string) *control.Snapshot
}

// Folders returns the cases of those folders of testdata that hold a policy.yaml,
// by name: each control of the policy is judged over each input_*.yaml beside it,
// which is one snapshot. The fixture is the first control over the first input.
func Folders(t *testing.T, o Options) []Case {
	t.Helper()
	var cases []Case
	for _, path := range glob(t, filepath.Join("testdata", "*", policyFile)) {
		cases = append(cases, o.folder(t, filepath.Dir(path)))
	}
	return cases
}

func (o Options) folder(t *testing.T, dir string) Case {
	t.Helper()
	content := read(t, filepath.Join(dir, policyFile))
	var policy v1alpha1.ControlPolicy
	fromYAML(t, dir, content, &policy)
	c := Case{Name: filepath.Base(dir), input: append(content, 0)}
	inputs := map[string]map[string]control.Input{}
	for i, path := range glob(t, filepath.Join(dir, "input_*.yaml")) {
		c.input = append(append(c.input, read(t, path)...), 0)
		ofFile := o.inputs(&policy, o.snapshot(t, path))
		inputs[filepath.Base(path)] = ofFile
		if i == 0 {
			c.fixture = fixtureOf(c.Name, ofFile[policy.Spec.Controls[0].ID])
		}
	}
	c.findings = func(judge control.Control) any {
		found := map[string]map[string][]control.Finding{}
		for file, ofFile := range inputs {
			found[file] = map[string][]control.Finding{}
			for id, in := range ofFile {
				found[file][id] = judge.Evaluate(in)
			}
		}
		return found
	}
	return c
}

// inputs are those of the policy's controls, by id.
func (o Options) inputs(policy *v1alpha1.ControlPolicy, snapshot *control.Snapshot) map[string]control.Input {
	all := map[string]control.Input{}
	for _, spec := range policy.Spec.Controls {
		spec.Mode = policy.Spec.Mode
		in := control.Input{Policy: policy.Name, Control: spec, Snapshot: snapshot, Now: o.Now}
		if o.Scoped {
			in.Scope = &policy.Spec.Scope
		}
		in.Backup = backupOf(policy, spec)
		all[spec.ID] = in
	}
	return all
}

// backupOf is the control of the policy that a restoreTest names, or nil.
func backupOf(policy *v1alpha1.ControlPolicy, spec v1alpha1.ControlSpec) *v1alpha1.ControlSpec {
	if spec.RestoreTest == nil {
		return nil
	}
	for i := range policy.Spec.Controls {
		if other := &policy.Spec.Controls[i]; other.ID == spec.RestoreTest.BackupControl {
			return other
		}
	}
	return nil
}

func (o Options) snapshot(t *testing.T, path string) *control.Snapshot {
	t.Helper()
	if o.Snapshot != nil {
		return o.Snapshot(t, path)
	}
	snapshot := &control.Snapshot{}
	fromYAML(t, path, read(t, path), snapshot)
	return snapshot
}

// Inputs returns cases of inputs that a test makes, by name. They are kept in the
// folders of testdata, as input.yaml, and judged as they are read back from there:
// nothing counts that the ledger would not keep.
func Inputs(t *testing.T, inputs map[string]control.Input) []Case {
	t.Helper()
	var cases []Case
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		path := filepath.Join("testdata", name, inputFile)
		f := fixtureOf(name, inputs[name])
		kept := toYAML(t, f)
		compare(t, path, kept)
		var back control.Fixture
		fromYAML(t, path, read(t, path), &back)
		cases = append(cases, Case{Name: name, input: kept, fixture: f, findings: func(c control.Control) any { return c.Evaluate(back.Input()) }})
	}
	return cases
}

// fixtureOf is an input as a fixture, without what a control says for its readers.
func fixtureOf(name string, in control.Input) control.Fixture {
	spec := in.Control
	spec.Statement, spec.Owner, spec.Criteria = "", "", nil
	return control.Fixture{Name: name, Control: spec, Scope: in.Scope, Backup: in.Backup, Snapshot: in.Snapshot, Now: in.Now}
}
