// Package tools builds the programs that are pinned by the modules in its
// folders, such as helm, from source.
package tools

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// Tool is a program that a module in a folder of this one pins.
type Tool struct {
	// folder is the module's.
	folder string
	// main is the program's package.
	main string
	// tags are the build tags.
	tags string
}

// Helm is helm (https://helm.sh).
func Helm() Tool { return Tool{folder: "helm", main: "helm.sh/helm/v4/cmd/helm"} }

// Promtool checks and tests rules of Prometheus. It is built without service
// discovery, which is most of its dependencies.
func Promtool() Tool {
	return Tool{folder: "promtool", main: "github.com/prometheus/prometheus/cmd/promtool", tags: "remove_all_sd"}
}

// CRDRefDocs writes API references (https://github.com/elastic/crd-ref-docs).
func CRDRefDocs() Tool {
	return Tool{folder: "crd-ref-docs", main: "github.com/elastic/crd-ref-docs"}
}

// Build builds the tool into bin/tools of the repository around the working
// directory, and returns the path of its binary. One that is current is not
// built again. The first time takes a minute or more.
func Build(ctx context.Context, t Tool) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, "bin", "tools", path.Base(t.main))
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags="+t.tags, "-o", binary, t.main)
	build.Dir = filepath.Join(root, "hack", "tools", t.folder)
	// The settings of the caller must not change what is built.
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", t.main, err, output)
	}
	return binary, nil
}

// Root is the root of the repository around the working directory: the closest
// directory above it with a file go.tools.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository's root: %w", err)
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.tools.mod"))
		if err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return "", fmt.Errorf("find the repository's root: no go.tools.mod above the working directory")
		}
		dir = parent
	}
}
