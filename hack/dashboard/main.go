// Command dashboard writes charts/holdfast/dashboards/holdfast.json: the dashboard
// of Grafana. panels.go says what it shows. It is run in the repository's root.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// dashboardFile is what is written.
const dashboardFile = "charts/holdfast/dashboards/holdfast.json"

func main() {
	if err := generate("."); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// generate writes the dashboard of the repository in root.
func generate(root string) error {
	content, err := encode(newDashboard(rows()))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, dashboardFile), content, 0o644)
}

// encode is the dashboard as Grafana imports it.
func encode(d dashboard) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(d)
	return out.Bytes(), err
}
