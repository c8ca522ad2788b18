package metrics

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// The parts of a query. promtool says whether it is one.
var (
	functions = regexp.MustCompile(`\b[a-z_]+\s*\(`)
	grouping  = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	selector  = regexp.MustCompile(`\b([a-z][a-z0-9]*_[a-z0-9_]*)\s*(\{[^}]*\})?`)
	matcher   = regexp.MustCompile(`([a-z_]+)\s*(?:=|!=|=~|!~)\s*"[^"]*"`)
	word      = regexp.MustCompile(`[a-z_]+`)
)

// target are the labels that Prometheus gives to all that it scrapes, and le.
var target = []string{"instance", "pod", "job", "namespace", "le"}

// asks fails the test where a query names what nobody serves.
func (p *page) asks(t *testing.T, query string) {
	t.Helper()
	for _, problem := range p.lacks(query) {
		t.Errorf("%s, of the query %s", problem, query)
	}
}

// lacks says which metrics, and labels of them, a query names that are not served.
func (p *page) lacks(query string) []string {
	var problems, labels []string
	found := slices.Clone(target)
	rest := query
	for _, words := range grouping.FindAllStringSubmatch(query, -1) {
		labels = append(labels, word.FindAllString(words[1], -1)...)
		rest = strings.Replace(rest, words[0], "", 1)
	}
	for _, m := range selector.FindAllStringSubmatch(functions.ReplaceAllString(rest, "("), -1) {
		has, served := p.labels(m[1])
		if !served {
			problems = append(problems, "nobody serves "+m[1])
			continue
		}
		has = append(has, target...)
		found = append(found, has...)
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(has, l[1]) {
				problems = append(problems, fmt.Sprintf("%s has no label %s", m[1], l[1]))
			}
		}
	}
	for _, label := range labels {
		if !slices.Contains(found, label) {
			problems = append(problems, "no metric has a label "+label)
		}
	}
	return problems
}

// labels are those of a metric, or of the histogram that it is a part of.
func (p *page) labels(name string) (labels []string, served bool) {
	if family := p.families[name]; family != nil {
		return labelsOf(family), true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		base, cut := strings.CutSuffix(name, suffix)
		if family := p.families[base]; cut && family.GetType() == dto.MetricType_HISTOGRAM {
			return labelsOf(family), true
		}
	}
	return nil, false
}

func TestQueriesAreComparedWithWhatIsServed(t *testing.T) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(`# TYPE a_total counter
a_total{x="1"} 1
# TYPE b_seconds histogram
b_seconds_bucket{y="1",le="+Inf"} 1
b_seconds_sum{y="1"} 1
b_seconds_count{y="1"} 1
`))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{families: families}
	cases := map[string]struct {
		query string
		want  []string
	}{
		"all there":           {`sum by (x) (increase(a_total{x="2", job="j"}[5m])) or histogram_quantile(0.5, sum by (le) (rate(b_seconds_bucket[5m])))`, nil},
		"no such metric":      {`c_total > 0`, []string{"nobody serves c_total"}},
		"no such part":        {`rate(a_total_bucket[5m])`, []string{"nobody serves a_total_bucket"}},
		"no such label":       {`a_total{y=~"1"}`, []string{"a_total has no label y"}},
		"no such group":       {`max without (z, pod) (a_total)`, []string{"no metric has a label z"}},
		"label of the second": {`sum by (y) (a_total / on (x) b_seconds_count)`, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, p.lacks(tc.query)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
