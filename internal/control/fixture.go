package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// SelfTester is a control type that brings fixtures, by which a process finds
// out whether its evaluator judges as it should.
type SelfTester interface {
	// Fixtures holds one Fixture in each file, as JSON: known good, and known bad.
	Fixtures() fs.FS
}

// Fixture is an input of an evaluator, and what has to be found in it.
type Fixture struct {
	Name     string               `json:"name"`
	Control  v1alpha1.ControlSpec `json:"control"`
	Snapshot *Snapshot            `json:"snapshot"`
	// Scope is the policy's scope, for types that look at it.
	Scope *v1alpha1.Scope `json:"scope,omitempty"`
	// Backup is the control that a restoreTest names.
	Backup *v1alpha1.ControlSpec `json:"backup,omitempty"`
	// Now is the time of the evaluation; absent means when the namespace came to be.
	Now time.Time `json:"now,omitzero"`
	// Want is the verdict of each rule, in the order of the findings.
	Want []Verdict `json:"want"`
}

// Input is what the evaluator is given.
func (f *Fixture) Input() Input {
	now := f.Now
	if now.IsZero() {
		now = f.Snapshot.Namespace.CreatedAt
	}
	return Input{Policy: "self-test", Control: f.Control, Scope: f.Scope, Backup: f.Backup, Snapshot: f.Snapshot, Now: now}
}

// Verdict is what a finding says but for its words.
type Verdict struct {
	Rule     string   `json:"rule"`
	Outcome  Outcome  `json:"outcome"`
	Reason   string   `json:"reason"`
	Culprits []string `json:"culprits,omitempty"`
}

// VerdictsOf are the verdicts of findings.
func VerdictsOf(findings []Finding) []Verdict {
	verdicts := make([]Verdict, 0, len(findings))
	for i := range findings {
		f := &findings[i]
		verdicts = append(verdicts, Verdict{f.Rule, f.Outcome, f.Reason, f.Culprits})
	}
	return verdicts
}

// Expects reports whether findings are what has to be found.
func (f *Fixture) Expects(findings []Finding) bool {
	return slices.EqualFunc(f.Want, VerdictsOf(findings), func(a, b Verdict) bool {
		return a.Rule == b.Rule && a.Outcome == b.Outcome && a.Reason == b.Reason && slices.Equal(a.Culprits, b.Culprits)
	})
}

// ReadFixtures reads the fixtures of files, by file name.
func ReadFixtures(files fs.FS) ([]Fixture, error) {
	var fixtures []Fixture
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		var f Fixture
		decoder := json.NewDecoder(bytes.NewReader(content))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&f); err != nil {
			return fmt.Errorf("fixture %s: %w", path, err)
		}
		fixtures = append(fixtures, f)
		return nil
	})
	return fixtures, err
}
