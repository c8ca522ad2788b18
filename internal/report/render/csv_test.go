package render

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render/rendertest"
)

// folder keeps files in memory.
type folder map[string]*bytes.Buffer

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func (f folder) create(name string) (io.WriteCloser, error) {
	f[name] = &bytes.Buffer{}
	return nopCloser{f[name]}, nil
}

// registersOf are the registers of a record, as text.
func registersOf(t *testing.T, r *report.Record, o Options) folder {
	t.Helper()
	f := folder{}
	if err := CSV(f.create, r, o); err != nil {
		t.Fatal(err)
	}
	return f
}

// tableOf is a register's table: the names of the columns, and the rows.
func tableOf(t *testing.T, f folder, name string) [][]string {
	t.Helper()
	lines := strings.SplitN(f[name].String(), "\n", headLines+1)
	if len(lines) <= headLines {
		t.Fatalf("%s has %d lines", name, len(lines))
	}
	rows, err := csv.NewReader(strings.NewReader(lines[headLines])).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return rows
}

// TestRegistersAreTables: a program that skips the head reads a table, each row
// as long as the first, in every register of every record.
func TestRegistersAreTables(t *testing.T) {
	for name, r := range map[string]*report.Record{
		"rich": rendertest.Rich(), "empty": rendertest.Empty(), "as of": rendertest.AsOf(), "hostile": rendertest.Hostile("a\n\"b\",\r\nc"),
	} {
		f := registersOf(t, r, Options{})
		want := map[bool]int{true: 14, false: 13}[hasBehaviour(r)]
		if len(f) != want || hasBehaviour(r) == (name == "empty") {
			t.Errorf("%s: %d registers, want %d", name, len(f), want)
		}
		for file, data := range f {
			if !strings.HasPrefix(data.String(), byteOrderMark+"# Record,") {
				t.Errorf("%s: %s begins with %.20q", name, file, data.String())
			}
			tableOf(t, f, file)
		}
	}
}

func TestRegistersReconcile(t *testing.T) {
	r := rendertest.Rich()
	f := registersOf(t, r, Options{})
	episodes, baseline, subjects, groups := 0, 0, 0, 0
	for _, c := range r.Controls {
		episodes, baseline = episodes+c.Counts.Episodes, baseline+len(c.Baseline)
		subjects, groups = subjects+len(c.Subjects), groups+c.Counts.Groups
	}
	want := map[string]int{
		"episodes.csv": episodes + baseline, "subjects.csv": subjects, "groups.csv": groups,
		"gaps.csv": len(r.Gaps), "changes.csv": len(r.Changes), "occurrences.csv": len(r.Collections), "anchors.csv": len(r.Custody.Anchors),
	}
	got := map[string]int{}
	for file := range want {
		got[file] = len(tableOf(t, f, file)) - 1
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if line := "# Reconciles,57 episodes + 3 that were there when a control was introduced = 60 rows\n"; !strings.Contains(f["episodes.csv"].String(), line) {
		t.Errorf("episodes.csv lacks %q:\n%s", line, f["episodes.csv"].String()[:900])
	}
}

// TestRegistersHoldNoFormulas: a spreadsheet calculates nothing that a user wrote.
func TestRegistersHoldNoFormulas(t *testing.T) {
	for _, text := range []string{"=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r\n=1", "＝1"} {
		f := registersOf(t, rendertest.Hostile(text), Options{Responses: Responses{}})
		for file := range f {
			for _, row := range tableOf(t, f, file) {
				for _, cell := range row {
					if first := strings.TrimSpace(cell); first != "" && strings.ContainsAny(first[:1], "=+-@") {
						t.Fatalf("%q: %s has the cell %q", text, file, cell)
					}
				}
			}
		}
		owner := slices.Index(tableOf(t, f, "controls.csv")[0], "owner")
		if cell := tableOf(t, f, "controls.csv")[1][owner]; !strings.HasPrefix(cell, "'") {
			t.Errorf("%q became %q", text, cell)
		}
	}
}

// TestEpisodesHaveFourTimes: what is not known of a bound is an empty cell.
func TestEpisodesHaveFourTimes(t *testing.T) {
	table := tableOf(t, registersOf(t, rendertest.Rich(), Options{}), "episodes.csv")
	column := func(name string) int { return slices.Index(table[0], name) }
	from := column("started_not_before")
	if diff := cmp.Diff([]string{"started_not_before", "started_not_after", "ended_not_before", "ended_not_after", "length_min_s", "length_max_s"}, table[0][from:from+6]); diff != "" {
		t.Fatalf("columns (-want +got):\n%s", diff)
	}
	for _, row := range table[1:] {
		if row[column("origin")] == "AfterGap" {
			want := []string{"", "2026-02-04T02:00:00.000000Z", "2026-02-04T02:01:00.000000Z", "2026-02-04T02:01:00.040000Z", "60", "7260"}
			if diff := cmp.Diff(want, row[from:from+6]); diff != "" {
				t.Errorf("an episode after a gap (-want +got):\n%s", diff)
			}
			return
		}
	}
	t.Error("there is no episode after a gap")
}
