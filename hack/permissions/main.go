// Command permissions writes what is made from the table of permissions: the
// chart's roles and docs/permissions.md. It is run in the repository's root.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/internal/permissions"
)

// templates is the folder of the chart's templates, of which those whose names
// begin with rbac- are made here.
const templates = "charts/holdfast/templates"

func main() {
	if err := generate("."); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// generate writes all files into the repository in root, and removes those of
// roles that are no more.
func generate(root string) error {
	table := permissions.Holdfast()
	all, err := files(&table)
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(root, templates, "rbac-*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	for path, content := range all {
		if err := os.WriteFile(filepath.Join(root, path), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files are the contents of all files, by their paths in the repository.
func files(table *permissions.Table) (map[string]string, error) {
	text, err := page(table)
	if err != nil {
		return nil, err
	}
	all := map[string]string{pageFile: text}
	for i := range table.Grants {
		grant := &table.Grants[i]
		all[filepath.Join(templates, "rbac-"+string(grant.Role)+".yaml")] = chart(table, grant)
	}
	return all, nil
}
