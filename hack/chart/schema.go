package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// property is a JSON schema, as far as values need one.
type property struct {
	Schema               string               `json:"$schema,omitempty"`
	Title                string               `json:"title,omitempty"`
	Description          string               `json:"description,omitempty"`
	Type                 string               `json:"type"`
	Enum                 []string             `json:"enum,omitempty"`
	Minimum              *int                 `json:"minimum,omitempty"`
	Maximum              *int                 `json:"maximum,omitempty"`
	Items                *property            `json:"items,omitempty"`
	Required             []string             `json:"required,omitempty"`
	MinProperties        int                  `json:"minProperties,omitempty"`
	Properties           map[string]*property `json:"properties,omitempty"`
	AdditionalProperties any                  `json:"additionalProperties,omitempty"`
}

// typed is the schema of what a list or a map holds.
func typed(kind string) (*property, error) {
	text := &property{Type: "string"}
	anything := &property{Type: "object"}
	switch kind {
	case "text":
		return text, nil
	case "object":
		return anything, nil
	case "port":
		return &property{Type: "integer", Minimum: new(1), Maximum: new(65535)}, nil
	case "reference":
		return closed(map[string]*property{"name": text}, "name"), nil
	case "subject":
		return closed(map[string]*property{"namespace": text, "name": text}, "namespace", "name"), nil
	case "peer":
		p := closed(map[string]*property{"namespaceSelector": anything, "podSelector": anything, "ipBlock": anything})
		p.MinProperties = 1
		return p, nil
	case "override":
		labels := &property{Type: "object", AdditionalProperties: text}
		return closed(map[string]*property{"disabled": {Type: "boolean"}, "for": text, "expr": text, "labels": labels}), nil
	default:
		return nil, fmt.Errorf("the type %q has no schema", kind)
	}
}

// closed is an object with these properties and no others.
func closed(properties map[string]*property, required ...string) *property {
	return &property{Type: "object", Properties: properties, Required: required, AdditionalProperties: false}
}

// schema is the schema of a value: every name is known, but for those of free
// maps.
func (v *value) schema() (*property, error) {
	p := &property{
		Description: v.doc, Enum: v.markers.enum, Minimum: v.markers.min, Maximum: v.markers.max,
	}
	var err error
	switch {
	case v.children != nil:
		p.Type, p.AdditionalProperties, p.Properties = "object", false, map[string]*property{}
		for _, child := range v.children {
			if p.Properties[child.name], err = child.schema(); err != nil {
				return nil, err
			}
		}
	case v.markers.free != "":
		p.Type = "object"
		p.AdditionalProperties, err = typed(v.markers.free)
	case v.markers.object:
		p.Type = "object"
	case v.node.Kind == yaml.SequenceNode:
		p.Type = "array"
		p.Items, err = typed(v.markers.list)
	default:
		p.Type, err = scalarType(v)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.name, err)
	}
	return p, nil
}

func scalarType(v *value) (string, error) {
	switch v.node.Tag {
	case "!!str":
		return "string", nil
	case "!!bool":
		return "boolean", nil
	case "!!int":
		return "integer", nil
	default:
		return "", fmt.Errorf("a default of type %s has no schema", v.node.Tag)
	}
}

// writeSchema writes values.schema.json.
func writeSchema(root string, values *value) error {
	schema, err := values.schema()
	if err != nil {
		return fmt.Errorf("make the schema: %w", err)
	}
	schema.Schema, schema.Title = "http://json-schema.org/draft-07/schema#", "Values of the chart holdfast"
	// Helm passes a parent chart's globals to each of its charts.
	schema.Properties["global"] = &property{Type: "object", Description: "What a parent chart gives all its charts. Nothing here reads it."}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(schema); err != nil {
		return fmt.Errorf("encode the schema: %w", err)
	}
	return writeFile(filepath.Join(root, chartDir, "values.schema.json"), out.Bytes())
}
