package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/preview"
)

// policies are the NetworkPolicies of the cluster, as namespace/name.
func (e *environment) policies(t *testing.T) []string {
	t.Helper()
	var list networkingv1.NetworkPolicyList
	if err := e.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range list.Items {
		names = append(names, p.Namespace+"/"+p.Name)
	}
	return names
}

func (e *environment) diff(t *testing.T) {
	before := e.policies(t)
	out, errs, status := e.run(t, "diff", "-f", "testdata/enforce.yaml")
	if status != statusChanges || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	golden(t, "diff.txt", e.anonymous(out))
	if diff := cmp.Diff(before, e.policies(t)); diff != "" {
		t.Errorf("diff changed the cluster (-before +after):\n%s", diff)
	}
	if _, errs, _ := e.run(t, "status", "baseline"); !strings.Contains(errs, "has no ControlPolicy baseline") {
		t.Errorf("diff created the policy: %s", errs)
	}
}

// plan is the plan of a policy file, in JSON.
func (e *environment) plan(t *testing.T, args ...string) *preview.Plan {
	t.Helper()
	out, errs, status := e.run(t, append([]string{"diff", "-o", "json"}, args...)...)
	var report diffReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || status > statusChanges {
		t.Fatalf("status %d, %s %v in\n%s", status, errs, err, out)
	}
	if report.APIVersion != outputVersion || report.Kind != "Plan" {
		t.Errorf("the plan is %s of %s", report.Kind, report.APIVersion)
	}
	return &report.Plan
}

// diffComesTrue: once what was shown is in place nothing is left to show.
func (e *environment) diffComesTrue(t *testing.T) {
	plan := e.plan(t, "-f", "testdata/enforce.yaml")
	for _, n := range plan.Namespaces {
		for _, o := range n.Objects {
			object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": o.APIVersion, "kind": o.Kind, "spec": o.After}}
			object.SetNamespace(o.Namespace)
			object.SetName(o.Name)
			if err := e.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(enforce.FieldManager)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := e.Delete(context.Background(), object); client.IgnoreNotFound(err) != nil {
					t.Error(err)
				}
			})
		}
	}
	out, errs, status := e.run(t, "diff", "-f", "testdata/enforce.yaml")
	if status != statusDone || errs != "" || !strings.HasSuffix(out, "Nothing would change.\n") {
		t.Errorf("status %d, %s:\n%s", status, errs, out)
	}
	t.Run("and what is no longer stated would be removed", func(t *testing.T) {
		file := variant(t, "- {type: SameNamespace}\n", "")
		plan := e.plan(t, "-f", file)
		var got []string
		for _, n := range plan.Namespaces {
			for _, o := range n.Objects {
				got = append(got, fmt.Sprintf("%s %s/%s", o.Verb, o.Namespace, o.Name))
			}
		}
		want := []string{"remove hooks/holdfast-allow-same-namespace-ingress", "remove shop/holdfast-allow-same-namespace-ingress", "remove web/holdfast-allow-same-namespace-ingress"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	})
}

// variant is enforce.yaml with a text replaced.
func variant(t *testing.T, replacements ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "enforce.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(strings.NewReplacer(replacements...).Replace(string(content))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// diffTwo: two policies of one stream are merged with each other, and where they
// contradict each other it is said.
func (e *environment) diffTwo(t *testing.T) {
	first, err := os.ReadFile("testdata/enforce.yaml")
	if err != nil {
		t.Fatal(err)
	}
	second := strings.ReplaceAll(strings.ReplaceAll(string(first), "name: baseline", "name: strict"), "      - {type: SameNamespace}\n", "")
	out, errs, status := piped(t, string(first)+"---\n"+second, "diff", "-f", "-", "--kubeconfig", e.kubeconfig)
	if status != statusChanges {
		t.Fatalf("status %d, %s", status, errs)
	}
	for _, want := range []string{"PolicyConflict", "ControlPolicy baseline (new): ", "ControlPolicy strict (new): ",
		"for baseline/NET-1, strict/NET-1 (NP-01)"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "create NetworkPolicy holdfast-allow-same-namespace") {
		t.Errorf("an allowance that only one policy grants would be applied:\n%s", out)
	}
}

func (e *environment) diffEnforced(t *testing.T) {
	out, errs, status := e.run(t, "diff", "-f", "testdata/observe.yaml")
	if status != statusDone || !strings.Contains(out, "No control is in mode Enforce") || !strings.HasSuffix(out, "Nothing would change.\n") {
		t.Errorf("status %d, %s:\n%s", status, errs, out)
	}
	want, _, _ := e.run(t, "diff", "-f", "testdata/enforce.yaml")
	got, errs, status := e.run(t, "diff", "-f", "testdata/observe.yaml", "--enforce")
	if status != statusChanges {
		t.Errorf("status %d, %s", status, errs)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("as if it enforced (-enforcing +observing):\n%s", diff)
	}
}

// diffEdit: an edit that adds more than ten namespaces would be held.
func (e *environment) diffEdit(t *testing.T) {
	live := e.policy(t, "enforce.yaml")
	const wide = "namespaceSelector: {matchExpressions: [{key: tier, operator: In, values: [production, team]}]}"
	file := variant(t, "namespaceSelector: {matchLabels: {tier: production}}", wide, "mode: Enforce", "mode: Enforce\n  enforcement: {rollout: {maxNamespaces: 2}}")
	plan := e.plan(t, "-f", file)
	p := plan.Policies[0]
	got := []any{p.Exists, p.InScope, len(p.Added), p.Rollout.Before, p.Rollout.Begin, p.Rollout.Limit, p.Rollout.Held, p.Rollout.MaxNamespaces}
	if diff := cmp.Diff([]any{true, 15, 12, 3, 12, 10, true, 2}, got); diff != "" {
		t.Errorf("rollout (-want +got):\n%s", diff)
	}
	out, _, _ := e.run(t, "diff", "-f", file)
	for _, want := range []string{"ControlPolicy baseline (edit): 15 namespaces in scope", "It would be held (RolloutHeld)", " and 8 more"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
	t.Run("unless it is confirmed", func(t *testing.T) {
		annotation := fmt.Sprintf("name: baseline\n  annotations: {%s: %q}", v1alpha1.AnnotationConfirmedGeneration, fmt.Sprint(live.Generation+1))
		confirmed := variant(t, "namespaceSelector: {matchLabels: {tier: production}}", wide, "name: baseline", annotation)
		if p := e.plan(t, "-f", confirmed).Policies[0]; p.Rollout.Held {
			t.Errorf("held: %+v", p.Rollout)
		}
	})
	t.Run("and gives up what it no longer selects", func(t *testing.T) {
		narrow := variant(t, "tier: production}", "kubernetes.io/metadata.name: web}")
		if diff := cmp.Diff([]string{"hooks", "shop"}, e.plan(t, "-f", narrow).Policies[0].Left); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	})
}

// diffWithoutRights: a user who may look but not write sees what would be sent.
func (e *environment) diffWithoutRights(t *testing.T) {
	viewer := e.viewer(t, "reader", reading([]string{"*"}, "*"))
	out, errs, status := holdfast(t, append([]string{"diff", "-f", "testdata/enforce.yaml"}, viewer...)...)
	if status != statusChanges {
		t.Fatalf("status %d, %s", status, errs)
	}
	for _, want := range []string{"Note: not asked of the API server, but what would be sent: ", "+  name: holdfast-default-deny-ingress"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
	full := e.plan(t, "-f", "testdata/enforce.yaml")
	predicted, _, _ := holdfast(t, append([]string{"diff", "-f", "testdata/enforce.yaml", "-o", "yaml"}, viewer...)...)
	var report diffReport
	if err := yaml.Unmarshal([]byte(predicted), &report); err != nil {
		t.Fatal(err)
	}
	if got, want := report.Changes(), full.Changes(); got != want || !report.Namespaces[0].Objects[0].Predicted {
		t.Errorf("%d changes predicted, want %d", got, want)
	}
}

func (e *environment) diffRefuses(t *testing.T) {
	broken := variant(t, "controls:", "contrls:")
	cases := map[string]struct {
		args []string
		want string
	}{
		"no file":        {nil, `Error: required flag(s) "filename" not set`},
		"no such file":   {[]string{"-f", "none.yaml"}, "Error: open none.yaml: no such file or directory"},
		"a typing error": {[]string{"-f", broken}, "Error: " + broken + ": unknown field spec.contrls"},
		"another kind":   {[]string{"-f", "testdata/scene.yaml"}, "Error: testdata/scene.yaml, document 1: want a ControlPolicy of holdfast.dev/v1alpha1, got kind Namespace of apiVersion v1"},
		"a name twice":   {[]string{"-f", "testdata/enforce.yaml", "-f", "testdata/observe.yaml"}, "a ControlPolicy named baseline is in another file too"},
		"an argument":    {[]string{"policy.yaml"}, `Error: unknown command "policy.yaml" for "kubectl holdfast diff"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out, errs, status := e.run(t, append([]string{"diff"}, c.args...)...)
			if status != statusFailed || out != "" || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("status %d, %q, want %d, %q", status, errs, statusFailed, c.want)
			}
		})
	}
}
