package ledger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// RestoreRecord is the newest restore test in a scope that a control asked for.
type RestoreRecord struct {
	// UID is that of the scope's own subject.
	UID string `json:"uid"`
	// Observations names what was seen: an object.
	Observations string `json:"observations"`
	// At is when it ended, ValidUntil until when it counts.
	At         Time `json:"at"`
	ValidUntil Time `json:"validUntil"`
}

// maxRestores bounds the controls whose tests are remembered in one scope. A test
// that is forgotten is made again.
const maxRestores = 16

// Restores are the newest restore tests in a scope, each once, by time.
func (k *Known) Restores(scope string) []RestoreRecord {
	tests := slices.SortedFunc(maps.Values(k.evidence.Restores[scope]), func(a, b RestoreRecord) int {
		return cmp.Or(a.At.Compare(b.At.Time), cmp.Compare(a.Observations, b.Observations))
	})
	return slices.CompactFunc(tests, func(a, b RestoreRecord) bool {
		return a.Observations == b.Observations && a.At.Equal(b.At.Time)
	})
}

// Read reads what the test saw from the content of its object.
func (r *RestoreRecord) Read(data []byte) ([]control.Observation, error) {
	var seen []control.Observation
	if err := json.Unmarshal(data, &seen); err != nil {
		return nil, fmt.Errorf("observations of a restore test: %w", err)
	}
	for i := range seen {
		seen[i].At, seen[i].ValidUntil = r.At.Time, r.ValidUntil.Time
	}
	return seen, nil
}

// restoreTested takes in a restore test.
func (k *Known) restoreTested(e *Entry) {
	if e.Probe.Of != control.ProbeRestore {
		return
	}
	scope := ScopeOf(*e.Subject)
	tests := maps.Clone(k.evidence.Restores[scope])
	if tests == nil {
		tests = map[string]RestoreRecord{}
	}
	for _, asked := range e.Probe.For {
		tests[BackupKey(asked.Policy, asked.Control)] = RestoreRecord{
			UID: e.Subject.UID, Observations: e.Probe.Observations, At: e.ObservedAt, ValidUntil: e.Probe.ValidUntil}
	}
	byAge := slices.SortedFunc(maps.Keys(tests), func(a, b string) int {
		return cmp.Or(tests[a].At.Compare(tests[b].At.Time), cmp.Compare(a, b))
	})
	for _, key := range byAge[:max(0, len(byAge)-maxRestores)] {
		delete(tests, key)
	}
	k.editRestores(scope, tests)
}

// restoresDropped forgets the restore tests of a namespace that is gone.
func (k *Known) restoresDropped(ns control.Subject) {
	tests := maps.Clone(k.evidence.Restores[ScopeOf(ns)])
	if len(tests) == 0 {
		return
	}
	maps.DeleteFunc(tests, func(_ string, r RestoreRecord) bool { return r.UID == ns.UID })
	k.editRestores(ScopeOf(ns), tests)
}

func (k *Known) editRestores(scope string, tests map[string]RestoreRecord) {
	k.editEvidence(func(s *EvidenceState) {
		s.Restores = maps.Clone(s.Restores)
		switch {
		case len(tests) == 0:
			delete(s.Restores, scope)
		case s.Restores == nil:
			s.Restores = map[string]map[string]RestoreRecord{scope: tests}
		default:
			s.Restores[scope] = tests
		}
	})
}
