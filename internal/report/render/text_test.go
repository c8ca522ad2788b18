package render

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render/rendertest"
)

// updateVariable in the environment makes the tests rewrite the golden files.
const updateVariable = "UPDATE_GOLDEN"

// golden compares a text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv(updateVariable) != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the text differs from %s (-want +got); %s=1 accepts it:\n%s", path, updateVariable, diff)
	}
}

func textOf(t *testing.T, r *report.Record, o Options) string {
	t.Helper()
	var out strings.Builder
	if err := Text(&out, r, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func timelineOf(t *testing.T, r *report.Record, o Options) string {
	t.Helper()
	var out strings.Builder
	if err := Timeline(&out, r, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestText(t *testing.T) {
	golden(t, "rich.txt", textOf(t, rendertest.Rich(), Options{}))
	golden(t, "asof.txt", textOf(t, rendertest.AsOf(), Options{}))
	golden(t, "empty.txt", textOf(t, rendertest.Empty(), Options{Width: 80}))
	golden(t, "backups.txt", textOf(t, rendertest.Backups(), Options{}))
	golden(t, "backups-asof.txt", textOf(t, rendertest.BackupsAsOf(), Options{}))
}

func TestTimeline(t *testing.T) {
	golden(t, "timeline.txt", timelineOf(t, rendertest.Rich(), Options{}))
	golden(t, "timeline-ascii.txt", timelineOf(t, rendertest.Interim(), Options{ASCII: true, Width: 80}))
}

// TestTextFitsTheScreen: no line is wider than the screen, whatever users wrote.
func TestTextFitsTheScreen(t *testing.T) {
	for name, r := range map[string]*report.Record{
		"rich": rendertest.Rich(), "interim": rendertest.Interim(), "as of": rendertest.AsOf(), "empty": rendertest.Empty(),
		"hostile": rendertest.Hostile("\x1b[2J" + strings.Repeat("wide", 50)),
	} {
		for _, width := range []int{80, 100} {
			for _, text := range []string{textOf(t, r, Options{Width: width}), timelineOf(t, r, Options{Width: width})} {
				for line := range strings.Lines(text) {
					if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
						t.Errorf("%s: %d characters on %d columns: %q", name, n, width, line)
					}
				}
			}
		}
	}
}

func TestTextMovesNoCursor(t *testing.T) {
	r := rendertest.Hostile("\x1b[2J\a\u202e")
	for _, text := range []string{textOf(t, r, Options{}), timelineOf(t, r, Options{})} {
		for _, c := range text {
			if c != '\n' && !unicode.IsPrint(c) {
				t.Fatalf("the text holds %U", c)
			}
		}
	}
}

func TestASCII(t *testing.T) {
	r := rendertest.Hostile("naïve…")
	for _, text := range []string{textOf(t, r, Options{ASCII: true}), timelineOf(t, r, Options{ASCII: true})} {
		for _, c := range text {
			if c > unicode.MaxASCII {
				t.Fatalf("the text holds %q", c)
			}
		}
	}
}
