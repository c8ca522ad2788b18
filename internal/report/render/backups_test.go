package render

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render/rendertest"
)

// TestE10NoBackupWasDue: a population of zero is no occurrence, wherever it is said.
func TestE10NoBackupWasDue(t *testing.T) {
	r := rendertest.Backups()
	r.Controls[0].Backups = &report.Backups{Restores: []report.RestorePath{}, Occurrences: []report.BackupOccurrence{},
		RecoveryPoints: report.RecoveryPoints{Points: []report.RecoveryPoint{}, Beyond: []report.Interval{}, Objectives: []report.Objective{}}}
	for format, text := range map[string]string{
		"text": strings.Join(strings.Fields(textOf(t, r, Options{})), " "), "page": htmlOf(t, r, Options{}), "OSCAL": string(oscalOf(t, r, Options{})),
		"register": registersOf(t, r, Options{})["backups.csv"].String(),
	} {
		if !strings.Contains(text, noSlot) {
			t.Errorf("%s does not say %q", format, noSlot)
		}
		if strings.Contains(text, " 0 slots expected") {
			t.Errorf("%s counts nothing", format)
		}
	}
}

// TestE34ThreeFactsAboutBackups: that a plan exists, that its runs succeeded and that
// the restore path was exercised are said apart, and that is said, too.
func TestE34ThreeFactsAboutBackups(t *testing.T) {
	r := rendertest.Backups()
	want := []string{
		"it existed, was enabled and was not paused for 89d21h of 90d; it did not for 7m; unobserved for 2h",
		"360 slots expected = 338 completed + 6 late + 4 partially failed + 6 failed + 4 missed + 2 pending; beside them 1 extra run",
		"production-baseline/BCK-2: 36 restore tests = 34 restored + 1 failed + 1 not made",
	}
	for format, text := range map[string]string{"text": textOf(t, r, Options{Width: 1000}), "page": html.UnescapeString(htmlOf(t, r, Options{})), "OSCAL": string(oscalOf(t, r, Options{}))} {
		for _, fact := range want {
			if !strings.Contains(text, fact) {
				t.Errorf("%s lacks %q", format, fact)
			}
		}
		if !strings.Contains(text, "application data") {
			t.Errorf("%s does not say that application data was not restored", format)
		}
	}
	if page := htmlOf(t, r, Options{}); !strings.Contains(page, "None of the three stands for another.") {
		t.Error("the page does not say that the facts are three")
	}
}

// TestRegistersOfBackups: one row per occurrence, recovery point and test, and none of
// these files where no control is about backups.
func TestRegistersOfBackups(t *testing.T) {
	r := rendertest.Backups()
	f := registersOf(t, r, Options{})
	b := r.Controls[0].Backups
	want := map[string]int{"backups.csv": len(b.Occurrences), "recovery-points.csv": len(b.RecoveryPoints.Points), "restore-tests.csv": len(r.Controls[1].RestoreTests.Tests)}
	got := map[string]int{}
	for file := range want {
		got[file] = len(tableOf(t, f, file)) - 1
		if registersOf(t, rendertest.Rich(), Options{})[file] != nil {
			t.Errorf("a record without backups has %s", file)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	table := tableOf(t, f, "backups.csv")
	slots, extra, states := slices.Index(table[0], "slots"), slices.Index(table[0], "extra"), map[string]int{}
	for _, row := range table[1:] {
		if row[extra] == "no" {
			states[row[slices.Index(table[0], "state")]] += len(row[slots]) // all counts but one are of one digit, and 1
		}
	}
	if states[ledger.OccurrenceLate] != b.Slots.Late || states[ledger.OccurrenceFailed] != b.Slots.Failed {
		t.Errorf("states %v, the record counts %+v", states, b.Slots)
	}
}

// TestSlotsOfTheStrip: each slot is a cell in the place of its state, what failed
// shows where several share a bin, and the objective is a line.
func TestSlotsOfTheStrip(t *testing.T) {
	r := rendertest.Backups()
	c := &r.Controls[0]
	figure := newBackupFigure(r, c)
	cells := map[string]int{}
	for _, s := range figure.Slots.Lanes[0].Shapes {
		cells[s.Class] = strings.Count(s.Path, "M")
	}
	// Two slots that follow each other stand apart, so each has a cell of its own.
	want := map[string]int{"ran": 338, "late": 6, "partly": 4, "failed": 6, "missed": 4, "axis": 1, "idle": 0, "unseen": 0, "gap": cells["gap"]}
	if diff := cmp.Diff(want, cells); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
	beyond := 0
	for _, s := range figure.Ages.Lanes[0].Shapes {
		if s.Class == "outside" {
			beyond = strings.Count(s.Path, "M")
		}
	}
	if beyond == 0 || beyond > 40 {
		t.Errorf("%d bars are beyond the objective", beyond)
	}
	if newBackupFigure(rendertest.BackupsAsOf(), c) != nil {
		t.Error("an instant has a strip")
	}
}
