package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"text/template"
)

// row is a line of the table of values.
type row struct{ Name, Default, Meaning string }

// rows are the lines of the values below v.
func (v *value) rows(prefix string) ([]row, error) {
	var all []row
	for _, child := range v.children {
		name := prefix + child.name
		if child.children != nil {
			below, err := child.rows(name + ".")
			if err != nil {
				return nil, err
			}
			all = append(all, below...)
			continue
		}
		shown, err := child.shown()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, row{Name: name, Default: shown, Meaning: cell(child.meaning())})
	}
	return all, nil
}

// shown is the default, as JSON on one line.
func (v *value) shown() (string, error) {
	var decoded any
	if err := v.node.Decode(&decoded); err != nil {
		return "", err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(decoded); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}

// meaning is what the comment says, and which alternatives there are.
func (v *value) meaning() string {
	if len(v.markers.enum) == 0 {
		return v.doc
	}
	return fmt.Sprintf("%s One of `%s`.", v.doc, strings.Join(v.markers.enum, "`, `"))
}

// cell is the text as it may stand in a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// writeReadme writes README.md from README.tmpl.
func writeReadme(root string, values *value) error {
	rows, err := values.rows("")
	if err != nil {
		return fmt.Errorf("list the values: %w", err)
	}
	folder := filepath.Join(root, chartDir)
	tmpl, err := template.ParseFiles(filepath.Join(folder, "README.tmpl"))
	if err != nil {
		return fmt.Errorf("read the README's template: %w", err)
	}
	var out bytes.Buffer
	if err := tmpl.Execute(&out, rows); err != nil {
		return fmt.Errorf("make the README: %w", err)
	}
	return writeFile(filepath.Join(folder, "README.md"), out.Bytes())
}
