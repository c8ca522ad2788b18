// Command metricsdoc writes docs/metrics.md: the metrics that Holdfast serves, from
// the code, its alerts, from the chart's rules, and the prose around them, from
// metrics.md.tmpl. It is run in the repository's root.
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/controllers"
)

const (
	// pageFile is what is written.
	pageFile = "docs/metrics.md"
	// rulesDir holds the alerts.
	rulesDir = "charts/holdfast/rules"
)

//go:embed metrics.md.tmpl
var prose string

func main() {
	if err := generate("."); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// generate writes the page of the repository in root.
func generate(root string) error {
	content, err := page(root)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, pageFile), content, 0o644)
}

// page is the content of pageFile.
func page(root string) ([]byte, error) {
	alerts, err := readAlerts(filepath.Join(root, rulesDir))
	if err != nil {
		return nil, err
	}
	t, err := template.New("metrics.md").Funcs(template.FuncMap{"code": code, "duration": duration}).Parse(prose)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, struct {
		Groups    []controllers.MetricGroup
		Labels    []controllers.MetricLabel
		Libraries []library
		Alerts    []alert
	}{controllers.MetricGroups(), controllers.MetricLabels(), libraries(), alerts})
	return out.Bytes(), err
}

// code prints words as code, with commas between them.
func code(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "`" + w + "`"
	}
	return strings.Join(quoted, ", ")
}

// duration prints how long an alert waits.
func duration(text string) string {
	if text == "" {
		return "at once"
	}
	return text
}

// alert is a rule that alerts.
type alert struct {
	Alert       string            `json:"alert"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// readAlerts reads the alerts of all files in a folder.
func readAlerts(dir string) ([]alert, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var alerts []alert
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var rules struct {
			Groups []struct {
				Rules []alert `json:"rules"`
			} `json:"groups"`
		}
		if err := yaml.Unmarshal(content, &rules); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		for _, group := range rules.Groups {
			alerts = append(alerts, group.Rules...)
		}
	}
	if len(alerts) == 0 {
		return nil, fmt.Errorf("%s has no rules", dir)
	}
	return alerts, nil
}
