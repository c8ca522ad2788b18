package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// published is a policy with a status and two events.
func (e *environment) published(t *testing.T) *v1alpha1.ControlPolicy {
	t.Helper()
	policy := e.policy(t, "observe.yaml")
	// Long ago, so that how long it has been open does not change while it is shown.
	since := time.Now().Add(-50 * time.Hour).UTC().Truncate(time.Second)
	e.publish(t, policy, since)
	e.event(t, policy, "shop", "Deviating", "NET-1: Namespace shop deviates (Drift): Ingress is not denied by default.", since)
	e.event(t, policy, "web", "Repaired", "NET-1: Namespace web conforms again", since.Add(time.Minute))
	return policy
}

func (e *environment) status(t *testing.T) {
	policy := e.published(t)
	since := policy.Status.OpenEpisodes.Longest[0].Since.UTC()
	for name, args := range map[string][]string{"status.txt": {"status"}, "status_wide.txt": {"status", "-o", "wide"}, "status_one.txt": {"status", "baseline"}} {
		out, errs, status := e.run(t, args...)
		if status != statusDone || errs != "" {
			t.Fatalf("status %d, %s", status, errs)
		}
		out = strings.ReplaceAll(e.anonymous(out), since.Format(time.RFC3339), "2026-03-01T06:00:00Z")
		golden(t, name, strings.ReplaceAll(out, since.Add(time.Minute).Format(time.RFC3339), "2026-03-01T06:01:00Z"))
	}
	t.Run("from the ledger", func(t *testing.T) {
		w := write(t, day()...)
		out, _, status := e.run(t, "status", "--ledger", w.dir, "--last", "2")
		if status != statusDone || !strings.Contains(out, "the ledger in "+w.dir) {
			t.Fatalf("status %d:\n%s", status, out)
		}
		if lines := strings.Count(out, "2026-03-01T06:00:"); lines != 2 {
			t.Errorf("%d transitions, want 2 in\n%s", lines, out)
		}
	})
	t.Run("of a policy that is not there", func(t *testing.T) {
		_, errs, status := e.run(t, "status", "none")
		want := "Error: the cluster at HOST has no ControlPolicy none: kubectl holdfast status lists those it has\n"
		if got := e.anonymous(errs); status != statusFailed || got != want {
			t.Errorf("status %d, %q, want %q", status, got, want)
		}
	})
}

func (e *environment) statusJSON(t *testing.T) {
	policy := e.published(t)
	decode := map[string]func([]byte, any) error{
		"json": json.Unmarshal,
		"yaml": func(data []byte, into any) error { return yaml.UnmarshalStrict(data, into) },
	}
	for form, unmarshal := range decode {
		out, errs, status := e.run(t, "status", "-o", form)
		var got statusReport
		if err := unmarshal([]byte(out), &got); err != nil || status != statusDone {
			t.Fatalf("%s: status %d, %s %v in\n%s", form, status, errs, err, out)
		}
		want := []any{"cli.holdfast.dev/v1", "Status", 1, "baseline", policy.Generation, int32(2), "Namespace shop", 2}
		if diff := cmp.Diff(want, []any{got.APIVersion, got.Kind, len(got.Policies), got.Policies[0].Name, got.Policies[0].Generation,
			got.Policies[0].Status.Controls[0].Conforming, got.Policies[0].OpenEpisodes[0].Subject, len(got.Sources)}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", form, diff)
		}
	}
	_, errs, status := e.run(t, "status", "-o", "xml")
	if want := "Error: --output \"xml\": want text, wide, json, yaml\n"; status != statusFailed || errs != want {
		t.Errorf("status %d, %q, want %q", status, errs, want)
	}
}

// statusWithoutRights: who may not list policies is told so, and who may not
// list events sees the rest.
func (e *environment) statusWithoutRights(t *testing.T) {
	e.published(t)
	_, errs, status := holdfast(t, append([]string{"status"}, e.as(t, "nobody")...)...)
	for _, want := range []string{`User "nobody" cannot list resource "controlpolicies"`, "ask for that permission", "holdfast-viewer"} {
		if status != statusFailed || !strings.Contains(errs, want) {
			t.Errorf("status %d, %q, want it to contain %q", status, errs, want)
		}
	}
	out, errs, status := holdfast(t, append([]string{"status"}, e.viewer(t, "viewer")...)...)
	if status != statusDone || !strings.Contains(out, "you may not list events.events.k8s.io in the namespace default") {
		t.Errorf("status %d, %s, want a word on events in\n%s", status, errs, out)
	}
	if strings.Contains(out, "Newest transitions") {
		t.Errorf("transitions of events that may not be read in\n%s", out)
	}
}

// viewer is as for a user who may also read policies and namespaces.
func (e *environment) viewer(t *testing.T, user string, rules ...rbacv1.PolicyRule) []string {
	t.Helper()
	return e.as(t, user, append(rules,
		reading([]string{v1alpha1.GroupVersion.Group}, "controlpolicies"), reading([]string{""}, "namespaces"))...)
}
