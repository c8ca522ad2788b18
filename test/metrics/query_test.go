package metrics

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The parts of a query. promtool says whether it is one.
var (
	selector  = regexp.MustCompile(`\b([a-z][a-z0-9]*_[a-z0-9_]*)\s*(\{[^}]*\})?`)
	matcher   = regexp.MustCompile(`([a-z_]+)\s*(?:=|!=|=~|!~)\s*"([^"]*)"`)
	functions = regexp.MustCompile(`\b[a-z_]+\s*\(`)
	grouping  = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
)

// target are the labels that Prometheus gives to all that it scrapes.
var target = []string{"instance", "pod", "job", "namespace", "le"}

// asks checks that a query names metrics that are served, and labels and values
// that these have.
func (p *page) asks(t *testing.T, query string) {
	t.Helper()
	var labels []string
	rest := query
	for _, words := range grouping.FindAllStringSubmatch(query, -1) {
		labels = append(labels, regexp.MustCompile(`[a-z_]+`).FindAllString(words[1], -1)...)
		rest = strings.Replace(rest, words[0], "", 1)
	}
	found := slices.Clone(target)
	for _, m := range selector.FindAllStringSubmatch(functions.ReplaceAllString(rest, "("), -1) {
		name := m[1]
		family := p.families[name]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base, cut := strings.CutSuffix(name, suffix); cut && family == nil {
				family = p.families[base]
			}
		}
		if family == nil {
			t.Errorf("nobody serves %s, of the query %s", name, query)
			continue
		}
		has := append(labelsOf(family), target...)
		found = append(found, has...)
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(has, l[1]) {
				t.Errorf("%s has no label %s, of the query %s", name, l[1], query)
			}
		}
	}
	for _, label := range labels {
		if !slices.Contains(found, label) {
			t.Errorf("no metric of the query has a label %s: %s", label, query)
		}
	}
}
