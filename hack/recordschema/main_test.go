package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render"
	"github.com/holdfast-dev/holdfast/internal/report/render/rendertest"
)

const root = "../.."

func TestTheSchemaIsUpToDate(t *testing.T) {
	want, err := schema(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); make generate writes it:\n%s", schemaFile, diff)
	}
}

// compiled is the schema that is kept.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join(root, schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// document is a record as it is written.
func document(t *testing.T, r *report.Record) any {
	t.Helper()
	var out bytes.Buffer
	if err := render.JSON(&out, r); err != nil {
		t.Fatal(err)
	}
	decoded, err := jsonschema.UnmarshalJSON(&out)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestRecordsAreAsTheSchemaSays(t *testing.T) {
	s := compiled(t)
	for name, r := range map[string]*report.Record{
		"rich": rendertest.Rich(), "interim": rendertest.Interim(), "empty": rendertest.Empty(), "as of": rendertest.AsOf(),
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.Validate(document(t, r)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheSchemaRefusesWhatIsNoRecord(t *testing.T) {
	s := compiled(t)
	for name, spoil := range map[string]func(*report.Record){
		"a list that is null": func(r *report.Record) { r.Gaps = nil },
		"a map that is null":  func(r *report.Record) { r.Controls[0].Counts.Classes = nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := rendertest.Rich()
			spoil(r)
			if err := s.Validate(document(t, r)); err == nil {
				t.Error("it is valid")
			}
		})
	}
	t.Run("a title that is missing", func(t *testing.T) {
		var record map[string]any
		data, err := json.Marshal(document(t, rendertest.Rich()))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &record); err != nil {
			t.Fatal(err)
		}
		delete(record, "title")
		if err := s.Validate(record); err == nil {
			t.Error("it is valid")
		}
	})
}
