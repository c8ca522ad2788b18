package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// toldTo is what an observer was told to observe.
type toldTo struct {
	needs []control.Need
	plans []types.NamespacedName
}

func (o *toldTo) Demand(needs ...control.Need)              { o.needs = needs }
func (o *toldTo) DemandPlans(plans ...types.NamespacedName) { o.plans = plans }

// TestWhatIsObservedFollowsThePolicies: all that is needed, and no more.
func TestWhatIsObservedFollowsThePolicies(t *testing.T) {
	needing := func(needs ...control.Need) *definition {
		d := defined(t, policy("p"))
		d.Controls[0].Needs = needs
		return d
	}
	var got toldTo
	d := demands{by: map[string]demanded{}, observer: &got}
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
		d.of(step.policy, step.def)
		if diff := cmp.Diff(step.want, got.needs); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
}

// TestPlansThatAreObserved: those of the backup controls, and of both definitions while
// one takes the place of the other.
func TestPlansThatAreObserved(t *testing.T) {
	resting := func(plan string) *definition {
		return defined(t, policy("p", func(p *v1alpha1.ControlPolicy) {
			p.Spec.Controls[0].NetworkIsolation = nil
			p.Spec.Controls[0].Backup = &v1alpha1.Backup{Provider: v1alpha1.BackupByVelero, Schedule: "0 * * * *", Velero: &v1alpha1.VeleroBackup{Plan: plan}}
		}))
	}
	own := types.NamespacedName{Namespace: "velero", Name: "holdfast-p-net-1"}
	theirs := types.NamespacedName{Namespace: "velero", Name: "daily"}
	steps := []struct {
		defs []*definition
		want []types.NamespacedName
	}{
		{[]*definition{nil, resting("")}, []types.NamespacedName{own}},
		{[]*definition{resting(""), resting("daily")}, []types.NamespacedName{own, theirs}},
		{[]*definition{resting("daily")}, []types.NamespacedName{theirs}},
		{[]*definition{defined(t, policy("p"))}, nil},
		{nil, nil},
	}
	var got toldTo
	d := demands{by: map[string]demanded{}, observer: &got}
	for i, step := range steps {
		d.of("p", step.defs...)
		if diff := cmp.Diff(step.want, got.plans); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
}
