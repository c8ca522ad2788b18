package metrics

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const dashboardFile = "../../charts/holdfast/dashboards/holdfast.json"

// dashboard is what the test reads of a dashboard of Grafana.
type dashboard struct {
	UID        string `json:"uid"`
	Templating struct {
		List []struct{ Name, Type, Query string } `json:"list"`
	} `json:"templating"`
	Panels []struct {
		Type, Title, Description string
		Datasource               source
		FieldConfig              struct {
			Defaults struct{ Unit string } `json:"defaults"`
		} `json:"fieldConfig"`
		Targets []struct {
			Expr, LegendFormat, RefID string
			Datasource                source
		} `json:"targets"`
	} `json:"panels"`
}

type source struct{ Type, UID string }

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	content, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(content, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// values are what Grafana puts in the place of its variables.
var values = strings.NewReplacer("$__rate_interval", "5m", "$job", "holdfast", "$policy", ".*")

// queries are those of all panels, as Prometheus is asked.
func (d *dashboard) queries() []string {
	var all []string
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, values.Replace(target.Expr))
		}
	}
	return all
}

// TestDashboard: it can be imported anywhere, and each panel says what it shows.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	if d.UID == "" {
		t.Error("the dashboard has no uid: importing it again would make a second one")
	}
	content, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`"id":`).Find(content); found != nil {
		t.Error("the dashboard has ids, which are the importing Grafana's to give")
	}
	titles := map[string]bool{}
	for _, p := range d.Panels {
		if p.Title == "" || titles[p.Title] {
			t.Errorf("a panel has no title, or that of another: %q", p.Title)
		}
		titles[p.Title] = true
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("%s has no description, no unit or no query", p.Title)
		}
		chosen := source{"prometheus", "${datasource}"}
		for _, target := range p.Targets {
			if p.Datasource != chosen || target.Datasource != chosen || target.LegendFormat == "" {
				t.Errorf("%s does not ask the data source that was chosen, or does not name its series", p.Title)
			}
		}
	}
}

// TestQueriesOfTheDashboard: promtool says that they are queries.
func TestQueriesOfTheDashboard(t *testing.T) {
	d := readDashboard(t)
	group := ruleGroup{Name: "dashboard"}
	for i, q := range d.queries() {
		if strings.Contains(q, "$") {
			t.Errorf("an unknown variable is in the query %s", q)
		}
		group.Rules = append(group.Rules, rule{Record: fmt.Sprintf("panel:query:%d", i), Expr: q})
	}
	content, err := yaml.Marshal(ruleFile{Groups: []ruleGroup{group}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", file)
}

// hasWhatTheDashboardAsks: a panel of what nobody serves would be empty.
func (p *page) hasWhatTheDashboardAsks(t *testing.T) {
	d := readDashboard(t)
	for _, q := range d.queries() {
		p.asks(t, q)
	}
	choice := regexp.MustCompile(`^label_values\((.*), ([a-z_]+)\)$`)
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		m := choice.FindStringSubmatch(v.Query)
		if m == nil {
			t.Errorf("the variable %s asks %s", v.Name, v.Query)
			continue
		}
		p.asks(t, "max by ("+m[2]+") ("+values.Replace(m[1])+")")
	}
}
