// Command apidocs writes docs/api.md from the API types, with crd-ref-docs.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/hack/tools"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "apidocs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := tools.Root()
	if err != nil {
		return err
	}
	binary, err := tools.Build(ctx, tools.CRDRefDocs())
	if err != nil {
		return err
	}
	here := filepath.Join("hack", "apidocs")
	cmd := exec.CommandContext(ctx, binary, "--log-level=ERROR", "--renderer=markdown", "--max-depth=20",
		"--source-path=api", "--output-path="+filepath.Join("docs", "api.md"),
		"--config="+filepath.Join(here, "config.yaml"), "--templates-dir="+filepath.Join(here, "templates"))
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(binary), err, output)
	}
	return nil
}
