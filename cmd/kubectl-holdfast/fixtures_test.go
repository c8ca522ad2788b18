package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// folders is a copy of the fixtures, which a test may change.
func folders(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "fixtures"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// edit replaces a text in a file that holds it.
func edit(t *testing.T, path, old, replacement string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), old) {
		t.Fatalf("%s does not hold %q", path, old)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(content), old, replacement)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTestAccepts(t *testing.T) {
	dir := folders(t)
	if os.Getenv(updateVariable) != "" {
		if _, errs, status := holdfast(t, "test", filepath.Join("testdata", "fixtures"), "--update"); status != statusDone {
			t.Fatal(errs)
		}
		dir = folders(t)
	}
	out, errs, status := holdfast(t, "test", dir)
	if status != statusDone || errs != "" {
		t.Errorf("status %d, %s", status, errs)
	}
	want := "ok        DIR/isolated (6 findings)\n" +
		"ok        DIR/open (6 findings)\n" +
		"          not judged by: input_z_cluster.yaml: Deployment coredns\n" +
		"2 folders: 2 ok, 0 FAIL, 0 error\n"
	if diff := cmp.Diff(want, strings.ReplaceAll(out, dir, "DIR")); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// TestTestShowsWhatDiffers: the policy of one folder was opened.
func TestTestShowsWhatDiffers(t *testing.T) {
	dir := folders(t)
	edit(t, filepath.Join(dir, "isolated", "input_web.yaml"), "policyTypes: [Ingress]}", "policyTypes: [Ingress], ingress: [{}]}")
	out, errs, status := holdfast(t, "test", dir)
	if status != statusInvalid || errs != "" {
		t.Errorf("status %d, want %d; %s", status, statusInvalid, errs)
	}
	golden(t, "test.txt", strings.ReplaceAll(out, dir, "DIR"))
}

func TestTestUpdates(t *testing.T) {
	dir := folders(t)
	file := filepath.Join(dir, "isolated", "findings.golden.yaml")
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if out, _, status := holdfast(t, "test", filepath.Join(dir, "isolated"), "--update"); status != statusDone || !strings.HasPrefix(out, "updated") {
		t.Errorf("status %d, %s", status, out)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// TestTestTakesAnotherLayout: comments and the order of keys make no difference.
func TestTestTakesAnotherLayout(t *testing.T) {
	dir := filepath.Join(folders(t), "isolated")
	file := filepath.Join(dir, "findings.golden.yaml")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := yaml.YAMLToJSON(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append([]byte("# checked by hand\n"), compact...), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, status := holdfast(t, "test", dir); status != statusDone {
		t.Errorf("status %d:\n%s", status, out)
	}
}

func TestTestThatCannotBeJudged(t *testing.T) {
	const namespaceless = "metadata: {name: deny, namespace: web}"
	cases := map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"nothing expected": {func(t *testing.T, dir string) { remove(t, dir, "findings.golden.yaml") },
			"isolated/findings.golden.yaml is missing: --update writes what is found into it"},
		"no inputs": {func(t *testing.T, dir string) { remove(t, dir, "input_web.yaml") }, "isolated: it has no file input_*.yaml"},
		"a policy that admission refuses": {func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "policy.yaml"), "[Ingress]}", "[Egress], allow: [{type: DNS}, {type: DNS}]}")
		}, "allow must list each type at most once"},
		"expectations with a typing error": {func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "findings.golden.yaml"), "reason:", "raeson:")
		}, `isolated/findings.golden.yaml: error unmarshaling JSON: while decoding JSON: json: unknown field "raeson"`},
		"an object without a namespace": {func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "input_web.yaml"), namespaceless, "metadata: {name: deny}")
		}, "input_web.yaml: NetworkPolicy deny has no metadata.namespace"},
		"an object in another namespace": {func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "input_web.yaml"), namespaceless, "metadata: {name: deny, namespace: wbe}")
		}, "NetworkPolicy wbe/deny: no input_*.yaml has the namespace wbe"},
		"nothing in scope": {func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "input_web.yaml"), "production", "test")
		}, "no namespace is in the policy's scope"},
		"no YAML": {func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "input_web.yaml"), "kind: Pod", "kind: [")
		}, "input_web.yaml: document 3: "},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := folders(t)
			c.spoil(t, filepath.Join(dir, "isolated"))
			out, _, status := holdfast(t, "test", dir)
			if status != statusFailed {
				t.Errorf("status %d, want %d", status, statusFailed)
			}
			if !strings.Contains(out, c.want) || !strings.Contains(out, "ok        "+dir+"/open") {
				t.Errorf("want %q, and the other folder ok, in\n%s", c.want, out)
			}
		})
	}
	t.Run("no folder", func(t *testing.T) {
		empty := t.TempDir()
		_, errs, status := holdfast(t, "test", empty)
		if want := "Error: " + empty + " holds no policy.yaml, and neither does a folder below it\n"; status != statusFailed || errs != want {
			t.Errorf("status %d, %q, want %d, %q", status, errs, statusFailed, want)
		}
	})
}

func remove(t *testing.T, dir, file string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, file)); err != nil {
		t.Fatal(err)
	}
}

func TestTestInJSON(t *testing.T) {
	dir := folders(t)
	out, _, status := holdfast(t, "test", dir, "-o", "json")
	var got testReport
	if err := json.Unmarshal([]byte(out), &got); err != nil || status != statusDone {
		t.Fatalf("status %d, %v in\n%s", status, err, out)
	}
	want := testReport{header: header{APIVersion: "cli.holdfast.dev/v1", Kind: "TestReport"}, Folders: []testedFolder{
		{Dir: filepath.Join(dir, "isolated"), Result: resultOK, Findings: 6},
		{Dir: filepath.Join(dir, "open"), Result: resultOK, Findings: 6, Ignored: []string{"input_z_cluster.yaml: Deployment coredns"}},
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(testReport{})); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// TestTestKnowsTheDNS: where another Service is the DNS, it is that which must
// be reachable.
func TestTestKnowsTheDNS(t *testing.T) {
	dir := filepath.Join(folders(t), "isolated")
	edit(t, filepath.Join(dir, "policy.yaml"), "{defaultDeny: [Ingress]}", "{defaultDeny: [Egress], allow: [{type: DNS}]}")
	dns := "apiVersion: v1\nkind: Namespace\nmetadata: {name: names}\n---\n" +
		"apiVersion: v1\nkind: Service\nmetadata: {name: resolver, namespace: names}\n" +
		"spec: {clusterIP: 10.0.0.10, selector: {app: dns}, ports: [{name: dns, port: 53, protocol: UDP, targetPort: 5353}]}\n"
	if err := os.WriteFile(filepath.Join(dir, "input_names.yaml"), []byte(dns), 0o600); err != nil {
		t.Fatal(err)
	}
	findings := func(args ...string) string {
		t.Helper()
		if _, errs, status := holdfast(t, append([]string{"test", dir, "--update"}, args...)...); status != statusDone {
			t.Fatal(errs)
		}
		content, err := os.ReadFile(filepath.Join(dir, "findings.golden.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	if known, unknown := findings("--dns-service", "names/resolver"), findings(); known == unknown || strings.Contains(unknown, "resolver") {
		t.Errorf("the flag makes no difference:\n%s", known)
	}
	_, errs, status := holdfast(t, "test", dir, "--dns-service", "resolver")
	if want := `"resolver" for "--dns-service" flag: want namespace/name, such as kube-system/kube-dns`; status != statusFailed || !strings.Contains(errs, want) {
		t.Errorf("status %d, %q, want %q", status, errs, want)
	}
}
