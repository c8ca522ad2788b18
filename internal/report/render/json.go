package render

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/report"
)

// JSON writes the record as docs/record.schema.json describes it: fields in the
// order of that schema, keys of maps sorted, indented by two spaces. Responses
// are no part of the record, and left out.
//
// It writes what encoding/json does, element by element: a record of a large
// cluster has lists that are better not encoded as a whole.
func JSON(w io.Writer, r *report.Record) error {
	j := &jsonWriter{Writer: bufio.NewWriterSize(w, jsonBuffer)}
	j.encoder = json.NewEncoder(&j.one)
	j.encoder.SetEscapeHTML(false)
	if err := j.value(reflect.ValueOf(*r), ""); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	j.text("\n")
	if err := j.Flush(); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	return nil
}

// jsonWriter writes JSON. What cannot be written is told when it is flushed.
type jsonWriter struct {
	*bufio.Writer
	// one is what the encoder has written of one element.
	one     bytes.Buffer
	encoder *json.Encoder
}

const (
	jsonIndent = "  "
	// jsonBuffer is how much is written at once.
	jsonBuffer = 1 << 16
)

func (j *jsonWriter) text(parts ...string) {
	for _, part := range parts {
		_, _ = j.WriteString(part) // The writer keeps its first error until it is flushed.
	}
}

// value writes a value; further lines of it begin with the indent. The record
// and its controls are opened, and so are lists.
func (j *jsonWriter) value(v reflect.Value, indent string) error {
	switch {
	case v.Type() == reflect.TypeFor[report.Record](), v.Type() == reflect.TypeFor[report.Control]():
		return j.fields(v, indent)
	case v.Kind() == reflect.Slice && v.Len() > 0 && v.Type().Elem().Kind() == reflect.Struct:
		return j.elements(v, indent)
	}
	j.one.Reset()
	j.encoder.SetIndent(indent, jsonIndent)
	if err := j.encoder.Encode(v.Interface()); err != nil {
		return err
	}
	_, _ = j.Write(bytes.TrimSuffix(j.one.Bytes(), []byte("\n"))) // See text.
	return nil
}

func (j *jsonWriter) elements(list reflect.Value, indent string) error {
	for i := range list.Len() {
		j.text([]string{"[", ","}[min(i, 1)], "\n", indent, jsonIndent)
		if err := j.value(list.Index(i), indent+jsonIndent); err != nil {
			return err
		}
	}
	j.text("\n", indent, "]")
	return nil
}

// fields writes a struct that embeds none, and has fields that are always there.
func (j *jsonWriter) fields(v reflect.Value, indent string) error {
	before := "{"
	for i := range v.NumField() {
		name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if options == "omitempty" && v.Field(i).IsZero() {
			continue
		}
		j.text(before, "\n", indent, jsonIndent, `"`, name, `": `)
		if err := j.value(v.Field(i), indent+jsonIndent); err != nil {
			return err
		}
		before = ","
	}
	j.text("\n", indent, "}")
	return nil
}
