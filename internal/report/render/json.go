package render

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/holdfast-dev/holdfast/internal/report"
)

// JSON writes the record as docs/record.schema.json describes it: fields in the
// order of that schema, keys of maps sorted, indented by two spaces. Responses
// are no part of the record, and left out.
func JSON(w io.Writer, r *report.Record) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	return nil
}
