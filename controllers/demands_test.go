package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestWhatIsObservedFollowsThePolicies: all that is needed, and no more.
func TestWhatIsObservedFollowsThePolicies(t *testing.T) {
	needing := func(needs ...control.Need) *definition {
		d := defined(t, policy("p"))
		d.Controls[0].Needs = needs
		return d
	}
	d := demands{by: map[string][]control.Need{}}
	steps := []struct {
		policy string
		def    *definition
		want   []control.Need
	}{
		{"p", needing(control.NeedVolumes, control.NeedPods), []control.Need{control.NeedPods, control.NeedVolumes}},
		{"q", needing(control.NeedMesh, control.NeedPods), []control.Need{control.NeedMesh, control.NeedPods, control.NeedVolumes}},
		{"p", needing(control.NeedIngresses), []control.Need{control.NeedIngresses, control.NeedMesh, control.NeedPods}},
		{"q", nil, []control.Need{control.NeedIngresses}},
		{"p", nil, nil},
	}
	for i, step := range steps {
		var got []control.Need
		d.of(step.policy, step.def, func(needs ...control.Need) { got = needs })
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
}
