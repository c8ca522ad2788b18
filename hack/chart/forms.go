package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// formsHeader begins the template that refuses texts of another form. A schema
// could do that, and would answer with a regular expression.
const formsHeader = `{{- /* Made from values.yaml by "go run ./hack/chart". Do not edit. */}}
{{/* Fails, with one sentence, where a text does not have the form that it needs. */}}
{{- define "holdfast.checkForms" -}}
`

// form is what the text of one value has to match.
type form struct{ path, pattern, name string }

// forms are those of the values below v.
func (v *value) forms(prefix string) []form {
	var all []form
	for _, child := range v.children {
		path := prefix + "." + child.name
		if child.markers.pattern != "" {
			all = append(all, form{path: path, pattern: child.markers.pattern, name: child.markers.form})
		}
		all = append(all, child.forms(path)...)
	}
	return all
}

// check is the part of a template that checks one value.
func (f form) check() (string, error) {
	if _, err := regexp.Compile(f.pattern); err != nil {
		return "", fmt.Errorf("%s: %w", f.path, err)
	}
	text := fmt.Sprintf("toString (default \"\" .Values%s)", f.path)
	sentence := strings.TrimPrefix(f.path, ".") + ": %q is not " + f.name
	return fmt.Sprintf("{{- if not (regexMatch `%s` (%s)) -}}\n{{- fail (printf %q (%s)) -}}\n{{- end -}}\n",
		f.pattern, text, sentence, text), nil
}

// writeForms writes the template that checks the form of texts.
func writeForms(root string, values *value) error {
	out := formsHeader
	for _, f := range values.forms("") {
		check, err := f.check()
		if err != nil {
			return fmt.Errorf("check the form of a value: %w", err)
		}
		out += check
	}
	return writeFile(filepath.Join(root, chartDir, "templates", "_forms.tpl"), []byte(out+"{{- end -}}\n"))
}
