package docs

import (
	"regexp"
	"strings"
)

// elision stands for any lines, or within a line for any text.
const elision = "…"

// volatile are what differs from run to run, and what it is compared as. The
// order matters: a time holds what looks like an id.
var volatile = []struct {
	form *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?`), "<time>"},
	{regexp.MustCompile(`\d{8}t\d{6}z`), "<time>"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uid>"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "<digest>"},
	{regexp.MustCompile(`\b([0-9a-f]{8}|[0-9a-f]{32})\b`), "<id>"},
	{regexp.MustCompile(`\b(\d+(\.\d+)?(ms|µs|d|h|m|s))+\b`), "<duration>"},
	{regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b`), "<address>"},
	{regexp.MustCompile(`<duration> \(<duration> ago\)`), "<duration>"},
}

// normalise replaces what differs from run to run, and runs of white space by one
// space.
func normalise(line string) string {
	line = strings.Join(strings.Fields(line), " ")
	for _, v := range volatile {
		line = v.form.ReplaceAllString(line, v.name)
	}
	return line
}

// matches returns whether the output is as on the page. Without lines on the page
// any output is.
func matches(want []string, output string) bool {
	if len(want) == 0 {
		return true
	}
	return matchLines(want, trimBlank(strings.Split(output, "\n")))
}

func matchLines(want, got []string) bool {
	switch {
	case len(want) == 0:
		return len(got) == 0
	case strings.TrimSpace(want[0]) == elision:
		return matchLines(want[1:], got) || len(got) > 0 && matchLines(want, got[1:])
	default:
		return len(got) > 0 && matchLine(want[0], got[0]) && matchLines(want[1:], got[1:])
	}
}

func matchLine(want, got string) bool {
	want, got = normalise(want), normalise(got)
	parts := strings.Split(want, elision)
	if len(parts) == 1 {
		return want == got
	}
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(got)
}
