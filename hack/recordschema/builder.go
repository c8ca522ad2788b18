package main

import (
	"encoding/json"
	"path"
	"reflect"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// builder turns types into schemas.
type builder struct {
	docs comments
	defs map[string]any
}

// of is the schema of a type: a reference, where it is a struct.
func (b *builder) of(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[ledger.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return map[string]any{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return b.of(t.Elem())
	case reflect.Struct:
		return map[string]any{"$ref": "#/$defs/" + b.define(t)}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": b.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": b.of(t.Elem())}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	default:
		return map[string]any{"type": "integer"}
	}
}

// define adds a struct to the definitions, and returns its name there.
func (b *builder) define(t reflect.Type) string {
	name := path.Base(t.PkgPath()) + "." + t.Name()
	if _, ok := b.defs[name]; ok {
		return name
	}
	def := map[string]any{"type": "object"}
	b.defs[name] = def
	properties, required := map[string]any{}, []string{}
	b.fields(t, properties, &required)
	def["properties"], def["required"] = properties, required
	if doc := b.docs[name]; doc != "" {
		def["description"] = doc
	}
	return name
}

// fields adds the fields of a struct, and of those that it embeds.
func (b *builder) fields(t reflect.Type, properties map[string]any, required *[]string) {
	for i := range t.NumField() {
		field := t.Field(i)
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && tag == "" {
			b.fields(field.Type, properties, required)
			continue
		}
		if tag == "-" || !field.IsExported() {
			continue
		}
		schema := b.of(field.Type)
		if doc := b.docs[path.Base(t.PkgPath())+"."+t.Name()+"."+field.Name]; doc != "" {
			schema["description"] = doc
		}
		properties[tag] = schema
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			*required = append(*required, tag)
		}
	}
}
