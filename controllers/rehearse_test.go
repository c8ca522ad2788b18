package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// TestGoingBefore: the permissions that must not be made one without the other
// are those of what a restriction is about, if it requires any of them.
func TestGoingBefore(t *testing.T) {
	change := func(name string, effect control.Effect, aspects ...string) enforce.Change {
		return enforce.Change{Change: control.Change{Kind: networkPolicyKind, Name: name, Effect: effect, Aspects: aspects}}
	}
	dns, api := change("dns", control.Permits, "Egress"), change("api", control.Permits, "Egress")
	same, inbound := change("same", control.Permits, "Egress", "Ingress"), change("inbound", control.Permits, "Ingress")
	gone := change("gone", control.Permits, "Egress")
	gone.Remove = true
	egress := change("egress", control.Restricts, "Egress")
	egress.After = []enforce.Object{enforce.ObjectOf(dns.Change)}
	needless, removed := egress, egress
	needless.After, removed.Remove = nil, true
	changes := []enforce.Change{dns, api, same, inbound, egress, gone}
	for name, tc := range map[string]struct {
		restriction enforce.Change
		want        []string
	}{
		"a restriction that requires a permission": {restriction: egress, want: []string{"dns", "api", "same"}},
		"one that requires none":                   {restriction: needless},
		"its removal":                              {restriction: removed},
		"a permission":                             {restriction: dns},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range goingBefore(tc.restriction, changes) {
				got = append(got, c.Name)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("permissions (-want +got):\n%s", diff)
			}
		})
	}
}
