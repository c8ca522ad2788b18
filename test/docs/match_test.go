package docs

import (
	"strings"
	"testing"
)

func TestMatches(t *testing.T) {
	cases := map[string]struct {
		page, output string
		want         bool
	}{
		"nothing on the page":        {"", "anything\n", true},
		"the same":                   {"a\nb", "a\nb\n", true},
		"a line more":                {"a", "a\nb\n", false},
		"a line less":                {"a\nb", "a\n", false},
		"another word":               {"a b", "a c\n", false},
		"wider columns":              {"NAME   MODE", "NAME               MODE\n", true},
		"lines left out":             {"a\n…\nd", "a\nb\nc\nd\n", true},
		"no lines left out":          {"a\n…\nd", "a\nd\n", true},
		"lines left out, and an end": {"a\n…\nd", "a\nb\n", false},
		"text left out":              {"a … d", "a b c d\n", true},
		"text left out, and another": {"a … d", "a b c e\n", false},
		"a time":                     {"at 2026-11-22T09:51:53Z", "at 2027-01-02T03:04:05.123Z\n", true},
		"an age":                     {"first-look  True  1s", "first-look  True  2m13s\n", true},
		"a duration":                 {"Repaired after 8.62ms", "Repaired after 9.79ms\n", true},
		"an id":                      {"episode 420a3e77", "episode 06d0e11b\n", true},
		"a name with a time":         {"every-minute-20261122t131100z", "every-minute-20261122t131200z\n", true},
		"an address":                 {"https://127.0.0.1:30432", "https://127.0.0.1:6443\n", true},
		"a number is not volatile":   {"3 open episodes", "4 open episodes\n", false},
		"a meaning is not volatile":  {"Conforming True", "Conforming False\n", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var want []string
			if tc.page != "" {
				want = strings.Split(tc.page, "\n")
			}
			if got := matches(want, tc.output); got != tc.want {
				t.Errorf("matches: %t, want %t", got, tc.want)
			}
		})
	}
}
