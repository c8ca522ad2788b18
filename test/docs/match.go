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
	var form, got strings.Builder
	form.WriteString(`\A`)
	for _, line := range want {
		form.WriteString(lineForm(line))
	}
	form.WriteString(`\z`)
	for _, line := range trimBlank(strings.Split(output, "\n")) {
		got.WriteString(normalise(line) + "\n")
	}
	return regexp.MustCompile(form.String()).MatchString(got.String())
}

// lineForm is what a line of the page stands for, as a regular expression.
func lineForm(line string) string {
	line = normalise(line)
	if line == elision {
		return `(?:.*\n)*`
	}
	parts := strings.Split(line, elision)
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return strings.Join(parts, ".*") + `\n`
}
