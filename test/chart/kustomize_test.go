package chart_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/holdfast-dev/holdfast/hack/tools"
)

// testKustomize shows that config installs what the chart does, each component
// what its value does, and all of them what all values do.
func (s suite) testKustomize(t *testing.T) {
	parts := map[string]string{
		"enforce-network-isolation":     "enforce.networkIsolation=true",
		"enforce-encryption-at-rest":    "enforce.encryptionAtRest=true",
		"enforce-encryption-in-transit": "enforce.encryptionInTransit=true",
		"enforce-backup":                "enforce.backup=true",
		"gateway-api":                   "observe.gatewayAPI=Enabled",
		"cluster-network-policy":        "observe.clusterNetworkPolicy=Enabled",
		"cilium":                        "observe.cilium=Enabled",
		"calico":                        "observe.calico=Enabled",
		"istio":                         "observe.istio=Enabled",
		"cert-manager":                  "observe.certManager=Enabled",
		"velero":                        "observe.velero=Enabled",
		"volume-snapshots":              "observe.volumeSnapshots=Enabled",
		"restore-tests":                 "probe.restoreTests=true",
		"velero-repository":             "veleroRepository.read=true",
		"tls-secrets":                   "tlsSecrets.read=true",
	}
	folders, err := os.ReadDir("../../config/components")
	if err != nil {
		t.Fatal(err)
	}
	var components, values []string
	for _, f := range folders {
		components = append(components, f.Name())
		values = append(values, parts[f.Name()])
		t.Run(f.Name(), func(t *testing.T) {
			same(t, render(t, parts[f.Name()]), s.kustomize(t, overlay(t, f.Name())))
		})
	}
	if len(components) != len(parts) {
		t.Errorf("components: %v, want %d", components, len(parts))
	}
	t.Run("all components", func(t *testing.T) {
		same(t, render(t, values...), s.kustomize(t, overlay(t, components...)))
	})
	t.Run("none", func(t *testing.T) { same(t, render(t), s.kustomize(t, "../../config")) })
	t.Run("enforce", func(t *testing.T) {
		var all []string
		for name, value := range parts {
			if strings.HasPrefix(name, "enforce-") {
				all = append(all, value)
			}
		}
		same(t, render(t, all...), s.kustomize(t, "../../config/enforce"))
	})
}

// overlay is a folder, such as a user has, that adds components to config.
func overlay(t *testing.T, components ...string) string {
	t.Helper()
	root, err := tools.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, err := filepath.Rel(dir, filepath.Join(root, "config"))
	if err != nil {
		t.Fatal(err)
	}
	content := fmt.Sprintf("resources:\n- %s\ncomponents:\n", config)
	for _, c := range components {
		content += fmt.Sprintf("- %s/components/%s\n", config, c)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// kustomize returns what kubectl apply --kustomize would apply.
func (s suite) kustomize(t *testing.T, dir string) objects {
	t.Helper()
	stdout, err := run(exec.CommandContext(t.Context(), s.cp.KubectlPath(), "kustomize", dir))
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, stdout)
}

// same compares what the chart has with what kustomize has, but for what concerns
// Helm only and for the namespace, which helm install creates.
func same(t *testing.T, chart, kustomize objects) {
	t.Helper()
	if got := kustomize.at(t, "Namespace/"+namespace, ".metadata.name"); got != namespace {
		t.Errorf("kustomize has namespace %q, want %q", got, namespace)
	}
	delete(kustomize, "Namespace/"+namespace)
	for _, o := range chart {
		withoutHelm(o)
	}
	for _, all := range []objects{chart, kustomize} {
		for _, o := range all {
			sortRules(t, o)
		}
	}
	if diff := gocmp.Diff(chart, kustomize); diff != "" {
		t.Errorf("-chart +kustomize:\n%s", diff)
	}
}

// withoutHelm takes off the labels and the annotation that are Helm's.
func withoutHelm(o *unstructured.Unstructured) {
	labels, annotations := o.GetLabels(), o.GetAnnotations()
	delete(labels, "helm.sh/chart")
	delete(labels, "app.kubernetes.io/managed-by")
	delete(annotations, "helm.sh/resource-policy")
	o.SetLabels(labels)
	if len(annotations) == 0 {
		annotations = nil
	}
	o.SetAnnotations(annotations)
}

// sortRules orders the rules of a role, of which the order says nothing.
func sortRules(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	rules, found, err := unstructured.NestedSlice(o.Object, "rules")
	if err != nil || !found {
		return
	}
	slices.SortFunc(rules, func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	if err := unstructured.SetNestedSlice(o.Object, rules, "rules"); err != nil {
		t.Fatal(err)
	}
}
