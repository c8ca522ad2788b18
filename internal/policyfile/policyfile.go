// Package policyfile reads ControlPolicies from files as an API server would take
// them: unknown fields are refused, defaults are written in, and the schema and
// its rules are checked. It needs no cluster.
package policyfile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
)

// Edit changes a policy's object after it was read, and before defaults are
// written in and it is checked.
type Edit func(object map[string]any)

// Read reads the policies of a file, one per document. Errors name the file and,
// where there are several, the document.
func (s *Schema) Read(ctx context.Context, name string, content io.Reader, edit Edit) ([]v1alpha1.ControlPolicy, error) {
	documents, err := Documents(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var policies []v1alpha1.ControlPolicy
	for i, document := range documents {
		where := name
		if len(documents) > 1 {
			where = fmt.Sprintf("%s, document %d", name, i+1)
		}
		policy, err := s.decode(ctx, document, edit)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		if slices.ContainsFunc(policies, func(p v1alpha1.ControlPolicy) bool { return p.Name == policy.Name }) {
			return nil, fmt.Errorf("%s: a ControlPolicy named %s was in this file before", where, policy.Name)
		}
		policies = append(policies, *policy)
	}
	if len(policies) == 0 {
		return nil, fmt.Errorf("%s: it holds no ControlPolicy", name)
	}
	return policies, nil
}

// Documents returns the documents of a file in YAML or JSON that hold anything.
func Documents(content io.Reader) ([][]byte, error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(content))
	var documents [][]byte
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		if !blank(document) {
			documents = append(documents, document)
		}
	}
}

// blank reports whether a document holds nothing but comments and separators.
func blank(document []byte) bool {
	for line := range bytes.Lines(document) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return false
		}
	}
	return true
}

func (s *Schema) decode(ctx context.Context, document []byte, edit Edit) (*v1alpha1.ControlPolicy, error) {
	object, err := untyped(document)
	if err != nil {
		return nil, err
	}
	apiVersion, kind := object["apiVersion"], object["kind"]
	if apiVersion != v1alpha1.GroupVersion.String() || kind != "ControlPolicy" {
		return nil, fmt.Errorf("want a ControlPolicy of %s, got kind %v of apiVersion %v", v1alpha1.GroupVersion, kind, apiVersion)
	}
	metadata, _ := object["metadata"].(map[string]any)
	if name, _ := metadata["name"].(string); name == "" {
		return nil, errors.New("metadata.name: Required value")
	}
	strip(object, metadata)
	if edit != nil {
		edit(object)
	}
	if err := s.complete(ctx, object); err != nil {
		return nil, err
	}
	var policy v1alpha1.ControlPolicy
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &policy); err != nil {
		return nil, err
	}
	def, err := assess.Define(&policy)
	if err != nil {
		return nil, err
	}
	if def.Invalid != "" {
		return nil, fmt.Errorf("ControlPolicy %s: %s", policy.Name, def.Invalid)
	}
	return &policy, nil
}

// untyped decodes a document into the types that an API server works with: whole
// numbers are integers.
func untyped(document []byte) (map[string]any, error) {
	data, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, fmt.Errorf("it is not YAML: %w", plain(err))
	}
	var object map[string]any
	if err := utiljson.Unmarshal(data, &object); err != nil {
		return nil, errors.New("it is no object: want apiVersion, kind, metadata and spec")
	}
	return object, nil
}

// strip takes out what the API server sets: a file may be what kubectl get printed.
func strip(object, metadata map[string]any) {
	delete(object, "status")
	for _, name := range []string{"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp"} {
		delete(metadata, name)
	}
}

// plain is an error of the YAML library without its own prefixes.
func plain(err error) error {
	return errors.New(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: "), "yaml: "))
}
