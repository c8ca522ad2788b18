// Command chart makes what follows from the chart's values and templates, in the
// repository's root:
//
//   - charts/holdfast/files/crds, copies of config/crd/bases
//   - charts/holdfast/values.schema.json, templates/_forms.tpl and README.md, from
//     values.yaml and its comments
//   - config, for kustomize, from what helm renders
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/hack/tools"
)

// The folders of the repository.
const (
	chartDir = "charts/holdfast"
	crdDir   = "config/crd/bases"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := tools.Root()
	if err != nil {
		return err
	}
	if err := copyCRDs(root); err != nil {
		return err
	}
	values, err := readValues(filepath.Join(root, chartDir, "values.yaml"))
	if err != nil {
		return err
	}
	if err := writeSchema(root, values); err != nil {
		return err
	}
	if err := writeForms(root, values); err != nil {
		return err
	}
	if err := writeReadme(root, values); err != nil {
		return err
	}
	helm, err := tools.Build(ctx, tools.Helm())
	if err != nil {
		return err
	}
	return writeKustomize(ctx, filepath.Join(root, "config"), renderer{helm: helm, chart: filepath.Join(root, chartDir)})
}

// copyCRDs puts the generated CRDs where helm packs them.
func copyCRDs(root string) error {
	folder := filepath.Join(root, chartDir, "files", "crds")
	if err := emptyFolder(folder); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(root, crdDir, "*.yaml"))
	if err != nil {
		return fmt.Errorf("list the CRDs: %w", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("copy the CRDs: %w", err)
		}
		if err := writeFile(filepath.Join(folder, filepath.Base(file)), content); err != nil {
			return err
		}
	}
	return nil
}

// emptyFolder makes the folder, without what was in it.
func emptyFolder(folder string) error {
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("empty a folder: %w", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	return nil
}

func writeFile(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return fmt.Errorf("write what was made: %w", err)
	}
	return nil
}
