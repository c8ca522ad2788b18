// Command tightencrds gives the generated CRDs in a folder the rules that
// markers cannot give, because they concern types of apimachinery:
//
//   - A time in a spec is a string that Go's decoder accepts. The format
//     date-time accepts more ("2026-03-01t06:00:00z"), and one such object in
//     the cluster would make every list of its kind fail to decode.
//   - A label selector is bounded, and one that could not be parsed is refused.
//
// Its one argument is the folder.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tightencrds:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: tightencrds FOLDER")
	}
	files, err := filepath.Glob(filepath.Join(args[0], "*.yaml"))
	if err != nil {
		return fmt.Errorf("list the CRDs: %w", err)
	}
	for _, file := range files {
		if err := tightenFile(file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func tightenFile(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	var crd map[string]any
	if err := yaml.Unmarshal(data, &crd); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if err := tightenCRD(crd); err != nil {
		return err
	}
	data, err = yaml.Marshal(crd)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if err := os.WriteFile(file, append([]byte("---\n"), data...), 0o644); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// tightenCRD tightens the spec in every version of a CRD. Status is written by
// Holdfast only, through the Go types.
func tightenCRD(crd map[string]any) error {
	versions, found, err := unstructured.NestedFieldNoCopy(crd, "spec", "versions")
	if err != nil || !found {
		return errors.Join(errors.New("spec.versions is missing"), err)
	}
	for _, version := range versions.([]any) {
		spec, found, err := unstructured.NestedFieldNoCopy(version.(map[string]any),
			"schema", "openAPIV3Schema", "properties", "spec")
		if err != nil || !found {
			return errors.Join(errors.New("a version has no schema of spec"), err)
		}
		if err := tighten("spec", spec.(map[string]any), 0); err != nil {
			return err
		}
	}
	return nil
}

// tighten changes the schema of a field, and of everything below it, in place.
// lists is the number of lists around it.
func tighten(field string, schema map[string]any, lists int) (err error) {
	if isLabelSelector(schema) {
		schema["properties"], err = labelSelector(lists > 1)
		return err
	}
	if schema["format"] == "date-time" {
		tightenTime(field, schema)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		err = tighten(field, items, lists+1)
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		err = errors.Join(err, tighten(name, property.(map[string]any), lists))
	}
	return err
}
