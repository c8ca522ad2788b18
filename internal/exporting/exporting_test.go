package exporting

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/synthetic"
)

var allFormats = []v1alpha1.ExportFormat{v1alpha1.ExportHTML, v1alpha1.ExportCSV, v1alpha1.ExportJSON, v1alpha1.ExportOSCAL, v1alpha1.ExportBundle}

// past writes a ledger of three days from 1 January 2026 on.
func past(t *testing.T) *Exporter {
	t.Helper()
	e := &Exporter{Dir: t.TempDir(), LedgerDir: t.TempDir(), Version: "test"}
	_, err := synthetic.Write(t.Context(), e.LedgerDir, synthetic.Options{Seed: 7, Duration: 72 * time.Hour, Heartbeat: time.Hour, Collections: 6 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// days asks for the record from 1 January on.
func days(n int, edits ...func(*Request)) Request {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := Request{Schedule: "soc2", Export: "report", Formats: allFormats,
		Query: report.Query{From: &ledger.Time{Time: from}, To: &ledger.Time{Time: from.AddDate(0, 0, n)}}}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func write(t *testing.T, e *Exporter, r Request, wantComplete bool) {
	t.Helper()
	complete, err := e.Write(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if complete != wantComplete {
		t.Errorf("the record is complete: %t, want %t", complete, wantComplete)
	}
}

// names are the files in the export's folder.
func names(t *testing.T, e *Exporter) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(e.Dir, "soc2", "report"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

func TestE35AnInterimRecordIsReplacedAndACompleteOneStays(t *testing.T) {
	e := past(t)
	write(t, e, days(30), false)
	interim := names(t, e)
	if len(interim) != len(allFormats) || slices.ContainsFunc(interim, func(n string) bool { return !strings.Contains(n, "-interim") }) {
		t.Errorf("files of an interim record: %q", interim)
	}
	if err := os.WriteFile(filepath.Join(e.Dir, "soc2", "report", temporary+"left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, e, days(2), true)
	complete := names(t, e)
	if len(complete) != len(allFormats) || slices.ContainsFunc(complete, func(n string) bool { return !strings.Contains(n, "-complete") }) {
		t.Errorf("files of a complete record: %q", complete)
	}
	write(t, e, days(30), false)
	if diff := cmp.Diff(slices.Sorted(slices.Values(append(interim, complete...))), names(t, e)); diff != "" {
		t.Errorf("files after another interim record (-want +got):\n%s", diff)
	}
}

func TestARollingRecordReplacesTheOneBefore(t *testing.T) {
	rolling := func(r *Request) { r.Rolling, r.Formats = true, []v1alpha1.ExportFormat{v1alpha1.ExportJSON} }
	e := past(t)
	write(t, e, days(1, rolling), true)
	write(t, e, days(2, rolling), true)
	if got := names(t, e); len(got) != 1 || !strings.Contains(got[0], "20260103") {
		t.Errorf("files: %q", got)
	}
}

// TestE29ExportsAreFunctions: what is written again is the same.
func TestE29ExportsAreFunctions(t *testing.T) {
	e := past(t)
	text := func(r *Request) {
		r.Formats = []v1alpha1.ExportFormat{v1alpha1.ExportHTML, v1alpha1.ExportJSON, v1alpha1.ExportOSCAL}
	}
	read := func() map[string]string {
		contents := map[string]string{}
		for _, name := range names(t, e) {
			data, err := os.ReadFile(filepath.Join(e.Dir, "soc2", "report", name))
			if err != nil {
				t.Fatal(err)
			}
			contents[name] = string(data)
		}
		return contents
	}
	write(t, e, days(2, text), true)
	first := read()
	write(t, e, days(2, text), true)
	if diff := cmp.Diff(first, read()); diff != "" {
		t.Errorf("what was written again differs:\n%.2000s", diff)
	}
}

// TestNothingHalfWritten: an export that fails leaves nothing of itself.
func TestNothingHalfWritten(t *testing.T) {
	e := past(t)
	bogus := func(r *Request) { r.Formats = []v1alpha1.ExportFormat{"Bogus"} }
	if _, err := e.Write(t.Context(), days(2, bogus)); err == nil {
		t.Error("an unknown format was written")
	}
	if got := names(t, e); len(got) != 0 {
		t.Errorf("files: %q", got)
	}
	e.LedgerDir = t.TempDir()
	if _, err := e.Write(t.Context(), days(2)); err == nil {
		t.Error("a record was made of no ledger")
	}
}
