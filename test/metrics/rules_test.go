package metrics

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/hack/tools"
	"github.com/holdfast-dev/holdfast/test/tool"
)

const (
	rulesGlob   = "../../charts/holdfast/rules/*.yaml"
	rulesTest   = "testdata/rules_test.yaml"
	runbooksDir = "../../docs/runbooks"
	runbooksURL = "https://github.com/holdfast-dev/holdfast/blob/main/docs/runbooks/"
)

// rule is a rule of Prometheus.
type rule struct {
	Alert       string            `json:"alert,omitempty"`
	Record      string            `json:"record,omitempty"`
	Expr        string            `json:"expr"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// ruleFile is a file of rules.
type ruleFile struct {
	Groups []ruleGroup `json:"groups"`
}

type ruleGroup struct {
	Name  string `json:"name"`
	Rules []rule `json:"rules"`
}

// ruleFiles are the chart's.
func ruleFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(rulesGlob)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of rules: %v", err)
	}
	return files
}

// rules are all of the chart's.
func rules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, file := range ruleFiles(t) {
		var content ruleFile
		read(t, file, &content)
		for _, group := range content.Groups {
			all = append(all, group.Rules...)
		}
	}
	return all
}

// read reads a YAML file.
func read(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// promtool runs promtool on an input, which may be empty, and on files.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	check := exec.CommandContext(t.Context(), tool.Path(t, tools.Promtool()), args...)
	check.Stdin = strings.NewReader(input)
	if output, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

func TestRules(t *testing.T) {
	promtool(t, "", append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, ruleFiles(t)...)...)
	promtool(t, "", "test", "rules", rulesTest)
}

// TestEveryAlertIsTested: it is shown to fire, and not to fire.
func TestEveryAlertIsTested(t *testing.T) {
	var cases struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string `json:"alertname"`
				ExpAlerts []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	read(t, rulesTest, &cases)
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, c := range cases.Tests {
		for _, a := range c.AlertRuleTest {
			if len(a.ExpAlerts) > 0 {
				fires[a.Alertname] = true
			} else {
				silent[a.Alertname] = true
			}
		}
	}
	for _, r := range rules(t) {
		if !fires[r.Alert] || !silent[r.Alert] {
			t.Errorf("%s is shown to fire: %t; not to fire: %t", r.Alert, fires[r.Alert], silent[r.Alert])
		}
	}
}

// TestEveryAlertHasItsRunbook: and each runbook its alert. They have the same parts.
func TestEveryAlertHasItsRunbook(t *testing.T) {
	var want []string
	for _, r := range rules(t) {
		want = append(want, r.Alert)
		if got := r.Annotations["runbook_url"]; got != runbooksURL+r.Alert+".md" {
			t.Errorf("%s has the runbook %q", r.Alert, got)
		}
		if !slices.Contains([]string{"critical", "warning"}, r.Labels["severity"]) {
			t.Errorf("%s has the severity %q", r.Alert, r.Labels["severity"])
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s has no summary, or no description", r.Alert)
		}
	}
	files, err := filepath.Glob(filepath.Join(runbooksDir, "Holdfast*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		got = append(got, name)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for line := range strings.Lines(string(content)) {
			if strings.HasPrefix(line, "#") {
				parts = append(parts, strings.TrimSpace(line))
			}
		}
		if diff := cmp.Diff([]string{"# " + name, "## Impact", "## Diagnosis", "## What to do", "## How it ends"}, parts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runbooks (-alerts +pages):\n%s", diff)
	}
}

// hasWhatRulesAsk: an alert on what nobody serves would never fire.
func (p *page) hasWhatRulesAsk(t *testing.T) {
	for _, r := range rules(t) {
		p.asks(t, r.Expr)
	}
}
