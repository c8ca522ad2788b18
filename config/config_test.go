// Package config_test shows that what is in this folder installs. That it is what
// the chart installs is shown by test/chart, and what Holdfast and people may do
// with it by test/permissions.
package config_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/holdfast-dev/holdfast/test/controlplane"
)

func TestConfig(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	kubectl(t, cp, "apply", "--kustomize", "crd")
	if err := controlplane.AwaitCRDs(t.Context(), cp.RESTConfig(), "controlpolicies.holdfast.dev", "evidenceschedules.holdfast.dev",
		"evidencerecords.holdfast.dev", "encryptedstorageclasses.holdfast.dev"); err != nil {
		t.Fatal(err)
	}
	for kind, want := range tables() {
		t.Run("columns of "+kind, func(t *testing.T) { testColumns(t, cp, kind, want) })
	}
	t.Run("explanations", func(t *testing.T) { testExplanations(t, cp) })
	// From here on nobody but Holdfast states what Holdfast observed.
	kubectl(t, cp, "apply", "--kustomize", "enforce")

	t.Run("samples", func(t *testing.T) {
		kubectl(t, cp, "apply", "--filename", "samples")
		want := "backup Observe\nencryption-at-rest Observe\nencryption-in-transit Observe\nfirst-look Observe\nproduction-baseline Enforce\nrestricted-isolation Enforce\nsoc2-2027 \n"
		got := kubectl(t, cp, "get", "holdfast", "--output", `jsonpath={range .items[*]}{.metadata.name} {.spec.mode}{"\n"}{end}`)
		if got != want {
			t.Errorf("objects after applying the samples: %q, want %q", got, want)
		}
	})
}

// table is what kubectl get prints of an example, but for its age.
type table struct{ short, narrow, wide string }

func tables() map[string]table {
	return map[string]table{
		"controlpolicy": {
			short: "ctlp",
			narrow: "NAME MODE CONFORMING REASON IN SCOPE OPEN ENFORCED EVIDENCE AGE\n" +
				"full Enforce False Correcting 4 1 Pending True",
			wide: "NAME MODE CONFORMING REASON IN SCOPE OPEN ENFORCED EVIDENCE READY EXCLUDED ENTRIES AGE\n" +
				"full Enforce False Correcting 4 1 Pending True True 1 42",
		},
		"evidenceschedule": {
			short: "evs",
			narrow: "NAME SCHEDULE SUSPENDED LAST SLOT STATE NEXT SLOT COLLECTED OPEN GAPS ANCHORED READY AGE\n" +
				"full 0 * * * * true 2026-03-01T06:00:00Z Completed 2026-03-01T07:00:00Z 1420 of 1423 (99.78 %) 2 1 True True",
			wide: "NAME SCHEDULE SUSPENDED LAST SLOT STATE NEXT SLOT COLLECTED OPEN GAPS ANCHORED READY TIME ZONE PERIOD START PERIOD END ENTRIES AGE\n" +
				"full 0 * * * * true 2026-03-01T06:00:00Z Completed 2026-03-01T07:00:00Z 1420 of 1423 (99.78 %) 2 1 True True" +
				" Etc/UTC 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z 42",
		},
		"evidencerecord": {
			short: "evr",
			narrow: "NAME SCHEDULE SLOT RESULT SUBJECTS DEVIATING DISCREPANCIES ANCHORED AGE\n" +
				"full soc2-2026 2026-03-01T06:00:00Z Partial 4 1 0 Some",
			wide: "NAME SCHEDULE SLOT RESULT SUBJECTS DEVIATING DISCREPANCIES ANCHORED ENTRIES AGE\n" +
				"full soc2-2026 2026-03-01T06:00:00Z Partial 4 1 0 Some 42",
		},
	}
}

func testColumns(t *testing.T, cp *controlplane.ControlPlane, kind string, want table) {
	example := "../api/v1alpha1/testdata/" + kind + ".yaml"
	kubectl(t, cp, "apply", "--filename", example)
	defer kubectl(t, cp, "delete", "--filename", example)
	if kind != "evidencerecord" { // it has no status
		kubectl(t, cp, "replace", "--subresource", "status", "--filename", example)
	}
	for output, want := range map[string]string{"": want.narrow, "wide": want.wide} {
		got := columns(kubectl(t, cp, "get", tables()[kind].short, "full", "--output", output))
		if !strings.HasPrefix(got, want) {
			t.Errorf("kubectl get --output=%q prints %q, want %q and the age", output, got, want)
		}
	}
}

// testExplanations: what kubectl explain reads describes every field of every kind.
func testExplanations(t *testing.T, cp *controlplane.ControlPlane) {
	document := map[string]any{}
	if err := json.Unmarshal([]byte(kubectl(t, cp, "get", "--raw", "/openapi/v3/apis/holdfast.dev/v1alpha1")), &document); err != nil {
		t.Fatal(err)
	}
	schemas, _, err := unstructured.NestedMap(document, "components", "schemas")
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	for name, schema := range schemas {
		if kind, ours := strings.CutPrefix(name, "dev.holdfast.v1alpha1."); ours && !strings.HasSuffix(kind, "List") {
			kinds++
			described(t, kind, schema.(map[string]any))
		}
	}
	if kinds != 4 {
		t.Errorf("%d kinds are explained, want 4", kinds)
	}
	const guard = "Audit (the default) notes it in the API server's audit log and metrics, Warn tells the client besides, and Deny refuses it."
	said := kubectl(t, cp, "explain", "ctlp.spec.controls.encryptionAtRest.volumes.guard")
	if unwrapped := strings.Join(strings.Fields(said), " "); !strings.Contains(unwrapped, guard) {
		t.Errorf("kubectl explain says:\n%s", said)
	}
}

// described reports the fields below a schema that are not described.
func described(t *testing.T, path string, schema map[string]any) {
	t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		field := property.(map[string]any)
		if text, _ := field["description"].(string); text == "" {
			t.Errorf("%s.%s is not described", path, name)
		}
		described(t, path+"."+name, field)
	}
	for _, nested := range []string{"items", "additionalProperties"} {
		if inner, ok := schema[nested].(map[string]any); ok {
			described(t, path, inner)
		}
	}
}

// kubectl runs the command and returns its output.
func kubectl(t *testing.T, cp *controlplane.ControlPlane, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), cp.KubectlPath(), append([]string{"--kubeconfig", cp.Kubeconfig()}, args...)...)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// columns returns a table with one space between its columns.
func columns(table string) string {
	lines := strings.Split(table, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}
