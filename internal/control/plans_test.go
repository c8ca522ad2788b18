package control_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestPlanName(t *testing.T) {
	long := strings.Repeat("a", 60)
	cases := map[string]struct {
		policy, id string
		velero     *v1alpha1.VeleroBackup
		want       string
	}{
		"holdfast's own":          {policy: "production", id: "BCK-1", want: "holdfast-production-bck-1"},
		"the user's":              {policy: "production", id: "BCK-1", velero: &v1alpha1.VeleroBackup{Plan: "nightly"}, want: "nightly"},
		"the user names none":     {policy: "production", id: "BCK-1", velero: &v1alpha1.VeleroBackup{Namespace: "dr"}, want: "holdfast-production-bck-1"},
		"dots stay":               {policy: "a.b", id: "1.2", want: "holdfast-a.b-1.2"},
		"no name of a Schedule":   {policy: "p", id: "A_1", want: "holdfast-p-a-1-5d741afa"},
		"too long":                {policy: long, id: "x", want: "holdfast-" + strings.Repeat("a", 45) + "-efd4b9c4"},
		"too long, and another":   {policy: long, id: "y", want: "holdfast-" + strings.Repeat("a", 45) + "-17ce0262"},
		"cut off behind a hyphen": {policy: strings.Repeat("a", 44) + "-bbb", id: "control-1", want: "holdfast-" + strings.Repeat("a", 44) + "-feec0a40"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := control.PlanName(tc.policy, tc.id, &v1alpha1.Backup{Velero: tc.velero})
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if wrong := append(validation.IsDNS1123Subdomain(got), validation.IsValidLabelValue(got)...); len(wrong) > 0 {
				t.Errorf("%q is no name of a plan: %v", got, wrong)
			}
		})
	}
}
