package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render/rendertest"
)

func htmlOf(t *testing.T, r *report.Record, o Options) string {
	t.Helper()
	var out strings.Builder
	if err := HTML(&out, r, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// elements calls fn for every element of a page.
func elements(t *testing.T, page string, fn func(*html.Node)) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			fn(n)
		}
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// textIn is the text in an element.
func textIn(n *html.Node) string {
	var b strings.Builder
	for child := range n.Descendants() {
		if child.Type == html.TextNode {
			b.WriteString(child.Data)
		}
	}
	return b.String()
}

// skeleton are a page's elements, with the names of their attributes.
func skeleton(t *testing.T, page string) []string {
	t.Helper()
	var tags []string
	elements(t, page, func(n *html.Node) {
		names := map[string]bool{}
		for _, a := range n.Attr {
			names[a.Key] = true
		}
		tags = append(tags, n.Data+" "+strings.Join(slices.Sorted(maps.Keys(names)), " "))
	})
	return tags
}

// TestUsersWriteNoMarkup: whatever people and their clients write, the page has
// the same elements and attributes as with harmless text.
func TestUsersWriteNoMarkup(t *testing.T) {
	want := skeleton(t, htmlOf(t, rendertest.Hostile("harmless"), Options{}))
	for _, text := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</title></style><b>`, `<!--`, `*/ } body { display: none }`,
		`javascript:alert(1)`, `{{.Title}}`, "]]>\u2028<svg/onload=alert(1)>",
	} {
		r := rendertest.Hostile(text)
		r.Title, r.Banners = "Control operation record "+text, []string{text}
		harmless := rendertest.Hostile("harmless")
		harmless.Banners = []string{"harmless"}
		want := skeleton(t, htmlOf(t, harmless, Options{}))
		if diff := cmp.Diff(want, skeleton(t, htmlOf(t, r, Options{}))); diff != "" {
			t.Errorf("%q changes the page (-want +got):\n%s", text, diff)
		}
	}
	if len(want) < 1000 {
		t.Errorf("the page has %d elements", len(want))
	}
}

// TestNoTextEndsAString of the style.
func TestNoTextEndsAString(t *testing.T) {
	for text, want := range map[string]string{
		"Control operation record for [2026-01-01T00:00:00Z, now), Interim": `"Control operation record for [2026-01-01T00:00:00Z, now), Interim"`,
		`a"; } </style>`: `"a\000022\00003b \00007d \00003c/style\00003e"`,
		"\\\n–":          `"\00005c\00000a\002013"`,
	} {
		if got := cssString(text); got != want {
			t.Errorf("%q became %s, want %s", text, got, want)
		}
	}
}

func TestThePageNeedsNothingElse(t *testing.T) {
	page := htmlOf(t, rendertest.Rich(), Options{})
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("something was not let through into the page")
	}
	elements(t, page, func(n *html.Node) {
		switch n.Data {
		case "script", "link", "img", "iframe", "object":
			t.Errorf("there is a <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if (a.Key == "href" && !strings.HasPrefix(a.Val, "#")) || a.Key == "src" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	})
}

// TestThePageReconciles: each number that says where it is from is the one that
// the record in JSON has there.
func TestThePageReconciles(t *testing.T) {
	for name, tc := range map[string]struct {
		record *report.Record
		least  int
	}{
		"rich": {rendertest.Rich(), 50}, "backups": {rendertest.Backups(), 35}, "backups as of": {rendertest.BackupsAsOf(), 5},
	} {
		t.Run(name, func(t *testing.T) { reconciles(t, tc.record, tc.least) })
	}
}

func reconciles(t *testing.T, r *report.Record, least int) {
	t.Helper()
	var out bytes.Buffer
	if err := JSON(&out, r); err != nil {
		t.Fatal(err)
	}
	var record any
	if err := json.Unmarshal(out.Bytes(), &record); err != nil {
		t.Fatal(err)
	}
	found := 0
	elements(t, htmlOf(t, r, Options{}), func(n *html.Node) {
		path := attribute(n, "data-path")
		if path == "" {
			return
		}
		found++
		value := attribute(n, "value")
		if want := fmt.Sprint(lookup(t, record, path)); want != value {
			t.Errorf("%s is %s in the page, %s in the record", path, value, want)
		}
		if shown := strings.ReplaceAll(textIn(n), ",", ""); shown != value {
			t.Errorf("%s shows %s, and is %s", path, shown, value)
		}
	})
	if found < least {
		t.Errorf("%d numbers say where they are from", found)
	}
}

// lookup follows a path through a decoded document.
func lookup(t *testing.T, at any, path string) any {
	t.Helper()
	for key := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		switch v := at.(type) {
		case map[string]any:
			at = v[key]
		case []any:
			n, err := strconv.Atoi(key)
			if err != nil || n >= len(v) {
				t.Fatalf("%s: there is no %s", path, key)
			}
			at = v[n]
		default:
			t.Fatalf("%s: there is no %s", path, key)
		}
	}
	if n, ok := at.(float64); ok {
		return int64(n)
	}
	return at
}

// TestE30EveryControlSays what it states and what came of it.
func TestE30EveryControlSays(t *testing.T) {
	page := html.UnescapeString(htmlOf(t, rendertest.Rich(), Options{}))
	for what, want := range map[string]string{
		"tolerance":          "Stated tolerance: corrected within 5m0s; new subjects conform within 5m0s; set by argocd-controller at 2025-12-20 00:00:00.",
		"the same, as text":  "35 episodes in 13 groups = 5 deviations + 4 indeterminate + 1 pending + 25 within tolerance",
		"coverage":           "3,596.66 of 3,600.00 subject-days",
		"new subjects":       "9 subjects added; 9 began with an episode; time to conformity p50 300 ms",
		"no occurrence":      "No occurrence: no subject was in scope in the period.",
		"out of operation":   "Not in operation: 2026‑01‑01 00:00:00 to 2026‑02‑01 00:00:00 (31d)",
		"baseline":           "State when the control was introduced",
		"who left":           "LabelsChanged, NotSelected",
		"exclusions":         "RISK-112: batch jobs until the migration",
		"as stated":          "Exclusions, as stated in the policy, not authenticated",
		"overdue":            "<strong>Overdue</strong>",
		"repaired":           `"Repaired" means`,
		"the query":          "kubectl get --raw '/api/v1/namespaces'",
		"the auditor's":      "For the auditor: left blank by this software",
		"the corrective":     "When the corrective part of this control did not operate",
		"lost":               "When entries could only be counted",
		"within tolerance":   "The other 25 were corrected within the stated tolerance",
		"who had access":     "read the ledger's signing key",
		"unread access":      "RBAC could not be read, Forbidden (entry 30112)",
		"waiting":            "No entry of the period waited longer than 49d for a receipt",
		"the limits":         "Members of groups are not known to the cluster.",
		"missed slots":       "(3 slots)",
		"gaps together":      "kinds Pod, Service",
		"disagreement":       "The manifest disagrees with the entries.",
		"an unknown kind":    "WeatherObserved, not known to this version",
		"without a receipt":  "Not covered by a receipt",
		"how to verify":      "kubectl holdfast verify LEDGER --key",
		"how to make again":  "kubectl holdfast report LEDGER --from 2026-01-01T00:00:00Z --to 2026-04-01T00:00:00Z -o json",
		"failed self-test":   "not: bad/replicas-missing",
		"a concentration":    "Concentration",
		"the cause of a gap": "The watch of this kind delivered nothing while the process lived",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s: the page lacks %q", what, want)
		}
	}
}

// TestE32BasesAreToldApart: every form says of each control what it rests on.
func TestE32BasesAreToldApart(t *testing.T) {
	r := rendertest.Rich()
	const rich, none = "observed behaviour; declared configuration", "nothing: no state was recorded"
	page := html.UnescapeString(htmlOf(t, r, Options{}))
	if !strings.Contains(page, "<dt>Rests on</dt><dd>"+rich) || !strings.Contains(page, "<dt>Rests on</dt><dd>"+none) {
		t.Error("the page does not say what the controls rest on")
	}
	var text bytes.Buffer
	if err := Text(&text, r, Options{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), rich) {
		t.Error("the text does not say what the controls rest on")
	}
	if got := bases([]string{string(control.BasisAttestation)}); got != "attestation by a person" {
		t.Errorf("an attestation is called %q", got)
	}
}

// TestE28AnInstantHasNoCountsOverTime: neither episodes by class nor a timeline.
func TestE28AnInstantHasNoCountsOverTime(t *testing.T) {
	page := htmlOf(t, rendertest.AsOf(), Options{})
	for _, never := range []string{"Timeline", "Day by day", "Coverage since", "Episode groups", "subject-days", "subject-seconds", "Sampling units", "time by outcome", "counted apart"} {
		if strings.Contains(page, never) {
			t.Errorf("the page of an instant has %q", never)
		}
	}
	for _, want := range []string{"As of 2026-03-31 12:00:00", "Open at this instant", "Definition in force"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestE35EveryOutputKeepsToItsPlace: no output claims what only an auditor may,
// and the status stands on it.
func TestE35EveryOutputKeepsToItsPlace(t *testing.T) {
	claims := regexp.MustCompile(`(?i)\b(non-?)?complian(t|ce)\b|\bpassed\b|\bpassing\b|\bcertif|\beffective|\bopinion\b|\bexception`)
	for name, r := range map[string]*report.Record{
		"rich": rendertest.Rich(), "interim": rendertest.Interim(), "as of": rendertest.AsOf(), "empty": rendertest.Empty(),
	} {
		for form, text := range outputs(t, r) {
			if claim := claims.FindString(text); claim != "" {
				t.Errorf("%s as %s says %q", name, form, claim)
			}
			if !strings.Contains(text, r.Status) {
				t.Errorf("%s as %s does not say that it is %s", name, form, r.Status)
			}
		}
	}
	page := htmlOf(t, rendertest.Interim(), Options{})
	for _, want := range []string{
		`@top-left { content: "Control operation record for [2026-01-01T00:00:00Z, 2026-07-01T00:00:00Z), Interim"; }`,
		`@top-right { content: "Interim"; }`, ", Interim</title>", "<strong>Interim</strong>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// outputs are a record in every form.
func outputs(t *testing.T, r *report.Record) map[string]string {
	t.Helper()
	all := map[string]string{}
	for form, write := range map[string]func(io.Writer) error{
		"html": func(w io.Writer) error { return HTML(w, r, Options{}) }, "json": func(w io.Writer) error { return JSON(w, r) },
		"oscal": func(w io.Writer) error { return OSCAL(w, r, Options{}) }, "text": func(w io.Writer) error { return Text(w, r, Options{}) },
		"timeline": func(w io.Writer) error { return Timeline(w, r, Options{}) },
	} {
		var out strings.Builder
		if err := write(&out); err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		all[form] = out.String()
	}
	for name, data := range registersOf(t, r, Options{}) {
		all[name] = data.String()
	}
	return all
}

// TestE29OutputsAreFunctions: the same record gives the same bytes.
func TestE29OutputsAreFunctions(t *testing.T) {
	first, second := outputs(t, rendertest.Rich()), outputs(t, rendertest.Rich())
	for form := range first {
		if first[form] != second[form] {
			t.Errorf("%s differs from one time to the next", form)
		}
	}
}

// TestTablesAreBounded: a page of 20,000 episodes is one that a browser opens,
// and says how many rows it does not show.
func TestTablesAreBounded(t *testing.T) {
	r := rendertest.Huge(20000)
	page := htmlOf(t, r, Options{})
	if mebibytes := len(page) >> 20; mebibytes >= 5 {
		t.Errorf("the page has %d MiB", mebibytes)
	}
	deviations := r.Controls[0].Counts.Classes[report.ClassDeviation]
	for _, want := range []string{
		fmt.Sprintf("200 of %d are listed; the other %d are not shown here", deviations, deviations-200),
		"200 of 5000 are listed; the other 4800 are not shown here",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if rows := len(tableOf(t, registersOf(t, r, Options{}), "episodes.csv")) - 1; rows != 20000 {
		t.Errorf("episodes.csv has %d rows, want 20000", rows)
	}
}

func TestThePageShowsResponses(t *testing.T) {
	r := rendertest.Rich()
	group, episode := r.Controls[0].Groups[0].ID, r.Controls[1].Episodes[0].ID
	page := htmlOf(t, r, Options{Responses: Responses{
		group: {Text: "Planned, see CHG-881."}, episode[:8]: {Text: "<b>scaled by mistake</b>", By: "sre", Date: "2026-01-07"},
	}})
	for _, want := range []string{
		"<em>Management&#39;s response, unaudited: Planned, see CHG-881.</em>", "&lt;b&gt;scaled by mistake&lt;/b&gt;", "Management's responses, unaudited",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
