package assess

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestControlsLookAtWhatTheyNeed, and their recorded inputs are that, and no more:
// what another control has observed changes none of them.
func TestControlsLookAtWhatTheyNeed(t *testing.T) {
	isolating := []control.Need{control.NeedNamespaces, control.NeedNetworkPolicies, control.NeedPods, control.NeedServices,
		control.NeedEndpointSlices, control.NeedAdmissionBackends, control.NeedEntrances, control.NeedClusterPolicies}
	cases := map[string]struct {
		edit  func(*v1alpha1.ControlPolicy)
		needs []control.Need
		want  []string
	}{
		"nothing beside the scope": {encrypting, nil, []string{"namespace", "networkPolicies"}},
		"Ingresses, and probes": {encrypting, []control.Need{control.NeedIngresses, control.NeedProbes},
			[]string{"namespace", "networkPolicies", "ingresses", "observations", "unavailable"}},
		"all of the encryption at rest": {encrypting, []control.Need{control.NeedStorageClasses, control.NeedVolumes, control.NeedGuards, control.NeedAPIServerPods, control.NeedEndpointSlices},
			[]string{"namespace", "networkPolicies", "lifelines", "storageClasses", "apiServerPods", "guards", "volumes", "notServed"}},
		"isolation": {nil, isolating, []string{"namespace", "networkPolicies", "pods", "services", "entrances", "peers", "lifelines", "admissionBackends",
			"clusterPolicies", "unmodelled", "unavailable"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := defined(t, policy("p"))
			if tc.edit != nil {
				d = defined(t, policy("p", tc.edit))
			}
			c := &d.Controls[0]
			c.Needs = tc.needs
			whole := everything()
			whole.Unavailable = map[control.Need]string{control.NeedPods: control.ReasonForbidden, control.NeedProbes: control.ReasonInconclusive}
			parts, err := new(Encoder).Parts(whole)
			if err != nil {
				t.Fatal(err)
			}
			inputs, objects, err := c.Payload(parts, whole)
			if err != nil {
				t.Fatal(err)
			}
			if inputs[0] != (ledger.Input{Role: RoleDefinition, Digest: c.Object.Digest}) || objects[0].Digest != c.Object.Digest {
				t.Errorf("the first input is %+v, wanted the definition", inputs[0])
			}
			var got []string
			restored := &control.Snapshot{}
			for i, input := range inputs[1:] {
				got = append(got, input.Role)
				if err := RestorePart(restored, input.Role, objects[1+i].Data); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("roles (-want +got):\n%s", diff)
			}
			var looked *control.Snapshot
			c.Kind = typ{evaluate: func(in control.Input) []control.Finding { looked = in.Snapshot; return nil }}
			Judge(d, whole, noon)
			first := *looked
			Judge(d, restored, noon)
			if tc.edit != nil {
				if diff := cmp.Diff(&first, looked); diff != "" {
					t.Errorf("looked at (-first +again):\n%s", diff)
				}
			}
		})
	}
}
