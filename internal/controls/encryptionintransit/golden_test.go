package encryptionintransit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	goldenFile = "findings.golden.yaml"
	policyFile = "policy.yaml"
	// versionFile says for which evaluator version the golden findings hold.
	versionFile = "testdata/evaluator_version.yaml"
	// updateVariable in the environment makes tests rewrite the golden files.
	updateVariable = "UPDATE_GOLDEN"
)

// now is the time of every golden case.
var now = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// timeZero is what is not stated.
var timeZero time.Time

// goldenVersion is the content of versionFile.
type goldenVersion struct {
	EvaluatorVersion int `json:"evaluatorVersion"`
	// Cases are the golden folders by name.
	Cases map[string]goldenDigests `json:"cases"`
}

// goldenDigests are the SHA-256 digests of a golden folder.
type goldenDigests struct {
	Input    string `json:"input"`
	Findings string `json:"findings"`
}

// TestGolden evaluates each folder of testdata: policy.yaml over each
// input_*.yaml, which holds a snapshot.
func TestGolden(t *testing.T) {
	for _, dir := range goldenFolders(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			golden(t, filepath.Join(dir, goldenFile), marshal(t, evaluateFolder(t, dir)))
		})
	}
	if os.Getenv(updateVariable) != "" {
		updateVersion(t)
	}
}

// TestEvaluatorVersion fails when the same input gives other golden findings than
// it did when the evaluator got its version. The ledger relies on it: entries name
// the version that judged.
func TestEvaluatorVersion(t *testing.T) {
	recorded := readVersion(t)
	if got := (Control{}).EvaluatorVersion(); got != recorded.EvaluatorVersion {
		t.Fatalf("EvaluatorVersion() = %d, %s has %d: run with %s=1", got, versionFile, recorded.EvaluatorVersion, updateVariable)
	}
	digests := digestFolders(t)
	if changed := changedFindings(recorded, digests); len(changed) > 0 {
		t.Errorf("the same input gives other findings in %s: bump EvaluatorVersion", strings.Join(changed, ", "))
	}
	if diff := cmp.Diff(recorded.Cases, digests); diff != "" {
		t.Errorf("%s is not up to date (-want +got), run with %s=1:\n%s", versionFile, updateVariable, diff)
	}
}

// changedFindings returns the cases whose findings changed though their input did not.
func changedFindings(recorded goldenVersion, digests map[string]goldenDigests) []string {
	var changed []string
	for name, was := range recorded.Cases {
		is, found := digests[name]
		if found && is.Input == was.Input && is.Findings != was.Findings {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return changed
}

// updateVersion records the digests, unless that needs another version.
func updateVersion(t *testing.T) {
	t.Helper()
	recorded, digests := readVersion(t), digestFolders(t)
	version := Control{}.EvaluatorVersion()
	if changed := changedFindings(recorded, digests); len(changed) > 0 && version == recorded.EvaluatorVersion {
		t.Fatalf("the same input gives other findings in %s: bump EvaluatorVersion first", strings.Join(changed, ", "))
	}
	write(t, versionFile, marshal(t, goldenVersion{EvaluatorVersion: version, Cases: digests}))
}

func readVersion(t *testing.T) goldenVersion {
	t.Helper()
	var version goldenVersion
	if err := yaml.UnmarshalStrict(readFile(t, versionFile), &version); err != nil {
		t.Fatal(err)
	}
	return version
}

func digestFolders(t *testing.T) map[string]goldenDigests {
	t.Helper()
	digests := map[string]goldenDigests{}
	for _, dir := range goldenFolders(t) {
		input := append(readFile(t, filepath.Join(dir, policyFile)), 0)
		for _, path := range inputFiles(t, dir) {
			input = append(append(input, readFile(t, path)...), 0)
		}
		digests[filepath.Base(dir)] = goldenDigests{Input: digest(input), Findings: digest(readFile(t, filepath.Join(dir, goldenFile)))}
	}
	return digests
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// evaluateFolder returns the findings by input file and control.
func evaluateFolder(t *testing.T, dir string) map[string]map[string][]control.Finding {
	t.Helper()
	policy := readPolicy(t, dir)
	findings := map[string]map[string][]control.Finding{}
	for _, path := range inputFiles(t, dir) {
		perControl := map[string][]control.Finding{}
		for _, spec := range policy.Spec.Controls {
			spec.Mode = policy.Spec.Mode
			perControl[spec.ID] = Control{}.Evaluate(control.Input{
				Policy: policy.Name, Control: spec, Scope: &policy.Spec.Scope, Snapshot: readSnapshot(t, path), Now: now,
			})
		}
		findings[filepath.Base(path)] = perControl
	}
	return findings
}

func readPolicy(t *testing.T, dir string) v1alpha1.ControlPolicy {
	t.Helper()
	var policy v1alpha1.ControlPolicy
	if err := yaml.UnmarshalStrict(readFile(t, filepath.Join(dir, policyFile)), &policy); err != nil {
		t.Fatal(err)
	}
	return policy
}

func readSnapshot(t *testing.T, path string) *control.Snapshot {
	t.Helper()
	snapshot := &control.Snapshot{}
	if err := yaml.UnmarshalStrict(readFile(t, path), snapshot); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return snapshot
}

// golden compares with a file, which it rewrites where it is told to.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if os.Getenv(updateVariable) != "" {
		write(t, path, got)
	}
	if diff := cmp.Diff(string(readFile(t, path)), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); %s=1 accepts it:\n%s", path, updateVariable, diff)
	}
}

func goldenFolders(t *testing.T) []string {
	t.Helper()
	var folders []string
	for _, path := range glob(t, filepath.Join("testdata", "*", policyFile)) {
		folders = append(folders, filepath.Dir(path))
	}
	return folders
}

func inputFiles(t *testing.T, dir string) []string {
	t.Helper()
	return glob(t, filepath.Join(dir, "input_*.yaml"))
}

// glob returns the files that match, of which there is at least one.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no file matches %s (%v)", pattern, err)
	}
	return paths
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	content, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func indented(t *testing.T, value any) []byte {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}
