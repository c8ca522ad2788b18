package policyfile_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/policyfile"
)

const head = "apiVersion: holdfast.dev/v1alpha1\nkind: ControlPolicy\n"

func read(t *testing.T, content string, edit policyfile.Edit) ([]v1alpha1.ControlPolicy, error) {
	t.Helper()
	schema, err := policyfile.NewSchema()
	if err != nil {
		t.Fatal(err)
	}
	return schema.Read(t.Context(), "policy.yaml", strings.NewReader(content), edit)
}

func TestReadWritesDefaultsIn(t *testing.T) {
	policies, err := read(t, `# a comment
---
`+head+`metadata: {name: small, uid: abc, resourceVersion: "12"}
spec:
  scope: {namespaceSelector: {}}
  controls:
  - id: NET-1
    networkIsolation: {defaultDeny: [Ingress]}
status: {observedGeneration: 4}
---
# nothing here
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := policies[0]
	got := []any{len(policies), p.Name, string(p.UID), p.Spec.Mode, p.Spec.Controls[0].Priority,
		p.Spec.Controls[0].NetworkIsolation.OpenRules, p.Spec.Scope.BuiltinExclusions[0], p.Status.ObservedGeneration}
	want := []any{1, "small", "", v1alpha1.ModeObserve, v1alpha1.PriorityMedium, v1alpha1.JudgementForbid, "kube-system", int64(0)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

func TestReadEditsBeforeItChecks(t *testing.T) {
	enforce := func(object map[string]any) { object["spec"].(map[string]any)["mode"] = "Enforce" }
	_, err := read(t, policy("x", "Egress"), enforce)
	if err == nil || !strings.Contains(err.Error(), "must list type DNS") {
		t.Errorf("got %v, want the rule about DNS", err)
	}
	if _, err := read(t, policy("x", "Egress"), nil); err != nil {
		t.Errorf("as it stands: %v", err)
	}
}

func policy(name, direction string) string {
	return head + "metadata: {name: " + name + "}\nspec:\n  scope: {namespaceSelector: {}}\n" +
		"  controls: [{id: NET-1, networkIsolation: {defaultDeny: [" + direction + "]}}]\n"
}

func TestReadRefuses(t *testing.T) {
	cases := map[string]struct{ content, want string }{
		"nothing":           {"# nothing\n", "policy.yaml: it holds no ControlPolicy"},
		"no YAML":           {"a: [", "policy.yaml: it is not YAML: line 1"},
		"a key given twice": {head + "kind: ControlPolicy\n", `key "kind" already set`},
		"another kind":      {"apiVersion: v1\nkind: Pod\n", "policy.yaml: want a ControlPolicy of holdfast.dev/v1alpha1, got kind Pod of apiVersion v1"},
		"a typing error":    {strings.Replace(policy("x", "Ingress"), "controls", "contrls", 1), "unknown field spec.contrls"},
		"an unknown value":  {policy("x", "Inside"), `spec.controls[0].networkIsolation.defaultDeny[0]: Unsupported value: "Inside"`},
		"no control type":   {strings.Replace(policy("x", "Ingress"), "networkIsolation: {defaultDeny: [Ingress]}", "", 1), "spec.controls[0]"},
		"no name":           {strings.Replace(policy("x", "Ingress"), "name: x", "", 1), "metadata.name: Required value"},
		"a bad selector": {strings.Replace(policy("x", "Ingress"), "namespaceSelector: {}", "namespaceSelector: {matchExpressions: [{key: a, operator: In}]}", 1),
			"spec.scope.namespaceSelector"},
		"no object":           {"- a\n", "policy.yaml: it is no object"},
		"the second document": {policy("x", "Ingress") + "---\n" + policy("y", "Inside"), "policy.yaml, document 2: "},
		"a name twice":        {policy("x", "Ingress") + "---\n" + policy("x", "Ingress"), "policy.yaml, document 2: a ControlPolicy named x was in this file before"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, c.content, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to contain %q", err, c.want)
			}
		})
	}
}

// TestReadTakesTheSamples: what admission takes is taken.
func TestReadTakesTheSamples(t *testing.T) {
	for _, path := range []string{"../../config/samples/observe.yaml", "../../config/samples/enforce.yaml", "../../api/v1alpha1/testdata/controlpolicy.yaml"} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read(t, string(content), nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
