package phrase_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// TestClipNeverCutsARune: at whatever offset the limit falls.
func TestClipNeverCutsARune(t *testing.T) {
	const most = 256
	for offset := range 8 {
		for _, filler := range []string{"a", "é", "€", "😀"} {
			text := strings.Repeat("x", offset) + strings.Repeat(filler, most+1)
			got := phrase.Clip(text, most)
			if !utf8.ValidString(got) || len(got) > most || len(got) < most-6 || !strings.HasSuffix(got, "…") {
				t.Errorf("offset %d of %q: %d bytes, ends with %q", offset, filler, len(got), got[len(got)-6:])
			}
			if !strings.HasPrefix(text, strings.TrimSuffix(got, "…")) {
				t.Errorf("offset %d of %q: what is left is not the beginning", offset, filler)
			}
		}
	}
	if text := strings.Repeat("é", most/2); phrase.Clip(text, most) != text {
		t.Error("a text that fits was cut")
	}
}

func TestBounded(t *testing.T) {
	long := strings.Repeat("x", 100)
	cases := map[string]struct {
		parts []string
		most  int
		want  string
	}{
		"nothing":                    {most: 100},
		"all, as they are given":     {parts: []string{"b", "a", "a"}, most: 100, want: "b; a; a"},
		"as far as they fit":         {parts: []string{"aaaa", "bbbb", "cccc"}, most: 29, want: "aaaa; bbbb; and 1 more"},
		"the first in any case":      {parts: []string{long, "b", "c"}, most: 29, want: "xxxxxxxx…; and 2 more"},
		"the only one, clipped":      {parts: []string{long}, most: 29, want: "xxxxxxxx…"},
		"one that would fit is last": {parts: []string{"aaaa", long, "c"}, most: 29, want: "aaaa; and 2 more"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := phrase.Bounded(tc.parts, tc.most)
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if len(got) > tc.most {
				t.Errorf("%d bytes, want at most %d", len(got), tc.most)
			}
		})
	}
}

func TestNamed(t *testing.T) {
	names := []string{"deny-all", "allow-dns"}
	cases := map[string]struct {
		most int
		want string
	}{
		"all of them":  {most: 31, want: "Open, by deny-all, allow-dns."},
		"their number": {most: 28, want: "Open, by 2 policies."},
		"too long":     {most: 5, want: "Open, by 2 policies."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := phrase.Named("Open, by {names}.", "policies", names, tc.most); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestSorted(t *testing.T) {
	given := []string{"b", "a", "b"}
	if diff := cmp.Diff([]string{"a", "b"}, phrase.Sorted(given)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !slices.Equal(given, []string{"b", "a", "b"}) {
		t.Errorf("the caller's slice is %v now", given)
	}
	if got := phrase.Sorted(nil); got != nil {
		t.Errorf("of nothing it is %v, want nil", got)
	}
}

func TestListed(t *testing.T) {
	for want, words := range map[string][]string{
		"": nil, "a": {"a"}, "a and b": {"a", "b"}, "a, b and c": {"a", "b", "c"},
	} {
		if got := phrase.Listed(words); got != want {
			t.Errorf("Listed(%v) = %q, want %q", words, got, want)
		}
	}
}

func TestCapital(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "what is written": "What is written", "web.example.com is not": "web.example.com is not",
		"host web.example.com": "Host web.example.com", "élan": "Élan", "10.0.0.1:6443 is": "10.0.0.1:6443 is",
	} {
		if got := phrase.Capital(text); got != want {
			t.Errorf("Capital(%q) = %q, want %q", text, got, want)
		}
	}
}
