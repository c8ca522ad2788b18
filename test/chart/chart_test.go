package chart_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

func TestLint(t *testing.T) {
	stdout, err := run(helm(t, "lint", "--strict", chart))
	if err != nil || strings.Contains(stdout, "[WARNING]") || strings.Contains(stdout, "[ERROR]") {
		t.Errorf("helm lint: %v\n%s", err, stdout)
	}
}

// TestSchema shows that values.schema.json is a schema, that it accepts the
// values by which the chart is rendered here, and that it leaves no name open but
// those of users and of Kubernetes.
func TestSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if schema.DraftVersion != 7 {
		t.Errorf("it is a schema of draft %d, want 7", schema.DraftVersion)
	}
	content, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var values any
	if err := yaml.Unmarshal(content, &values); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(values); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	want := []string{"/affinity", "/global", "/resources"}
	got := openObjects("", schema)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values with any names in them (-want +got):\n%s", diff)
	}
}

// openObjects are the paths of objects in which any field is accepted.
func openObjects(path string, schema *jsonschema.Schema) []string {
	var open []string
	if slices.Contains(schema.Types.ToStrings(), "object") && schema.AdditionalProperties == nil {
		open = append(open, path)
	}
	for name, property := range schema.Properties {
		open = append(open, openObjects(path+"/"+name, property)...)
	}
	return open
}

// TestFlags shows that each flag of the operator has a value, or why it has none.
func TestFlags(t *testing.T) {
	page, err := os.ReadFile("../../docs/flags.md")
	if err != nil {
		t.Fatal(err)
	}
	set := renderings()
	args := strings.Join([]string{
		render(t, set["settings of the operator"].values...).at(t, "Deployment/holdfast", ".spec.template.spec.containers[0].args"),
		render(t, "ledger.persistence.enabled=false", "exports.enabled=true").at(t, "Deployment/holdfast", ".spec.template.spec.containers[0].args"),
	}, "\n")
	without := map[string]string{
		"kubeconfig":      "a pod has its service account",
		"ledger-key-file": "for a run outside a cluster",
		"leader-elect":    "two pods may be there at once, when a node is lost",
		"metrics-secure":  "metrics are for those who may read them",
		"version":         "prints, and runs nothing",
		"zap-devel":       "changes the defaults of the other flags of logs",
	}
	flags := regexp.MustCompile("`--([a-z-]+)`").FindAllStringSubmatch(string(page), -1)
	if len(flags) == 0 {
		t.Fatal("docs/flags.md names no flag")
	}
	for _, flag := range flags {
		name := flag[1]
		if name == "help" {
			continue
		}
		isSet := regexp.MustCompile(`"--` + name + `["=]`).MatchString(args)
		if _, ok := without[name]; isSet == ok {
			t.Errorf("--%s: set by the chart: %t, without a value on purpose: %t", name, isSet, ok)
		}
	}
}

// TestNotes shows what helm tells a user next.
func TestNotes(t *testing.T) {
	const (
		enforceOff = "Until then Holdfast holds no right to change anything"
		partly     = "What is not granted is not repaired"
		granted    = "kubectl holdfast diff shows beforehand what that would change."
		ephemeral  = "WARNING: the ledger has no volume."
		openLedger = "NOTE: any pod of the cluster can reach the ledger's port"
		keptLedger = "- the ledger: PersistentVolumeClaim holdfast-ledger"
		keptFiles  = "- the exports: PersistentVolumeClaim reports"
		keptKinds  = "- the CustomResourceDefinitions, and with them policies, schedules and records"
		allSecrets = "WARNING: Holdfast may read every Secret of the cluster"
		handshakes = "the operator can connect to any address on the ports\n80, 443, 8000, 8080, 8443."
		guards     = "- the admission guards that Holdfast applied, which go on refusing"
		plans      = "- the Schedules that Holdfast applied for Velero, which go on backing up"
		sentinels  = "--selector=holdfast.dev/sentinel=true"
		unlisted   = "WARNING: the guards of encryptionAtRest read a list that goes with the CustomResourceDefinitions"
	)
	all := []string{enforceOff, partly, granted, ephemeral, openLedger, keptLedger, keptFiles, keptKinds, allSecrets, handshakes, guards, plans, sentinels, unlisted}
	cases := map[string]struct {
		values []string
		want   []string
	}{
		"defaults": {want: []string{enforceOff, openLedger, keptLedger, keptKinds, handshakes}},
		"all repairs": {
			values: []string{"enforce.networkIsolation=true", "enforce.encryptionAtRest=true", "enforce.encryptionInTransit=true", "enforce.backup=true",
				"networkPolicy.probes.to[0].ipBlock.cidr=192.0.2.0/28"},
			want: []string{granted, openLedger, keptLedger, keptKinds, guards, plans},
		},
		"restore tests": {
			values: []string{"probe.restoreTests=true", "networkPolicy.probes.to[0].ipBlock.cidr=192.0.2.0/28"},
			want:   []string{partly, openLedger, keptLedger, keptKinds, sentinels},
		},
		"kinds that do not stay, and guards that do": {
			values: []string{"enforce.encryptionAtRest=true", "crds.keep=false", "networkPolicy.enabled=false"},
			want:   []string{partly, openLedger, keptLedger, guards, unlisted},
		},
		"every Secret": {
			values: []string{"tlsSecrets.read=true", "networkPolicy.probes.ports=null"},
			want:   []string{enforceOff, openLedger, keptLedger, keptKinds, allSecrets},
		},
		"repairs, and a closed ledger": {
			values: []string{"enforce.networkIsolation=true", "networkPolicy.ledgerFrom[0].ipBlock.cidr=192.0.2.0/28", "exports.enabled=true", "exports.existingClaim=reports"},
			want:   []string{partly, keptLedger, keptFiles, keptKinds, handshakes},
		},
		"nothing is kept": {
			values: []string{"ledger.persistence.enabled=false", "crds.keep=false", "ledger.serve=false", "probe.enabled=false"},
			want:   []string{enforceOff, ephemeral},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"install", "holdfast", chart, "--dry-run=client", "--namespace", namespace}, flagsOf(tc.values)...)
			stdout, err := run(helm(t, args...))
			if err != nil {
				t.Fatal(err)
			}
			_, notes, ok := strings.Cut(stdout, "\nNOTES:\n")
			if !ok || !strings.Contains(notes, "kubectl -n holdfast-system rollout status deployment/holdfast\n") {
				t.Fatalf("there are no notes:\n%s", notes)
			}
			var got []string
			for _, sentence := range all {
				if strings.Contains(notes, sentence) {
					got = append(got, sentence)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
		})
	}
}

// TestServed shows that reading optional kinds is granted where they are served,
// unless a value says otherwise.
func TestServed(t *testing.T) {
	cases := map[string]struct {
		args []string
		want []string
	}{
		"nothing more": {},
		"Cilium and Gateway API": {
			args: []string{"--api-versions", "cilium.io/v2", "--api-versions", "gateway.networking.k8s.io/v1"},
			want: []string{"ClusterRole/holdfast-observe-cilium", "ClusterRole/holdfast-observe-gatewayapi"},
		},
		"Calico and network policies of the cluster": {
			args: []string{"--api-versions", "crd.projectcalico.org/v1", "--api-versions", "policy.networking.k8s.io/v1alpha2"},
			want: []string{"ClusterRole/holdfast-observe-calico", "ClusterRole/holdfast-observe-clusternetworkpolicy"},
		},
		"Istio and cert-manager": {
			args: []string{"--api-versions", "security.istio.io/v1", "--api-versions", "cert-manager.io/v1"},
			want: []string{"ClusterRole/holdfast-observe-certmanager", "ClusterRole/holdfast-observe-istio"},
		},
		"served, and not to be read": {args: []string{"--api-versions", "cilium.io/v2", "--set", "observe.cilium=Disabled"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			stdout, err := run(helm(t, append([]string{"template", "holdfast", chart}, tc.args...)...))
			if err != nil {
				t.Fatal(err)
			}
			all := decode(t, stdout)
			var got []string
			for _, kind := range []string{"calico", "certmanager", "cilium", "clusternetworkpolicy", "gatewayapi", "istio"} {
				if id := "ClusterRole/holdfast-observe-" + kind; all[id] != nil {
					got = append(got, id)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("granted (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMonitoring shows that rules and dashboards are installed as they are in the
// chart's folders, and that a change of a rule that is not there is refused.
func TestMonitoring(t *testing.T) {
	all := render(t, "metrics.rules.enabled=true", "metrics.dashboard.enabled=true")
	content, err := os.ReadFile(filepath.Join(chart, "rules", "holdfast.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := yaml.Unmarshal(content, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, all["PrometheusRule/holdfast"].Object["spec"]); diff != "" {
		t.Errorf("rules (-file +rendered):\n%s", diff)
	}
	dashboard, err := os.ReadFile(filepath.Join(chart, "dashboards", "holdfast.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got := all.at(t, "ConfigMap/holdfast-dashboard", `.data.holdfast\.json`); got != string(dashboard) {
		t.Error("the dashboard is not rendered as it is in its file")
	}
	_, err = run(helm(t, "template", "holdfast", chart, "--set", "metrics.rules.enabled=true,metrics.rules.overrides.Nonsense.for=5m"))
	if got := sentence(t, err); !strings.HasPrefix(got, "metrics.rules.overrides: there is no alert Nonsense: take one of HoldfastAbsent, ") {
		t.Errorf("helm says %q", got)
	}
}

// TestPackage shows what is in the chart when it is packed.
func TestPackage(t *testing.T) {
	dir := t.TempDir()
	if _, err := run(helm(t, "package", chart, "--destination", dir)); err != nil {
		t.Fatal(err)
	}
	files := unpacked(t, filepath.Join(dir, "holdfast-0.1.0.tgz"))
	for name, want := range map[string]bool{
		"holdfast/Chart.yaml":                                   true,
		"holdfast/README.md":                                    true,
		"holdfast/values.schema.json":                           true,
		"holdfast/files/crds/holdfast.dev_controlpolicies.yaml": true,
		"holdfast/README.tmpl":                                  false,
	} {
		if got := slices.Contains(files, name); got != want {
			t.Errorf("%s is packed: %t, want %t", name, got, want)
		}
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.yaml") {
			t.Errorf("%s is packed", name)
		}
	}
}

// unpacked are the names of the files in an archive.
func unpacked(t *testing.T, path string) []string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(unzipped)
	var names []string
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
}
