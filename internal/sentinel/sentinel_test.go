package sentinel_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/internal/sentinel"
)

func fill(t *testing.T, dir, generation string) sentinel.Report {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report")
	if err := sentinel.Run([]string{"-dir=" + dir, "-generation=" + generation, "-report=" + report}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	found, ok := sentinel.ParseReport(string(text))
	if !ok {
		t.Fatalf("reported %q", text)
	}
	return found
}

// TestFill: data that is there is reported and left as it is, and what is not is
// written anew.
func TestFill(t *testing.T) {
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			matches, err := filepath.Glob(filepath.Join(dir, name))
			if err != nil || len(matches) == 0 {
				t.Fatalf("no %s: %v", name, err)
			}
			for _, match := range matches {
				if err := os.Remove(match); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for name, tc := range map[string]struct {
		change     func(t *testing.T, dir string)
		generation string
		wantSame   bool
		wantBytes  int64
	}{
		"what was written is there":     {func(*testing.T, string) {}, "one", true, 1 << 20},
		"another generation is due":     {func(*testing.T, string) {}, "two", false, 1 << 20},
		"the volume is empty":           {remove("*"), "one", false, 1 << 20},
		"it was not written to its end": {remove("*.generation"), "one", false, 1 << 20},
		"only the name was restored":    {remove("*.data"), "one", false, 0},
		"it was tampered with": {func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, "holdfast-sentinel.data"), []byte("other"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "one", false, 5},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := fill(t, dir, "one")
			tc.change(t, dir)
			again := fill(t, dir, tc.generation)
			if again.Bytes != tc.wantBytes || (again == first) != tc.wantSame {
				t.Errorf("first %s, then %s", first, again)
			}
		})
	}
}

func TestReports(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for text, want := range map[string]bool{
		hash + " 12": true, "": false, hash: false, hash + " -1": false, hash + " 12\n": false, hash + " 12 x": false,
		"xb" + hash[2:] + " 1": false, hash + " 99999999999999999999": false,
	} {
		got, ok := sentinel.ParseReport(text)
		if ok != want || ok && got.String() != text {
			t.Errorf("ParseReport(%q) = %v, %t", text, got, ok)
		}
	}
	if got := sentinel.ReportOf("").String(); got != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0" {
		t.Error(got)
	}
}

func TestRunRefuses(t *testing.T) {
	for name, args := range map[string][]string{
		"nothing to do": nil, "both": {"-dir=.", "-wait"}, "an argument": {"-wait", "x"}, "an unknown flag": {"-x"},
		"no such volume": {"-dir=" + filepath.Join(t.TempDir(), "absent"), "-generation=one"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := sentinel.Run(args); err == nil {
				t.Error("it did not say so")
			}
		})
	}
}

// TestNothingElseIsWritten: the volume holds what is backed up, and nothing beside.
func TestNothingElseIsWritten(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, "one")
	fill(t, dir, "two")
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if !entry.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if got := strings.Join(names, " "); err != nil || got != "holdfast-sentinel.data holdfast-sentinel.generation" {
		t.Errorf("got %s, %v", got, err)
	}
}
