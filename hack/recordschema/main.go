// Command recordschema writes docs/record.schema.json: the JSON schema of a
// record, from the Go types and their comments. It is run in the repository's
// root.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"github.com/holdfast-dev/holdfast/internal/report"
)

// schemaFile is where the schema is kept.
const schemaFile = "docs/record.schema.json"

func main() {
	if err := generate("."); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// generate writes the schema of the repository in root.
func generate(root string) error {
	data, err := schema(root)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, schemaFile), data, 0o644)
}

// schema is the content of schemaFile.
func schema(root string) ([]byte, error) {
	docs, err := readComments(root, "internal/report", "internal/ledger", "internal/control")
	if err != nil {
		return nil, err
	}
	b := &builder{docs: docs, defs: map[string]any{}}
	b.define(reflect.TypeFor[report.Record]())
	document := map[string]any{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"$id":         "https://" + report.RecordSchema + ".schema.json",
		"title":       "Record",
		"description": "A record of Holdfast, " + report.RecordSchema + ". Times are UTC. Fields are added within a version, and never renamed.",
		"$ref":        "#/$defs/report.Record",
		"$defs":       b.defs,
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
