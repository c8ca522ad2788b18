package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

func TestTheDashboardIsUpToDate(t *testing.T) {
	want, err := encode(newDashboard(rows()))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, dashboardFile))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); make generate writes it:\n%s", dashboardFile, diff)
	}
}

// TestPanelsLieSideBySide: none overlaps another, and none lies outside.
func TestPanelsLieSideBySide(t *testing.T) {
	taken := map[[2]int]string{}
	for _, p := range newDashboard(rows()).Panels {
		at := p.GridPos
		if at.X < 0 || at.X+at.W > columns {
			t.Errorf("%s lies outside: %+v", p.Title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%s overlaps %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}
