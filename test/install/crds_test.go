package install

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/crds"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// oldCRDs is config/crd as an older release may have had it.
const oldCRDs = `resources: [%q]
patches:
- target: {kind: CustomResourceDefinition, name: controlpolicies.holdfast.dev}
  patch: |
    - op: remove
      path: /spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/enforcement/x-kubernetes-validations
    - op: remove
      path: /spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/enforcement/properties/rollout
`

// besideOtherCRDs installs the operator beside CRDs of an older release, as who
// installs them apart from the chart may have them. It says so, waits, and goes on
// once they are those of its release.
func besideOtherCRDs(t *testing.T, s *scene) {
	s.erase(t)
	s.makeNamespace(t)
	current := filepath.Join(harness.Root(t), "config", "crd")
	crds.RemoveFolder(t, s, filepath.Join(current, "bases"))
	s.kubectl(t, "apply", "--server-side", "-k", overlay(t, current))
	s.Helm(t, "install", release, s.Chart(), "--set", "crds.install=false")
	const sentence = "controlpolicies.holdfast.dev is of an older release: it lacks spec.enforcement.rollout"
	harness.Eventually(t, "the operator's log says what is wrong", func() error {
		log, err := s.try(s.KubectlPath(), "--namespace", system, "logs", "deployment/holdfast")
		if err == nil && !strings.Contains(log, sentence) {
			err = fmt.Errorf("it says nothing of the kind")
		}
		if err != nil {
			return fmt.Errorf("%w:\n%s", err, log)
		}
		return nil
	})
	s.kubectl(t, "apply", "--server-side", "-k", current)
	s.kubectl(t, "rollout", "status", "deployment/holdfast", "--timeout=2m")
	s.pod(t)
}

// overlay makes a folder for kubectl apply -k of the CRDs as they were.
func overlay(t *testing.T, current string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(dir, current)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), fmt.Appendf(nil, oldCRDs, relative), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
