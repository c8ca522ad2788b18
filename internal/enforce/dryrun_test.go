package enforce

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestDryRun: what it says is what then happens, and nothing happens before.
func TestDryRun(t *testing.T) {
	env := newEnvironment(t)
	t.Run("foretells", func(t *testing.T) { testForetells(t, env) })
	t.Run("foretells failures", func(t *testing.T) { testForetellsFailures(t, env) })
	t.Run("is forbidden", func(t *testing.T) { testDryRunForbidden(t, env) })
}

func testForetells(t *testing.T, env environment) {
	applier := env.applier(t, env.RESTConfig())
	denied := map[string]any{"podSelector": map[string]any{}, "policyTypes": []any{"Ingress"}}
	open := map[string]any{"podSelector": map[string]any{}, "policyTypes": []any{"Ingress"}, "ingress": []any{map[string]any{}}}
	cases := map[string]struct {
		present bool
		drift   string
		remove  bool
		want    Preview
	}{
		"creates":                  {want: Preview{After: denied}},
		"reverts":                  {present: true, drift: `{"spec":{"ingress":[{}]}}`, want: Preview{Before: open, After: denied}},
		"changes nothing":          {present: true, want: Preview{Before: denied, After: denied}},
		"removes":                  {present: true, remove: true, want: Preview{Before: denied}},
		"removes what is absent":   {remove: true},
		"removes, finalizers hold": {present: true, remove: true, drift: `{"metadata":{"finalizers":["example.com/hold"]}}`, want: Preview{Result: Result{Differs: remains}, Before: denied, After: denied}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			change := env.namespace(t, "dry-"+strings.NewReplacer(" ", "-", ",", "").Replace(name))
			uid := ""
			if tc.present {
				uid = env.applied(t, change)
			}
			if tc.drift != "" {
				env.patch(t, change, tc.drift)
			}
			carryOut := applier.Apply
			if tc.remove {
				change, carryOut = removalOf(change), applier.Remove
			}
			before := env.get(t, change)

			preview, err := applier.DryRun(t.Context(), change, uid)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, env.get(t, change)); diff != "" {
				t.Errorf("the dry run changed the object:\n%s", diff)
			}
			result, err := carryOut(t.Context(), change, uid)
			if err != nil || result.Differs != preview.Differs || preview.Object.UID != "" && uid != "" && result.Object.UID != uid {
				t.Errorf("carried out: %+v, %v; foretold %+v", result, err, preview.Result)
			}
			preview.Object = control.Identity{}
			if diff := cmp.Diff(tc.want, preview); diff != "" {
				t.Errorf("preview (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(preview.After, env.spec(t, change)); diff != "" {
				t.Errorf("spec (-foretold +live):\n%s", diff)
			}
		})
	}
}

func testForetellsFailures(t *testing.T, env environment) {
	applier := env.applier(t, env.RESTConfig())
	const nobodys = "11111111-2222-3333-4444-555555555555"
	foreign := env.namespace(t, "dry-foreign")
	env.create(t, foreign, allowAll())
	absent := env.namespace(t, "dry-absent")
	rejected := env.namespace(t, "dry-rejected")
	rejected.Spec["policyTypes"] = []any{"Sideways"}
	terminating := env.namespace(t, "dry-terminating")
	env.terminate(t, "dry-terminating")
	notServed := denyIngress("dry-absent")
	notServed.Kind = "NetworkPledge"
	cases := map[string]struct {
		change control.Change
		uid    string
		want   Failure
	}{
		"created since":                 {change: foreign, want: FailureConflict},
		"another object":                {change: foreign, uid: nobodys, want: FailureConflict},
		"another object, to be removed": {change: removalOf(foreign), uid: nobodys, want: FailureConflict},
		"deleted since":                 {change: absent, uid: nobodys, want: FailureConflict},
		"a terminating namespace":       {change: terminating, want: FailureNamespaceTerminating},
		"no such namespace":             {change: denyIngress("nowhere"), want: FailureNamespaceTerminating},
		"an invalid value":              {change: rejected, want: FailureRejected},
		"a kind that is unknown":        {change: notServed, want: FailureNotServed},
		"a kind unknown, to be removed": {change: removalOf(notServed), uid: nobodys, want: FailureNotServed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := applier.DryRun(t.Context(), tc.change, tc.uid)
			wantFailure(t, err, tc.want)
		})
	}
}

// testDryRunForbidden: it takes the rights that carrying it out takes, and that
// to read.
func testDryRunForbidden(t *testing.T, env environment) {
	change := env.namespace(t, "dry-forbidden")
	uid := env.applied(t, change)
	cfg, err := env.RESTConfigForUser("nobody@example.com")
	if err != nil {
		t.Fatal(err)
	}
	applier := env.applier(t, cfg)
	forbidden := func(t *testing.T, change control.Change, verb string) {
		t.Helper()
		eventually(t, func() bool {
			_, err := applier.DryRun(t.Context(), change, uid)
			want := "the API server forbids it: " + verb + " networkpolicies.networking.k8s.io in namespace dry-forbidden is needed, and no admission rule against it"
			return wantFailure(t, err, FailureForbidden).Message == want
		})
	}
	forbidden(t, change, "get")

	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "read-only", Namespace: change.Namespace},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"networking.k8s.io"}, Resources: []string{"networkpolicies"}, Verbs: []string{"get"},
		}},
	}
	env.grant(t, role, "nobody@example.com")
	forbidden(t, change, "patch")
	forbidden(t, removalOf(change), "delete")
}
