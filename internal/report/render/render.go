// Package render shows a record: as a page for people, as registers for
// spreadsheets, as JSON and OSCAL for machines, as text for a terminal. It adds
// nothing to the record and leaves nothing out without saying so. The same
// record and options give the same bytes.
package render

import (
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/report"
)

// Options say how to show a record.
type Options struct {
	// Responses are management's responses to episodes and groups. They are no
	// part of the record, and marked as unaudited.
	Responses Responses
	// Rows is how many rows a table of the page has at most; 0 means 200. What
	// is left out is counted, and stands in the registers.
	Rows int
	// Width is the number of columns of the text; 0 means 100. It is kept
	// between 80 and 200.
	Width int
	// ASCII is true where the text must do without other characters.
	ASCII bool
}

const (
	defaultRows  = 200
	defaultWidth = 100
	minWidth     = 80
	maxWidth     = 200
)

func (o Options) width() int {
	if o.Width == 0 {
		return defaultWidth
	}
	return min(max(o.Width, minWidth), maxWidth)
}

func (o Options) rows() int {
	if o.Rows <= 0 {
		return defaultRows
	}
	return o.Rows
}

// FileName is a name for the file with a record in a format: it tells what the
// record is about, and its status.
func FileName(r *report.Record, extension string) string {
	const day = "20060102"
	stamp := func(t time.Time) string {
		if t.Equal(t.Truncate(24 * time.Hour)) {
			return t.Format(day)
		}
		return t.Format(day + "T150405Z")
	}
	parts := []string{"control-operation-record"}
	q := r.Query
	switch {
	case q.AsOf != nil:
		parts = []string{"control-state-record", stamp(q.AsOf.UTC())}
	case q.From != nil && q.To != nil:
		parts = append(parts, stamp(q.From.UTC()), stamp(q.To.UTC()))
	}
	name := strings.Join(append(parts, strings.ToLower(r.Status)), "-")
	if extension == "" {
		return name
	}
	return name + "." + extension
}

// name is a control's name: policy/id.
func name(c *report.Control) string { return c.Policy + "/" + c.ID }

// period is what a record covers: what was folded of the period, or nothing for
// a record as of an instant.
func period(r *report.Record) (from, to time.Time, ok bool) {
	if r.Query.AsOf != nil || r.Query.From == nil || r.Query.To == nil {
		return time.Time{}, time.Time{}, false
	}
	return r.Query.From.UTC(), r.Query.To.UTC(), true
}
