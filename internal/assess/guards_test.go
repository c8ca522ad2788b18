package assess

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestGuardElsewhere: of the controls of a policy that may state a guard, one answers
// for what is left of it.
func TestGuardElsewhere(t *testing.T) {
	rest := func(id string, v *v1alpha1.VolumeEncryption) v1alpha1.ControlSpec {
		return v1alpha1.ControlSpec{ID: id, EncryptionAtRest: &v1alpha1.EncryptionAtRest{Volumes: v}}
	}
	transit := func(id string, i *v1alpha1.IngressEncryption) v1alpha1.ControlSpec {
		return v1alpha1.ControlSpec{ID: id, EncryptionInTransit: &v1alpha1.EncryptionInTransit{Ingress: i}}
	}
	guard := &v1alpha1.VolumeEncryption{Guard: &v1alpha1.VolumeGuard{}}
	edge := &v1alpha1.IngressEncryption{Guard: &v1alpha1.IngressGuard{}}
	observed := func(c v1alpha1.ControlSpec) v1alpha1.ControlSpec {
		c.Mode = v1alpha1.ModeObserve
		return c
	}
	for name, tc := range map[string]struct {
		controls []v1alpha1.ControlSpec
		without  bool
		want     []bool
	}{
		"one that states it":         {controls: []v1alpha1.ControlSpec{rest("A", guard)}, want: []bool{false}},
		"one that does not":          {controls: []v1alpha1.ControlSpec{rest("A", nil)}, want: []bool{false}},
		"the second states it":       {controls: []v1alpha1.ControlSpec{rest("A", nil), rest("B", guard)}, want: []bool{true, false}},
		"it is only observed":        {controls: []v1alpha1.ControlSpec{rest("A", nil), observed(rest("B", guard))}, want: []bool{true, false}},
		"neither does":               {controls: []v1alpha1.ControlSpec{rest("A", nil), rest("B", nil)}, want: []bool{false, true}},
		"the first only observes":    {controls: []v1alpha1.ControlSpec{observed(rest("A", nil)), rest("B", nil), rest("C", nil)}, want: []bool{false, false, true}},
		"each type has its own":      {controls: []v1alpha1.ControlSpec{rest("A", guard), transit("B", nil), transit("C", nil)}, want: []bool{false, false, true}},
		"in transit":                 {controls: []v1alpha1.ControlSpec{transit("A", nil), transit("B", edge)}, want: []bool{true, false}},
		"the cluster is not judged":  {controls: []v1alpha1.ControlSpec{rest("A", nil), rest("B", nil)}, without: true, want: []bool{false, false}},
		"types without guards apart": {controls: []v1alpha1.ControlSpec{{ID: "A", Backup: &v1alpha1.Backup{Schedule: "0 * * * *"}}, rest("B", nil)}, want: []bool{false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			d := defined(t, policy("p", func(p *v1alpha1.ControlPolicy) {
				p.Spec.Mode, p.Spec.Controls = v1alpha1.ModeEnforce, tc.controls
				if !tc.without {
					withCluster(p)
				}
			}))
			var got, restored []bool
			for _, c := range d.Controls {
				got = append(got, inputOf(d, &c, &control.Snapshot{}, noon).GuardElsewhere)
				r, err := RestoreControl(c.Object.Data)
				if err != nil {
					t.Fatal(err)
				}
				restored = append(restored, r.Control.GuardElsewhere)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("elsewhere (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, restored); diff != "" {
				t.Errorf("restored (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGuardElsewhereIsOfTheDefinition: whoever comes to answer for a guard does so by
// an edit, which is no drift.
func TestGuardElsewhereIsOfTheDefinition(t *testing.T) {
	second := func(v *v1alpha1.VolumeEncryption) string {
		return defined(t, policy("p", encrypting, withCluster, func(p *v1alpha1.ControlPolicy) {
			p.Spec.Mode = v1alpha1.ModeEnforce
			p.Spec.Controls = append(p.Spec.Controls, v1alpha1.ControlSpec{ID: "B", EncryptionAtRest: &v1alpha1.EncryptionAtRest{Volumes: v}})
		})).Controls[0].Digest
	}
	if second(nil) == second(&v1alpha1.VolumeEncryption{Guard: &v1alpha1.VolumeGuard{}}) {
		t.Error("the definition is the same whoever answers for the guard")
	}
}
