package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// renderer renders the chart as helm template does.
type renderer struct {
	helm, chart string
}

// manifest is a rendered object.
type manifest struct {
	// file is the name of the template that it is from.
	file string
	node *yaml.Node
}

// sourcePrefix begins the comment in which helm names an object's template.
const sourcePrefix = "# Source: "

// render returns the objects that the chart has with these values set, without
// what concerns Helm only.
func (r renderer) render(ctx context.Context, set ...string) ([]*manifest, error) {
	args := []string{"template", "holdfast", r.chart, "--namespace", namespace}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, r.helm, args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("helm %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return parseManifests(&stdout)
}

func parseManifests(rendered io.Reader) ([]*manifest, error) {
	decoder := yaml.NewDecoder(rendered)
	var all []*manifest
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("decode what helm rendered: %w", err)
		}
		m, err := newManifest(&document)
		if err != nil {
			return nil, err
		}
		m.strip()
		all = append(all, m)
	}
}

// newManifest takes the template's name from the comment above the object.
func newManifest(document *yaml.Node) (*manifest, error) {
	m := &manifest{node: document.Content[0]}
	first := m.node.Content[0]
	comments := strings.Join([]string{document.HeadComment, m.node.HeadComment, first.HeadComment}, "\n")
	first.HeadComment = ""
	var comment []string
	for line := range strings.Lines(comments) {
		line = strings.TrimSuffix(line, "\n")
		if source, ok := strings.CutPrefix(line, sourcePrefix); ok {
			m.file = path.Base(source)
			continue
		}
		comment = append(comment, line)
	}
	if m.file == "" {
		return nil, fmt.Errorf("%s: helm does not name its template", m.id())
	}
	m.node.HeadComment = strings.TrimSpace(strings.Join(comment, "\n"))
	return m, nil
}

// strip takes off what only a release of Helm needs.
func (m *manifest) strip() {
	metadata := field(m.node, "metadata")
	if labels := field(metadata, "labels"); labels != nil {
		remove(labels, "helm.sh/chart")
		remove(labels, "app.kubernetes.io/managed-by")
	}
	if annotations := field(metadata, "annotations"); annotations != nil {
		remove(annotations, "helm.sh/resource-policy")
		if len(annotations.Content) == 0 {
			remove(metadata, "annotations")
		}
	}
}

// id is the object's kind, namespace and name.
func (m *manifest) id() string {
	metadata := field(m.node, "metadata")
	return strings.Join([]string{scalar(m.node, "kind"), scalar(metadata, "namespace"), scalar(metadata, "name")}, "/")
}

// encode returns the node in YAML, with its comments.
func encode(node *yaml.Node) (string, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := errors.Join(encoder.Encode(node), encoder.Close()); err != nil {
		return "", fmt.Errorf("encode YAML: %w", err)
	}
	return out.String(), nil
}

// field is the value of a map's key; nil where there is none.
func field(node *yaml.Node, key string) *yaml.Node {
	if node == nil {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// scalar is the text of a map's key; empty where there is none.
func scalar(node *yaml.Node, key string) string {
	if value := field(node, key); value != nil {
		return value.Value
	}
	return ""
}

// remove takes a key out of a map.
func remove(node *yaml.Node, key string) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			node.Content = append(node.Content[:i], node.Content[i+2:]...)
			return
		}
	}
}
