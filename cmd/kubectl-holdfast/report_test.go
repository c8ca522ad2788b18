package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inFolder runs the test in a folder of its own, where files are written.
func inFolder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("LC_ALL", "C.UTF-8")
}

// files are the names of what is in the current folder.
func files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestReportNamesWhatItWrites: the names tell the period and the status, and
// nothing is left beside the files.
func TestReportNamesWhatItWrites(t *testing.T) {
	w := write(t, day()...)
	const from, to = "2026-03-01T06:00:00Z", "2026-03-01T06:00:10Z"
	const name = "control-operation-record-20260301T060000Z-20260301T060010Z-complete"
	for form, c := range map[string]struct {
		args      []string
		wantFiles []string
		wantErrs  string
	}{
		"html":                {[]string{"-o", "html"}, []string{name + ".html"}, "Wrote " + name + ".html (Complete).\n"},
		"csv":                 {[]string{"-o", "csv"}, []string{name}, "Wrote " + name + " (Complete).\n"},
		"csv into":            {[]string{"-o", "csv", "--out", "registers"}, []string{"registers"}, "Wrote registers (Complete).\n"},
		"json is printed":     {[]string{"-o", "json"}, []string{}, ""},
		"oscal is printed":    {[]string{"-o", "oscal"}, []string{}, ""},
		"text is printed":     {nil, []string{}, ""},
		"json into a file":    {[]string{"-o", "json", "--out", "x"}, []string{"x"}, "Wrote x (Complete).\n"},
		"oscal into a folder": {[]string{"-o", "oscal", "--out", "."}, []string{name + ".oscal.json"}, "Wrote " + name + ".oscal.json (Complete).\n"},
		"html is printed":     {[]string{"-o", "html", "--out", "-"}, []string{}, ""},
	} {
		t.Run(form, func(t *testing.T) {
			inFolder(t)
			out, errs, status := holdfast(t, append([]string{"report", w.dir, "--from", from, "--to", to}, c.args...)...)
			if status != statusDone || errs != c.wantErrs {
				t.Fatalf("status %d, %q, want %q", status, errs, c.wantErrs)
			}
			if diff := cmp.Diff(c.wantFiles, files(t)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if printed := out != ""; printed != (len(c.wantFiles) == 0) {
				t.Errorf("printed: %t, %.100q", printed, out)
			}
		})
	}
}

// TestE29ReportsAreFunctions: the same ledger and query give the same bytes, at any time.
func TestE29ReportsAreFunctions(t *testing.T) {
	w := write(t, day()...)
	inFolder(t)
	args := []string{"report", w.dir, "--from", "2026-03-01", "--to", "2026-03-02", "-o", "json"}
	first, _, _ := holdfast(t, args...)
	second, _, status := holdfast(t, args...)
	if status != statusDone || first == "" || first != second {
		t.Errorf("status %d; the same: %t", status, first == second)
	}
	var record struct{ Status, Title string }
	if err := json.Unmarshal([]byte(first), &record); err != nil {
		t.Fatal(err)
	}
	if record.Status != "Interim" {
		t.Errorf("a day of which the ledger has eighteen seconds is %s", record.Status)
	}
}

func TestReportsRefuse(t *testing.T) {
	w := write(t, day()...)
	inFolder(t)
	if err := os.WriteFile("responses.yaml", []byte("responses: {abc: x}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("there", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no ledger":             {[]string{"nowhere"}, "open the ledger: stat nowhere"},
		"a folder without one":  {[]string{"there"}, "there is no ledger in there"},
		"a file":                {[]string{"responses.yaml"}, "responses.yaml is neither a directory nor a bundle"},
		"an unknown form":       {[]string{w.dir, "-o", "xml"}, `--output "xml": want text, html, pdf, csv, json, oscal`},
		"no date":               {[]string{w.dir, "--from", "yesterday"}, `--from "yesterday": want a date such as 2026-03-01`},
		"an instant and a time": {[]string{w.dir, "--as-of", "2026-03-01", "--to", "2026-03-02"}, "--as-of asks for an instant"},
		"an empty period":       {[]string{w.dir, "--from", "2026-03-02", "--to", "2026-03-02"}, "the period is empty"},
		"a period of the past":  {[]string{w.dir, "--from", "2025-03-02", "--to", "2025-04-02"}, "lies before the ledger"},
		"an unknown control":    {[]string{w.dir, "--control", "NET-9"}, `the ledger knows no control "NET-9"`},
		"responses":             {[]string{w.dir, "--responses", "responses.yaml"}, `"abc" is too short`},
		"a folder in the way":   {[]string{w.dir, "-o", "csv", "--out", "there"}, "there exists: name another folder"},
		"registers as a stream": {[]string{w.dir, "-o", "csv", "--out", "-"}, "--out has to name a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, status := holdfast(t, append([]string{"report"}, c.args...)...)
			if status != statusFailed || out != "" || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("status %d, printed %q, %q; want one line with %q", status, out, errs, c.want)
			}
		})
	}
	if diff := cmp.Diff([]string{"responses.yaml", "there"}, files(t)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestResponsesAreShown, and those that match nothing are named.
func TestResponsesAreShown(t *testing.T) {
	w := write(t, day()...)
	inFolder(t)
	list, _, _ := holdfast(t, "episodes", w.dir, "-o", "json")
	var episodes episodeList
	if err := json.Unmarshal([]byte(list), &episodes); err != nil {
		t.Fatal(err)
	}
	file := "responses:\n  " + episodes.Episodes[0].ID + ": A planned change.\n  ffffffff: Of another record.\n"
	if err := os.WriteFile("responses.yaml", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, status := holdfast(t, "report", w.dir, "-o", "html", "--out", "-", "--responses", "responses.yaml")
	if status != statusDone || !strings.Contains(out, "A planned change.") {
		t.Errorf("status %d; the page lacks the response", status)
	}
	if want := "Not in this record, and left out: the responses to ffffffff.\n"; errs != want {
		t.Errorf("%q, want %q", errs, want)
	}
}

func TestEpisodesAreListed(t *testing.T) {
	w := write(t, day()...)
	t.Setenv("LC_ALL", "C.UTF-8")
	out, errs, status := holdfast(t, "episodes", w.dir, "--to", "2026-03-01T06:00:18Z")
	if status != statusDone || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	golden(t, "episodes.txt", stable(out, w.id))
}

func TestEpisodesAreSelected(t *testing.T) {
	w := write(t, day()...)
	const to = "2026-03-01T06:00:18Z"
	all := listEpisodes(t, w.dir, "--to", to)
	if len(all) < 3 {
		t.Fatalf("%d episodes", len(all))
	}
	for name, c := range map[string]struct {
		args []string
		want func(listedEpisode) bool
	}{
		"class":   {[]string{"--class", "Baseline,Pending"}, func(e listedEpisode) bool { return e.Class == "Baseline" || e.Class == "Pending" }},
		"origin":  {[]string{"--origin", "Drift"}, func(e listedEpisode) bool { return e.Origin == "Drift" }},
		"subject": {[]string{"--subject", "shop"}, func(e listedEpisode) bool { return e.Subject.Name == "shop" }},
		"nobody":  {[]string{"--subject", "shop-2"}, func(listedEpisode) bool { return false }},
		"since":   {[]string{"--since", "2026-03-01T06:00:08Z"}, func(e listedEpisode) bool { return e.Started.NotAfter.Second() >= 8 }},
	} {
		t.Run(name, func(t *testing.T) {
			want := slices.DeleteFunc(slices.Clone(all), func(e listedEpisode) bool { return !c.want(e) })
			got := listEpisodes(t, w.dir, append(c.args, "--to", to)...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("episodes (-want +got):\n%s", diff)
			}
			if len(want) == len(all) && name != "subject" {
				t.Error("all episodes are wanted: the case shows nothing")
			}
		})
	}
}

// listEpisodes are the episodes that the command lists.
func listEpisodes(t *testing.T, dir string, args ...string) []listedEpisode {
	t.Helper()
	out, errs, status := holdfast(t, append([]string{"episodes", dir, "-o", "json"}, args...)...)
	if status != statusDone {
		t.Fatalf("status %d, %s", status, errs)
	}
	var list episodeList
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	return list.Episodes
}

func TestEpisodesRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"class":  {[]string{"--class", "Late"}, `--class "Late": want one of Deviation`},
		"origin": {[]string{"--origin", "Chance"}, `--origin "Chance": want one of Drift`},
		"since":  {[]string{"--since", "noon"}, `--since "noon"`},
	} {
		_, errs, status := holdfast(t, append([]string{"episodes", t.TempDir()}, c.args...)...)
		if status != statusFailed || !strings.Contains(errs, c.want) {
			t.Errorf("%s: status %d, %q, want %q", name, status, errs, c.want)
		}
	}
}

func TestTimelineIsPlotted(t *testing.T) {
	w := write(t, day()...)
	t.Setenv("LC_ALL", "C.UTF-8")
	args := []string{"timeline", w.dir, "--from", "2026-03-01T06:00:00Z", "--to", "2026-03-01T06:00:20Z"}
	out, errs, status := holdfast(t, args...)
	if status != statusDone || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	golden(t, "timeline.txt", stable(out, w.id))
	ascii, _, _ := holdfast(t, append(args, "--ascii")...)
	t.Setenv("LC_ALL", "C")
	if c, _, _ := holdfast(t, args...); c != ascii || strings.ContainsFunc(c, func(r rune) bool { return r > 127 }) {
		t.Errorf("without UTF-8 it draws\n%s", c)
	}
}

// TestPDFIsPrintedByABrowser: here a program of its name that prints its
// arguments, and checks that it can read the page.
func TestPDFIsPrintedByABrowser(t *testing.T) {
	w := write(t, day()...)
	inFolder(t)
	bin := t.TempDir()
	const browser = `#!/bin/sh
for a in "$@"; do
  case "$a" in
  --print-to-pdf=*) out="${a#--print-to-pdf=}" ;;
  file://*) page="${a#file://}" ;;
  esac
done
grep -q "<title>Control operation record" "$page" || exit 1
echo "%PDF $*" > "$out"
`
	if err := os.WriteFile(filepath.Join(bin, "chromium"), []byte(browser), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	if _, errs, status := holdfast(t, "report", w.dir, "-o", "pdf", "--out", "x.pdf"); status != statusDone {
		t.Fatalf("status %d, %s", status, errs)
	}
	data, err := os.ReadFile("x.pdf")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"%PDF ", "--headless", "--no-pdf-header-footer", "--disable-background-networking", "--user-data-dir="} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the browser was called without %q: %s", want, data)
		}
	}
	if diff := cmp.Diff([]string{"x.pdf"}, files(t)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestABrowserIsUnsandboxedOnlyAsRoot(t *testing.T) {
	for root, want := range map[bool]bool{true: true, false: false} {
		if got := slices.Contains(browserArgs("f", "p", "o", root), "--no-sandbox"); got != want {
			t.Errorf("root %t: --no-sandbox %t", root, got)
		}
	}
}

// TestWithoutABrowser one sentence says so, and how else to come to a PDF.
func TestWithoutABrowser(t *testing.T) {
	w := write(t, day()...)
	inFolder(t)
	t.Setenv("PATH", t.TempDir())
	out, errs, status := holdfast(t, "report", w.dir, "-o", "pdf")
	if want := "Error: " + errNoBrowser.Error() + "\n"; status != statusFailed || out != "" || errs != want {
		t.Errorf("status %d, printed %q, %q; want %q", status, out, errs, want)
	}
	if diff := cmp.Diff([]string{}, files(t)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestUTF8IsFoundOut(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want bool
	}{
		"nothing is said":    {nil, true},
		"C":                  {map[string]string{"LANG": "C"}, false},
		"UTF-8":              {map[string]string{"LANG": "de_CH.UTF-8"}, true},
		"utf8":               {map[string]string{"LC_CTYPE": "C.utf8"}, true},
		"LC_ALL is stronger": {map[string]string{"LC_ALL": "POSIX", "LANG": "C.UTF-8"}, false},
	} {
		if got := speaksUTF8(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
