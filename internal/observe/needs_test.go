package observe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestWhatReadsTheLedgerKnowsEveryKind: a gap of a kind is held against the controls
// that need it, by those who know of the observer only what it writes.
func TestWhatReadsTheLedgerKnowsEveryKind(t *testing.T) {
	needs := map[string][]control.Need{}
	for _, s := range always("", defaultDNS()) {
		needs[s.id] = s.needs
	}
	for _, o := range optionals() {
		needs[o.id] = o.needs
	}
	for id, want := range needs {
		sorted := cmpopts.SortSlices(func(a, b control.Need) bool { return a < b })
		if diff := cmp.Diff(want, control.NeedsOf(id), sorted); diff != "" {
			t.Errorf("%s (-observed +read):\n%s", id, diff)
		}
	}
}
