package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value is one value of the chart, or a group of them.
type value struct {
	name string
	// doc is its comment, without markers, as one line.
	doc string
	// node is the default.
	node *yaml.Node
	// markers are what the comment says of it in lines that begin with "+".
	markers markers
	// children are the values of a group, in their order; nil of a single value.
	children []*value
}

// markers say what a value may be.
type markers struct {
	enum     []string
	min, max *int
	// pattern is what a text matches, and form what that is called.
	pattern, form string
	// list is the type of a list's items, and free that of what any name may have
	// in a map.
	list, free string
	// object is set of an object of Kubernetes' API.
	object bool
}

// readValues reads values.yaml. A value without a comment is an error.
func readValues(path string) (*value, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the values: %w", err)
	}
	values, err := parseValues(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}

func parseValues(content []byte) (*value, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("decode the values: %w", err)
	}
	if document.Kind != yaml.DocumentNode || document.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("the values are no map")
	}
	return parseValue("", "", document.Content[0])
}

// parseValue returns the value that has the comment and the default given.
func parseValue(name, comment string, node *yaml.Node) (*value, error) {
	v := &value{name: name, node: node}
	var doc []string
	for line := range strings.Lines(comment) {
		text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#"))
		marker, isMarker := strings.CutPrefix(text, "+")
		if !isMarker {
			doc = append(doc, text)
			continue
		}
		if err := v.markers.add(marker); err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", node.Line, name, err)
		}
	}
	v.doc = strings.TrimSpace(strings.Join(doc, " "))
	if node.Kind == yaml.MappingNode && v.markers.free == "" && !v.markers.object {
		return v, v.parseChildren()
	}
	if (v.markers.pattern == "") != (v.markers.form == "") {
		return nil, fmt.Errorf("line %d: %s has one of the markers pattern and form, and not both", node.Line, name)
	}
	if v.doc == "" {
		return nil, fmt.Errorf("line %d: %s has no comment", node.Line, name)
	}
	return v, nil
}

func (v *value) parseChildren() error {
	for i := 0; i < len(v.node.Content); i += 2 {
		key := v.node.Content[i]
		child, err := parseValue(key.Value, key.HeadComment, v.node.Content[i+1])
		if err != nil {
			return err
		}
		v.children = append(v.children, child)
	}
	return nil
}

// add adds what one line says, such as "enum=A;B".
func (m *markers) add(marker string) (err error) {
	key, argument, _ := strings.Cut(marker, "=")
	switch key {
	case "enum":
		m.enum = strings.Split(argument, ";")
	case "pattern":
		m.pattern = argument
	case "form":
		m.form = argument
	case "min":
		m.min, err = number(argument)
	case "max":
		m.max, err = number(argument)
	case "list":
		m.list = argument
	case "map":
		m.free = argument
	case "object":
		m.object = true
	default:
		err = errors.New("no such marker")
	}
	if err != nil {
		return fmt.Errorf("marker +%s: %w", marker, err)
	}
	return nil
}

func number(text string) (*int, error) {
	n, err := strconv.Atoi(text)
	return &n, err
}
