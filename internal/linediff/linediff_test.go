package linediff_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/internal/linediff"
)

func TestUnified(t *testing.T) {
	numbers := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"
	cases := map[string]struct{ before, after, want string }{
		"equal":      {"a\n", "a\n", ""},
		"created":    {"", "a\nb\n", "--- old\n+++ new\n@@ -0,0 +1,2 @@\n+a\n+b\n"},
		"removed":    {"a\n", "", "--- old\n+++ new\n@@ -1,1 +0,0 @@\n-a\n"},
		"one line":   {"a\nb\nc\n", "a\nB\nc\n", "--- old\n+++ new\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"},
		"an old end": {"a\nb\n", "a\n", "--- old\n+++ new\n@@ -1,2 +1,1 @@\n a\n-b\n"},
		"far from each other": {numbers, "0\n" + strings.Replace(numbers, "10\n", "", 1),
			"--- old\n+++ new\n@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -7,4 +8,3 @@\n 7\n 8\n 9\n-10\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, linediff.Unified("old", "new", c.before, c.after)); diff != "" {
				t.Errorf("Unified (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPatchMakesTheNewText: applied as a patch, the difference of two texts makes
// one the other.
func TestPatchMakesTheNewText(t *testing.T) {
	text := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 30), func(lines []string) string {
		return strings.Join(lines, "\n") + "\n"
	})
	rapid.Check(t, func(t *rapid.T) {
		before, after := text.Draw(t, "before"), text.Draw(t, "after")
		difference := linediff.Unified("old", "new", before, after)
		if got := patched(t, before, difference); got != after {
			t.Fatalf("the patch makes %q, want %q:\n%s", got, after, difference)
		}
	})
}

// patched applies a patch as patch(1) does, without any fuzz.
func patched(t *rapid.T, text, patch string) string {
	rest := strings.SplitAfter(text, "\n")
	var out strings.Builder
	taken := 0
	take := func(n int) {
		out.WriteString(strings.Join(rest[:n], ""))
		rest, taken = rest[n:], taken+n
	}
	for l := range strings.Lines(patch) {
		var from, lines int
		switch {
		case strings.HasPrefix(l, "---"), strings.HasPrefix(l, "+++"):
		case strings.HasPrefix(l, "@@"):
			if _, err := fmt.Sscanf(l, "@@ -%d,%d", &from, &lines); err != nil {
				t.Fatal(err)
			}
			if lines > 0 {
				from--
			}
			take(from - taken)
		case l[0] == '+':
			out.WriteString(l[1:])
		case rest[0] != l[1:]:
			t.Fatalf("line %d is %q, the patch has %q", taken+1, rest[0], l)
		case l[0] == ' ':
			take(1)
		default:
			rest, taken = rest[1:], taken+1
		}
	}
	return out.String() + strings.Join(rest, "")
}
