package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/controllers"
)

const root = "../.."

func TestThePageIsUpToDate(t *testing.T) {
	want, err := page(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, pageFile))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); make generate writes it:\n%s", pageFile, diff)
	}
}

func TestEveryLabelIsExplained(t *testing.T) {
	explained := map[string]bool{}
	for _, l := range controllers.MetricLabels() {
		explained[l.Name] = false
	}
	for _, f := range controllers.MetricFamilies() {
		for _, label := range f.Labels {
			if _, ok := explained[label]; !ok {
				t.Errorf("%s has a label %s, which is not explained", f.Name, label)
			}
			explained[label] = true
		}
	}
	for label, used := range explained {
		if !used {
			t.Errorf("no metric has a label %s", label)
		}
	}
}

func TestFoldersWithoutRules(t *testing.T) {
	dir := t.TempDir()
	if _, err := readAlerts(dir); err == nil {
		t.Error("a folder without rules is not refused")
	}
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte("groups: {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readAlerts(dir); err == nil {
		t.Error("a file that holds no groups is not refused")
	}
}
