package metrics

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/holdfast-dev/holdfast/controllers"
)

// own is how the names of Holdfast's own metrics begin.
const own = "holdfast_"

// page is what was scraped.
type page struct {
	text     string
	families map[string]*dto.MetricFamily
}

// get asks for the metrics, as the owner of a token and in a format, either of
// which may be empty.
func (s *stage) get(t *testing.T, token, format string) (status int, contentType string, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.op.MetricsAddress()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	request.Header.Set("Accept", format)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Content-Type"), body
}

// servesThoseWhoMayRead: the API server says who asks, and whether they may.
func (s *stage) servesThoseWhoMayRead(t *testing.T) {
	cases := map[string]struct {
		token string
		want  int
	}{
		"nobody": {"", http.StatusUnauthorized},
		// So controller-runtime answers a token that the API server does not know.
		"a token of nobody's": {"quagga", http.StatusInternalServerError},
		"somebody":            {s.token(t, "somebody"), http.StatusForbidden},
		"the reader":          {s.reader, http.StatusOK},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			status, _, body := s.get(t, tc.token, "")
			if status != tc.want || bytes.Contains(body, []byte(own)) != (tc.want == http.StatusOK) {
				t.Errorf("got status %d, want %d, and metrics only then", status, tc.want)
			}
		})
	}
}

// scrape reads the metrics as Prometheus does.
func (s *stage) scrape(t *testing.T) *page {
	t.Helper()
	status, _, body := s.get(t, s.reader, "text/plain;version=0.0.4")
	if status != http.StatusOK {
		t.Fatalf("the metrics are answered with status %d: %s", status, body)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("the metrics cannot be parsed: %v", err)
	}
	return &page{string(body), families}
}

// parsesInEveryFormat: text and protocol buffers hold the same metrics, and whoever
// asks for another format gets text.
func (s *stage) parsesInEveryFormat(t *testing.T) {
	want := slices.Sorted(maps.Keys(s.scrape(t).families))
	for _, accept := range []string{
		"", "application/openmetrics-text;version=1.0.0", string(expfmt.NewFormat(expfmt.TypeProtoDelim)), "text/plain;version=1.0.0;escaping=allow-utf-8",
	} {
		_, contentType, body := s.get(t, s.reader, accept)
		decoder := expfmt.NewDecoder(bytes.NewReader(body), expfmt.ResponseFormat(http.Header{"Content-Type": {contentType}}))
		var got []string
		for {
			family := &dto.MetricFamily{}
			err := decoder.Decode(family)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", contentType, err)
			}
			got = append(got, family.GetName())
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("asked for %q, got %q, with other metrics (-text +got):\n%s", accept, contentType, diff)
		}
	}
}

// isWellNamed: promtool finds nothing to better.
func (p *page) isWellNamed(t *testing.T) { promtool(t, p.text, "check", "metrics") }

// value is the sum of the gauges, or counters, that bear a label.
func (p *page) value(name, label, value string) float64 {
	sum := 0.0
	for _, m := range p.families[name].GetMetric() {
		if slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == label && l.GetValue() == value }) {
			sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return sum
}

// documented are the names in the tables of docs/metrics.md.
func documented(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+_[a-z_]*\\*?)` \\|").FindAllStringSubmatch(string(content), -1) {
		names = append(names, m[1])
	}
	return names
}

// isDocumented: what is served is documented, and what is documented is served, with
// the type, the labels and the meaning that the documentation states.
func (p *page) isDocumented(t *testing.T) {
	rows, used := documented(t), map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(p.families)) {
		at := slices.IndexFunc(rows, func(row string) bool {
			prefix, many := strings.CutSuffix(row, "*")
			return row == name || (many && strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, own))
		})
		if at < 0 {
			t.Errorf("docs/metrics.md does not have %s", name)
			continue
		}
		used[rows[at]] = true
	}
	for _, row := range rows {
		if !used[row] {
			t.Errorf("docs/metrics.md has %s, and the operator does not serve it", row)
		}
	}
	for _, f := range controllers.MetricFamilies() {
		got := p.families[f.Name]
		if got == nil {
			t.Errorf("%s is not served", f.Name)
			continue
		}
		want := []string{strings.ToUpper(f.Type), f.Help, strings.Join(slices.Sorted(slices.Values(f.Labels)), " ")}
		if diff := cmp.Diff(want, []string{got.GetType().String(), got.GetHelp(), strings.Join(labelsOf(got), " ")}); diff != "" {
			t.Errorf("%s (-documented +served):\n%s", f.Name, diff)
		}
	}
}

// labelsOf are the labels of a family.
func labelsOf(family *dto.MetricFamily) []string {
	labels := map[string]bool{}
	for _, m := range family.GetMetric() {
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = true
		}
	}
	return slices.Sorted(maps.Keys(labels))
}

// hasOnlyKnownValues: a label whose values are documented has no other, and one that
// names something names the policy, the control, the schedule or the anchor.
func (p *page) hasOnlyKnownValues(t *testing.T) {
	known := map[string][]string{"policy": {policyName, probedName, backedUpName}, "control": {"NET-1", "ENC-1", "BCK-1"}, "schedule": {scheduleName}, "anchor": {"outside", "dead"}, "version": nil}
	for _, l := range controllers.MetricLabels() {
		if l.Values != nil {
			known[l.Name] = l.Values
		}
	}
	for name, family := range p.families {
		if !strings.HasPrefix(name, own) {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				values, ok := known[l.GetName()]
				if !ok || (values != nil && !slices.Contains(values, l.GetValue())) {
					t.Errorf("%s has %s=%q", name, l.GetName(), l.GetValue())
				}
			}
		}
	}
}
