package render

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// files are the page's templates and its style.
//
//go:embed page
var files embed.FS

// HTML writes the record as one page that needs nothing else: no script, no
// font, no network. It prints on A4, with the title and the status on every
// sheet.
func HTML(w io.Writer, r *report.Record, o Options) error {
	t, err := template.New("page").Funcs(functions()).ParseFS(files, "page/*.html.tmpl")
	if err != nil {
		return fmt.Errorf("read the page's templates: %w", err)
	}
	style, err := files.ReadFile("page/style.css")
	if err != nil {
		return fmt.Errorf("read the page's style: %w", err)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "page.html.tmpl", newPage(r, o, template.CSS(style))); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// sheets is the style that puts the title and the status on every printed sheet.
func sheets(r *report.Record) template.CSS {
	return template.CSS("@page {\n" +
		"  @top-left { content: " + cssString(r.Title) + "; }\n" +
		"  @top-right { content: " + cssString(r.Status) + "; }\n" +
		"  @bottom-left { content: " + cssString("Prepared by management's software. Not a report of a CPA firm.") + "; }\n" +
		"  @bottom-right { content: \"Sheet \" counter(page) \" of \" counter(pages); }\n}")
}

// cssString is text as a string in CSS: whatever is not surely harmless is
// escaped by its number.
func cssString(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		if c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune(" .,:-/()[]", c)) {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, "\\%06x", c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// functions are what the templates can call beside what they are built in with.
func functions() template.FuncMap {
	return template.FuncMap{
		"datum":    datum,
		"clock":    func(t ledger.Time) template.HTML { return unbroken(clock(t)) },
		"moment":   func(t *ledger.Time) template.HTML { return unbroken(moment(t)) },
		"between":  func(from, to ledger.Time) template.HTML { return unbroken(between(from, to)) },
		"bounds":   func(b report.Bounds) template.HTML { return unbroken(bounds(b)) },
		"span":     func(s report.Span) template.HTML { return unbroken(span(s)) },
		"interval": func(i report.Interval) template.HTML { return unbroken(intervalText(i)) },
		"slots":    func(c report.Collection) template.HTML { return unbroken(slotsText(c)) },
		"longest":  func(ns int64) template.HTML { return unbroken(duration(ns, up)) },
		"coverage": coverage, "coverageOf": coverageOf, "share": share, "perMyriad": perMyriad,
		"probeMeaning": probeMeaning, "keys": keysText, "inScope": inScopeText, "kinds": severalKinds,
		"tolerance": tolerance, "natures": natures, "bases": bases, "removed": removed, "newSubjects": newSubjects, "episodesLine": episodesLine, "surelyPossibly": surelyPossibly,
		"threshold": func(ns int64) template.HTML { return unbroken(thresholdName(ns)) }, "lengths": lengthsLine, "rules": rules, "tally": tally, "short": short,
		"className": className, "classMeaning": classMeaning, "originMeaning": originMeaning, "endingMeaning": endingMeaning,
		"gapMeaning": gapMeaning, "capability": capability, "some": some, "anchorsLine": anchorsLine, "cluster": clusterOf,
		"subjectTime": func(whole report.Time, part int64) string { return subjectUnit(whole.Due).of(part) },
		"timeUnit":    func(whole report.Time) string { return subjectUnit(whole.Due).noun },
		"part":        func(p *page, c *controlPage) controlPart { return controlPart{p, c} },
		"times":       func(all, part report.Time) timesPart { return timesPart{all, part} },
		"once":        func(repeated int) string { return number(repeated + 1) },
		"offset":      func(ns int64) string { return duration(ns, up) },
		"classes":     func() []string { return append(classOrder(nil), report.ClassBaseline) },
		"origins":     origins, "endings": endings,
		"planTime": planTime, "backupSlots": backupSlots, "restorePaths": restorePaths, "recoveryLine": recoveryLine, "restoreTests": restoreTests,
		"newestPoint":     newestPoint,
		"occurrenceSlots": func(o report.BackupOccurrence) template.HTML { return unbroken(occurrenceSlots(&o)) },
		"seconds":         func(s int64) template.HTML { return unbroken(wholeSeconds(s)) },
		"unaudited":       func() string { return Unaudited }, "noOccurrence": func() string { return noOccurrence },
	}
}

// controlPart and timesPart are what templates hand to templates.
type controlPart struct {
	Page    *page
	Control *controlPage
}

type timesPart struct{ All, Part report.Time }

// datum writes a number with its place in the record in JSON, so that whoever
// reads the page with a program can reconcile it.
func datum(path string, value any) (template.HTML, error) {
	var n int64
	switch v := value.(type) {
	case int:
		n = int64(v)
	case int64:
		n = v
	case uint64:
		n = int64(v)
	default:
		return "", fmt.Errorf("%s is no number but %T", path, value)
	}
	return template.HTML(fmt.Sprintf(`<data value="%d" data-path="%s">%s</data>`, n, template.HTMLEscapeString(path), number(n))), nil
}

// unbroken writes times and durations so that no line breaks within one.
func unbroken(text string) template.HTML {
	text = template.HTMLEscapeString(text)
	for _, unit := range []string{"s", "ms", "%"} {
		text = strings.ReplaceAll(text+" ", " "+unit+" ", "&nbsp;"+unit+" ")
		text = strings.ReplaceAll(strings.TrimSuffix(text, " "), " "+unit+")", "&nbsp;"+unit+")")
	}
	// A hyphen in a date is one that does not break.
	return template.HTML(strings.ReplaceAll(text, "-", "&#8209;"))
}

// someNames is how many names are listed in one place.
const someNames = 20

// some lists names, and counts those beyond twenty.
func some(names []string) string {
	if more := len(names) - someNames; more > 0 {
		return strings.Join(names[:someNames], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(names, ", ")
}

// short shortens an id or a digest to what people compare.
func short(id string) string { return id[:min(len(id), minPrefix)] }
