package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/hack/release/build"
)

// chartVersion is the version of the image that the chart beside it installs
// unless it is told another.
func chartVersion(root string) (string, error) {
	content, err := os.ReadFile(filepath.Join(root, "charts", "holdfast", "Chart.yaml"))
	if err != nil {
		return "", fmt.Errorf("read which image the chart installs: %w", err)
	}
	var chart struct{ AppVersion string }
	if err := yaml.Unmarshal(content, &chart); err != nil {
		return "", fmt.Errorf("read which image the chart installs: %w", err)
	}
	if chart.AppVersion == "" {
		return "", fmt.Errorf("read which image the chart installs: Chart.yaml states no appVersion")
	}
	return chart.AppVersion, nil
}

// agree refuses a release whose chart would install another one. Between releases
// a version is made from the revision, and the image has the name that the chart
// installs: its annotations, and what it says of itself, tell which it is.
func agree(source build.Source, chart string) error {
	if !semver.IsValid(source.Version) || module.IsPseudoVersion(source.Version) || semver.Build(source.Version) != "" || source.Number() == chart {
		return nil
	}
	return fmt.Errorf("revision %s is tagged %s, and its chart installs %s: appVersion in Chart.yaml has to be %s", source.Revision, source.Version, chart, source.Number())
}
