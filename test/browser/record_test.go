//go:build browser

package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render"
	"github.com/holdfast-dev/holdfast/internal/report/render/rendertest"
)

// records are those whose pages are looked at.
func records() map[string]*report.Record {
	long := rendertest.Hostile(strings.Repeat("averylongname", 12))
	return map[string]*report.Record{
		"rich": rendertest.Rich(), "interim": rendertest.Interim(), "as of": rendertest.AsOf(), "empty": rendertest.Empty(), "long names": long,
	}
}

// TestNothingOverflows on a wide and on a narrow screen, and no label lies over another.
func TestNothingOverflows(t *testing.T) {
	for name, r := range records() {
		b := open(t, r)
		for _, width := range []int64{1280, 768, 390} {
			t.Run(fmt.Sprintf("%s at %d", name, width), func(t *testing.T) {
				b.resize(t, width, 900)
				for _, what := range []string{"overflow", "clipped", "overlaps"} {
					report10(t, what, check[[]string](t, b, what))
				}
			})
		}
	}
}

// TestNothingOverflowsOnPaper: a sheet of A4 is 178 mm wide between its margins,
// and nothing on it scrolls.
func TestNothingOverflowsOnPaper(t *testing.T) {
	for name, r := range records() {
		t.Run(name, func(t *testing.T) {
			b := open(t, r)
			b.resize(t, 673, 900)
			b.media(t, "print", "dark")
			report10(t, "overflow", check[[]string](t, b, "beyond"))
			if ground := run(t, b, chromedp.Evaluate[string]("getComputedStyle(document.body).backgroundColor")); ground != "rgb(255, 255, 255)" {
				t.Errorf("paper is %s", ground)
			}
		})
	}
}

// TestTextIsLegible: the contrast that is computed is 4.5 to 1 or more for text,
// 3 to 1 for drawings, by day and by night.
func TestTextIsLegible(t *testing.T) {
	b := open(t, rendertest.Rich())
	b.resize(t, 1280, 900)
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			b.light(t, scheme)
			ground := run(t, b, chromedp.Evaluate[string]("getComputedStyle(document.body).backgroundColor"))
			if dark := ground == "rgb(21, 24, 28)"; dark != (scheme == "dark") {
				t.Errorf("the ground is %s", ground)
			}
			report10(t, "faint", check[[]string](t, b, "faint"))
		})
	}
}

func TestThePageIsAccessible(t *testing.T) {
	for name, r := range records() {
		t.Run(name, func(t *testing.T) {
			b := open(t, r)
			report10(t, "unnamed", check[[]string](t, b, "unnamed"))
			report10(t, "dead", check[[]string](t, b, "dead"))
		})
	}
}

// report10 reports at most ten sentences.
func report10(t *testing.T, what string, found []string) {
	t.Helper()
	for _, sentence := range found[:min(len(found), 10)] {
		t.Errorf("%s: %s", what, sentence)
	}
	if more := len(found) - 10; more > 0 {
		t.Errorf("%s: and %d more", what, more)
	}
}

// TestTheFirstStopOfTheKeyboard leads to the record, and shows when it is reached.
func TestTheFirstStopOfTheKeyboard(t *testing.T) {
	b := open(t, rendertest.Rich())
	b.resize(t, 1280, 900)
	run(t, b, chromedp.KeyEvent("\t"))
	const at = `(() => { const e = document.activeElement, b = e.getBoundingClientRect(); return e.className + " " + (b.left >= 0 && b.top >= 0) })()`
	if got := run(t, b, chromedp.Evaluate[string](at)); got != "skip true" {
		t.Errorf("the first stop is %q, want the link to the record, on the screen", got)
	}
}

// TestThePageReconcilesInTheBrowser: what is shown is what the record in JSON has.
func TestThePageReconcilesInTheBrowser(t *testing.T) {
	r := rendertest.Rich()
	var out bytes.Buffer
	if err := render.JSON(&out, r); err != nil {
		t.Fatal(err)
	}
	var record any
	if err := json.Unmarshal(out.Bytes(), &record); err != nil {
		t.Fatal(err)
	}
	type number struct{ Path, Value, Text string }
	numbers := check[[]number](t, open(t, r), "numbers")
	if len(numbers) < 50 {
		t.Errorf("%d numbers say where they are from", len(numbers))
	}
	for _, n := range numbers {
		want := fmt.Sprintf("%.0f", at(t, record, n.Path))
		if n.Value != want || strings.ReplaceAll(n.Text, ",", "") != want {
			t.Errorf("%s shows %s and is %s, want %s", n.Path, n.Text, n.Value, want)
		}
	}
}

// at follows a path through a document.
func at(t *testing.T, document any, path string) any {
	t.Helper()
	for key := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if list, ok := document.([]any); ok {
			n, err := strconv.Atoi(key)
			if err != nil || n >= len(list) {
				t.Fatalf("%s: there is no %s", path, key)
			}
			document = list[n]
			continue
		}
		object, ok := document.(map[string]any)
		if !ok {
			t.Fatalf("%s: there is no %s", path, key)
		}
		document = object[key]
	}
	return document
}

// TestE35ThePagePrints on A4, with the title and the status on every sheet, and
// with every control on sheets of its own.
func TestE35ThePagePrints(t *testing.T) {
	r := rendertest.Interim()
	b := open(t, r)
	rules := check[string](t, b, "sheets")
	for _, want := range []string{`size: a4`, `@top-left { content: "` + r.Title + `"`, `@top-right { content: "Interim"`} {
		if !strings.Contains(strings.ToLower(rules), strings.ToLower(want)) {
			t.Errorf("the browser did not understand %q:\n%s", want, rules)
		}
	}
	printed := run(t, b, func(ctx context.Context, target *chromedp.Target) ([]byte, error) {
		result, err := cdp.Call(ctx, target, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: new(true), PrintBackground: new(true)})
		return result.Data, err
	})
	if !bytes.HasPrefix(printed, []byte("%PDF-")) {
		t.Fatalf("it printed %.20q", printed)
	}
	of := sheets(t, printed)
	for i, sheet := range of {
		for _, want := range []string{r.Title, r.Status, "Prepared by management's software.", fmt.Sprintf("Sheet %d of %d", i+1, len(of))} {
			if !strings.Contains(sheet, strings.ReplaceAll(want, " ", "")) {
				t.Errorf("sheet %d lacks %q: %.200q", i+1, want, sheet)
			}
		}
	}
	// Each sheet has a box of its size, in points.
	boxes := regexp.MustCompile(`/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]`).FindAllSubmatch(printed, -1)
	if least := 3 + len(r.Controls); len(boxes) < least {
		t.Errorf("%d sheets, want %d or more", len(boxes), least)
	}
	for _, box := range boxes {
		if !slices.Contains([]string{"594.95996", "595.91998", "595.2", "595"}, string(box[1])) {
			t.Fatalf("a sheet is %s × %s points, want that of A4", box[1], box[2])
		}
	}
}
